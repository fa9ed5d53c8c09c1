"""What becomes of the reservations that were granted: they wait, start, shrink or expire. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property

from procset import ProcSet

from oar.core.any_state import is_permissive, takes_standby
from oar.core.durations import format_date, format_duration
from oar.core.events import EventKind
from oar.core.job import Assignment, JobId, Told, WaitingJob
from oar.core.states import NodeState, ReservationState
from oar.kamelot import Platform
from oar.kamelot.reasons.reason import listed
from oar.kao.model import Incident, SiteChoices, World
from oar.kao.reservations.words import EXPIRED, RENEWED
from oar.kao.tell import message_of, why_unplanned

STANDBY_MARGIN_S = 600
"""A node that sleeps counts for a reservation when it stays available for so long after its end."""


@dataclass(frozen=True, slots=True)
class Settled:
    """The fate of each granted reservation that has a place in the plan.

    ``places`` stay in the plan, of reservations that their submitter has yet to hear of too. ``starting``
    are those of active queues, at their date or now, with what is left of their walltime; ``delayed`` says
    which of them wait for what. ``expired`` have their last message. ``dates`` are those at which something
    changes for one that waits.
    """

    places: tuple[tuple[Assignment, WaitingJob], ...] = ()
    starting: tuple[Assignment, ...] = ()
    delayed: dict[JobId, str] = field(default_factory=dict)
    expired: dict[JobId, str] = field(default_factory=dict)
    told: dict[JobId, Told] = field(default_factory=dict)
    incidents: tuple[Incident, ...] = ()
    dates: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class _Fate:
    """What one reservation does: it keeps ``place``, and starts at its date, unless it is ``delayed``."""

    place: Assignment
    reason: str
    delayed: bool = True
    until: int | None = None


def settle(world: World, choices: SiteChoices) -> Settled:
    """Say what becomes of each granted reservation of the plan.

    Its place is fixed: it waits for resources that are not usable at its date, at most for
    ``choices.reservation_patience_s``; then it starts with the others. Nothing is planned in place of what
    it lost, and it ends at the date that was granted however late it starts.
    """
    jobs = {
        job.job_id: job
        for job in (*world.waiting, *world.apart)
        if job.reservation is ReservationState.SCHEDULED
    }
    mine = sorted((one for one in world.plan if one.job_id in jobs), key=lambda one: one.job_id)
    if not mine:
        return Settled()
    silent = {job.job_id for job in world.apart}
    now, active = world.now, {queue.name: queue.active for queue in world.queues}
    usable = _Usable(world.platform)
    places, starting, dates = [], [], []
    settled = Settled()
    for place in mine:
        job = jobs[place.job_id]
        if job.job_id in silent:
            places.append((place, job))
            continue
        if now >= place.start_time + place.walltime_s:
            settled.expired[job.job_id] = EXPIRED
            continue
        stopped = "" if active.get(job.queue) else why_unplanned(job.queue, active.get(job.queue))
        fate = _Fate(place, stopped) if stopped else _fate(place, job, now, usable, choices)
        places.append((fate.place, job))
        if not stopped:
            starting.append(left_of(fate.place, now))
        if fate.delayed:
            settled.delayed[job.job_id] = fate.reason
        dates.append(fate.until or place.start_time + place.walltime_s)
        if words := _changed(world, job, fate):
            settled.told[job.job_id] = words
    incidents = tuple(_losses(mine, places))
    return replace(
        settled, places=tuple(places), starting=tuple(starting), incidents=incidents, dates=tuple(dates)
    )


def left_of(place: Assignment, now: int) -> Assignment:
    """Give what is left of a reservation's place when it begins late: its end stays."""
    late_s = max(now - place.start_time, 0)
    return replace(place, start_time=place.start_time + late_s, walltime_s=place.walltime_s - late_s)


def late_words(granted: Assignment, started: Assignment) -> str:
    """Say by how much a reservation that starts late is shorter."""
    before, after = format_duration(granted.walltime_s), format_duration(started.walltime_s)
    return f"walltime reduced from {before} to {after}, {granted.walltime_s - started.walltime_s} s late"


def _fate(place: Assignment, job: WaitingJob, now: int, usable: "_Usable", choices: SiteChoices) -> _Fate:
    begin = place.start_time
    if begin > now:
        return _Fate(place, f"reserved: starts {format_date(begin)}", delayed=False, until=begin)
    missing = ProcSet() if is_permissive(job) else usable.missing(job, place)
    if not missing:
        return _Fate(place, "reserved: starts now", delayed=False)
    names = usable.names(missing)
    rest = place.resources - missing
    if not rest:
        return _Fate(place, f"starts as soon as {names} can be used")
    patient = begin + choices.reservation_patience_s
    if patient > now:
        words = f"waits for {names} until {format_date(patient)}, then starts without"
        return _Fate(place, words, until=patient)
    return _Fate(replace(place, resources=rest), f"starts without {names}", delayed=False)


def _changed(world: World, job: WaitingJob, fate: _Fate) -> Told | None:
    before = world.told.get(job.job_id, Told())
    comment = RENEWED if before.message.endswith(f"({RENEWED})") else ""
    words = Told(message_of(job, fate.place, "", quota=comment), fate.reason)
    return None if words == before else words


def _losses(granted: list[Assignment], places: list[tuple[Assignment, WaitingJob]]) -> Iterator[Incident]:
    before = {one.job_id: len(one.resources) for one in granted}
    for place, job in places:
        lost = before[job.job_id] - len(place.resources)
        if lost:
            text = f"starts with {len(place.resources)} resources of {before[job.job_id]}: {lost} not usable"
            yield Incident(EventKind.SCHEDULER_REDUCE_NB_NODES_FOR_RESERVATION, job.job_id, text)


class _Usable:
    """Which resources a reservation can start on, by their state."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    @cached_property
    def _alive(self) -> ProcSet:
        return self._platform.procset(self._platform.in_state(NodeState.ALIVE))

    def missing(self, job: WaitingJob, place: Assignment) -> ProcSet:
        """Tell which resources of the place cannot be used now; those that sleep can, for some jobs."""
        missing = place.resources - self._alive
        if not missing or not takes_standby(job):
            return missing
        needed = place.start_time + place.walltime_s + STANDBY_MARGIN_S
        asleep = [
            int(one.resource_id)
            for one in self._platform.resources
            if one.state is NodeState.ABSENT and one.available_upto > needed
        ]
        return missing - ProcSet(*asleep)

    def names(self, resources: ProcSet) -> str:
        """Name the nodes of the resources; of those that are Dead only the number is known."""
        known = {one.resource_id: one.node for one in self._platform.resources}
        words = (known.get(number, f"resource {number}") for number in resources)
        return listed(list(dict.fromkeys(words)))
