"""The first date at which a request finds its resources."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from functools import reduce
from itertools import accumulate
from operator import and_
from typing import NamedTuple

from oar.kamelot import bits
from oar.kamelot.compiled import CompiledGroup, choose_all, choose_for
from oar.kamelot.hierarchy import Leaves, Runs
from oar.kamelot.slot_set import SlotSet, Taken

AHEAD = 16
"""So many slots are looked at together."""


class Place(NamedTuple):
    """A date and the resources that are free from then on for long enough.

    ``leaves`` are those that make up the resources, where they are leaves of one hierarchy, and ``runs`` the
    resources again, where they are known without counting.
    """

    start: int
    resources: int
    leaves: Leaves | None = None
    runs: Runs | None = None

    def taken(self) -> Taken:
        """Describe the resources as those who draw them want to know them."""
        runs = list(bits.runs(self.resources)) if self.runs is None else self.runs
        return Taken(self.resources, runs, self.leaves)


def find_place(
    slots: SlotSet, groups: Sequence[CompiledGroup], duration: int, earliest: int, latest: int
) -> Place | None:
    """Find the first start between the two dates, both included, where all groups fit for the duration.

    Only the earliest date and the begins of slots are tried: elsewhere nothing becomes free.
    """
    if len(groups) == 1:
        return _find_for_one(Search(slots, groups[0], duration), earliest, latest)
    searches = [Search(slots, group, duration) for group in groups]
    start = _first_for_all(searches, earliest, latest)
    while start is not None:
        resources = choose_all(groups, [search.free() for search in searches])
        if resources is not None:
            return Place(start, resources)
        after = max([search.after_blocked_if_alone() for search in searches])
        if after == len(slots):
            return None
        start = _first_for_all(searches, slots.begins[after], latest)
    return None


def _find_for_one(search: "Search", earliest: int, latest: int) -> Place | None:
    start = search.first(earliest, latest)
    while start is not None:
        place = _choose(start, search)
        if place is not None:
            return place
        after = search.after_blocked()
        if after is None:
            return None
        start = search.first(after, latest)
    return None


def _choose(start: int, search: "Search") -> Place | None:
    """Choose among what the search found free from that start on."""
    hierarchy = search.group.hierarchy
    chosen = choose_for(search.group, search.free(), search.marks)
    if not chosen:
        return None
    runs = hierarchy.runs(chosen)
    resources = hierarchy.resources_of(chosen) if runs is None else bits.union(runs)
    return Place(start, resources, Leaves(hierarchy, chosen), runs)


def _first_for_all(searches: Sequence["Search"], start: int, latest: int) -> int | None:
    """Find the first start at which each search finds enough."""
    agreed = 0
    while agreed < len(searches):
        for search in searches:
            found = search.first(start, latest)
            if found is None:
                return None
            agreed = agreed + 1 if found == start else 1
            start = found
            if agreed == len(searches):
                break
    return start


Seen = tuple[int, int, list[int], int, list[int]]
"""Where a search stands: border, first slot not seen yet, left, right, and the marks of slots in right."""


class Search:
    """Looks for windows of slots in which enough is free for one group.

    What is looked at in a slot are its *marks*: the free leaves, or one bit for each block that has enough
    free leaves. The marks that all slots of a window have in common must be so many.
    """

    def __init__(self, slots: SlotSet, group: CompiledGroup, duration: int) -> None:
        self.marks = 0
        self._slots = slots
        self.group = group
        self._duration = duration
        self._window = range(0)
        self._look = slots.look(group)
        everything = group.shape.marks
        self._seen: Seen = 0, 0, [everything], everything, []

    def first(self, start: int, latest: int) -> int | None:
        """Find the first start between the dates whose window has enough marks in common.

        It may be called again with later dates.

        The window moves over the slots as a queue made of two stacks: ``left`` holds what the last slot
        before ``border`` has, what the last two have in common, and so on; ``right`` is what all slots from
        there on have in common. So each slot is looked at once or twice, however many windows hold it. When
        ``right`` alone has too little, the last slot to blame blocks every start up to its own begin.
        """
        begins, duration, look = self._slots.begins, self._duration, self._look
        needed, everything = self.group.needed, self.group.shape.marks
        first = bisect_right(begins, start) - 1
        border, seen, left, right, news = self._seen
        if first > border:
            del news[: first - border]
            news.reverse()
            border = seen = max(first, seen)
            left, right, news = list(accumulate(news, and_, initial=everything)), everything, []
        while start <= latest:
            stop = bisect_left(begins, start + duration, first + 1)
            if stop > seen:
                new = look(seen, stop)
                news += new
                right = reduce(and_, new, right)
                seen = stop
            common = right & left[border - first]
            if common.bit_count() >= needed:
                self.marks, self._window = common, range(first, stop)
                self._seen = border, seen, left, right, news
                return start
            if right.bit_count() >= needed:
                first = border - _last_good(left, border - first, right, needed)
            else:
                news.reverse()
                left = list(accumulate(news, and_, initial=everything))
                first = stop - _last_good(left, stop - border, everything, needed)
                border, right, news = stop, everything, []
                if first == stop:
                    first = border = seen = self._next_good(stop)
                    left = [everything]
            if first == len(begins):
                return None
            start = begins[first]
        return None

    def _next_good(self, first: int) -> int:
        """Find the first slot, from that one on, that has enough marks in itself."""
        needed, everything = self.group.needed, self.group.shape.marks
        while marks := self._look(first, first + AHEAD):
            for mark in marks:
                if (mark & everything).bit_count() >= needed:
                    return first
                first += 1
        return first

    def free(self) -> int:
        """Tell which usable leaves are free all through the window that was found last."""
        if not self.group.tally:
            return self.marks
        return self._slots.free_leaves(self.group, self._window)

    def after_blocked(self) -> int | None:
        """Tell the first date at which a start may be, when what is free in the last window is too little."""
        slots = self._slots
        after = slots.after_blocked(self.group, self._window)
        return slots.begins[after] if after < len(slots) else None

    def after_blocked_if_alone(self) -> int:
        """Tell the first slot that a start may be in, when several groups together have too little.

        If this group has enough by itself, others are to blame, and the next slot may do.
        """
        if self.group.fits(self.free()):
            return self._window.start + 1
        return self._slots.after_blocked(self.group, self._window)


def _last_good(left: Sequence[int], bad: int, right: int, needed: int) -> int:
    """Find the last step before the bad one at which enough is in common; step 0 has enough."""
    good = 0
    while bad - good > 1:
        middle = (good + bad) // 2
        if (left[middle] & right).bit_count() >= needed:
            good = middle
        else:
            bad = middle
    return good
