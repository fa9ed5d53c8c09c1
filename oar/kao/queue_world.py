"""The world of a round that plans one queue only, around what all the others have in the plan. Pure."""

from collections.abc import Iterator
from dataclasses import replace

from oar.core.job import Assignment, WaitingJob
from oar.core.states import ReservationState
from oar.kao.model import QueueView, World
from oar.kao.queue_plan import jobs_of


def world_of_queue(world: World, queue: QueueView) -> World:
    """Leave nothing to decide but the waiting jobs of the queue that are no reservations.

    Accepted reservations and what other queues have planned become places that stay as they are. The plan of
    the result holds the rows of the queue's own jobs, which are to be replaced. ``world.apart`` must hold the
    reservations not acknowledged yet.
    """
    mine = jobs_of(world, (queue,))
    own = {job.job_id for job in mine}
    others = [*(job for job in world.waiting if job.job_id not in own), *world.apart]
    return replace(
        world,
        queues=(queue,),
        waiting=tuple(mine),
        plan=tuple(one for one in world.plan if one.job_id in own),
        fixed=tuple(_places(world, others)),
        apart=(),
    )


def _places(world: World, jobs: list[WaitingJob]) -> Iterator[tuple[Assignment, WaitingJob]]:
    """Give the rows of jobs that have yet to start, each with its job.

    An ordinary job whose date is past starts now at the earliest; a reservation keeps its dates.
    """
    pending = {job.job_id: job for job in jobs}
    for one in world.plan:
        job = pending.get(one.job_id)
        if job is not None:
            is_late = job.reservation is ReservationState.NONE and one.start_time < world.now
            yield replace(one, start_time=world.now) if is_late else one, job
