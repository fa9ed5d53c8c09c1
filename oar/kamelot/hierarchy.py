"""Blocks of resources below one another, and the choice of some among those that are free.

The blocks of the last level are the *leaves*. What is free is told as a set of leaves, and a leaf is free
only as a whole: matching a request never looks at single resources. Where each leaf is one resource, leaves
are numbered by rank, so that a set of resources is a set of leaves; else they are numbered depth first.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from oar.core.job import ALL, BEST, HALF, LevelValue
from oar.kamelot import bits

Counts = tuple[int, ...]
"""How many blocks are wanted at each level, or ALL, BEST, HALF."""


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """A block above the last level; the topmost holds everything.

    ``leaves`` are all the leaves below it, ``size`` the number of blocks (or leaves) just below it, and
    ``children`` these blocks; there are none when the leaves themselves are just below.
    """

    leaves: int
    size: int
    children: tuple["Block", ...]


@dataclass(slots=True)
class _Draft:
    """A block while rows are sorted in: what is below each of its values."""

    below: dict[LevelValue, "_Draft"] = field(default_factory=dict)
    ranks: list[int] = field(default_factory=list)


class Hierarchy:
    """The blocks that one list of levels makes of some candidate resources."""

    def __init__(self, levels: tuple[str, ...], rows: Sequence[tuple[int, tuple[LevelValue, ...]]]) -> None:
        """Sort rows of rank and path, in rising rank, into blocks; a block is known by its whole path.

        There must be one level at least; a path has one value for each.
        """
        self.levels = levels
        self.resources = bits.mask_of(rank for rank, _ in rows)
        draft = _Draft()
        for rank, path in rows:
            block = draft
            for value in path:
                block = block.below.setdefault(value, _Draft())
            block.ranks.append(rank)
        self._leaf_masks: list[int] = []
        self.single = _has_single_leaves(draft)
        """Whether each leaf is one resource, so that sets of leaves are sets of resources."""
        self.top = self._finish(draft, len(levels))
        self._leaf_of = [0] * (0 if self.single else self.resources.bit_length())
        for leaf, mask in enumerate(self._leaf_masks):
            for rank in bits.members(mask):
                self._leaf_of[rank] = leaf

    def _finish(self, draft: _Draft, depth: int) -> Block:
        size = len(draft.below)
        if depth > 1:
            children = tuple(self._finish(below, depth - 1) for below in draft.below.values())
            leaves = 0
            for child in children:
                leaves |= child.leaves
            return Block(leaves, size, children)
        if self.single:
            return Block(bits.mask_of(leaf.ranks[0] for leaf in draft.below.values()), size, ())
        first = len(self._leaf_masks)
        self._leaf_masks.extend(bits.mask_of(leaf.ranks) for leaf in draft.below.values())
        return Block(bits.span(first, first + size - 1) if size else 0, size, ())

    def whole(self, free: int) -> int:
        """Tell the leaves that are wholly free when these resources are."""
        if self.single:
            return free & self.top.leaves
        return self.top.leaves & ~self.touched(self.resources & ~free)

    def touched(self, resources: int) -> int:
        """Tell the leaves that hold any of the resources."""
        rest = resources & self.resources
        if self.single:
            return rest
        leaves = 0
        while rest:
            leaf = self._leaf_of[bits.lowest(rest)]
            leaves |= 1 << leaf
            rest &= ~self._leaf_masks[leaf]
        return leaves

    def resources_of(self, leaves: int) -> int:
        """Tell all resources of the leaves."""
        if self.single:
            return leaves
        resources = 0
        for leaf in bits.members(leaves):
            resources |= self._leaf_masks[leaf]
        return resources


def _has_single_leaves(draft: _Draft) -> bool:
    if draft.ranks:
        return len(draft.ranks) == 1
    return all(_has_single_leaves(below) for below in draft.below.values())


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
        size = present.bit_count()
        if size < needed(count, block.size):
            return 0
        return bits.first_members(present, _taken(count, size))
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
    for leaves in found[: _taken(count, len(found))]:
        chosen |= leaves
    return chosen


def _taken(count: int, present: int) -> int:
    """Tell how many of the blocks that are there are taken."""
    if count > 0:
        return count
    return present // 2 if count == HALF else present
