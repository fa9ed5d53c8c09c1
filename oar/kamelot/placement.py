"""The first date at which a request finds its resources."""

from bisect import bisect_left
from collections.abc import Sequence
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
    start = earliest
    first = slots.slot_at(start)
    while start <= latest:
        window = slots.window(first, start, duration)
        free = []
        blocked = -1
        for group in groups:
            leaves, last_blocked = _scan(slots, group, window)
            free.append(leaves)
            blocked = max(blocked, last_blocked)
        if blocked < 0:
            resources = choose_all(groups, free)
            if resources is not None:
                return Place(start, resources)
            blocked = first
        first = blocked + 1
        if first == len(slots):
            return None
        start = slots.begins[first]
    return None


def _scan(slots: SlotSet, group: CompiledGroup, window: range) -> tuple[int, int]:
    """Tell the group's leaves that stay free over the window, and the last slot that no start may precede.

    Going backwards, the leaves that stay free get fewer. The slot where they become too few blocks every
    start up to its own begin, because any window from there holds it and all that follows. -1 if none does.
    """
    whole = slots.whole(group.hierarchy)
    backwards = whole[window.start : window.stop]
    backwards.reverse()
    left = list(accumulate(backwards, and_, initial=group.usable))
    if group.fits(left[-1]):
        return left[-1], -1
    steps = bisect_left(left, True, key=lambda free: not group.fits(free))
    return left[-1], window.stop - max(steps, 1)
