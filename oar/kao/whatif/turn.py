"""The plan at the turn of one job: after all that a round plans before it. Pure."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace

from oar.core.job import Assignment, JobId, NoRoom, Outcome, WaitingJob
from oar.kamelot import STRICT_POLICY, Gantt, ReasonKind, Rules, place_all, seek
from oar.kamelot.occupation import FOREVER
from oar.kao.model import Decisions, QueueView, SiteChoices, World
from oar.kao.obstacles import container_words, obstacles
from oar.kao.order import Orders, Ranking, rank
from oar.kao.queue_plan import jobs_of, queue_groups
from oar.kao.tell import why_unplanned


@dataclass(frozen=True, slots=True)
class Practice:
    """How rounds are held here; ``decide`` holds one."""

    decide: Callable[[World], Decisions]
    rules: Rules
    choices: SiteChoices
    orders: Orders


@dataclass(frozen=True, slots=True)
class Turn:
    """The plan that a job meets that comes last in its turn.

    No start is looked for after ``latest``. ``stops`` says why a round would not plan the job, whatever it
    asks for; "" when it would.
    """

    world: World
    gantt: Gantt | None
    rules: Rules
    latest: int = FOREVER
    stops: str = ""

    def place(self, job: WaitingJob, *, draws: bool = False) -> Outcome:
        """Tell where the job would be; with ``draws``, it is there for those that are asked about later."""
        if self.stops or self.gantt is None:
            return NoRoom(job.job_id, self.stops)
        if draws:
            outcome = place_all(self.gantt, [job], self.rules, self.latest)[job.job_id]
        else:
            outcome = seek(self.gantt, job, self.rules, self.latest)
        if isinstance(outcome, Assignment):
            return outcome
        reason = self.gantt.refused.get(job.job_id)
        if reason is not None and reason.kind is ReasonKind.CONTAINER_UNPLANNED:
            return NoRoom(job.job_id, container_words(job, self.world) or outcome.reason)
        return outcome


def until_turn(world: World, name: str) -> World:
    """Give the world in which the queues are not active whose jobs are planned after those of that queue."""
    before: set[str] = set()
    for group in queue_groups(world.queues):
        before |= {queue.name for queue in group}
        if name in before:
            break
    queues = tuple(replace(one, active=one.active and one.name in before) for one in world.queues)
    return replace(world, queues=queues, settled={**world.settled, **_planned_by_others(world, before)})


def _planned_by_others(world: World, names: Collection[str]) -> Mapping[str, Mapping[JobId, Outcome]]:
    """Give the stored places of the jobs of queues whose scheduler is another program, by queue."""
    stored = {one.job_id: replace(one, start_time=max(one.start_time, world.now)) for one in world.plan}
    return {
        queue.name: {
            job.job_id: stored[job.job_id] for job in jobs_of(world, (queue,)) if job.job_id in stored
        }
        for queue in world.queues
        if queue.foreign and queue.name in names
    }


def last_in_turn(world: World, job: WaitingJob, practice: Practice) -> Turn:
    """Make the plan of all others up to the turn of the job's queue; the job itself comes after them."""
    queue = next((one for one in world.queues if one.name == job.queue), None)
    if queue is None or not queue.active:
        stops = why_unplanned(job.queue, None if queue is None else queue.active)
        return Turn(world, None, practice.rules, stops=stops)
    if queue.foreign:
        stops = f"its queue {queue.name} is planned by another program, {queue.policy}"
        return Turn(world, None, practice.rules, stops=stops)
    others = tuple(one for one in world.waiting if one.job_id != job.job_id)
    joined = replace(world, waiting=(*others, job))
    stops = _stops(joined, job, practice)
    decisions = practice.decide(until_turn(replace(world, waiting=others), job.queue))
    latest = FOREVER
    if queue.policy == STRICT_POLICY:
        latest = world.now
        stops = stops or _behind(decisions, joined, queue)
    return Turn(joined, decisions.gantt, practice.rules, latest, stops)


def _stops(joined: World, job: WaitingJob, practice: Practice) -> str:
    """Say why a round would not come to the job, or could not plan it."""
    stopped = obstacles(joined, practice.choices)
    if job.job_id in stopped:
        return stopped[job.job_id].words
    ranking = _ranking(joined, job, practice, [one for one in joined.waiting if one.job_id not in stopped])
    return ranking.left_out.get(job.job_id, "")


def _ranking(world: World, job: WaitingJob, practice: Practice, jobs: list[WaitingJob]) -> Ranking:
    group = next(group for group in queue_groups(world.queues) if any(one.name == job.queue for one in group))
    return rank(practice.orders, world, group, jobs_of(replace(world, waiting=tuple(jobs)), group))


def _behind(decisions: Decisions, world: World, queue: QueueView) -> str:
    """Name the job that holds up a queue of strict order."""
    for job in jobs_of(world, (queue,)):
        if isinstance(decisions.outcomes.get(job.job_id), NoRoom):
            return f"waits behind job {job.job_id}, in a queue of strict order"
    return ""
