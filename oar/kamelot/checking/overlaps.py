"""Which planned jobs meet others on their resources or leave their container: one sweep over time."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain

from oar.kamelot.containers import Space
from oar.kamelot.occupation import Occupation
from oar.kamelot.sharing import Sharing


@dataclass(frozen=True, slots=True)
class Kind:
    """All that tells with whom something drawn may be on the same resources."""

    inside: Space
    opens: Space
    sharing: Sharing
    besteffort: bool
    planned: bool


@dataclass(frozen=True, slots=True, eq=False)
class Booking:
    """Something drawn, its number in the order of drawing, that of its kind, and the atoms it is on."""

    taken: Occupation
    number: int
    kind: int
    atoms: tuple[range, ...]


class Atoms:
    """Resources that are always together, numbered in their order: nothing drawn is on some of them only."""

    def __init__(self, taken: Iterable[Occupation]) -> None:
        borders = {
            border
            for one in taken
            for first, last in one.resources.intervals()
            for border in (first, last + 1)
        }
        self._numbers = {border: number for number, border in enumerate(sorted(borders))}

    def of(self, taken: Occupation) -> tuple[range, ...]:
        """Tell the atoms of something drawn."""
        numbers = self._numbers
        return tuple(range(numbers[first], numbers[last + 1]) for first, last in taken.resources.intervals())


class Spaces:
    """The containers by the space that they open."""

    def __init__(self, taken: Iterable[Occupation]) -> None:
        self._containers: dict[Space, list[Occupation]] = defaultdict(list)
        for one in taken:
            if one.nesting.opens is not None:
                self._containers[one.nesting.opens].append(one)

    def outwards(self, space: Space) -> set[Space]:
        """Tell the space, those that its containers are in, and so on."""
        seen: set[Space] = set()
        new = {space}
        while new:
            seen |= new
            new = {one.nesting.inside for outer in new for one in self._containers.get(outer, ())} - seen
        return seen

    def may_meet(self, mine: Kind, other: Kind) -> bool:
        """Tell whether the one drawn later may be on the resources of the other."""
        makes_way = other.besteffort and not other.planned
        if mine.inside == other.inside:
            shared = mine.sharing.may_overlap(other.sharing) or other.sharing.may_overlap(mine.sharing)
            return shared or (makes_way and not mine.besteffort)
        around = self.outwards(mine.inside)
        if other.opens in around - {None} or mine.opens in self.outwards(other.inside) - {None}:
            return True
        ordinary = any(not one.besteffort for space in around for one in self._containers.get(space, ()))
        return makes_way and (ordinary or not mine.besteffort)


@dataclass(slots=True)
class Flaws:
    """What is wrong with one planned job, told by those that it meets and by dates."""

    meets: list[Booking] = field(default_factory=list)
    outside_at: list[int] = field(default_factory=list)


class Sweep:
    """Goes through time and keeps, for each atom, what kinds are on it and which spaces hold it.

    Its cost is that of listing the atoms of everything drawn, twice; only where something is wrong, all that
    is drawn at that date is looked through.
    """

    def __init__(self, occupations: Sequence[Occupation], planned: Sequence[Occupation]) -> None:
        self.flaws: dict[int, Flaws] = defaultdict(Flaws)
        """By the place in ``planned``."""
        self._first = len(occupations)
        self._spaces = Spaces([*occupations, *planned])
        self._kinds: dict[Kind, int] = {}
        self._meetings: dict[tuple[int, int], bool] = {}
        self._on: dict[int, dict[int, int]] = defaultdict(dict)
        self._held: dict[Space, dict[int, int]] = defaultdict(dict)
        self._active: dict[int, Booking] = {}
        atoms = Atoms([*occupations, *planned])
        drawn = [
            Booking(taken, number, self._kind(taken, number >= self._first), atoms.of(taken))
            for number, taken in enumerate([*occupations, *planned])
        ]
        self._list = list(self._kinds)
        self._run(drawn)

    def _kind(self, taken: Occupation, planned: bool) -> int:
        nesting = taken.nesting
        kind = Kind(nesting.inside, nesting.opens, taken.sharing, taken.besteffort, planned)
        return self._kinds.setdefault(kind, len(self._kinds))

    def _run(self, drawn: Iterable[Booking]) -> None:
        begins: dict[int, list[Booking]] = defaultdict(list)
        ends: dict[int, list[Booking]] = defaultdict(list)
        for one in drawn:
            if one.taken.begin <= one.taken.end:
                begins[one.taken.begin].append(one)
                ends[one.taken.end + 1].append(one)
        for date in sorted(begins.keys() | ends.keys()):
            for one in ends[date]:
                self._leave(one)
            for one in begins[date]:
                self._enter(one)
            self._check_spaces(date, begins[date], ends[date])

    def _enter(self, one: Booking) -> None:
        kind, on = one.kind, self._on
        met: set[int] = set()
        for atom in chain(*one.atoms):
            here = on[atom]
            met.update(here)
            here[kind] = here.get(kind, 0) + 1
        if not all(self._fits(one.kind, other) and self._fits(other, one.kind) for other in met):
            self._blame(one)
        self._active[one.number] = one
        if one.taken.nesting.opens is not None:
            held = self._held[one.taken.nesting.opens]
            for atom in chain(*one.atoms):
                held[atom] = held.get(atom, 0) + 1

    def _leave(self, one: Booking) -> None:
        _take_away(one.kind, [self._on[atom] for atom in chain(*one.atoms)])
        del self._active[one.number]
        if one.taken.nesting.opens is not None:
            held = self._held[one.taken.nesting.opens]
            for atom in chain(*one.atoms):
                held[atom] -= 1

    def _fits(self, mine: int, other: int) -> bool:
        """Tell whether the kinds may meet when the first one is drawn later; what is not planned is given."""
        found = self._meetings.get((mine, other))
        if found is None:
            kinds = self._list
            given = not kinds[mine].planned
            found = given or self._spaces.may_meet(kinds[mine], kinds[other])
            self._meetings[mine, other] = found
        return found

    def _blame(self, one: Booking) -> None:
        for other in self._active.values():
            earlier, later = sorted((one, other), key=lambda booking: booking.number)
            if not self._fits(later.kind, earlier.kind) and later.taken.resources & earlier.taken.resources:
                self.flaws[later.number - self._first].meets.append(earlier)

    def _check_spaces(self, date: int, entered: Sequence[Booking], left: Sequence[Booking]) -> None:
        """See that a space holds what begins inside it, and, when a container ends, what goes on there."""
        suspects = {one.number: one for one in entered}
        for container in left:
            space = container.taken.nesting.opens
            if space is not None and self._has_lost(space, container):
                suspects |= self._active
        for one in suspects.values():
            if one.number >= self._first and not self._is_inside(one):
                self.flaws[one.number - self._first].outside_at.append(date)

    def _has_lost(self, space: Space, container: Booking) -> bool:
        held = self._held[space]
        return any(
            kind.planned and kind.inside == space and held[atom] < self._needed(kind)
            for atom in chain(*container.atoms)
            for kind in map(self._list.__getitem__, self._on[atom])
        )

    def _is_inside(self, one: Booking) -> bool:
        kind = self._list[one.kind]
        if kind.inside is None:
            return True
        held, needed = self._held[kind.inside], self._needed(kind)
        return all(held.get(atom, 0) >= needed for atom in chain(*one.atoms))

    def _needed(self, kind: Kind) -> int:
        """Tell how many containers must hold what is inside; one that is inside itself does not count."""
        return 2 if kind.opens == kind.inside else 1


def _take_away(kind: int, places: Iterable[dict[int, int]]) -> None:
    for here in places:
        if here[kind] == 1:
            del here[kind]
        else:
            here[kind] -= 1


def flaws_of(
    occupations: Sequence[Occupation], planned: Sequence[Occupation]
) -> Iterator[tuple[int, list[str]]]:
    """Tell in words for each planned job, by its place, whom it meets and when it has no container."""
    for place, flaws in Sweep(occupations, planned).flaws.items():
        inside = planned[place].nesting.inside
        texts = [f"is not inside container {inside} at {date}" for date in flaws.outside_at]
        met = sorted(flaws.meets, key=lambda other: other.number)
        yield place, [*texts, *(f"shares resources with job {other.taken.job_id}" for other in met)]
