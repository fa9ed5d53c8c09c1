"""Who holds what a request lacks: the few jobs whose leaving would make room for it."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from oar.core.job import JobId
from oar.kamelot import bits
from oar.kamelot.compiled import CompiledGroup, choose_all
from oar.kamelot.gantt import Bar
from oar.kamelot.hierarchy import Block, Counts, choose, needed

Holder = JobId | None
"""A job; None stands for all that is drawn without one."""

Holders = frozenset[Holder]
NOBODY: Holders = frozenset()


@dataclass(frozen=True, slots=True)
class Held:
    """Bars that are in the way, and enough of the resources below them to make up the request."""

    bars: Sequence[Bar]
    resources: int


def nearest(groups: Sequence[CompiledGroup], room: int, bars: Sequence[Bar]) -> Held:
    """Find bars of few jobs, without which the groups fit into the room; not one of these jobs could stay.

    ``room`` is what there would be without any of the bars; the groups fit into it. Blocks are preferred
    that lack the fewest jobs' leaving, and of these the ones that are free first. It need not be the fewest
    jobs there are: that would be a search through all combinations.
    """
    held: dict[Holder, int] = {}
    ends: dict[Holder, int] = {}
    for bar in bars:
        held[bar.job_id] = held.get(bar.job_id, 0) | bar.resources
        ends[bar.job_id] = max(ends.get(bar.job_id, 0), bar.end)
    leaving = _first_guess(groups, room, held, ends)
    staying = _together(held, held.keys() - leaving)
    if not _chosen(groups, room & ~staying):
        leaving, staying = frozenset(held), 0
    for holder in sorted(leaving, key=lambda one: -ends[one]):
        if _chosen(groups, room & ~(staying | held[holder])):
            staying |= held[holder]
            leaving = leaving - {holder}
    room &= ~staying
    freed = room & _together(held, leaving)
    missing = _enough(groups, room & ~freed, freed)
    return Held([bar for bar in bars if bar.job_id in leaving and bar.resources & missing], missing)


def _first_guess(
    groups: Sequence[CompiledGroup], room: int, held: Mapping[Holder, int], ends: Mapping[Holder, int]
) -> Holders:
    """Guess who has to leave, one group after the other; it may be too few when groups take all they find."""
    leaving = NOBODY
    left = room
    for group in groups:
        hierarchy = group.hierarchy
        clearing = _Clearing(hierarchy.whole(left), _holders(group, held), lambda one: ends[one])
        guess = clearing.of(hierarchy.top, group.counts)
        if guess is None:
            return frozenset(held)
        leaving |= guess
        free = hierarchy.whole(left & ~_together(held, held.keys() - leaving))
        left &= ~hierarchy.resources_of(choose(hierarchy.top, group.counts, free))
    return leaving


def _enough(groups: Sequence[CompiledGroup], free: int, freed: int) -> int:
    """Keep of what is freed one stretch, in scheduling order, with which the groups fit and no more."""
    ranks = [
        rank for rank in bits.members(freed) if any(one.hierarchy.resources >> rank & 1 for one in groups)
    ]

    def suffices(first: int, stop: int) -> bool:
        return bool(_chosen(groups, free | bits.mask_of(ranks[first:stop])))

    stop = bisect_left(range(len(ranks)), True, key=lambda number: suffices(0, number))
    first = bisect_left(range(1, stop + 1), True, key=lambda number: not suffices(number, stop))
    return bits.mask_of(ranks[first:stop])


def _holders(group: CompiledGroup, held: Mapping[Holder, int]) -> dict[int, Holders]:
    """Tell who holds any part of each leaf."""
    holders: dict[int, Holders] = {}
    for holder, resources in held.items():
        for leaf in bits.members(group.hierarchy.touched(resources)):
            holders[leaf] = holders.get(leaf, NOBODY) | {holder}
    return holders


@dataclass(frozen=True, slots=True)
class _Clearing:
    """Tells who has to leave the blocks of a hierarchy; ``possible`` are the leaves that can be had."""

    possible: int
    holders: Mapping[int, Holders]
    end_of: Callable[[Holder], int]

    def of(self, block: Block, counts: Counts) -> Holders | None:
        """Tell who has to leave for enough below the block; None when that would not do."""
        if block.children:
            below = [self.of(child, counts[1:]) for child in block.children]
            ways = [one for one in below if one is not None]
        else:
            ways = [self.holders.get(leaf, NOBODY) for leaf in bits.members(block.leaves & self.possible)]
        wanted = needed(counts[0], block.size)
        return self._fewest(ways, wanted) if len(ways) >= wanted else None

    def _fewest(self, ways: Iterable[Holders], wanted: int) -> Holders:
        """Join so many of the ways, each time one that adds the fewest jobs, or of these is over first."""
        leaving = NOBODY
        left = Counter(ways)
        while wanted > 0:
            best = min(left, key=lambda way: (len(way - leaving), max(map(self.end_of, way), default=0)))
            leaving |= best
            wanted -= left.pop(best)
        return leaving


def _together(held: Mapping[Holder, int], holders: Iterable[Holder]) -> int:
    resources = 0
    for holder in holders:
        resources |= held[holder]
    return resources


def _chosen(groups: Sequence[CompiledGroup], free: int) -> int:
    """Choose the resources of all groups among the free ones; 0 when they do not fit."""
    return choose_all(groups, [group.hierarchy.whole(free) for group in groups]) or 0
