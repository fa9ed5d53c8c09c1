"""Time cut into slots; within a slot, the free resources do not change.

Kept as one sorted list of begins with a parallel list of what is free, and one more parallel list for each
hierarchy in use, telling which of its leaves are wholly free. The last slot never ends.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator

from oar.kamelot.compiled import CompiledGroup, Shape
from oar.kamelot.hierarchy import Hierarchy, Leaves
from oar.kamelot.occupation import FOREVER


class SlotSet:
    """The slots from a first date on."""

    def __init__(self, begin: int, free: int) -> None:
        self.begins = [begin]
        self.free = [free]
        self._everything = free
        self._whole: dict[Hierarchy, list[int]] = {}
        self._tallies: dict[Shape, list[int]] = {}

    def copy(self) -> "SlotSet":
        """Make a slot set that can be changed apart from this one."""
        other = SlotSet(self.begins[0], self._everything)
        other.begins = self.begins.copy()
        other.free = self.free.copy()
        other._whole = {hierarchy: whole.copy() for hierarchy, whole in self._whole.items()}
        other._tallies = {shape: counts.copy() for shape, counts in self._tallies.items()}
        return other

    def __len__(self) -> int:
        return len(self.begins)

    def slot_at(self, date: int) -> int:
        """Tell which slot holds the date; -1 before the first."""
        return bisect_right(self.begins, date) - 1

    def window(self, first: int, begin: int, duration: int) -> range:
        """Tell the slots, starting with the first, that a span from ``begin`` on of that duration meets."""
        return range(first, bisect_left(self.begins, begin + duration, first + 1))

    def whole(self, hierarchy: Hierarchy) -> list[int]:
        """Tell for each slot which leaves are wholly free (and maybe leaves of others).

        The list is alive and belongs to the slot set. Hierarchies with leaves of one base share it, and for
        hierarchies of single resources it is the list of all free resources; so keep only the hierarchy's
        own leaves of what comes out.
        """
        if hierarchy.single:
            return self.free
        base = hierarchy.base
        whole = self._whole.get(base)
        if whole is None:
            whole = self._whole[base] = [base.whole(free) for free in self.free]
        return whole

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
            counts = self._tallies[shape] = _counted(shape, self.whole(shape.hierarchy))
        return counts

    def pieces(self, begin: int, end: int, resources: int) -> Iterator[tuple[int, int, int]]:
        """Tell what of the resources is free between two dates, both included: begin, end and resources."""
        for index in self.window(self.slot_at(begin), begin, end - begin + 1):
            last = self.begins[index + 1] - 1 if index + 1 < len(self) else end
            yield max(begin, self.begins[index]), min(end, last), self.free[index] & resources

    def cut(self, date: int) -> int:
        """Tell which slot begins at the date, not before the first slot; make it if needed."""
        index = bisect_left(self.begins, date)
        if index == len(self.begins) or self.begins[index] != date:
            self.begins.insert(index, date)
            self.free.insert(index, self.free[index - 1])
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
        first = self.cut(max(begin, self.begins[0]))
        after = self.cut(end + 1) if end < FOREVER else len(self.begins)
        for shape, counts in self._tallies.items():
            gone = _touched(shape.hierarchy, resources, leaves) & shape.usable
            if gone and were_free and shape.hierarchy.single:
                less = shape.tally.of(gone)
                counts[first:after] = [count - less for count in counts[first:after]]
            elif gone:
                whole = self.whole(shape.hierarchy)
                counts[first:after] = _reduced(shape, counts[first:after], whole[first:after], gone)
        # "free & kept" costs a tenth of "free & ~taken", which makes large negative numbers on the way.
        kept = self._everything ^ (self._everything & resources)
        self.free[first:after] = [free & kept for free in self.free[first:after]]
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


def _reduced(shape: Shape, counts: list[int], whole: list[int], gone: int) -> list[int]:
    """Count again in slots in which of some leaves none stays free."""
    assert shape.tally is not None
    known = less = 0
    reduced = []
    for count, leaves in zip(counts, whole, strict=True):
        lost = leaves & gone
        if lost != known:
            known, less = lost, shape.tally.of(lost)
        reduced.append(count - less)
    return reduced
