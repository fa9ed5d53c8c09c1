"""One round over the queues: what runs, what is planned, what each waiting job is told. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from oar.core.durations import format_date
from oar.core.job import Assignment, JobId, Outcome, Told, WaitingJob
from oar.core.job_message import job_message
from oar.core.states import FINAL_STATES, ReservationState
from oar.kamelot import (
    OVER,
    Gantt,
    Occupation,
    Rules,
    check,
    explain,
    occupation_of_running,
    place_all,
)
from oar.kamelot.occupation import BESTEFFORT
from oar.kao.launch import due, make_room
from oar.kao.model import Decisions, QueueView, World


def run_round(world: World, rules: Rules, *, jobs_per_group: int = 0, check_plan: bool = False) -> Decisions:
    """Plan every waiting job of the active queues and say what follows.

    ``jobs_per_group`` bounds the jobs looked at in each group of queues, 0 for all of them. With
    ``check_plan`` the plan is checked, and what is wrong with it comes back in ``flaws``.
    """
    occupations = [occupation_of_running(job, world.now, rules) for job in world.running]
    gantt = Gantt(
        world.platform, [one for one in occupations if not one.besteffort], world.now, known_ends(world)
    )
    outcomes: dict[JobId, Outcome] = {}
    told: dict[JobId, Told] = {}
    for queues in queue_groups(world.queues):
        if any(queue.name == BESTEFFORT for queue in queues):
            gantt.occupy([one for one in occupations if one.besteffort])
        jobs = jobs_of(world, queues)[: jobs_per_group or None]
        placed = place_all(gantt, jobs, rules)
        outcomes |= placed
        told |= tell(gantt, jobs, placed, world)
    told |= tell_unplanned(world, outcomes)
    plan = [one for one in outcomes.values() if isinstance(one, Assignment)]
    ready = due(sorted(plan, key=lambda one: one.job_id), world.platform.resources, world.now)
    launches, evictions = make_room(ready, world.running)
    flaws = _check(world, occupations, outcomes, rules) if check_plan else ()
    return Decisions(outcomes, launches, evictions, told=told, flaws=flaws)


def _check(
    world: World, occupations: Sequence[Occupation], outcomes: Mapping[JobId, Outcome], rules: Rules
) -> tuple[str, ...]:
    looked_at = [job for job in world.waiting if job.job_id in outcomes]
    return tuple(check(world.platform, occupations, looked_at, outcomes, now=world.now, rules=rules))


def queue_groups(queues: Sequence[QueueView]) -> Iterator[tuple[QueueView, ...]]:
    """Give the active queues in groups of equal priority, the highest first."""
    active = sorted((queue for queue in queues if queue.active), key=lambda queue: -queue.priority)
    for _, group in groupby(active, key=lambda queue: queue.priority):
        yield tuple(group)


def jobs_of(world: World, queues: Sequence[QueueView]) -> list[WaitingJob]:
    """Give the waiting jobs of the queues that are no reservations."""
    names = {queue.name for queue in queues}
    return [job for job in world.waiting if job.queue in names and job.reservation is ReservationState.NONE]


def known_ends(world: World) -> dict[JobId, int]:
    """Say when the jobs that others wait for end: they run until their walltime, or are over."""
    ends = {job_id: OVER for job_id, one in world.required.items() if one.state in FINAL_STATES}
    running = {
        job.job_id: (job.start_time or world.now) + job.walltime_s + job.suspended_s
        for job in world.running
        if job.job_id in world.required
    }
    return ends | running


def tell(
    gantt: Gantt, jobs: Sequence[WaitingJob], outcomes: Mapping[JobId, Outcome], world: World
) -> dict[JobId, Told]:
    """Say what changed for the jobs; a prediction that stands as it was needs no new explanation."""
    planned = {one.job_id: one for one in world.plan}
    told = {}
    for job in jobs:
        outcome, before = outcomes[job.job_id], world.told.get(job.job_id, Told())
        if before.reason and planned.get(job.job_id) == outcome:
            continue
        words = Told(
            message_of(job, outcome, before.message), explain(gantt, job, outcome).words(format_date)
        )
        if words != before:
            told[job.job_id] = words
    return told


def tell_unplanned(world: World, outcomes: Mapping[JobId, Outcome]) -> dict[JobId, Told]:
    """Say to the jobs that nobody looked at why that is so."""
    active = {queue.name: queue.active for queue in world.queues}
    told = {}
    for job in world.waiting:
        if job.job_id in outcomes or job.reservation is not ReservationState.NONE:
            continue
        before = world.told.get(job.job_id, Told())
        words = Told(before.message, _why_unplanned(job.queue, active.get(job.queue)))
        if words != before:
            told[job.job_id] = words
    return told


def _why_unplanned(queue: str, active: bool | None) -> str:
    if active is None:
        return f"its queue {queue} does not exist any more"
    if not active:
        return f"its queue {queue} is not active"
    return f"so many jobs wait before it in queue {queue} that this round did not come to it"


def message_of(job: WaitingJob, outcome: Outcome, before: str) -> str:
    """Spell the job's message in OAR's format; a job without a place keeps the numbers of ``before``."""
    if not isinstance(outcome, Assignment):
        return f"{before.split(' (', 1)[0]} ({outcome.reason})"
    return job_message(
        resources=len(outcome.resources),
        walltime_s=outcome.walltime_s,
        kind="I" if job.interactive else "B",
        name=job.name,
        queue=job.queue,
        project=job.project,
        types=[f"{name}={value}" if value else name for name, value in job.types.items()],
    )
