"""What is free of all resources over time, for those who look at single resources.

Dates at which it changes lie in pieces of some dozens. Taking resources all through a piece is only noted
beside it, and what a piece has free from end to end is remembered; so a job that takes resources for a long
time, or asks what is free for a long time, touches a few values at both ends and one for each piece between::

    dates     | 0  10  60 | 90  100  110  170 | 200  260 | 300 ...
    free      | f0 f1  f2 | f3  f4   f5   f6  | f7   f8  | f9  ...
    kept            -              a               b          -       at 100, f4 & a is free

Nothing is drawn before somebody asks.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from functools import reduce
from itertools import accumulate
from operator import and_

MOST = 32
"""So many dates make a piece at most."""


class Piece:
    """Some dates, what is free from each on but for what is not ``kept``, and what they have in common."""

    __slots__ = ("common", "dates", "free", "kept")

    def __init__(self, dates: list[int], free: list[int], kept: int) -> None:
        self.dates = dates
        self.free = free
        self.kept = kept
        self.common: int | None = None

    def copy(self) -> "Piece":
        """Make a piece that can change apart from this one."""
        return Piece(self.dates.copy(), self.free.copy(), self.kept)

    def shared(self) -> int:
        """Tell what is free all through the piece."""
        if self.common is None:
            self.common = reduce(and_, self.free)
        return self.common & self.kept


class Timeline:
    """Free resources from a first date on, as sets of ranks."""

    def __init__(self, begin: int, everything: int) -> None:
        self._everything = everything
        self._begins = [begin]
        self._pieces = [Piece([begin], [everything], everything)]
        self._to_draw: list[tuple[int, int, int]] = []

    def copy(self) -> "Timeline":
        """Make a timeline that can be drawn in apart from this one."""
        other = Timeline(self._begins[0], self._everything)
        other._begins = self._begins.copy()
        other._pieces = [piece.copy() for piece in self._pieces]
        other._to_draw = self._to_draw.copy()
        return other

    def take(self, begin: int, after: int, resources: int) -> None:
        """Take resources from one date until before another; not before the first date."""
        self._to_draw.append((begin, after, resources))

    def common(self, begin: int, after: int, among: int) -> int:
        """Tell which of some resources are free from one date until before another."""
        self._draw()
        for part in self._parts(begin, after):
            among &= _common(*part)
        return among

    def values(self, begin: int, after: int) -> list[int]:
        """Tell what is free from one date on, and from each later date at which resources were taken or not
        any more, until before another."""
        self._draw()
        found: list[int] = []
        for piece, first, stop in self._parts(begin, after):
            kept = piece.kept
            found += [free & kept for free in piece.free[first:stop]]
        return found

    def after_blocked(self, begin: int, after: int, among: int, fits: Callable[[int], bool]) -> int:
        """Tell from when on what stays free before a date fits; from ``begin`` on it does not."""
        self._draw()
        parts = list(self._parts(begin, after))
        parts.reverse()
        lefts = list(accumulate([_common(*part) for part in parts], and_, initial=among))
        number = _last_good(lefts, fits)
        piece, first, stop = parts[number]
        slots = piece.free[first:stop]
        slots.reverse()
        lefts = list(accumulate(slots, and_, initial=lefts[number] & piece.kept))
        steps = _last_good(lefts, fits)
        if steps:
            return piece.dates[stop - steps]
        if number:
            later, first, _ = parts[number - 1]
            return later.dates[first]
        return after

    def at(self, date: int) -> int:
        """Tell what is free at a date, not before the first one."""
        self._draw()
        piece = self._pieces[bisect_right(self._begins, date) - 1]
        return piece.free[bisect_right(piece.dates, date) - 1] & piece.kept

    def _draw(self) -> None:
        """Draw what was taken since somebody last asked."""
        for begin, after, resources in self._to_draw:
            self._cut(begin)
            self._cut(after)
            # "free & kept" costs a tenth of "free & ~taken", which makes large negative numbers on the way.
            kept = self._everything ^ (self._everything & resources)
            for piece, first, stop in self._parts(begin, after):
                if stop - first == len(piece.dates):
                    piece.kept &= kept
                else:
                    piece.free[first:stop] = [free & kept for free in piece.free[first:stop]]
                    piece.common = None
        self._to_draw.clear()

    def _parts(self, begin: int, after: int) -> Iterator[tuple[Piece, int, int]]:
        """Go through the pieces with dates that matter from one date until before another, and which do."""
        number = bisect_right(self._begins, begin) - 1
        piece = self._pieces[number]
        first = bisect_right(piece.dates, begin) - 1
        while number + 1 < len(self._begins) and self._begins[number + 1] < after:
            yield piece, first, len(piece.dates)
            number, first = number + 1, 0
            piece = self._pieces[number]
        dates = piece.dates
        yield piece, first, len(dates) if dates[-1] < after else bisect_right(dates, after - 1)

    def _cut(self, date: int) -> None:
        number = bisect_right(self._begins, date) - 1
        piece = self._pieces[number]
        position = bisect_right(piece.dates, date)
        if piece.dates[position - 1] == date:
            return
        piece.dates.insert(position, date)
        piece.free.insert(position, piece.free[position - 1])
        size = len(piece.dates)
        if size > MOST:
            half = size // 2
            later = Piece(piece.dates[half:], piece.free[half:], piece.kept)
            del piece.dates[half:], piece.free[half:]
            piece.common = None
            self._pieces.insert(number + 1, later)
            self._begins.insert(number + 1, later.dates[0])


def _common(piece: Piece, first: int, stop: int) -> int:
    """Tell what some neighbouring dates of a piece have in common."""
    if stop - first == len(piece.dates):
        return piece.shared()
    return reduce(and_, piece.free[first:stop]) & piece.kept


def _last_good(lefts: Sequence[int], fits: Callable[[int], bool]) -> int:
    """Find the last that fits; the first does, the last does not, and each has less than the one before."""
    good, bad = 0, len(lefts) - 1
    while bad - good > 1:
        middle = (good + bad) // 2
        if fits(lefts[middle]):
            good = middle
        else:
            bad = middle
    return good
