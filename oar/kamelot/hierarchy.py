"""Blocks of resources below one another, and the choice of some among those that are free.

The blocks of the last level are the *leaves*. What is free is told as a set of leaves, and a leaf is free
only as a whole: matching a request never looks at single resources. Where each leaf is one resource, leaves
are numbered by rank, so that a set of resources is a set of leaves; else they are numbered depth first.
"""

from collections.abc import Callable, Iterable, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, NamedTuple

from oar.core.job import ALL, BEST, HALF, LevelValue
from oar.kamelot import bits
from oar.kamelot.counting import Fields, fields_of

Counts = tuple[int, ...]
"""How many blocks are wanted at each level, or ALL, BEST, HALF."""


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """A block above the last level; the topmost holds everything.

    ``leaves`` are all the leaves below it, ``size`` the number of blocks (or leaves) just below it, and
    ``children`` these blocks; there are none when the leaves themselves are just below. Where the children
    are laid out as ``fields``, they can be counted all at once.
    """

    leaves: int
    size: int
    children: tuple["Block", ...] = ()
    fields: Fields | None = None


def _above(children: Iterable[Block]) -> Block:
    """Make the block above some blocks."""
    below = tuple(children)
    leaves = 0
    for child in below:
        leaves |= child.leaves
    lowest_level = not any(child.children for child in below)
    return Block(leaves, len(below), below, fields_of([b.leaves for b in below]) if lowest_level else None)


Draft = dict[LevelValue, Any]
"""What is below each value of a level while rows are sorted in: drafts, or ranks at the last level."""


Runs = Sequence[tuple[int, int]]
"""Resources as runs of neighbouring ranks, ends included, rising."""


class Leaves(NamedTuple):
    """Leaves of a hierarchy, all of each."""

    hierarchy: "Hierarchy"
    leaves: int


class Hierarchy:
    """The blocks that one list of levels makes of some candidate resources."""

    def __init__(self, levels: tuple[str, ...], rows: Sequence[tuple[int, tuple[LevelValue, ...]]]) -> None:
        """Sort rows of rank and path, in rising rank, into blocks; a block is known by its whole path.

        There must be one level at least; a path has one value for each.
        """
        self.levels = levels
        self.resources = bits.mask_of_rising([rank for rank, _ in rows])
        draft: Draft = {}
        for rank, path in rows:
            block = draft
            for value in path[:-1]:
                found = block.get(value)
                if found is None:
                    found = block[value] = {}
                block = found
            block.setdefault(path[-1], []).append(rank)
        self.base = self
        """Whose leaves these are, so that what is known of its leaves is known of these too."""
        self._leaf_masks: list[int] = []
        self._leaf_of = [0] * self.resources.bit_length()
        self.single = _has_single_leaves(draft, len(levels))
        """Whether each leaf is one resource, so that sets of leaves are sets of resources."""
        self.top = self._finish(draft, len(levels))
        self._ends = _ends_in_a_row(self._leaf_masks)

    def _finish(self, draft: Draft, depth: int) -> Block:
        if depth > 1:
            return _above(self._finish(below, depth - 1) for below in draft.values())
        size = len(draft)
        if self.single:
            return Block(bits.mask_of_rising([ranks[0] for ranks in draft.values()]), size)
        first = len(self._leaf_masks)
        for leaf, ranks in enumerate(draft.values(), start=first):
            self._leaf_masks.append(bits.mask_of_rising(ranks))
            for rank in ranks:
                self._leaf_of[rank] = leaf
        return Block(bits.span(first, first + size - 1) if size else 0, size)

    def within(self, candidates: int) -> "Hierarchy | None":
        """Make the hierarchy of some of the candidates with the leaves of this one.

        None when that cannot be: when part of a leaf is left, or blocks change their order.
        """
        other = copy(self)
        other.resources = self.resources & candidates
        leaves = self.touched(other.resources)
        if leaves & self.touched(self.resources ^ other.resources) or not leaves:
            return None
        other.top = _restricted(self.top, leaves)
        return other if other._in_order(other.top) else None

    def _in_order(self, block: Block) -> bool:
        """Tell whether blocks are still sorted by their first resource, as they are when made from rows."""
        first_leaves = [bits.lowest(child.leaves) for child in block.children]
        firsts = [leaf if self.single else bits.lowest(self._leaf_masks[leaf]) for leaf in first_leaves]
        return firsts == sorted(firsts) and all(map(self._in_order, block.children))

    def whole(self, free: int) -> int:
        """Tell the leaves that are wholly free when these resources are."""
        if self.single:
            return free & self.top.leaves
        return self.top.leaves ^ self.touched(self.resources ^ (self.resources & free))

    def touched(self, resources: int) -> int:
        """Tell the leaves that hold any of the resources."""
        rest = resources & self.resources
        if self.single:
            return rest
        leaves = 0
        while rest:
            leaf = self._leaf_of[rest.bit_length() - 1]
            leaves |= 1 << leaf
            rest ^= rest & self._leaf_masks[leaf]
        return leaves

    def touched_by(self, runs: Runs, resources: int) -> int:
        """Tell the leaves that hold any of the resources, which are also given as runs of ranks."""
        ends = self._ends
        if not ends:
            return self.touched(resources)
        leaves = 0
        for first, last in runs:
            if first < ends[-1] and last >= ends[0]:
                leaf = self._leaf_of[max(first, ends[0])]
                leaves |= bits.span(leaf, self._leaf_of[min(last, ends[-1] - 1)])
        return leaves & self.top.leaves

    def resources_of(self, leaves: int) -> int:
        """Tell all resources of the leaves."""
        if self.single:
            return leaves
        runs = self.runs(leaves)
        if runs is not None:
            return bits.union(runs)
        resources = 0
        for leaf in bits.members(leaves):
            resources |= self._leaf_masks[leaf]
        return resources

    def runs(self, leaves: int) -> Runs | None:
        """Tell the runs of ranks that the leaves are made of, if leaves lie side by side in their order."""
        ends = self._ends
        if not ends:
            return None
        return [(ends[first], ends[last + 1] - 1) for first, last in bits.runs(leaves)]


