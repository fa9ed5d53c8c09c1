"""Time cut into slots; within a slot, the free resources do not change.

Kept as one sorted list of begins with a parallel list of what is free, and one more parallel list for each
hierarchy in use, telling which of its leaves are wholly free. The last slot never ends.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator

from oar.kamelot.hierarchy import Hierarchy
from oar.kamelot.occupation import FOREVER


class SlotSet:
    """The slots from a first date on."""

    def __init__(self, begin: int, free: int) -> None:
        self.begins = [begin]
        self.free = [free]
        self._everything = free
        self._whole: dict[Hierarchy, list[int]] = {}

    def copy(self) -> "SlotSet":
        """Make a slot set that can be changed apart from this one."""
        other = SlotSet(self.begins[0], self._everything)
        other.begins = self.begins.copy()
        other.free = self.free.copy()
        other._whole = {hierarchy: whole.copy() for hierarchy, whole in self._whole.items()}
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
            for whole in self._whole.values():
                whole.insert(index, whole[index - 1])
        return index

    def remove(self, begin: int, end: int, resources: int) -> None:
        """Take resources from ``begin`` to ``end``, both included; what is before the slots is ignored."""
        if end < self.begins[0]:
            return
        first = self.cut(max(begin, self.begins[0]))
        after = self.cut(end + 1) if end < FOREVER else len(self.begins)
        # "free & kept" costs a tenth of "free & ~taken", which makes large negative numbers on the way.
        kept = self._everything ^ (self._everything & resources)
        self.free[first:after] = [free & kept for free in self.free[first:after]]
        for hierarchy, whole in self._whole.items():
            left = hierarchy.top.leaves ^ hierarchy.touched(resources)
            whole[first:after] = [leaves & left for leaves in whole[first:after]]
