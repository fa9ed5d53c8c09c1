"""Fits what a foreign scheduler planned into the plan of the round. Pure."""

from collections.abc import Mapping, Sequence

from procset import ProcSet

from oar.core.durations import format_date
from oar.core.job import Assignment, JobId, NoRoom, Outcome, Told, WaitingJob
from oar.kamelot import Gantt, Rules, occupation_of_planned
from oar.kamelot.occupation import is_besteffort


def fitted(
    gantt: Gantt, jobs: Sequence[WaitingJob], outcomes: Mapping[JobId, Outcome], rules: Rules, scheduler: str
) -> dict[JobId, Outcome]:
    """Draw the places in the order of their dates; what is taken already when one comes is refused.

    ``gantt`` is what was planned before, as the scheduler found it.
    """
    fitting = dict(outcomes)
    places = [(one, job) for job in jobs if isinstance(one := outcomes[job.job_id], Assignment)]
    for one, job in sorted(places, key=lambda pair: (pair[0].start_time, pair[0].job_id)):
        if taken := taken_of(gantt, job, one):
            words = (
                f"the scheduler {scheduler} gave it resources that are taken at {format_date(one.start_time)}"
            )
            fitting[job.job_id] = NoRoom(job.job_id, f"{words}: {taken}")
        else:
            gantt.occupy([occupation_of_planned(one, rules, is_besteffort(job), job)])
    return fitting


def taken_of(gantt: Gantt, job: WaitingJob, place: Assignment) -> ProcSet:
    """Tell which resources of a place are not free for the job all its walltime."""
    view = gantt.view(job)
    if view is None:
        return place.resources
    wanted = gantt.platform.mask(place.resources)
    free = wanted
    for _, _, there in view.slots.pieces(place.start_time, place.start_time + place.walltime_s - 1, wanted):
        free &= there
    return gantt.platform.procset(wanted & ~free)


def told_of(
    outcomes: Mapping[JobId, Outcome], before: Mapping[JobId, Told], scheduler: str
) -> dict[JobId, Told]:
    """Say to the jobs why they wait; their message is the scheduler's own."""
    told = {}
    for job_id, outcome in outcomes.items():
        reason = f"planned by the scheduler {scheduler}"
        if not isinstance(outcome, Assignment):
            reason = outcome.reason
        words = Told(before.get(job_id, Told()).message, reason)
        if words != before.get(job_id):
            told[job_id] = words
    return told