def _ends_in_a_row(leaf_masks: Sequence[int]) -> list[int]:
    """Tell where each leaf begins, and where the last one ends, when they lie side by side; else nothing."""
    if not leaf_masks:
        return []
    ends = [bits.lowest(leaf_masks[0])]
    for mask in leaf_masks:
        ends.append(mask.bit_length())
        if ends[-1] <= ends[-2] or mask != bits.span(ends[-2], ends[-1] - 1):
            return []
    return ends


def _has_single_leaves(draft: Draft, depth: int) -> bool:
    if depth > 1:
        return all(_has_single_leaves(below, depth - 1) for below in draft.values())
    return all(len(ranks) == 1 for ranks in draft.values())


def _restricted(block: Block, leaves: int) -> Block:
    """Keep the blocks that hold any of the leaves, in their order."""
    kept = block.leaves & leaves
    if not block.children:
        return Block(kept, kept.bit_count())
    return _above(_restricted(child, leaves) for child in block.children if child.leaves & leaves)


def needed(count: int, possible: int) -> int:
    """Tell how many of the possible blocks must be there at least."""
    if count > 0:
        return count
    return {ALL: max(possible, 1), BEST: 1, HALF: 2}[count]


def satisfies(block: Block, counts: Counts, free: int) -> bool:
    """Tell whether enough is free below the block."""
    lacking = needed(counts[0], block.size)
    if not block.children:
        return (free & block.leaves).bit_count() >= lacking
    below = counts[1:]
    for child in block.children:
        if satisfies(child, below, free):
            lacking -= 1
            if not lacking:
                return True
    return False


def at_least(block: Block, counts: Counts) -> int:
    """Tell a number of leaves that has to be free at least; all of them need not be enough."""
    if not block.children:
        return needed(counts[0], block.size)
    least = 1
    for count in counts:
        least *= max(count, 1)
    return least


def make_test(top: Block, counts: Counts) -> Callable[[int], bool]:
    """Make the test whether enough leaves are free, for sets that hold none but leaves below the top.

    It answers as :func:`satisfies`; the common forms, one and two counted levels, are spelled out because the
    search asks it most of all.
    """
    lacking = needed(counts[0], top.size)
    if not top.children:
        return lambda free: free.bit_count() >= lacking
    if len(counts) > 2 or counts[1] < 0:
        return lambda free: satisfies(top, counts, free)
    enough = counts[1]
    fields = top.fields
    if fields is not None:
        return lambda free: fields.with_at_least(enough, free).bit_count() >= lacking

    def fits(free: int) -> bool:
        found = 0
        for block in top.children:
            if (free & block.leaves).bit_count() >= enough:
                found += 1
                if found == lacking:
                    return True
        return False

    return fits


def choose(block: Block, counts: Counts, free: int) -> int:
    """Take the first free leaves below the block that make up the counts; none at all when they cannot."""
    count = counts[0]
    if not block.children:
        present = free & block.leaves
        if count > 0:
            return bits.first_members(present, count)
        size = present.bit_count()
        if size < needed(count, block.size):
            return 0
        return bits.first_members(present, given(count, size))
    found: list[int] = []
    for child in block.children:
        leaves = choose(child, counts[1:], free)
        if leaves:
            found.append(leaves)
            if len(found) == count:
                break
    if len(found) < needed(count, block.size):
        return 0
    chosen = 0
    for leaves in found[: given(count, len(found))]:
        chosen |= leaves
    return chosen


def given(count: int, present: int) -> int:
    """Tell how many of the blocks that are there are taken."""
    if count > 0:
        return count
    return present // 2 if count == HALF else present
