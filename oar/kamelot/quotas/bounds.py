"""What earlier searches prove about later ones.

What is charged only grows while jobs are placed. So when quotas let a job start at some date, they let no job
that is alike to them start before it that takes at least as much for at least as long.
"""

from dataclasses import dataclass

from oar.kamelot.quotas.answer import Exceeded

KEPT = 64
"""So many bounds are kept for jobs that are alike."""


@dataclass(frozen=True, slots=True)
class Bound:
    """Jobs of at least these resources, duration and work start no earlier; ``held_by`` tells why."""

    start: int
    resources: int
    duration: int
    work: int
    held_by: Exceeded | None


class Bounds:
    """The bounds of jobs that are alike; they hold as long as nothing that was charged is taken back.

    They are sorted by start, the latest first; none follows from one before it.
    """

    def __init__(self) -> None:
        self._bounds: list[Bound] = []

    def copy(self) -> "Bounds":
        """Make bounds that grow apart from these."""
        other = Bounds()
        other._bounds = self._bounds.copy()
        return other

    def latest(self, resources: int, duration: int, work: int) -> Bound | None:
        """Tell the best bound for a job."""
        for bound in self._bounds:
            if bound.duration <= duration and bound.resources <= resources and bound.work <= work:
                return bound
        return None

    def learn(self, new: Bound) -> None:
        """Note a bound that is later than all that were known for its job."""
        kept = [
            bound
            for bound in self._bounds
            if bound.start > new.start
            or bound.resources < new.resources
            or bound.duration < new.duration
            or bound.work < new.work
        ]
        position = 0
        while position < len(kept) and kept[position].start > new.start:
            position += 1
        kept.insert(position, new)
        self._bounds = kept[:KEPT]
