"""The plan at the turn of one job: after all that a round plans before it. Pure."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from oar.core.job import Assignment, NoRoom, Outcome, WaitingJob
from oar.core.states import ReservationState
from oar.kamelot import STRICT_POLICY, Gantt, ReasonKind, Rules, place_all, place_at, seek
from oar.kamelot.occupation import FOREVER
from oar.kao.model import Decisions, QueueView, SiteChoices, World
from oar.kao.obstacles import container_words, obstacles
from oar.kao.order import Orders, Ranking, rank
from oar.kao.round import jobs_of, queue_groups
from oar.kao.tell import why_unplanned


@dataclass(frozen=True, slots=True)
class Practice:
    """How rounds are held here; ``decide`` holds one. ``jobs_per_group`` 0 bounds nothing."""

    decide: Callable[[World], Decisions]
    rules: Rules
    choices: SiteChoices
    orders: Orders
    jobs_per_group: int = 0


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
        """Tell where the job would be; with ``draws``, it is there for those that are asked about later.

        A reservation is at its date or nowhere.
        """
        if self.stops or self.gantt is None:
            return NoRoom(job.job_id, self.stops)
        if job.reservation is not ReservationState.NONE:
            gantt = self.gantt if draws else self.gantt.copy()
            return place_at(gantt, job, job.start_time, self.rules)
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
    return replace(world, queues=queues)


def last_in_turn(world: World, job: WaitingJob, practice: Practice) -> Turn:
    """Make the plan of all others up to the turn of the job's queue; the job itself comes after them."""
    queue = next((one for one in world.queues if one.name == job.queue), None)
    if queue is None or not queue.active:
        stops = why_unplanned(job.queue, None if queue is None else queue.active)
        return Turn(world, None, practice.rules, stops=stops)
    others = tuple(one for one in world.waiting if one.job_id != job.job_id)
    joined = replace(world, waiting=(*others, job))
    stops = _stops(joined, job, practice)
    decisions = practice.decide(until_turn(replace(world, waiting=others), job.queue))
    latest = FOREVER
    if queue.policy == STRICT_POLICY and job.reservation is ReservationState.NONE:
        latest = world.now
        stops = stops or _behind(decisions, joined, queue)
    return Turn(joined, decisions.gantt, practice.rules, latest, stops)


def _stops(joined: World, job: WaitingJob, practice: Practice) -> str:
    """Say why a round would not come to the job, or could not plan it."""
    if job.reservation is not ReservationState.NONE:
        return ""
    stopped = obstacles(joined, practice.choices)
    if job.job_id in stopped:
        return stopped[job.job_id].words
    ranking = _ranking(joined, job, practice, [one for one in joined.waiting if one.job_id not in stopped])
    if job.job_id in ranking.left_out:
        return ranking.left_out[job.job_id]
    if practice.jobs_per_group and len(ranking.jobs) > practice.jobs_per_group:
        return why_unplanned(job.queue, True)
    return ""


def _ranking(world: World, job: WaitingJob, practice: Practice, jobs: list[WaitingJob]) -> Ranking:
    group = next(group for group in queue_groups(world.queues) if any(one.name == job.queue for one in group))
    return rank(practice.orders, world, group, jobs_of(replace(world, waiting=tuple(jobs)), group))


def _behind(decisions: Decisions, world: World, queue: QueueView) -> str:
    """Name the job that holds up a queue of strict order."""
    for job in jobs_of(world, (queue,)):
        if isinstance(decisions.outcomes.get(job.job_id), NoRoom):
            return f"waits behind job {job.job_id}, in a queue of strict order"
    return ""
