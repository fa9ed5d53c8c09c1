"""What running jobs are granted of the walltimes that they ask for, at the beginning of a round. Pure.

A job may grow as far as the plan of the last round leaves its resources free behind it. The round that
follows plans with the new walltimes.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from oar.core.durations import BadDate
from oar.core.job import Assignment, JobId, RunningJob, WaitingJob
from oar.core.job_dates import job_dates
from oar.core.states import JobState, ReservationState
from oar.core.walltime_change import (
    WalltimeChanges,
    WalltimeGrant,
    WalltimeLimits,
    WalltimeRequest,
    limits_of,
)
from oar.kamelot import Rules
from oar.kamelot.containers import Spaces, nesting_of
from oar.kamelot.occupation import is_besteffort
from oar.kamelot.sharing import sharing_of
from oar.kao.model import World
from oar.settings import WalltimeSettings


@dataclass(frozen=True, slots=True)
class Planned:
    """A place of the last plan, with the job that it is for."""

    job: WaitingJob
    place: Assignment


def change_walltimes(
    world: World, requests: Sequence[WalltimeRequest], rules: Rules, settings: WalltimeSettings
) -> tuple[WalltimeChanges, World]:
    """Say what is granted, in the order of the jobs, and give the world with the new walltimes."""
    if not requests:
        return WalltimeChanges(), world
    now = world.now
    jobs = {job.job_id: job for job in world.running}
    planned = _planned(world)
    spaces = Spaces([*world.running, *(one.job for one in planned)])
    grants = []
    given_up = []
    for request in sorted(requests, key=lambda one: one.job_id):
        job = jobs.get(request.job_id)
        if job is None or job.state is not JobState.RUNNING or not request.pending_s:
            continue
        if request.is_over(now):
            given_up.append(request)
            continue
        limits = limits_of(settings, job.queue, job.walltime_s - request.granted_s)
        scene = _Scene(job, jobs, planned, spaces, now, rules.security_time_s)
        change_s = scene.increase(request, limits) if request.pending_s > 0 else scene.reduction(request)
        if change_s:
            grants.append(WalltimeGrant(request, job.moldable_id, job.walltime_s, change_s))
            jobs[job.job_id] = replace(job, walltime_s=job.walltime_s + change_s)
    changed = replace(world, running=tuple(jobs.values()))
    return WalltimeChanges(tuple(grants), tuple(given_up)), changed


def _planned(world: World) -> Sequence[Planned]:
    """Give the places of the last plan by their start; jobs that nobody waits for any more have none."""
    jobs = {job.job_id: job for job in (*world.apart, *world.waiting)}
    places = [Planned(jobs[one.job_id], one) for one in world.plan if one.job_id in jobs]
    places += [Planned(job, one) for one, job in world.fixed]
    return sorted(places, key=_start)


def _start(planned: Planned) -> int:
    return planned.place.start_time


@dataclass(frozen=True, slots=True)
class _Scene:
    """A running job that wants another walltime, and all that it meets."""

    job: RunningJob
    running: Mapping[JobId, RunningJob]
    planned: Sequence[Planned]
    spaces: Spaces
    now: int
    security_time_s: int

    @property
    def end(self) -> int:
        return _end(self.job)

    def increase(self, request: WalltimeRequest, limits: WalltimeLimits) -> int:
        """Say how many seconds the job gets now, 0 for none."""
        wanted = request.pending_s
        if self.end < self.now:
            return 0
        if not request.force:
            if limits.apply_time_s and self.now < self.end - limits.apply_time_s:
                return 0
            if 0 < limits.increment_s < wanted:
                wanted = limits.increment_s
        try:
            bounds = [self.end + wanted, *self._bounds(wanted, request.delay_next_jobs)]
        except BadDate:
            return 0
        granted = max(min(bounds) - self.end, 0)
        return 0 if request.whole and granted < request.pending_s else granted

    def reduction(self, request: WalltimeRequest) -> int:
        """Say how many seconds, negative, the job loses now: it does not end before now."""
        if "container" in self.job.types:
            return 0
        return -min(-request.pending_s, max(self.end - self.now, 0))

    def _bounds(self, wanted: int, delay_next_jobs: bool) -> Iterator[int]:
        """Give the dates that the job's end must not pass; raises BadDate."""
        deadline = job_dates(self.job.types).deadline
        if deadline is not None:
            yield deadline
        inside = nesting_of(self.job).inside
        if inside is not None:
            yield from self._ends_of_containers(inside)
        after = bisect_right(self.planned, self.end, key=_start)
        until = bisect_right(self.planned, self.end + wanted + self.security_time_s, key=_start)
        for one in self.planned[after:until]:
            if self._is_in_the_way(one, delay_next_jobs):
                yield one.place.start_time - self.security_time_s - 1
                return

    def _ends_of_containers(self, space: str) -> Sequence[int]:
        """Tell the ends of the containers that hold the job; without one that runs it keeps its own."""
        ends = [
            _end(one)
            for one in self.running.values()
            if one.state is JobState.RUNNING
            and nesting_of(one).opens == space
            and one.resources & self.job.resources
        ]
        return ends or [self.end]

    def _is_in_the_way(self, planned: Planned, delay_next_jobs: bool) -> bool:
        other = planned.job
        if is_besteffort(other) or not planned.place.resources & self.job.resources:
            return False
        if delay_next_jobs and other.reservation is ReservationState.NONE:
            return False
        mine, its = nesting_of(self.job), nesting_of(other)
        if mine.opens is not None and mine.opens in self.spaces.around(other):
            return False
        share, its_share = sharing_of(self.job), sharing_of(other)
        may_overlap = share.may_overlap(its_share) or its_share.may_overlap(share)
        return not (mine.inside == its.inside and may_overlap)


def _end(job: RunningJob) -> int:
    """Tell the first second after a job that runs; the time that it was suspended is given back to it."""
    return job.start_time + job.walltime_s + job.suspended_s
