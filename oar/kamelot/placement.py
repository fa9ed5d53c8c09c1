"""The first date at which a request finds its resources."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from operator import and_

from oar.kamelot.compiled import CompiledGroup, choose_all
from oar.kamelot.slot_set import SlotSet


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
    scans = [(slots.whole(group.hierarchy), group.usable, group.fits) for group in groups]
    start = earliest
    first = slots.slot_at(start)
    while start <= latest:
        stop = bisect_left(begins, start + duration, first + 1)
        free = []
        blocked = -1
        for whole, usable, fits in scans:
            leaves, last_blocked = _scan(whole[first:stop], usable, fits)
            free.append(leaves)
            blocked = max(blocked, last_blocked)
        if blocked < 0:
            resources = choose_all(groups, free)
            if resources is not None:
                return Place(start, resources)
            blocked = 0
        first += blocked + 1
        if first == len(begins):
            return None
        start = begins[first]
    return None


def _scan(window: list[int], usable: int, fits: Callable[[int], bool]) -> tuple[int, int]:
    """Tell the leaves that stay free over the window, and the last slot in it that no start may precede.

    Going backwards, the leaves that stay free get fewer. The slot where they become too few blocks every
    start up to its own begin, because any window from there holds it and all that follows. -1 if none does.
    """
    window.reverse()
    left = list(accumulate(window, and_, initial=usable))
    if fits(left[-1]):
        return left[-1], -1
    enough, too_few = 0, len(window)
    while too_few - enough > 1:
        middle = (enough + too_few) // 2
        if fits(left[middle]):
            enough = middle
        else:
            too_few = middle
    return left[-1], len(window) - too_few
