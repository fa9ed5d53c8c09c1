"""The plan of one queue, made around what runs and what all the others have in the plan. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace

from oar.core.job import Assignment, JobId, NoRoom, Outcome, Told, WaitingJob
from oar.core.states import JobState, ReservationState
from oar.kamelot import (
    Gantt,
    Occupation,
    ReasonKind,
    Rules,
    check,
    explain,
    occupation_of_planned,
    occupation_of_running,
    place_all,
)
from oar.kamelot.containers import nesting_of
from oar.kamelot.occupation import BESTEFFORT, is_besteffort
from oar.kao.launch import due, make_room
from oar.kao.model import QueueView, World
from oar.kao.round import jobs_of, known_ends, message_of, tell, tell_unplanned


@dataclass(frozen=True, slots=True)
class QueuePlan:
    """What is decided about the waiting jobs of a queue.

    ``before`` are the rows that these jobs had in the stored plan, ``after`` the rows they get. ``ready`` are
    those of ``after`` that can start at once. ``told`` holds what jobs shall tell, where that changed, and
    ``refused`` the last message of each job that will never run. ``flaws`` lists violated invariants when
    plans are checked.
    """

    before: tuple[Assignment, ...]
    after: tuple[Assignment, ...]
    ready: tuple[Assignment, ...] = ()
    told: Mapping[JobId, Told] = field(default_factory=dict)
    refused: Mapping[JobId, str] = field(default_factory=dict)
    flaws: tuple[str, ...] = ()


def plan_queue(
    world: World, queue: QueueView, rules: Rules, *, most_jobs: int = 0, check_plan: bool = False
) -> QueuePlan:
    """Plan the waiting jobs of a queue that are no reservations; no row of any other job moves.

    Taken are the resources of what runs, of accepted reservations and of what other queues have planned;
    besteffort jobs count in the queue ``besteffort`` only. ``world.apart`` must hold the reservations not
    acknowledged yet. ``most_jobs`` bounds the jobs looked at, 0 for all of them.
    """
    mine = jobs_of(world, (queue,))
    own = {job.job_id for job in mine}
    others = _planned_by_others(world, own)
    occupations = _occupations(world, others, rules)
    visible = [taken for taken in occupations if queue.name == BESTEFFORT or not taken.besteffort]
    gantt = Gantt(world.platform, visible, world.now, known_ends(world) | _ends(others))
    looked_at = mine[: most_jobs or None]
    outcomes = place_all(gantt, looked_at, rules)
    placed = (outcomes[job.job_id] for job in looked_at)
    after = tuple(one for one in placed if isinstance(one, Assignment))
    return QueuePlan(
        before=tuple(one for one in world.plan if one.job_id in own),
        after=after,
        ready=_ready(world, mine, after),
        told=tell(gantt, looked_at, outcomes, world)
        | tell_unplanned(replace(world, waiting=tuple(mine)), outcomes),
        refused=_refused(world, gantt, looked_at, outcomes),
        flaws=tuple(check(world.platform, occupations, looked_at, outcomes, now=world.now, rules=rules))
        if check_plan
        else (),
    )


def _planned_by_others(world: World, own: Set[JobId]) -> list[tuple[Assignment, WaitingJob]]:
    """Give the rows of jobs that will start, each with its job.

    An ordinary job whose date is past starts now at the earliest; a reservation keeps its dates.
    """
    pending = {job.job_id: job for job in world.waiting if job.job_id not in own}
    pending |= {job.job_id: job for job in world.apart}
    found = []
    for one in world.plan:
        job = pending.get(one.job_id)
        if job is None:
            continue
        is_late = job.reservation is ReservationState.NONE and one.start_time < world.now
        found.append((replace(one, start_time=world.now) if is_late else one, job))
    return found


def _occupations(
    world: World, others: Iterable[tuple[Assignment, WaitingJob]], rules: Rules
) -> list[Occupation]:
    running = [occupation_of_running(job, world.now, rules) for job in world.running]
    planned = [occupation_of_planned(one, rules, is_besteffort(job), job) for one, job in others]
    return running + planned


def _ends(others: Iterable[tuple[Assignment, WaitingJob]]) -> dict[JobId, int]:
    return {one.job_id: one.start_time + one.walltime_s for one, _ in others}


def _ready(world: World, jobs: Iterable[WaitingJob], plan: Sequence[Assignment]) -> tuple[Assignment, ...]:
    """Select what nothing holds back: neither a resource, nor a besteffort job, nor its container."""
    free, _ = make_room(due(plan, world.platform.resources, world.now), world.running)
    inside = {job.job_id: nesting_of(job).inside for job in jobs}
    open_spaces = {None, *(nesting_of(job).opens for job in world.running if job.state is JobState.RUNNING)}
    return tuple(one for one in free if inside[one.job_id] in open_spaces)


def _refused(
    world: World, gantt: Gantt, jobs: Iterable[WaitingJob], outcomes: Mapping[JobId, Outcome]
) -> dict[JobId, str]:
    """Say of the jobs that will never run why: their last date is past, or their container is gone."""
    containers = defaultdict(set)
    for one in world.containers:
        containers[one.space].add(one.job_id)
    refused = {}
    for job in jobs:
        outcome = outcomes[job.job_id]
        if isinstance(outcome, Assignment):
            continue
        kind = explain(gantt, job, outcome).kind
        if kind is ReasonKind.CONTAINER_UNPLANNED and not containers[job.types["inner"]] - {job.job_id}:
            outcome = NoRoom(job.job_id, f"its container, {job.types['inner']}, does not exist or has ended")
        elif kind is not ReasonKind.TOO_LATE:
            continue
        refused[job.job_id] = message_of(job, outcome, world.told.get(job.job_id, Told()).message)
    return refused
