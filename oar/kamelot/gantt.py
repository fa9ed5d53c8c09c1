"""The plan while it is made: what is drawn in it, and the search for the next place."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from oar.core.job import JobId
from oar.kamelot.compiled import CompiledMoldable
from oar.kamelot.hints import Hints
from oar.kamelot.occupation import FOREVER, Occupation
from oar.kamelot.placement import Place, find_place
from oar.kamelot.platform import Platform
from oar.kamelot.reason import Reason
from oar.kamelot.slot_set import SlotSet

OVER = 0
"""The end of a job that has ended: nothing has to wait for it."""


@dataclass(frozen=True, slots=True)
class Bar:
    """Resources drawn as taken from ``begin`` to ``end``, both included; without job: not available."""

    begin: int
    end: int
    resources: int
    job_id: JobId | None


@dataclass(frozen=True, slots=True)
class Planned:
    """What is remembered of a job placed here, to explain it: what it met and what it waited for."""

    bars_before: int
    earliest: int
    waited_for: JobId | None
    place: Place


class Gantt:
    """Free resources from ``now`` on. Occupations are only added, never taken away."""

    def __init__(
        self,
        platform: Platform,
        occupations: Iterable[Occupation],
        now: int,
        ends: Mapping[JobId, int] | None = None,
    ) -> None:
        """Draw the occupations and the ends of availability; ``ends`` tells when jobs not placed here end."""
        self.platform = platform
        self.now = now
        self.ends = dict(ends or {})
        self.bars: list[Bar] = []
        self.planned: dict[JobId, Planned] = {}
        self.refused: dict[JobId, Reason] = {}
        self.slots = SlotSet(now, platform.everything)
        self._hints = Hints()
        for date, resources in platform.ends_of_availability().items():
            self._draw(Bar(date, FOREVER, resources, None))
        self.occupy(occupations)

    def copy(self) -> "Gantt":
        """Make a Gantt that can be drawn in apart from this one."""
        other = Gantt(self.platform, (), self.now, self.ends)
        other.bars = self.bars.copy()
        other.planned = self.planned.copy()
        other.refused = self.refused.copy()
        other.slots = self.slots.copy()
        other._hints = self._hints.copy()
        return other

    def occupy(self, occupations: Iterable[Occupation]) -> None:
        """Draw what others take; it may overlap what is drawn already, and what is past is ignored."""
        for taken in occupations:
            resources = self.platform.mask(taken.resources)
            self._draw(Bar(taken.begin, taken.end, resources, taken.job_id))

    def _draw(self, bar: Bar) -> None:
        if bar.end >= self.now:
            self.slots.remove(bar.begin, bar.end, bar.resources)
            self.bars.append(bar)

    def find(self, wanted: CompiledMoldable, earliest: int, latest: int) -> Place | None:
        """Find the first start between two dates, both included, at which the moldable has its resources."""
        duration = wanted.duration
        known = max(self._hints.not_before(group, duration) for group in wanted.groups)
        place = None
        if known <= latest:
            place = find_place(self.slots, wanted.groups, duration, max(earliest, known), latest)
        if len(wanted.groups) == 1 and earliest <= max(known, self.now):
            self._hints.learn(wanted.groups[0], duration, place.start if place else max(known, latest + 1))
        return place

    def plan(
        self, job_id: JobId, wanted: CompiledMoldable, place: Place, earliest: int, waited_for: JobId | None
    ) -> None:
        """Give the job its place."""
        self.planned[job_id] = Planned(len(self.bars), earliest, waited_for, place)
        self.ends[job_id] = place.start + wanted.moldable.walltime_s
        self._draw(Bar(place.start, place.start + wanted.duration - 1, place.resources, job_id))
