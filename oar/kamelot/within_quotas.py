"""The search for a place that quotas allow: resources and quotas are asked in turn until they agree."""

from bisect import bisect_right
from typing import NamedTuple

from oar.core.job import MoldableId, WaitingJob
from oar.kamelot.compiled import CompiledMoldable
from oar.kamelot.counted import Counted
from oar.kamelot.occupation import FOREVER
from oar.kamelot.placement import Place
from oar.kamelot.quotas import Allowed, Exceeded, Ledger, Refused
from oar.kamelot.view import View


class Turned(NamedTuple):
    """The date to which quotas turned a search, FOREVER + 1 for never, and the last rule in the way."""

    date: int
    held_by: Exceeded | None


class Failed(NamedTuple):
    """A search between two dates that ended without a place, when quotas had a part in it."""

    wanted: CompiledMoldable
    earliest: int
    latest: int
    held_by: Exceeded | None


class WithinQuotas:
    """The search for the place of one job, in the plan as it sees it and within what the ledger allows.

    It remembers what it met, for those who want to know what held the job back.
    """

    def __init__(self, ledger: Ledger, counted: Counted, job: WaitingJob, view: View) -> None:
        self._ledger = ledger
        self._counted = counted
        self._job = job
        self._view = view
        self._held: dict[tuple[MoldableId, int], Exceeded | None] = {}
        self._failed: list[Failed] = []

    def find(self, wanted: CompiledMoldable, earliest: int, latest: int) -> Place | None:
        """Find the first start between two dates, both included, with resources and within quotas.

        Where places may differ in what quotas count of them, each slot of the plan is tried anew.
        """
        count = self._counted.of_each_place(wanted)
        turned = None if count is None else self._turned(wanted, earliest, count)
        start = earliest if turned is None else turned.date
        while start <= latest:
            place = self._view.find(wanted, start, latest)
            if place is None:
                break
            if count is not None and place.start == start:
                return place
            number = self._counted.of_place(place) if count is None else count
            found = self._turned(wanted, place.start, number)
            if found is None:
                return place
            turned, start = found, found.date
            if count is None:
                start = min(start, self._next_slot(place.start))
        if turned is not None:
            self._failed.append(Failed(wanted, earliest, latest, turned.held_by))
        return None

    def first_allowed(self, wanted: CompiledMoldable, place: Place) -> int:
        """Tell the first date, not before the place's own, at which quotas allow it; beyond all: never."""
        turned = self._turned(wanted, place.start, self._counted.of_place(place))
        return place.start if turned is None else turned.date

    def allow(self, wanted: CompiledMoldable, place: Place) -> bool:
        """Tell whether quotas allow the place."""
        return self.first_allowed(wanted, place) == place.start

    def held_until(self, wanted: CompiledMoldable, start: int) -> Exceeded | None:
        """Tell the quota that let the moldable start at a date and no earlier; None if there is none."""
        return self._held.get((wanted.moldable.moldable_id, start))

    def blame(self) -> Refused | None:
        """Tell what quotas have to do with it that no place was found: None if without them there is none."""
        for failed in self._failed:
            if self._view.find(failed.wanted, failed.earliest, failed.latest) is not None:
                return Refused(failed.held_by)
        return None

    def _turned(self, wanted: CompiledMoldable, earliest: int, count: int) -> Turned | None:
        """Ask the ledger; None when it allows the date."""
        moldable = wanted.moldable
        answer = self._ledger.first_start(self._job, earliest, wanted.duration, moldable.walltime_s, count)
        date = answer.start if isinstance(answer, Allowed) else FOREVER + 1
        if date <= earliest:
            return None
        self._held[moldable.moldable_id, date] = answer.held_by
        return Turned(date, answer.held_by)

    def _next_slot(self, date: int) -> int:
        begins = self._view.slots.begins
        after = bisect_right(begins, date)
        return begins[after] if after < len(begins) else FOREVER + 1
