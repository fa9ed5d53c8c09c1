"""What a search plugin is given: the plan as its job sees it, and the ways in which the job can be placed."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import reduce
from operator import and_

from procset import ProcSet

from oar.core.job import Moldable, MoldableId, Resource
from oar.kamelot.platform import Platform
from oar.kamelot.plugins.arguments import Arguments
from oar.kamelot.plugins.candidates import Candidates, Matching

Piece = tuple[int, int, int]
"""A time in which the free resources do not change: first second, last second, and their ranks as bits."""


class Slots:
    """The plan as one job sees it, from now on: what it may use at all, as far as it is free."""

    def __init__(self, pieces: Iterable[Piece]) -> None:
        """Keep the pieces, given in the order of time and without gaps; there must be one at least."""
        self.pieces = tuple(pieces)
        self.begins = [begin for begin, _, _ in self.pieces]

    def at(self, date: int) -> int:
        """Tell the number of the slot that holds the date; the first one holds also what is before it."""
        return max(bisect_right(self.begins, date) - 1, 0)

    def free(self, start: int, duration: int) -> int:
        """Tell the ranks that are free from ``start`` on for so many seconds."""
        first = self.at(start)
        stop = bisect_left(self.begins, start + duration, first + 1)
        return reduce(and_, (free for _, _, free in self.pieces[first:stop]))

    def free_until(self, start: int, ranks: int) -> int:
        """Tell the last second up to which all these ranks stay free, when they are so at the start."""
        for begin, _, free in self.pieces[self.at(start) :]:
            if ranks & ~free:
                return begin - 1
        return self.pieces[-1][1]


@dataclass(frozen=True, slots=True)
class Slot:
    """A time in which the free resources do not change, from ``begin`` to ``end``, both included."""

    begin: int
    end: int
    free: ProcSet


@dataclass(frozen=True, slots=True, eq=False)
class Option:
    """A moldable of the job, and what of it matters to the plan.

    ``duration_s`` is how long it takes its resources, security time included; ``latest`` is the last second
    at which it may start.
    """

    moldable: Moldable
    duration_s: int
    latest: int
    matchings: tuple[Matching, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """The moldable that is to be placed, when, and where."""

    moldable_id: MoldableId
    start: int
    resources: ProcSet


Search = Callable[[Option, int, int], Choice | None]
"""Finds the first place of an option between two dates, both included."""


class Openings:
    """The plan as one job sees it, to be read only: sharing, containers and states are dealt with.

    ``options`` are the job's moldables in the order given, ``earliest`` is the first second at which any may
    start.
    """

    def __init__(
        self,
        platform: Platform,
        slots: Slots,
        options: tuple[Option, ...],
        *,
        earliest: int,
        arguments: Arguments,
        search: Search,
    ) -> None:
        self.options = options
        self.earliest = earliest
        self.arguments = arguments
        self._platform = platform
        self._slots = slots
        self._search = search

    @property
    def resources(self) -> tuple[Resource, ...]:
        """All resources of the platform that are not Dead, in scheduling order."""
        return self._platform.resources

    def slots(self) -> Iterator[Slot]:
        """Go through the slots, beginning with the one that holds the earliest date, to the end of time.

        Free in them is what the job may use at all; what matches its filters, ``free`` tells.
        """
        first = self._slots.at(self.earliest)
        for begin, end, free in self._slots.pieces[first:]:
            yield Slot(max(begin, self.earliest), end, self._platform.procset(free))

    def free(self, option: Option, start: int) -> ProcSet:
        """Tell what matches an option's filters and is free for all its duration if it starts then."""
        return self._platform.procset(self.free_ranks(option, start))

    def free_ranks(self, option: Option, start: int) -> int:
        """Tell the same as ranks in scheduling order, the bits of a number."""
        matching = 0
        for one in option.matchings:
            matching |= one.resources
        return self._slots.free(start, option.duration_s) & matching

    def candidates(self, option: Option, start: int, arguments: Arguments | None = None) -> Candidates:
        """Tell the same as a matching plugin would be told, to choose from it in the same way."""
        free = self._slots.free(start, option.duration_s)
        beginning = self._slots.at(start) == 0
        return Candidates(
            self._platform,
            option.matchings,
            free,
            beginning,
            self.arguments if arguments is None else arguments,
        )

    def search(self, option: Option, earliest: int | None = None, latest: int | None = None) -> Choice | None:
        """Find the first place of an option between two dates, both included, the normal way.

        That is with the matching plugin of the job, if it asks for one. Dates that are left out are those of
        the job, which also bound the ones given.
        """
        first = self.earliest if earliest is None else max(earliest, self.earliest)
        last = option.latest if latest is None else min(latest, option.latest)
        return self._search(option, first, last) if first <= last else None
