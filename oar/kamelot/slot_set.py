"""Time cut into slots; within a slot, the free resources do not change.

Kept as one sorted list of begins, with a parallel list for each thing that searches look at in slots: which
leaves of a hierarchy are wholly free, or how many leaves are free in each block. The last slot never ends.
What is free of all resources is kept apart, in a timeline.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from functools import reduce
from itertools import accumulate
from operator import and_
from typing import NamedTuple

from oar.kamelot.compiled import CompiledGroup
from oar.kamelot.hierarchy import Hierarchy, Leaves, Runs
from oar.kamelot.occupation import FOREVER
from oar.kamelot.tallies import Tallies
from oar.kamelot.tally import Tally
from oar.kamelot.timeline import Timeline


class Taken(NamedTuple):
    """Resources to be taken; their runs, if known, and the leaves that they are, if they are, save time."""

    resources: int
    runs: Runs | None = None
    leaves: Leaves | None = None

    def counted_by(self, tally: Tally, gone: int) -> int:
        """Count those of the resources that matter to a tally."""
        if self.runs is not None and not tally.hierarchy.top.children and gone == self.resources:
            return sum([last - first + 1 for first, last in self.runs])
        return tally.of(gone)

    def is_made_of(self, hierarchy: Hierarchy) -> bool:
        """Tell whether the resources are leaves of the hierarchy, all of each."""
        return self.leaves is not None and self.leaves.hierarchy.base is hierarchy.base

    def leaves_of(self, hierarchy: Hierarchy) -> int:
        """Tell the leaves of a hierarchy that hold any of the resources."""
        if self.leaves is not None and self.leaves.hierarchy.base is hierarchy.base:
            return self.leaves.leaves & hierarchy.top.leaves
        if hierarchy.single or self.runs is None:
            return hierarchy.touched(self.resources)
        return hierarchy.touched_by(self.runs, self.resources)


class SlotSet:
    """The slots from a first date on."""

    def __init__(self, begin: int, free: int) -> None:
        self.begins = [begin]
        self._everything = free
        self._timeline = Timeline(begin, free)
        self._whole: dict[Hierarchy, list[int]] = {}
        self._tallies: dict[Tally, Tallies] = {}

    def copy(self) -> "SlotSet":
        """Make a slot set that can be changed apart from this one."""
        other = SlotSet(self.begins[0], self._everything)
        other.begins = self.begins.copy()
        other._timeline = self._timeline.copy()
        other._whole = {hierarchy: whole.copy() for hierarchy, whole in self._whole.items()}
        other._tallies = {tally: tallies.copy(other.begins) for tally, tallies in self._tallies.items()}
        return other

    def __len__(self) -> int:
        return len(self.begins)

    @property
    def free(self) -> list[int]:
        """The free resources of each slot, made for who asks."""
        return self._free(0, len(self))

    def free_at(self, slot: int) -> int:
        """Tell the free resources of a slot."""
        return self._timeline.at(self.begins[slot])

    def slot_at(self, date: int) -> int:
        """Tell which slot holds the date; -1 before the first."""
        return bisect_right(self.begins, date) - 1

    def window(self, first: int, begin: int, duration: int) -> range:
        """Tell the slots, starting with the first, that a span from ``begin`` on of that duration meets."""
        return range(first, bisect_left(self.begins, begin + duration, first + 1))

    def whole(self, hierarchy: Hierarchy) -> list[int]:
        """Tell for each slot which leaves are wholly free (and maybe leaves of others).

        The list is alive and belongs to the slot set. Hierarchies with leaves of one base share it; so keep
        only the hierarchy's own leaves of what comes out.
        """
        base = hierarchy.base
        whole = self._whole.get(base)
        if whole is None:
            whole = self._whole[base] = _whole(base, self.free)
        return whole

    def free_leaves(self, group: CompiledGroup, window: range) -> int:
        """Tell which leaves that a group can use are free all through some slots."""
        if group.hierarchy.single:
            return self._timeline.common(*self._dates(window.start, window.stop), group.usable)
        return reduce(and_, self.whole(group.hierarchy)[window.start : window.stop], group.usable)

    def after_blocked(self, group: CompiledGroup, window: range) -> int:
        """Tell from which slot of a window on enough leaves stay free for the group."""
        fits = group.fits
        if group.hierarchy.single:
            dates = self._dates(window.start, window.stop)
            date = self._timeline.after_blocked(*dates, group.usable, fits)
            return bisect_left(self.begins, date, window.start, window.stop)
        whole = self.whole(group.hierarchy)[window.start : window.stop]
        whole.reverse()
        ends = list(accumulate(whole, and_, initial=group.usable))
        return window.stop + 1 - bisect_left(ends, True, key=lambda left: not fits(left))

    def look(self, group: CompiledGroup) -> Callable[[int, int], list[int]]:
        """Give what tells the marks of the slots from one up to another: what the search looks at first.

        Keep only the group's own marks of what comes out; there are other bits beside them.
        """
        if group.tally is None:
            whole = self.whole(group.hierarchy)
            return lambda first, stop: whole[first:stop]
        counts, missing = self._tallies_of(group.tally).counts(), group.missing
        return lambda first, stop: [count + missing for count in counts[first:stop]]

    def _tallies_of(self, tally: Tally) -> Tallies:
        """Give how many usable leaves are free in each block of a tally."""
        tallies = self._tallies.get(tally)
        if tallies is None:
            free = self.leaves(tally.hierarchy, 0, len(self))
            tallies = self._tallies[tally] = Tallies(tally, self.begins, free)
        return tallies

    def leaves(self, hierarchy: Hierarchy, first: int, stop: int) -> list[int]:
        """Tell for some slots which leaves are wholly free, for once."""
        if hierarchy.single:
            return self._free(first, stop)
        return self.whole(hierarchy)[first:stop]

    def _free(self, first: int, stop: int) -> list[int]:
        return self._timeline.values(*self._dates(first, stop))

    def _dates(self, first: int, stop: int) -> tuple[int, int]:
        """Tell when the first of some slots begins, and when that after the last of them does."""
        return self.begins[first], self.begins[stop] if stop < len(self.begins) else FOREVER + 1

    def pieces(self, begin: int, end: int, resources: int) -> Iterator[tuple[int, int, int]]:
        """Tell what of the resources is free between two dates, both included: begin, end and resources."""
        for index in self.window(self.slot_at(begin), begin, end - begin + 1):
            last = self.begins[index + 1] - 1 if index + 1 < len(self) else end
            yield max(begin, self.begins[index]), min(end, last), self.free_at(index) & resources

    def cut(self, date: int) -> int:
        """Tell which slot begins at the date, not before the first slot; make it if needed."""
        index = bisect_left(self.begins, date)
        if index == len(self.begins) or self.begins[index] != date:
            self.begins.insert(index, date)
            for whole in self._whole.values():
                whole.insert(index, whole[index - 1])
            for tallies in self._tallies.values():
                tallies.cut(index)
        return index

    def remove(self, begin: int, end: int, taken: Taken, *, were_free: bool = False) -> None:
        """Take resources from ``begin`` to ``end``, both included; what is before the slots is ignored.

        It is faster when the caller knows that all of them ``were_free``.
        """
        if end < self.begins[0]:
            return
        begin = max(begin, self.begins[0])
        first = self.cut(begin)
        after = self.cut(end + 1) if end < FOREVER else len(self.begins)
        for tally, tallies in self._tallies.items():
            hierarchy = tally.hierarchy
            gone = (taken.resources if hierarchy.single else taken.leaves_of(hierarchy)) & tally.usable
            if not gone:
                continue
            if were_free and (hierarchy.single or taken.is_made_of(hierarchy)):
                tallies.take(begin, end + 1, taken.counted_by(tally, gone))
            else:
                tallies.take_some(first, self.leaves(hierarchy, first, after), gone)
        self._timeline.take(begin, end + 1, taken.resources)
        for hierarchy, whole in self._whole.items():
            left = hierarchy.top.leaves ^ taken.leaves_of(hierarchy)
            whole[first:after] = [free & left for free in whole[first:after]]


def _whole(hierarchy: Hierarchy, frees: list[int]) -> list[int]:
    """Tell which leaves are wholly free in each slot, from the last on, because neighbours differ little."""
    whole: list[int] = []
    later = leaves = 0
    for free in reversed(frees):
        if free & later == free:
            leaves &= hierarchy.top.leaves ^ hierarchy.touched(later ^ free)
        else:
            leaves = hierarchy.whole(free)
        later = free
        whole.append(leaves)
    whole.reverse()
    return whole
