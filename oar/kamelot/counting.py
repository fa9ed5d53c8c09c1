"""Counting what is free in all blocks of a size at once, by arithmetic on one large integer.

Blocks of neighbouring leaves, all as wide, are fields of the integer that tells the free leaves. Adding each
bit to its neighbour, then each pair to the next pair, and so on, leaves in every field the number of its free
leaves; a thousand blocks cost about as much as twenty one by one. Nodes are mostly laid out like this.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from oar.kamelot import bits

FEWEST = 64
"""Fewer blocks are sooner counted one by one."""


@dataclass(frozen=True, slots=True)
class Fields:
    """Blocks of one width, each beginning where the one before would end; what is missing is never free.

    ``folds`` are the steps that add neighbours: bits to shift by, what to keep, and what to add.
    """

    offset: int
    width: int
    ones: int
    folds: tuple[tuple[int, int, int], ...]

    def with_at_least(self, count: int, free: int) -> int:
        """Flag the blocks that have so many free leaves, by one bit each, in their order."""
        if count > self.width:
            return 0
        counts = free >> self.offset
        for shift, kept, added in self.folds:
            counts = (counts & kept) + ((counts >> shift) & added)
        above = self.width.bit_length()
        return (counts + self.ones * ((1 << above) - count)) & (self.ones << above)


def fields_of(blocks: Sequence[int]) -> Fields | None:
    """See blocks of leaves, given in their order, as fields of one width; None when they lie otherwise.

    The width has to be a multiple of four: fields of less have no room for sums of an odd number of parts.
    """
    if len(blocks) < FEWEST:
        return None
    firsts = [bits.lowest(block) for block in blocks]
    width = firsts[1] - firsts[0]
    if width < 4 or width % 4:
        return None
    for number, block in enumerate(blocks):
        if firsts[number] != firsts[0] + number * width or block.bit_length() > firsts[number] + width:
            return None
    ones = bits.mask_of(number * width for number in range(len(blocks)))
    return Fields(firsts[0], width, ones, tuple(_folds(width, ones)))


def _folds(width: int, ones: int) -> list[tuple[int, int, int]]:
    """List the steps from parts of one bit to one part; an odd last part is first added to the first one."""
    folds = []
    part, parts = 1, width
    while parts > 1:
        whole_part = (1 << part) - 1
        if parts % 2:
            parts -= 1
            folds.append((part * parts, ones * ((1 << part * parts) - 1), ones * whole_part))
            continue
        even = sum(whole_part << (part * number) for number in range(0, parts, 2))
        folds.append((part, ones * even, ones * even))
        part, parts = 2 * part, parts // 2
    return folds
