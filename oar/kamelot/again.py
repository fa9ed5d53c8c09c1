"""Gives a job the start again that it had in an earlier plan: tries one date, where a search tries many."""

from dataclasses import replace

from oar.core.durations import BadDate
from oar.core.job import Assignment, WaitingJob
from oar.core.job_dates import job_dates
from oar.kamelot.gantt import OVER, Gantt
from oar.kamelot.occupation import Rules
from oar.kamelot.schedule import place_at


def place_again(gantt: Gantt, job: WaitingJob, before: Assignment, rules: Rules) -> Assignment | None:
    """Place a job at the date that it had, now if that is past; None when it cannot start then any more.

    It may get other resources than it had.
    """
    moldable = next((one for one in job.moldables if one.moldable_id == before.moldable_id), None)
    start = max(before.start_time, gantt.now)
    if moldable is None or not _may_start(gantt, job, start, start + before.walltime_s, rules):
        return None
    only = job if len(job.moldables) == 1 else replace(job, moldables=(moldable,))
    try:
        outcome = place_at(gantt, only, start, rules)
    except Exception:  # noqa: BLE001 - one bad job never stops a round; a search will tell what is wrong with it
        return None
    if isinstance(outcome, Assignment):
        return outcome
    gantt.refused.pop(job.job_id, None)
    return None


def _may_start(gantt: Gantt, job: WaitingJob, start: int, end: int, rules: Rules) -> bool:
    """Tell whether a job may be there by its own dates and the jobs that it depends on."""
    try:
        dates = job_dates(job.types)
    except BadDate:
        return False
    if dates.missed(gantt.now) or (dates.postpone or 0) > start or end > (dates.deadline or end):
        return False
    ends = [gantt.ends.get(required) for required in job.dependencies]
    return all(one is not None and (one == OVER or one + 2 * rules.security_time_s <= start) for one in ends)
