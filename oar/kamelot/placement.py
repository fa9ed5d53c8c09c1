"""The first date at which a request finds its resources."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from operator import and_

from oar.kamelot.compiled import CompiledGroup, choose_all
from oar.kamelot.slot_set import SlotSet

SHORT = 3
"""A window of so few slots is not worth moving to a slot in which too little is free."""


@dataclass(frozen=True, slots=True)
class Place:
    """A date and the resources that are free from then on for long enough."""

    start: int
    resources: int


def find_place(
    slots: SlotSet, groups: Sequence[CompiledGroup], duration: int, earliest: int, latest: int
) -> Place | None:
    """Find the first start between the two dates, both included, where all groups fit for the duration.

    Only the earliest date and the begins of slots are tried: elsewhere nothing becomes free.
    """
    begins = slots.begins
    windows = [Window(slots.whole(group.hierarchy), group) for group in groups]
    start = earliest
    first = slots.slot_at(start)
    while start <= latest:
        stop = bisect_left(begins, start + duration, first + 1)
        after = _after_blocked(windows, first, stop)
        if after == first:
            resources = choose_all(groups, [window.free for window in windows])
            if resources is not None:
                return Place(start, resources)
            after = first + 1
        first = after
        if first == len(begins):
            return None
        start = begins[first]
    return None


def _after_blocked(windows: list["Window"], first: int, stop: int) -> int:
    """Tell the first slot that a start may be in, as far as this window tells; itself, if all groups fit."""
    after = first
    if stop - first <= SHORT:
        after = max([window.skip(first) for window in windows])
    if after == first:
        after = max([window.move(first, stop) + 1 for window in windows])
    return after or first


class Window:
    """What stays free for a group over a window of slots that moves to the right.

    ``_ends`` holds what stays free over the last slot before ``_border``, over the last two, and so on: as
    long as the window begins left of the border, only slots right of it have to be looked at.
    """

    def __init__(self, whole: list[int], group: CompiledGroup) -> None:
        self.free = 0
        self._whole = whole
        self._usable = group.usable
        self._fits = group.fits
        self._border = -1
        self._ends: list[int] = []

    def skip(self, first: int) -> int:
        """Tell the first slot, from that one on, in which enough is free, whatever comes after it."""
        fits, usable, whole = self._fits, self._usable, self._whole
        for number in range(first, len(whole)):
            if fits(whole[number] & usable):
                return number
        return len(self._whole)

    def move(self, first: int, stop: int) -> int:
        """Move the window to these slots; tell the last one that no start may precede, or -1.

        Going backwards, the leaves that stay free get fewer. The slot where they become too few blocks every
        start up to its own begin, because any window from there holds it and all that follows.
        """
        fits = self._fits
        if self._border <= first:
            self._border = first
            self._ends = [self._usable]
        new = self._whole[self._border : stop]
        new.reverse()
        ends = list(accumulate(new, and_, initial=self._usable))
        right = ends[-1]
        left = self._ends
        size = self._border - first
        self.free = right & left[size]
        if fits(self.free):
            return -1
        if fits(right):
            return self._border - _first_failing(lambda step: fits(right & left[step]), size)
        self._ends, self._border = ends, stop
        return stop - _first_failing(lambda step: fits(ends[step]), len(new))


def _first_failing(succeeds: Callable[[int], bool], failing: int) -> int:
    """Find the first step from 1 on that fails, when all later ones fail too, the one given among them."""
    last_success = 0
    while failing - last_success > 1:
        middle = (last_success + failing) // 2
        if succeeds(middle):
            last_success = middle
        else:
            failing = middle
    return failing
