"""The plan while it is made: what is drawn in it, and how each kind of job sees it."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from procset import ProcSet

from oar.core.job import JobId, WaitingJob
from oar.kamelot.compiled import CompiledMoldable, Compiler, compiler_for
from oar.kamelot.containers import OUTSIDE, Nesting, Space, containers_first, nesting_of
from oar.kamelot.counted import counted_on
from oar.kamelot.occupation import FOREVER, Occupation
from oar.kamelot.placement import Place
from oar.kamelot.platform import Platform
from oar.kamelot.quotas import Exceeded, Ledger
from oar.kamelot.reasons.reason import Reason
from oar.kamelot.sharing import ALONE, Sharing, sharing_of
from oar.kamelot.slot_set import SlotSet, Taken
from oar.kamelot.view import PLATFORM, View, Viewpoint, viewpoint

OVER = 0
"""The end of a job that has ended: nothing has to wait for it."""

IN_PLATFORM: frozenset[Space] = frozenset({None})


class Bar(NamedTuple):
    """Resources drawn as taken from ``begin`` to ``end``, both included, in the spaces named."""

    begin: int
    end: int
    resources: int
    job_id: JobId | None
    inside: Space = None
    spaces: frozenset[Space] = IN_PLATFORM
    sharing: Sharing = ALONE

    def blocks(self, seen_from: Viewpoint) -> bool:
        """Tell whether the resources are taken for jobs that are placed from that viewpoint."""
        if seen_from.space not in self.spaces:
            return False
        return seen_from.space != self.inside or not seen_from.sharing.may_overlap(self.sharing)


@dataclass(frozen=True, slots=True)
class Area:
    """Resources that a container gives to its space from ``begin`` to ``end``, both included."""

    begin: int
    end: int
    resources: int
    job_id: JobId | None


class Earliest(NamedTuple):
    """The first date at which a job may start; until then it waits for a job, or because it asked to."""

    date: int
    waits_for: JobId | None = None
    postponed: bool = False


class Planned(NamedTuple):
    """What is remembered of a job placed here, to explain it: what it met and what it waited for.

    ``held_by`` is the quota that let it start then and not before.
    """

    bars_before: int
    earliest: Earliest
    place: Place
    seen_from: Viewpoint
    held_by: Exceeded | None = None


class Stance(NamedTuple):
    """Where a job stands among others: in which containers, sharing with whom, and how it sees the plan."""

    nesting: Nesting
    sharing: Sharing
    seen_from: Viewpoint


PLAIN = Stance(OUTSIDE, ALONE, PLATFORM)


def stance_of(job: WaitingJob) -> Stance:
    """Read a job's stance from its types."""
    if not job.types:
        return PLAIN
    nesting, sharing = nesting_of(job), sharing_of(job)
    return Stance(nesting, sharing, viewpoint(nesting, sharing))


