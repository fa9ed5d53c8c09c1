"""What earlier searches prove about later ones.

While jobs are placed, resources only disappear. So when a request found its first start at some date, no
request of the same shape that wants at least as many blocks for at least as long can start before it.
"""

from dataclasses import dataclass

from oar.kamelot.compiled import CompiledGroup
from oar.kamelot.hierarchy import Counts, Hierarchy

Shape = tuple[Hierarchy, int, Counts]


@dataclass(frozen=True, slots=True)
class Hint:
    """Nothing that wants at least these counts for at least this duration starts before ``start``."""

    start: int
    counts: Counts
    duration: int


class Hints:
    """The hints of one slot set; they hold as long as nothing is freed in it."""

    def __init__(self) -> None:
        self._hints: dict[Shape, list[Hint]] = {}

    def copy(self) -> "Hints":
        """Make hints that grow apart from these."""
        other = Hints()
        other._hints = {shape: hints.copy() for shape, hints in self._hints.items()}
        return other

    def not_before(self, group: CompiledGroup, duration: int) -> int:
        """Tell a date before which the group alone cannot start for that duration; 0 if nothing is known."""
        counts = group.counts
        for hint in self._hints.get(_shape(group), ()):  # latest start first
            if hint.duration <= duration and _all_at_most(hint.counts, counts):
                return hint.start
        return 0

    def learn(self, group: CompiledGroup, duration: int, start: int) -> None:
        """Note that the group alone cannot start before a date for that duration."""
        hints = self._hints.setdefault(_shape(group), [])
        new = Hint(start, group.counts, duration)
        kept = [hint for hint in hints if not _makes_useless(new, hint)]
        position = 0
        while position < len(kept) and kept[position].start > start:
            position += 1
        kept.insert(position, new)
        self._hints[_shape(group)] = kept


def _shape(group: CompiledGroup) -> Shape:
    """Tell what must be the same for counts to be comparable, such as ALL, BEST and HALF."""
    return group.hierarchy, group.usable, tuple(count if count < 0 else 0 for count in group.counts)


def _all_at_most(counts: Counts, others: Counts) -> bool:
    return all(map(int.__le__, counts, others))


def _makes_useless(new: Hint, old: Hint) -> bool:
    return new.start >= old.start and new.duration <= old.duration and _all_at_most(new.counts, old.counts)
