"""What a foreign scheduler finds in the plan when it starts. Pure."""

from collections.abc import Iterator

from oar.core.job import Assignment, RunningJob
from oar.core.states import ReservationState
from oar.kao.model import Decisions, World


def shown_plan(world: World, decisions: Decisions) -> tuple[Assignment, ...]:
    """Give the rows: what runs, accepted reservations, and what queues before this one have planned.

    Its own jobs and those of queues behind it have none.
    """
    rows = {one.moldable_id: one for one in _accepted(world)}
    rows |= {one.moldable_id: one for one in decisions.plan}
    rows |= {job.moldable_id: _row(job, world.now) for job in world.running}
    return tuple(rows[key] for key in sorted(rows))


def _accepted(world: World) -> Iterator[Assignment]:
    reservations = {
        job.job_id for job in (*world.waiting, *world.apart) if job.reservation is not ReservationState.NONE
    }
    return (one for one in world.plan if one.job_id in reservations)


def _row(job: RunningJob, now: int) -> Assignment:
    """Give the row of a job that holds resources; one that outlives its walltime ends now, as in OAR 2."""
    walltime_s = job.walltime_s + job.suspended_s
    start = job.start_time or now
    return Assignment(job.job_id, job.moldable_id, max(start, now - walltime_s), walltime_s, job.resources)