class Gantt:
    """Free resources from ``now`` on. Occupations are only added, never taken away."""

    def __init__(
        self,
        platform: Platform,
        occupations: Iterable[Occupation],
        now: int,
        ends: Mapping[JobId, int] | None = None,
        quotas: Ledger | None = None,
    ) -> None:
        """Draw the occupations and the ends of availability; ``ends`` tells when jobs not placed here end.

        ``quotas``, of the same ``now``, are charged for what is drawn and limit what is placed.
        """
        self.platform = platform
        self.quotas = quotas
        self.now = now
        self.at_once = Earliest(now)
        self.ends = dict(ends or {})
        self.bars: list[Bar] = []
        self._ending: dict[int, list[int]] = defaultdict(list)
        self._indexed = 0
        self.areas: dict[Space, list[Area]] = {}
        self.planned: dict[JobId, Planned] = {}
        self.refused: dict[JobId, Reason] = {}
        self._usable = platform.everything
        self._compiler = compiler_for(platform, platform.everything)
        self._parents: dict[Space, set[Space]] = {}
        self._views: dict[Space, dict[Sharing, View]] = defaultdict(dict)
        self._plain = self._views[None][ALONE] = View(PLATFORM, self._empty_slots())
        self.occupy(occupations)

    def copy(self) -> "Gantt":
        """Make a Gantt that can be drawn in apart from this one."""
        other = Gantt(self.platform, (), self.now, self.ends)
        other.quotas = None if self.quotas is None else self.quotas.copy()
        other.bars = self.bars.copy()
        other.areas = {space: areas.copy() for space, areas in self.areas.items()}
        other.planned = self.planned.copy()
        other.refused = self.refused.copy()
        other._parents = {space: parents.copy() for space, parents in self._parents.items()}
        for space, views in self._views.items():
            other._views[space] = {sharing: view.copy() for sharing, view in views.items()}
        other._plain = other._views[None][ALONE]
        return other

    def bars_ending(self, end: int, before: int) -> Iterator[Bar]:
        """Give the bars whose last second is ``end``, of those that were the first ``before`` to be drawn."""
        for number in range(self._indexed, len(self.bars)):
            self._ending[self.bars[number].end].append(number)
        self._indexed = len(self.bars)
        for number in self._ending.get(end, ()):
            if number < before:
                yield self.bars[number]

    @property
    def slots(self) -> SlotSet:
        """What ordinary jobs see of the platform."""
        return self._plain.slots

    def occupy(self, occupations: Iterable[Occupation]) -> None:
        """Draw what others take; it may overlap what is drawn already, and what is past is ignored.

        A container gives to its space only what was free until now. What an inner job takes beyond its
        container, because that is gone or it outlives it, is taken from the platform too. What a job
        takes of a container's resources, which it left while it was suspended, is taken from the space too.
        """
        drawn = [taken for taken in occupations if taken.end >= self.now]
        resources = {id(taken): self.platform.mask(taken.resources) for taken in drawn}
        for taken in containers_first(drawn, lambda taken: taken.nesting):
            if taken.nesting.opens is not None:
                pieces = self._free_of(taken.nesting, taken.begin, taken.end, resources[id(taken)])
                self._open(taken.nesting, (Area(*piece, taken.job_id) for piece in pieces))
        given = {space: _all_of(areas) for space, areas in self.areas.items()}
        for taken in drawn:
            inside = taken.nesting.inside
            mask = resources[id(taken)]
            spaces = IN_PLATFORM if inside is None else self._outwards(inside)
            if taken.nesting.opens is None:
                spaces |= {space for space, area in given.items() if area & mask}
            bar = Bar(taken.begin, taken.end, mask, taken.job_id, inside, spaces, taken.sharing)
            self._draw(bar, Taken(mask))
            if self.quotas is not None and taken.charged_to is not None:
                count = counted_on(self.platform).of(mask)
                self.quotas.charge(taken.charged_to, taken.begin, taken.end, taken.work_end, count)

    def compiler(self, usable: int) -> Compiler:
        """Give what makes the requests of jobs ready that may use these resources."""
        if usable is not self._usable:  # comparing or hashing sets so large takes longer than all else
            self._usable, self._compiler = usable, compiler_for(self.platform, usable)
        return self._compiler

    def view(self, job: WaitingJob) -> View | None:
        """Show the plan as a job sees it; None when there is no container to place it in."""
        return self._view(stance_of(job).seen_from)

    def plan(
        self,
        job: WaitingJob,
        wanted: CompiledMoldable,
        place: Place,
        earliest: Earliest,
        held_by: Exceeded | None = None,
    ) -> ProcSet:
        """Give the job its place; tells its resources."""
        taken = place.taken()
        nesting, sharing, seen_from = stance_of(job)
        inside = nesting.inside
        self.planned[job.job_id] = Planned(len(self.bars), earliest, place, seen_from, held_by)
        self.ends[job.job_id] = place.start + wanted.moldable.walltime_s
        end = place.start + wanted.duration - 1
        spaces = IN_PLATFORM if inside is None else frozenset({inside})
        bar = Bar(place.start, end, place.resources, job.job_id, inside, spaces, sharing)
        self._draw(bar, taken, were_free=sharing is ALONE)
        if self.quotas is not None:
            count = counted_on(self.platform).of_place(place)
            self.quotas.charge(job, place.start, end, self.ends[job.job_id] - 1, count)
        if nesting.opens is not None:
            self._open(nesting, [Area(place.start, end, place.resources, job.job_id)])
        return self.platform.procset_of_runs(taken.runs or ())

    def _view(self, seen_from: Viewpoint) -> View | None:
        if seen_from is PLATFORM:
            return self._plain
        view = self._views[seen_from.space].get(seen_from.sharing)
        if view is None and (seen_from.space is None or seen_from.space in self.areas):
            view = self._views[seen_from.space][seen_from.sharing] = self._build(seen_from)
        return view

    def _draw(self, bar: Bar, taken: Taken, *, were_free: bool = False) -> None:
        self.bars.append(bar)
        for space in bar.spaces:
            for view in self._views[space].values():
                if bar.blocks(view.seen_from):
                    view.slots.remove(bar.begin, bar.end, taken, were_free=were_free)

    def _open(self, nesting: Nesting, areas: Iterable[Area]) -> None:
        """Add to a space; its views gain resources, so they are made anew when they are next wanted."""
        self.areas.setdefault(nesting.opens, []).extend(areas)
        self._parents.setdefault(nesting.opens, set()).add(nesting.inside)
        self._views[nesting.opens].clear()

    def _free_of(
        self, nesting: Nesting, begin: int, end: int, resources: int
    ) -> Iterator[tuple[int, int, int]]:
        """Tell what of the resources is free where a container is, piece by piece."""
        view = self._view(Viewpoint(nesting.inside))
        slots = self.slots if view is None else view.slots
        return slots.pieces(max(begin, self.now), end, resources)

    def _outwards(self, space: Space) -> frozenset[Space]:
        """Tell the space, those that its containers are in, and so on; the platform always."""
        found: set[Space] = {None}
        new = {space}
        while new:
            found |= new
            new = {parent for inner in new for parent in self._parents.get(inner, ())} - found
        return frozenset(found)

    def _build(self, seen_from: Viewpoint) -> View:
        if seen_from.space is None:
            slots = self._empty_slots()
        else:
            slots = _slots_of(self.now, self.areas[seen_from.space], self.platform.everything)
        for bar in self.bars:
            if bar.blocks(seen_from):
                slots.remove(bar.begin, bar.end, Taken(bar.resources))
        return View(seen_from, slots)

    def _empty_slots(self) -> SlotSet:
        slots = SlotSet(self.now, self.platform.everything)
        for date, resources in self.platform.ends_of_availability().items():
            slots.remove(date, FOREVER, Taken(resources))
        return slots


def _all_of(areas: Iterable[Area]) -> int:
    found = 0
    for area in areas:
        found |= area.resources
    return found


def _slots_of(now: int, areas: Iterable[Area], everything: int) -> SlotSet:
    """Make slots in which nothing is free but the areas."""
    areas = list(areas)
    dates = sorted({now, *(area.begin for area in areas), *(area.end + 1 for area in areas)})
    slots = SlotSet(now, everything)
    for begin, after in zip(dates, [*dates[1:], FOREVER + 1], strict=True):
        open_ = 0
        for area in areas:
            if area.begin <= begin <= area.end:
                open_ |= area.resources
        slots.remove(begin, after - 1, Taken(everything & ~open_))
    return slots
