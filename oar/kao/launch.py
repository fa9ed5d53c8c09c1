"""Who starts now, beside whom, and who waits for besteffort jobs to make room. Pure."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from oar.core.any_state import is_permissive, takes_any_state, takes_standby
from oar.core.durations import format_date
from oar.core.job import Assignment, JobId, RunningJob, WaitingJob
from oar.core.states import UNCHANGED, JobState, NodeState, ReservationState
from oar.kamelot import Platform
from oar.kamelot.bits import mask_of
from oar.kamelot.containers import Space, nesting_of
from oar.kamelot.occupation import BESTEFFORT, is_besteffort
from oar.kamelot.reasons.reason import SHOWN
from oar.kamelot.sharing import ALONE, sharing_of
from oar.kao.evict import Departure, Evictions, departure, evictions


@dataclass(frozen=True, slots=True)
class Launches:
    """What follows from a plan for this second.

    ``jobs`` start now. ``beside`` names for those that share the jobs that may hold the same resources,
    ``in_any_state`` are those whose resources need not be Alive. ``evictions`` are about besteffort jobs that
    must leave. ``held_back`` says in words what the others wait for whose date has come.
    """

    jobs: tuple[Assignment, ...] = ()
    beside: Mapping[JobId, frozenset[JobId]] = field(default_factory=dict)
    in_any_state: frozenset[JobId] = frozenset()
    evictions: Evictions = field(default_factory=Evictions)
    held_back: Mapping[JobId, str] = field(default_factory=dict)


def launch(
    plan: Sequence[Assignment],
    waiting: Collection[WaitingJob],
    running: Sequence[RunningJob],
    platform: Platform,
    *,
    now: int,
    freed_types: Collection[str] = (),
    horizon_s: int = 0,
    delayed: Mapping[JobId, str] | None = None,
) -> Launches:
    """Choose the jobs that start, and who has to leave for others, in the order of the plan.

    Besteffort jobs leave ``horizon_s`` before a job is to start. Only the jobs that wait for an eviction are
    held back by it; the rest of the plan starts. ``delayed`` says of jobs that do not start yet why.
    """
    jobs = {job.job_id: job for job in waiting}
    scene = _Scene(platform, running, freed_types)
    starting: list[Assignment] = []
    beside: dict[JobId, frozenset[JobId]] = {}
    leaving: dict[JobId, Departure] = {}
    room_for: dict[JobId, JobId] = {}
    held_back: dict[JobId, str] = {}
    for one in plan:
        job = jobs[one.job_id]
        if one.start_time > now + horizon_s:
            continue
        reason = (delayed or {}).get(one.job_id) or scene.missing(job, one) or scene.occupied(job, one)
        in_the_way = scene.in_the_way(job, one) if not reason or _keeps_its_date(job) else []
        for other in in_the_way:
            leaving[other.job_id] = scene.departure(other, now)
            room_for.setdefault(other.job_id, job.job_id)
        if one.start_time > now:
            continue
        if in_the_way and not reason:
            reason = _waits_for([leaving[other.job_id] for other in in_the_way], in_the_way)
        if reason:
            held_back[one.job_id] = reason
            continue
        beside[one.job_id] = scene.companions(job, one)
        scene.start(job, one)
        starting.append(one)
    return Launches(
        tuple(starting),
        {job_id: others for job_id, others in beside.items() if others},
        frozenset(one.job_id for one in starting if takes_any_state(jobs[one.job_id])),
        evictions(leaving, room_for, scene.next_eviction(plan, now, horizon_s)),
        held_back,
    )


def freed_ranks(platform: Platform, freed_types: Collection[str]) -> Iterator[int]:
    """Tell the ranks of the resources that a suspended job leaves to others."""
    return (rank for rank, one in enumerate(platform.resources) if one.type in freed_types)


def _keeps_its_date(job: WaitingJob) -> bool:
    """Tell whether the job may start with less than it was promised rather than later."""
    return job.reservation is ReservationState.SCHEDULED


def _waits_for(departures: Sequence[Departure], leaving: Sequence[RunningJob]) -> str:
    words = f"starts as soon as it has the resources of besteffort {_named([one.job_id for one in leaving])}"
    until = max(one.until for one in departures)
    return f"{words}, which may save its work until {format_date(until)}" if until else words


@dataclass(frozen=True, slots=True)
class _Holder:
    job: WaitingJob | RunningJob
    resources: int


class _Scene:
    """The resources and the jobs that a starting job meets."""

    def __init__(
        self, platform: Platform, running: Sequence[RunningJob], freed_types: Collection[str]
    ) -> None:
        self._platform = platform
        self._unusable = {
            one.resource_id: one
            for one in platform.resources
            if one.state is not NodeState.ALIVE or one.next_state not in (UNCHANGED, NodeState.ALIVE)
        }
        self._holders: list[_Holder] = []
        self._besteffort: list[tuple[RunningJob, _Holder]] = []
        self._containers: dict[Space, set[Space]] = defaultdict(set)
        """The spaces that the containers of a space are in."""
        self._areas: dict[Space, int] = defaultdict(int)
        """The resources of the containers of a space that run."""
        for job in running:
            self._add(job, platform.mask(job.resources))
        self._suspended = [one for one in self._holders if _is_suspended(one.job)]
        freed = freed_ranks(platform, freed_types) if self._suspended else ()
        self._freed = mask_of(freed)
        self._on_nodes: int | None = None

    def missing(self, job: WaitingJob, place: Assignment) -> str:
        """Say in words what keeps a job whose date has come; "" when it can start.

        A resource that is about to leave Alive is no longer given (OAR 2 does the same).
        """
        inside = nesting_of(job).inside
        if inside is not None and self._platform.mask(place.resources) & ~self._areas[inside]:
            return f"starts as soon as its container, {inside}, runs"
        if is_permissive(job):
            return ""
        end = place.start_time + place.walltime_s
        nodes = dict.fromkeys(
            one.node
            for one in (self._unusable.get(number) for number in place.resources)
            if one is not None
            and not (takes_standby(job) and one.state is NodeState.ABSENT and one.available_upto >= end)
        )
        return f"starts as soon as {_listed(list(nodes))} can be used" if nodes else ""

    def occupied(self, job: WaitingJob, place: Assignment) -> str:
        """Say which jobs outstay their walltime on a reservation's resources; others are planned around."""
        if job.reservation is ReservationState.NONE:
            return ""
        wanted = self._platform.mask(place.resources)
        holders = [
            one.job.job_id
            for one in self._holders
            if wanted & one.resources and not is_besteffort(one.job) and not self._may_stay(one, job, wanted)
        ]
        return f"its resources are still held by {_named(holders)}" if holders else ""

    def in_the_way(self, job: WaitingJob, place: Assignment) -> list[RunningJob]:
        """Give the besteffort jobs that have to leave before the job starts.

        Jobs of the queue besteffort are planned around them. Other queues are not, whatever their jobs are.
        """
        if job.queue == BESTEFFORT or not self._besteffort:
            return []
        wanted = self._platform.mask(place.resources)
        return [
            running
            for running, one in self._besteffort
            if wanted & one.resources and not self._may_stay(one, job, wanted)
        ]

    def next_eviction(self, plan: Sequence[Assignment], now: int, horizon_s: int) -> int | None:
        """Tell when a besteffort job has to leave next, for a job of the plan that starts too late by now."""
        taken = 0
        for _, holder in self._besteffort:
            taken |= holder.resources
        later = (one for one in plan if taken and one.start_time > now + horizon_s)
        for one in sorted(later, key=lambda one: one.start_time):
            if taken & self._platform.mask(one.resources):
                return one.start_time - horizon_s
        return None

    def departure(self, job: RunningJob, now: int) -> Departure:
        """Say how a besteffort job that is in the way leaves."""
        if self._on_nodes is None:
            ranks = (
                rank
                for rank, one in enumerate(self._platform.resources)
                if one.node and one.type == "default"
            )
            self._on_nodes = mask_of(ranks)
        return departure(job, now, has_node=bool(self._platform.mask(job.resources) & self._on_nodes))

    def companions(self, job: WaitingJob, place: Assignment) -> frozenset[JobId]:
        """Name the jobs that hold some of the resources, and that may."""
        shares = nesting_of(job).inside is not None or sharing_of(job) is not ALONE
        wanted = self._platform.mask(place.resources)
        return frozenset(
            one.job.job_id
            for one in (self._holders if shares else self._suspended)
            if wanted & one.resources and self._may_stay(one, job, wanted)
        )

    def start(self, job: WaitingJob, place: Assignment) -> None:
        """Let a job be met by those that start after it."""
        self._add(job, self._platform.mask(place.resources))

    def _add(self, job: WaitingJob | RunningJob, resources: int) -> None:
        one = _Holder(job, resources)
        self._holders.append(one)
        if is_besteffort(job) and isinstance(job, RunningJob):
            self._besteffort.append((job, one))
        nesting = nesting_of(job)
        if nesting.opens is not None:
            self._containers[nesting.opens].add(nesting.inside)
            if isinstance(job, RunningJob) and job.state is JobState.RUNNING:
                self._areas[nesting.opens] |= resources

    def _may_stay(self, holder: _Holder, job: WaitingJob, wanted: int) -> bool:
        """Tell whether a job that holds some of the resources wanted may go on when the other starts.

        The place of a reservation is not changed by what was placed over it since.
        """
        if _is_suspended(holder.job) and not wanted & holder.resources & ~self._freed:
            return True
        opens = nesting_of(holder.job).opens
        if opens is not None and opens in self._spaces_around(job):
            return True
        if nesting_of(holder.job).inside != nesting_of(job).inside:
            return False
        mine, its = sharing_of(job), sharing_of(holder.job)
        return mine.may_overlap(its) or (_keeps_its_date(job) and its.may_overlap(mine))

    def _spaces_around(self, job: WaitingJob) -> set[Space]:
        """Tell the space that a job is in, those that its containers are in, and so on."""
        found: set[Space] = set()
        new = {nesting_of(job).inside} - {None}
        while new:
            found |= new
            new = set[Space]().union(*(self._containers[space] for space in new)) - found - {None}
        return found


def _is_suspended(job: WaitingJob | RunningJob) -> bool:
    return isinstance(job, RunningJob) and job.state is JobState.SUSPENDED


def _named(jobs: Sequence[JobId]) -> str:
    return f"{'jobs' if len(jobs) > 1 else 'job'} {_listed([str(job) for job in jobs])}"


def _listed(names: Sequence[str]) -> str:
    if len(names) > SHOWN:
        return f"{', '.join(names[:SHOWN])} and {len(names) - SHOWN} more"
    return ", ".join(names)
