"""What was decided before, in an earlier stretch of the round. Pure."""

from collections.abc import Sequence

from oar.core.job import Assignment, JobId, Outcome, WaitingJob
from oar.kamelot.containers import containers_first, nesting_of
from oar.kao.model import World
from oar.kao.placing import Placer


def draw_settled(placer: Placer, jobs: Sequence[WaitingJob], world: World) -> dict[JobId, Outcome]:
    """Draw the places of jobs for which it was decided before in this round; give what was decided."""
    outcomes = {
        job.job_id: world.settled[job.queue][job.job_id]
        for job in jobs
        if job.job_id in world.settled[job.queue]
    }
    for job in containers_first(jobs, nesting_of):
        if isinstance(one := outcomes.get(job.job_id), Assignment):
            placer.draw(job, one)
    return outcomes
