"""What is free of all resources over time, for those who look at single resources.

Dates at which it changes lie in pieces of some dozens. Taking resources all through a piece is only noted
beside it, and what a piece has free from end to end is remembered; so a job that takes resources for a long
time, or asks what is free for a long time, touches a few values at both ends and one for each piece between::

    dates     | 0  10  60 | 90  100  110  170 | 200  260 | 300 ...
    free      | f0 f1  f2 | f3  f4   f5   f6  | f7   f8  | f9  ...
    kept            -              a               b          -       at 100, f4 & a is free

Nothing is drawn before somebody asks.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable
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


Part = tuple[Piece, int, int]
"""Some neighbouring dates of a piece: the first, and the one after the last."""


Pass = tuple[int, int, list[Part], list[int]]
"""The parts between two dates, and what each has free all through."""


class Timeline:
    """Free resources from a first date on, as sets of ranks."""

    def __init__(self, begin: int, everything: int) -> None:
        self._everything = everything
        self._begins = [begin]
        self._pieces = [Piece([begin], [everything], everything)]
        self._to_draw: list[tuple[int, int, int]] = []
        self._last: Pass | None = None

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
        return reduce(and_, self._pass(begin, after)[3], among)

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
        _, _, parts, free = self._pass(begin, after)
        number, left = _last_good(among, free, fits)
        piece, first, stop = parts[-1 - number]
        steps, _ = _last_good(left & piece.kept, piece.free[first:stop], fits)
        if steps:
            return piece.dates[stop - steps]
        if number:
            later, first, _ = parts[-number]
            return later.dates[first]
        return after

    def _pass(self, begin: int, after: int) -> Pass:
        """Go through what is free between two dates; who asks for them again gets the same."""
        self._draw()
        last = self._last
        if last is None or last[0] != begin or last[1] != after:
            parts = self._parts(begin, after)
            last = self._last = begin, after, parts, [_common(*part) for part in parts]
        return last

    def at(self, date: int) -> int:
        """Tell what is free at a date, not before the first one."""
        self._draw()
        piece = self._pieces[bisect_right(self._begins, date) - 1]
        return piece.free[bisect_right(piece.dates, date) - 1] & piece.kept

    def _draw(self) -> None:
        """Draw what was taken since somebody last asked."""
        if not self._to_draw:
            return
        self._last = None
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

    def _parts(self, begin: int, after: int) -> list[Part]:
        """List the pieces with dates that matter from one date until before another, and which do."""
        number = bisect_right(self._begins, begin)
        piece = self._pieces[number - 1]
        first = bisect_right(piece.dates, begin) - 1
        parts: list[Part] = []
        for later in self._pieces[number : bisect_left(self._begins, after, number)]:
            parts.append((piece, first, len(piece.dates)))
            piece, first = later, 0
        dates = piece.dates
        parts.append((piece, first, len(dates) if dates[-1] < after else bisect_left(dates, after)))
        return parts

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


def _last_good(among: int, free: list[int], fits: Callable[[int], bool]) -> tuple[int, int]:
    """Tell of how many, from the last on, what they have in common fits, and what that is; not of all."""
    lefts = list(accumulate(reversed(free), and_, initial=among))
    number = bisect_left(lefts, True, 1, key=lambda left: not fits(left)) - 1
    return number, lefts[number]
