"""What keeps a waiting job from being planned at all, whatever is free. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from oar.core.durations import BadDate
from oar.core.job import Container, JobId, RequiredJob, WaitingJob
from oar.core.job_dates import job_dates
from oar.core.states import FINAL_STATES, JobState, ReservationState
from oar.kamelot.containers import nesting_of
from oar.kamelot.occupation import BESTEFFORT, is_besteffort
from oar.kao.model import SiteChoices, World


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why a job is not planned, in words; a job with one that is ``final`` goes to Error."""

    words: str
    final: bool = False


def obstacles(world: World, choices: SiteChoices) -> dict[JobId, Obstacle]:
    """Find the waiting jobs of active queues that cannot be planned; reservations are not looked at."""
    policies = {queue.name: queue.policy for queue in world.queues if queue.active}
    found = {}
    for job in world.waiting:
        if job.queue in policies and job.reservation is ReservationState.NONE:
            needs_success = choices.dependencies_need_success and not _is_exempt(policies[job.queue])
            obstacle = next(_obstacles_of(job, world, needs_success), None)
            if obstacle is not None:
                found[job.job_id] = obstacle
    return found


def left_out(world: World) -> dict[JobId, Obstacle]:
    """Give the jobs that somebody wants left alone in this round."""
    return {
        job.job_id: Obstacle(world.left_out[job.job_id])
        for job in world.waiting
        if job.job_id in world.left_out
        and job.queue not in world.settled
        and job.reservation is ReservationState.NONE
    }


def container_words(job: WaitingJob, world: World) -> str:
    """Say why there is no container yet to plan an inner job in; "" when the plan itself is the reason."""
    waiting = [one for one in _containers_of(job, world) if one.state is not JobState.WAITING]
    if waiting:
        one = waiting[0]
        if any(job.job_id == one.job_id and is_besteffort(job) for job in world.running):
            return (
                f"its container, job {one.job_id}, is besteffort: only jobs of the queue {BESTEFFORT} "
                "are placed in it"
            )
        return f"its container, job {one.job_id}, is in state {one.state}"
    elsewhere = [one for one in _containers_of(job, world) if one.queue != job.queue]
    if elsewhere:
        one = elsewhere[0]
        return f"container {one.job_id} is yet to be scheduled in queue {one.queue}, inner job not scheduled"
    return ""


def _is_exempt(policy: str) -> bool:
    """Tell whether a queue keeps to OAR 2's quota schedulers, which take any end of a required job."""
    return "_and_quotas" in policy


def _obstacles_of(job: WaitingJob, world: World, needs_success: bool) -> Iterator[Obstacle]:
    missed = _missed_date(job, world.now)
    if missed:
        yield Obstacle(f"Job will never run ({missed}), setting it to error", final=True)
    inside = nesting_of(job).inside
    if inside is not None and not _containers_of(job, world):
        mine = inside == nesting_of(job).opens
        why = "is the job itself" if mine else "does not exist or has ended"
        yield Obstacle(
            f"Job will never run (inner={inside}: this container {why}), setting it to error", final=True
        )
    if needs_success:
        for job_id in job.dependencies:
            required = world.required.get(job_id)
            if required is not None and required.state in FINAL_STATES and not required.succeeded:
                yield Obstacle(f"depends on job {job_id}, which {_how_it_ended(required)}")


def _missed_date(job: WaitingJob, now: int) -> str:
    try:
        name = job_dates(job.types).missed(now)
    except BadDate:
        return ""  # the planner says what is wrong with it
    return f"{name}={job.types[name]}" if name else ""


def _containers_of(job: WaitingJob, world: World) -> list[Container]:
    inside = nesting_of(job).inside
    return [one for one in world.containers if one.space == inside and one.job_id != job.job_id]


def _how_it_ended(required: RequiredJob) -> str:
    """Say what became of a job; its exit code is a raw wait status."""
    if required.state is JobState.ERROR or required.exit_code is None:
        return "ended in error"
    if signal := required.exit_code & 127:
        return f"was ended by signal {signal}"
    return f"ended with exit code {required.exit_code >> 8}"
