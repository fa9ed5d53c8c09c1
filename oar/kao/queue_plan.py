"""The plan of the waiting jobs, group of queues after group of queues. Pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from oar.core.job import Assignment, JobId, NoRoom, Outcome, Told, WaitingJob
from oar.core.states import ReservationState
from oar.kamelot import Gantt, Reason, ReasonKind, Rules
from oar.kamelot.occupation import BESTEFFORT
from oar.kao.model import QueueView, SiteChoices, World
from oar.kao.obstacles import container_words, left_out, obstacles
from oar.kao.order import Orders, Ranking, combine, rank
from oar.kao.placing import Placer
from oar.kao.reservations import Booked
from oar.kao.settled import draw_settled
from oar.kao.standing import known_ends, ledger_of
from oar.kao.tell import BEHIND, tell, tell_stopped, tell_unplanned
from oar.kao.turn_state import Took
from oar.kao.turns import place_group


@dataclass(frozen=True, slots=True)
class QueuePlan:
    """What became of the jobs of the queues: their ``outcomes``, and what they are ``told`` where it changed.

    ``gantt`` is the plan as it was drawn, after reservations and all. ``refused`` gives the last message of
    each job that will never run. Jobs took turns as ``took`` says, in the order of the ``ranking``.
    """

    gantt: Gantt
    outcomes: Mapping[JobId, Outcome]
    refused: Mapping[JobId, str]
    told: Mapping[JobId, Told]
    took: Took
    ranking: Ranking

    @property
    def behind(self) -> dict[JobId, str]:
        """Say of the jobs whose date has come why they do not start before others had their turn."""
        now = self.gantt.now
        return {
            one.job_id: BEHIND
            for one in self.outcomes.values()
            if isinstance(one, Assignment) and one.job_id in self.took.held_back and one.start_time <= now
        }

    @property
    def in_turn(self) -> list[Assignment]:
        """Give the places of the jobs that may start when their date has come."""
        behind = self.behind
        places = [one for one in self.outcomes.values() if isinstance(one, Assignment)]
        return [one for one in places if one.job_id not in behind]


def plan_queues(
    booked: Booked, rules: Rules, choices: SiteChoices, orders: Orders, jobs_per_group: int
) -> QueuePlan:
    """Plan the waiting jobs of the active queues around what is taken already."""
    world = booked.world
    gantt = Gantt(
        world.platform,
        [one for one in booked.taken if not one.besteffort],
        world.now,
        known_ends(world),
        ledger_of(world),
    )
    stopped = {**left_out(world), **obstacles(world, choices)}
    refused = {job_id: one.words for job_id, one in stopped.items() if one.final}
    outcomes: dict[JobId, Outcome] = {
        job_id: NoRoom(job_id, one.words) for job_id, one in stopped.items() if not one.final
    }
    told = tell_stopped(world, outcomes)
    groups = [
        (queues, rank(orders, world, queues, _without(stopped, jobs_of(world, queues))))
        for queues in queue_groups(world.queues)
        if world.later.isdisjoint(queue.name for queue in queues)
    ]
    ranking = combine(one for _, one in groups)
    placer, took = Placer(gantt, rules, world.tokens), world.took
    for queues, ranked in groups:
        if any(queue.name == BESTEFFORT for queue in queues):
            gantt.occupy([one for one in booked.taken if one.besteffort])
        if queues[0].name in world.settled:
            outcomes |= draw_settled(placer, _without(stopped, jobs_of(world, queues)), world)
            continue
        placed, turns_taken = place_group(placer, ranked.jobs, queues, jobs_per_group, world)
        took |= turns_taken
        jobs = [job for job in ranked.jobs if job.job_id in placed]
        _name_containers(gantt, jobs, placed, world)
        outcomes |= placed
        told |= tell(gantt, jobs, placed, world, ranked)
    told |= tell_unplanned(world, outcomes.keys() | refused | took.at_rest, ranking)
    return QueuePlan(gantt, outcomes, refused, told, took, ranking)


def queue_groups(queues: Sequence[QueueView]) -> Iterator[tuple[QueueView, ...]]:
    """Give the active queues in groups of equal priority, the highest first.

    A queue whose scheduler is another program comes alone, after those of its priority. The queue besteffort
    comes alone and last: what is in it, no other queue sees.
    """
    active = sorted((queue for queue in queues if queue.active), key=_turn)
    for _, group in groupby(active, key=_turn):
        yield tuple(group)


def _turn(queue: QueueView) -> tuple[bool, int, str]:
    return queue.name == BESTEFFORT, -queue.priority, queue.name if queue.foreign else ""


def jobs_of(world: World, queues: Sequence[QueueView]) -> list[WaitingJob]:
    """Give the waiting jobs of the queues that are no reservations."""
    names = {queue.name for queue in queues}
    return [job for job in world.waiting if job.queue in names and job.reservation is ReservationState.NONE]


def _without(stopped: Collection[JobId], jobs: Sequence[WaitingJob]) -> list[WaitingJob]:
    return [job for job in jobs if job.job_id not in stopped]


def _name_containers(
    gantt: Gantt, jobs: Sequence[WaitingJob], outcomes: dict[JobId, Outcome], world: World
) -> None:
    """Say of inner jobs whose container is not in the plan where it is."""
    for job in jobs:
        reason = gantt.refused.get(job.job_id)
        if reason is None or reason.kind is not ReasonKind.CONTAINER_UNPLANNED:
            continue
        if words := container_words(job, world):
            gantt.refused[job.job_id] = Reason(ReasonKind.FAILURE, text=words)
            outcomes[job.job_id] = NoRoom(job.job_id, words)
