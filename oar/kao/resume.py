"""Which jobs that wait to be resumed may go on now: those whose resources carry no other job. Pure."""

from collections.abc import Collection, Sequence

from procset import ProcSet

from oar.core.job import JobId, RunningJob
from oar.core.resumption import Resumption
from oar.core.states import JobState
from oar.kamelot import Platform
from oar.kamelot.bits import mask_of
from oar.kamelot.containers import Spaces, nesting_of
from oar.kamelot.sharing import sharing_of
from oar.kao.launch import freed_ranks

SETTLED = (JobState.SUSPENDED, JobState.RESUMING)
"""States of a job that keep it from running; another one that resumes relies on them."""


def resumptions(
    running: Sequence[RunningJob],
    platform: Platform,
    freed_types: Collection[str],
    begun: Collection[JobId] = (),
) -> tuple[Resumption, ...]:
    """Choose the jobs that go on, by job id; those ``begun`` are being resumed already.

    A job does not wait for those that it shares with, for its containers, for jobs inside it, nor for jobs
    that are suspended or wait themselves to be resumed.
    """
    waiting = [job for job in running if job.state is JobState.RESUMING and job.job_id not in begun]
    if not waiting:
        return ()
    scene = _Scene(running, platform.procset(mask_of(freed_ranks(platform, freed_types))))
    active = {job.job_id: job for job in running if job.state not in SETTLED or job.job_id in begun}
    chosen = []
    for job in sorted(waiting, key=lambda one: one.job_id):
        met = [one for one in running if one is not job and one.resources & job.resources]
        if all(scene.may_go_on(job, one, active=one.job_id in active) for one in met):
            active[job.job_id] = job
            beside = {one.job_id: None if one.job_id in active else one.state for one in met}
            chosen.append(Resumption(job.job_id, job.resources, beside))
    return tuple(chosen)


class _Scene:
    """The jobs that hold resources, and the resources that suspended ones leave to others."""

    def __init__(self, running: Sequence[RunningJob], freed: ProcSet) -> None:
        self._freed = freed
        self._spaces = Spaces(running)

    def may_go_on(self, job: RunningJob, other: RunningJob, *, active: bool) -> bool:
        """Tell whether a job may use its resources while another one holds some of them."""
        if not active and not job.resources & other.resources - self._freed:
            return True
        mine, its = nesting_of(job), nesting_of(other)
        if its.opens is not None and its.opens in self._spaces.around(job):
            return True
        if mine.opens is not None and mine.opens in self._spaces.around(other):
            return True
        share, its_share = sharing_of(job), sharing_of(other)
        may_overlap = share.may_overlap(its_share) or its_share.may_overlap(share)
        return mine.inside == its.inside and may_overlap
