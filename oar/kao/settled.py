"""What was decided before, in an earlier stretch of the round. Pure."""

from collections.abc import Sequence

from oar.core.job import Assignment, JobId, Outcome, WaitingJob
from oar.kamelot import Gantt, Rules, occupation_of_planned
from oar.kamelot.occupation import is_besteffort
from oar.kao.model import World


def draw_settled(
    gantt: Gantt, jobs: Sequence[WaitingJob], world: World, rules: Rules
) -> dict[JobId, Outcome]:
    """Draw the places of jobs for which it was decided before in this round; give what was decided."""
    outcomes = {
        job.job_id: world.settled[job.queue][job.job_id]
        for job in jobs
        if job.job_id in world.settled[job.queue]
    }
    places = [(one, job) for job in jobs if isinstance(one := outcomes.get(job.job_id), Assignment)]
    gantt.occupy([occupation_of_planned(one, rules, is_besteffort(job), job) for one, job in places])
    gantt.ends.update((one.job_id, one.start_time + one.walltime_s) for one, _ in places)
    return outcomes
