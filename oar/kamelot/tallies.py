"""How many leaves are free in each block over time, for those who look at blocks.

There is a tally for each slot. Taking leaves is only noted at first: what was noted since somebody last
looked is drawn at once, so that each slot is changed once, however many jobs were placed meanwhile.
"""

from bisect import bisect_left
from itertools import pairwise

from oar.kamelot.tally import Tally


class Tallies:
    """The counts of one tally in slots that begin at ``begins``, a list that its owner changes."""

    def __init__(self, tally: Tally, begins: list[int], free: list[int]) -> None:
        self._tally = tally
        self._begins = begins
        self._counts = _counted(tally, free)
        self._to_draw: list[tuple[int, int, int]] = []

    def copy(self, begins: list[int]) -> "Tallies":
        """Make one that can change apart from this one, for a copy of the begins."""
        other = Tallies(self._tally, begins, [])
        other._counts = self._counts.copy()
        other._to_draw = self._to_draw.copy()
        return other

    def counts(self) -> list[int]:
        """Give the counts of all slots; the list is alive."""
        if self._to_draw:
            self._draw()
        return self._counts

    def cut(self, index: int) -> None:
        """Note that the slot before ``index`` was cut in two."""
        self._counts.insert(index, self._counts[index - 1])

    def take(self, begin: int, after: int, less: int) -> None:
        """Count so many less from one date until before another, both begins of slots or later than all."""
        self._to_draw.append((begin, after, less))

    def take_some(self, first: int, before: list[int], gone: int) -> None:
        """Take leaves of which not all were free; ``before`` says which, in each slot from ``first`` on."""
        counts = self.counts()
        known = less = 0
        for index, leaves in enumerate(before, first):
            lost = leaves & gone
            if lost != known:
                known, less = lost, self._tally.of(lost)
            counts[index] -= less

    def _draw(self) -> None:
        if len(self._to_draw) == 1:
            self._subtract(*self._to_draw[0])
        else:
            changes: dict[int, int] = {}
            for begin, after, less in self._to_draw:
                changes[begin] = changes.get(begin, 0) + less
                changes[after] = changes.get(after, 0) - less
            less = 0
            for begin, after in pairwise(sorted(changes)):
                less += changes[begin]
                if less:
                    self._subtract(begin, after, less)
        self._to_draw.clear()

    def _subtract(self, begin: int, after: int, less: int) -> None:
        first = bisect_left(self._begins, begin)
        stop = bisect_left(self._begins, after, first)
        self._counts[first:stop] = [count - less for count in self._counts[first:stop]]


def _counted(tally: Tally, free: list[int]) -> list[int]:
    """Count the usable leaves of each slot, from the last on, because neighbours differ little."""
    counts = []
    later, count = 0, 0
    for leaves in reversed(free):
        present = leaves & tally.usable
        common = present & later
        count += tally.of(present ^ common) - tally.of(later ^ common)
        later = present
        counts.append(count)
    counts.reverse()
    return counts
