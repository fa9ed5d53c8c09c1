"""What earlier searches prove about later ones.

While jobs are placed, resources only disappear. So when a request found its first start at some date, no
request of the same shape that wants at least as many blocks for at least as long can start before it.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from operator import le
from typing import NamedTuple

from oar.kamelot.compiled import CompiledGroup, Shape
from oar.kamelot.hierarchy import Counts

NEAR = 4
"""So many of the next hints are looked at when there is a new one."""


class Hint(NamedTuple):
    """Nothing that wants at least these counts for at least this duration starts before minus ``falling``.

    Of hints, the one that says the latest start is the least.
    """

    falling: int
    counts: Counts
    duration: int


class Hints:
    """The hints of one slot set; they hold as long as nothing is freed in it.

    For each shape they are sorted by start, the latest first. A hint that follows from a new one is left out
    if it is near; others that do so cost a little and harm nothing.
    """

    def __init__(self) -> None:
        self._hints: dict[Shape, list[Hint]] = defaultdict(list)

    def copy(self) -> "Hints":
        """Make hints that grow apart from these."""
        other = Hints()
        for shape, hints in self._hints.items():
            other._hints[shape] = hints.copy()
        return other

    def not_before(self, group: CompiledGroup, duration: int) -> int:
        """Tell a date before which the group alone cannot start for that duration; 0 if nothing is known."""
        counts = group.counts
        for hint in self._hints[group.shape]:
            if hint.duration <= duration and all(map(le, hint.counts, counts)):
                return -hint.falling
        return 0

    def learn(self, group: CompiledGroup, duration: int, start: int) -> None:
        """Note that the group alone cannot start before a date for that duration; nothing later was known."""
        new = Hint(-start, group.counts, duration)
        hints = self._hints[group.shape]
        position = bisect_left(hints, (-start,))
        near = slice(position, position + NEAR)
        hints[near] = [new, *_news(new, hints[near])]


def _news(new: Hint, hints: list[Hint]) -> Iterator[Hint]:
    """Leave out the hints that follow from a new one which is not earlier."""
    counts, duration = new.counts, new.duration
    for hint in hints:
        if duration > hint.duration or not all(map(le, counts, hint.counts)):
            yield hint
