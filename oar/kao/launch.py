"""Who starts now, and which besteffort jobs must make room first. Pure."""

from collections.abc import Sequence

from procset import ProcSet

from oar.core.job import Assignment, JobId, Resource, RunningJob
from oar.core.states import UNCHANGED, NodeState
from oar.kamelot.occupation import is_besteffort


def due(plan: Sequence[Assignment], resources: Sequence[Resource], now: int) -> tuple[Assignment, ...]:
    """Select the assignments whose date has come and whose resources can be used this second.

    A resource that is about to leave Alive is no longer given (OAR 2 does the same).
    """
    usable = ProcSet(
        *(
            one.resource_id
            for one in resources
            if one.state is NodeState.ALIVE and one.next_state in (UNCHANGED, NodeState.ALIVE)
        )
    )
    return tuple(one for one in plan if one.start_time <= now and one.resources <= usable)


def make_room(
    wanted: Sequence[Assignment], running: Sequence[RunningJob]
) -> tuple[tuple[Assignment, ...], tuple[JobId, ...]]:
    """Split the due assignments by what stands in their way.

    Returns those whose resources no besteffort job holds, and the besteffort jobs that hold the others.
    Only the jobs that wait for an eviction are held back; the rest of the round starts.
    """
    besteffort = [job for job in running if is_besteffort(job)]
    free, evicted = [], set()
    for one in wanted:
        in_the_way = {job.job_id for job in besteffort if job.resources & one.resources}
        evicted |= in_the_way
        if not in_the_way:
            free.append(one)
    return tuple(free), tuple(sorted(evicted))
