"""Time cut into slots; within a slot, the free resources do not change.

Kept as one sorted list of begins, with a parallel list for each thing that searches look at in slots: which
leaves of a hierarchy are wholly free, or how many leaves are free in each block. The last slot never ends. What
is free of all resources is kept apart, in a timeline.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from functools import reduce
from operator import and_

from oar.kamelot.compiled import CompiledGroup, Shape
from oar.kamelot.hierarchy import Hierarchy, Leaves
from oar.kamelot.occupation import FOREVER
from oar.kamelot.tally import Tally
from oar.kamelot.timeline import Timeline


class SlotSet:
    """The slots from a first date on."""

    def __init__(self, begin: int, free: int) -> None:
        self.begins = [begin]
        self._everything = free
        self._timeline = Timeline(begin, free)
        self._whole: dict[Hierarchy, list[int]] = {}
        self._tallies: dict[Shape, list[int]] = {}

    def copy(self) -> "SlotSet":
        """Make a slot set that can be changed apart from this one."""
        other = SlotSet(self.begins[0], self._everything)
        other.begins = self.begins.copy()
        other._timeline = self._timeline.copy()
        other._whole = {hierarchy: whole.copy() for hierarchy, whole in self._whole.items()}
        other._tallies = {shape: counts.copy() for shape, counts in self._tallies.items()}
        return other

    def __len__(self) -> int:
        return len(self.begins)

    @property
    def free(self) -> list[int]:
        """The free resources of each slot, made for who asks."""
        return [self._timeline.at(begin) for begin in self.begins]

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
            whole = self._whole[base] = [base.whole(self._timeline.at(begin)) for begin in self.begins]
        return whole

    def free_leaves(self, group: CompiledGroup, window: slice) -> int:
        """Tell which leaves that a group can use are free all through some slots."""
        if group.hierarchy.single:
            begins = self.begins
            after = begins[window.stop] if window.stop < len(begins) else FOREVER + 1
            return self._timeline.common(begins[window.start], after, group.usable)
        return reduce(and_, self.whole(group.hierarchy)[window], group.usable)

    def look(self, group: CompiledGroup) -> Callable[[int, int], list[int]]:
        """Give what tells the marks of the slots from one up to another: what the search looks at first."""
        if group.tally is None:
            whole, usable = self.whole(group.hierarchy), group.usable
            if usable == group.hierarchy.base.top.leaves:
                return lambda first, stop: whole[first:stop]
            return lambda first, stop: [leaves & usable for leaves in whole[first:stop]]
        counts = self._tally(group.shape)
        missing, flags = group.missing, group.tally.flags
        return lambda first, stop: [(count + missing) & flags for count in counts[first:stop]]

    def _tally(self, shape: Shape) -> list[int]:
        """Tell for each slot how many usable leaves are free in each block of the shape's tally."""
        counts = self._tallies.get(shape)
        if counts is None:
            counts = self._tallies[shape] = _counted(shape, self._leaves(shape.hierarchy, 0, len(self)))
        return counts

    def _leaves(self, hierarchy: Hierarchy, first: int, stop: int) -> list[int]:
        """Tell for some slots which leaves are wholly free, for once."""
        if hierarchy.single:
            return [self._timeline.at(begin) for begin in self.begins[first:stop]]
        return self.whole(hierarchy)[first:stop]

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
            for parallel in (*self._whole.values(), *self._tallies.values()):
                parallel.insert(index, parallel[index - 1])
        return index

    def remove(
        self,
        begin: int,
        end: int,
        resources: int,
        *,
        leaves: Leaves | None = None,
        were_free: bool = False,
    ) -> None:
        """Take resources from ``begin`` to ``end``, both included; what is before the slots is ignored.

        It is faster when the caller knows of which ``leaves`` they are made, and that they ``were_free``.
        """
        if end < self.begins[0]:
            return
        begin = max(begin, self.begins[0])
        first = self.cut(begin)
        after = self.cut(end + 1) if end < FOREVER else len(self.begins)
        for shape, counts in self._tallies.items():
            hierarchy = shape.hierarchy
            gone = _touched(hierarchy, resources, leaves) & shape.usable
            if not gone or shape.tally is None:
                continue
            if were_free and (hierarchy.single or (leaves and leaves.hierarchy.base is hierarchy.base)):
                less = shape.tally.of(gone)
                counts[first:after] = [count - less for count in counts[first:after]]
            else:
                before = self._leaves(hierarchy, first, after)
                counts[first:after] = _reduced(shape.tally, counts[first:after], before, gone)
        self._timeline.take(begin, end + 1, resources)
        for hierarchy, whole in self._whole.items():
            left = hierarchy.top.leaves ^ _touched(hierarchy, resources, leaves)
            whole[first:after] = [free & left for free in whole[first:after]]


def _touched(hierarchy: Hierarchy, resources: int, leaves: Leaves | None) -> int:
    if leaves is not None and leaves.hierarchy.base is hierarchy.base:
        return leaves.leaves & hierarchy.top.leaves
    return hierarchy.touched(resources)


def _counted(shape: Shape, whole: list[int]) -> list[int]:
    """Count the usable leaves of each slot, from the last on, because neighbours differ little."""
    assert shape.tally is not None
    counts = []
    later, count = 0, 0
    for leaves in reversed(whole):
        present = leaves & shape.usable
        common = present & later
        count += shape.tally.of(present ^ common) - shape.tally.of(later ^ common)
        later = present
        counts.append(count)
    counts.reverse()
    return counts


def _reduced(tally: Tally, counts: list[int], whole: list[int], gone: int) -> list[int]:
    """Count again in slots in which of some leaves none stays free."""
    known = less = 0
    reduced = []
    for count, leaves in zip(counts, whole, strict=True):
        lost = leaves & gone
        if lost != known:
            known, less = lost, tally.of(lost)
        reduced.append(count - less)
    return reduced
