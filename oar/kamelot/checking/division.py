"""Whether resources are what a request asks for: the right blocks, for each group its own."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations, islice, product

from procset import ProcSet

from oar.core.job import ALL, BEST, HALF, Level, LevelValue, Resource
from oar.kamelot.platform import level_value

MOST = 1000
"""So many ways to divide resources among groups are tried; if there are more, all is taken to be right."""

Path = tuple[LevelValue, ...]
Run = tuple[int, int]
"""The first and the last of ids without a gap."""


class Runs:
    """Runs that do not overlap, sorted, by which sets of ids are cut into pieces."""

    def __init__(self, runs: Iterable[Run]) -> None:
        self._runs = sorted(runs)
        self._firsts = [first for first, _ in self._runs]

    def cut(self, ids: ProcSet) -> Iterator[tuple[int, Run]]:
        """Give each piece of the ids that lies in a run, after the number of the run."""
        for first, last in ids.intervals():
            number = max(bisect_right(self._firsts, first) - 1, 0)
            while number < len(self._runs) and self._firsts[number] <= last:
                piece = max(first, self._firsts[number]), min(last, self._runs[number][1])
                if piece[0] <= piece[1]:
                    yield number, piece
                number += 1

    def hold(self, ids: ProcSet) -> bool:
        """Tell whether all of the ids lie in runs."""
        return _size(piece for _, piece in self.cut(ids)) == len(ids)


def runs_of(values: Iterable[tuple[int, object]]) -> list[Run]:
    """Join ids that follow one another and have equal values."""
    runs: list[Run] = []
    before: object = None
    for id_, value in sorted(values, key=lambda pair: pair[0]):
        if runs and runs[-1][1] == id_ - 1 and before == value:
            runs[-1] = runs[-1][0], id_
        else:
            runs.append((id_, id_))
        before = value
    return runs


def _size(pieces: Iterable[Run]) -> int:
    return sum(last - first + 1 for first, last in pieces)


@dataclass(slots=True)
class Part:
    """What is taken of a block: pieces of it, and what is taken of the blocks below."""

    path: Path
    pieces: list[Run] = field(default_factory=list)
    below: dict[LevelValue, "Part"] = field(default_factory=dict)


class Candidates:
    """The resources that groups of one filter and some levels may have, and the blocks that they make."""

    def __init__(self, names: Sequence[str], resources: Iterable[Resource]) -> None:
        """``resources`` are those that match, in scheduling order."""
        paths: dict[int, Path] = {}
        for resource in resources:
            path = tuple(level_value(resource, name) for name in names)
            if None not in path:
                paths[resource.resource_id] = path
        depths = range(1, len(names) + 1)
        leaves = Counter(paths.values())
        blocks = dict.fromkeys(path[:depth] for path in leaves for depth in depths)
        self._sizes = Counter(block[:-1] for block in blocks) + leaves
        """How many blocks there are just below a path; at the last level, how many resources."""
        number_of = {block: number for number, block in enumerate(blocks)}
        runs = runs_of(paths.items())
        self.runs = Runs(runs)
        self._paths = [paths[first] for first, _ in runs]
        self._places = [[number_of[path[:depth]] for depth in depths] for path in self._paths]
        """Where each run is, depth first; blocks come in the order of their first candidates."""

    def part(self, ids: ProcSet) -> Part:
        """Sort those of the resources that are candidates into their blocks."""
        top = Part(())
        for number, piece in sorted(self.runs.cut(ids), key=lambda cut: self._places[cut[0]]):
            block = top
            block.pieces.append(piece)
            path = self._paths[number]
            for depth, value in enumerate(path, start=1):
                found = block.below.get(value)
                if found is None:
                    found = block.below[value] = Part(path[:depth])
                block = found
                block.pieces.append(piece)
        return top

    def wrong_counts(self, part: Part, levels: Sequence[Level]) -> Iterator[str]:
        """Tell where the blocks are not as many as asked for, or not whole."""
        depth, given, size = len(part.path), len(part.below), self._sizes[part.path]
        if depth == len(levels):
            if _size(part.pieces) != size:
                yield f"gets a part of a {levels[-1].name} only"
            return
        level = levels[depth]
        right = {ALL: given == size, BEST: given >= 1, HALF: 1 <= given <= size // 2}
        if not right.get(level.count, given == level.count):
            yield f"gets {given} {level.name} instead of {level.count}"
        for below in part.below.values():
            yield from self.wrong_counts(below, levels)

    def ways(self, part: Part, levels: Sequence[Level]) -> Iterator[list[Run]]:
        """Give what a group may have got of resources that it shares with later groups.

        Groups take the first blocks that are free. What is given was free, so there is only one way; but for
        HALF, where it depends on how much was free and was not given.
        """
        depth, size = len(part.path), self._sizes[part.path]
        if depth == len(levels):
            if _size(part.pieces) == size:
                yield part.pieces
            return
        unsure = any(level.count == HALF for level in levels[depth + 1 :])
        found = (list(islice(self.ways(below, levels), MOST)) for below in part.below.values())
        survivors = [ways for ways in found if ways]
        for number in _numbers(levels[depth].count, size, len(survivors), unsure):
            for chosen in combinations(survivors, number) if unsure else [survivors[:number]]:
                for way in product(*chosen):
                    yield [piece for pieces in way for piece in pieces]


def _numbers(count: int, size: int, survivors: int, unsure: bool) -> Iterable[int]:
    """Tell how many blocks may be taken; ``unsure`` is whether some of the survivors may be none."""
    if count == HALF:
        least = 1 if unsure else max(1, survivors // 2)
        return range(least, min(survivors, size // 2) + 1)
    if count == BEST:
        return range(survivors, 0 if unsure else max(0, survivors - 1), -1)
    wanted = size if count == ALL else count
    return [wanted] if 1 <= wanted <= survivors else []


@dataclass(frozen=True, slots=True)
class Wish:
    """What one group asks for, of which candidates."""

    candidates: Candidates
    levels: Sequence[Level]

    def wrong_counts(self, ids: ProcSet) -> Iterator[str]:
        """Tell why the candidates among the resources are not what the group asks for."""
        return self.candidates.wrong_counts(self.candidates.part(ids), self.levels)

    def ways(self, ids: ProcSet) -> Iterator[ProcSet]:
        """Give what the group may have got of the resources."""
        ways = self.candidates.ways(self.candidates.part(ids), self.levels)
        return (ProcSet(*pieces) for pieces in ways)


def wrong_parts(wishes: Sequence[Wish], ids: ProcSet) -> Iterator[str]:
    """Tell why the resources are not what the groups ask for, in this order; nothing, when they are."""
    left = ids
    for wish in wishes:
        if wish.candidates.runs.hold(left):
            break
        left = left - ProcSet(*(piece for _, piece in wish.candidates.runs.cut(left)))
    else:
        yield "gets resources that do not match its filters"
    if len(wishes) == 1:
        yield from wishes[0].wrong_counts(ids)
        return
    tried = 0
    for fits in islice(_divisions(wishes, ids), MOST):
        if fits:
            return
        tried += 1
    if tried < MOST:
        yield f"gets what cannot be divided among its {len(wishes)} groups"


def _divisions(wishes: Sequence[Wish], left: ProcSet) -> Iterator[bool]:
    """Divide the resources in one way after the other; tell for each whether it serves all groups."""
    wish = wishes[0]
    if len(wishes) == 1:
        yield wish.candidates.runs.hold(left) and not any(wish.wrong_counts(left))
        return
    stuck = True
    for way in wish.ways(left):
        stuck = False
        yield from _divisions(wishes[1:], left - way)
    if stuck:
        yield False
