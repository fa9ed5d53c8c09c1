"""What a foreign scheduler left: rows in the plan, and lines that tell what may start. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from procset import ProcSet

from oar.core.job import Assignment, JobId, MoldableId, NoRoom, Outcome, WaitingJob
from oar.kamelot.occupation import FOREVER

_NUMBER = r"\d{1,10}"
_READY = re.compile(
    rf"SCHEDRUN JOB_ID=({_NUMBER}) MOLDABLE_JOB_ID=({_NUMBER}) RESOURCES=({_NUMBER}(?:,{_NUMBER})*)", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Ready:
    """A line ``SCHEDRUN``: a job that may start now on these resources."""

    job_id: JobId
    moldable_id: MoldableId
    resources: ProcSet


def read_line(line: str) -> Ready | None:
    """Make sense of a line; None when it says nothing to us."""
    found = _READY.fullmatch(line.strip())
    if found is None:
        return None
    resources = ProcSet(*(int(one) for one in found[3].split(",")))
    return Ready(JobId(int(found[1])), MoldableId(int(found[2])), resources)


def outcomes_of(
    jobs: Sequence[WaitingJob],
    rows: Iterable[Assignment],
    lines: Iterable[Ready],
    *,
    scheduler: str,
    now: int,
    known: ProcSet,
) -> dict[JobId, Outcome]:
    """Say what became of each job of the queue, given the rows of the plan and the lines.

    A job with a line and no row is to start now, as in OAR 2. A place whose date is past begins now. What
    cannot be is not believed: ``known`` are the resources that there are.
    """
    mine = {job.job_id: job for job in jobs}
    wanted: dict[JobId, Assignment] = {}
    for row in sorted(rows, key=lambda one: (one.start_time, one.moldable_id)):
        if row.job_id in mine:
            wanted.setdefault(row.job_id, row)
    for line in lines:
        job = mine.get(line.job_id)
        if job is not None and line.job_id not in wanted:
            walltime_s = _walltimes(job).get(line.moldable_id, 0)
            wanted[line.job_id] = Assignment(line.job_id, line.moldable_id, now, walltime_s, line.resources)
    return {job_id: _outcome(job, wanted.get(job_id), scheduler, now, known) for job_id, job in mine.items()}


def _walltimes(job: WaitingJob) -> Mapping[MoldableId, int]:
    return {one.moldable_id: one.walltime_s for one in job.moldables}


def _outcome(job: WaitingJob, place: Assignment | None, scheduler: str, now: int, known: ProcSet) -> Outcome:
    if place is None:
        return NoRoom(job.job_id, f"the scheduler {scheduler} gave it no place")
    start = max(place.start_time, now)
    wrong = ""
    if place.moldable_id not in _walltimes(job):
        wrong = f"moldable {place.moldable_id}, which is of another job"
    elif not place.resources:
        wrong = "no resources"
    elif unknown := place.resources - known:
        wrong = f"resources {unknown}, which do not exist or are Dead"
    elif not 0 < place.walltime_s <= FOREVER - start:
        wrong = f"a start at {place.start_time} for {place.walltime_s} s"
    if wrong:
        return NoRoom(job.job_id, f"the scheduler {scheduler} gave it {wrong}")
    return Assignment(job.job_id, place.moldable_id, start, place.walltime_s, place.resources)
