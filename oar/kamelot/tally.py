"""How many leaves are free in each block of a row, side by side in one integer.

A slot keeps one such integer for the requests of one shape. Whether enough blocks have enough free leaves in
a slot is then one addition, one "and" and the counting of bits, however many nodes there are::

    free leaves     1101 0001 1111 0000
    tally             3    1    4    0      one field for each block, with a spare bit on top
    at least 3?       1    0    1    0      the spare bits, after adding what is missing from 3 to the top

What is free of a block all through a window may be less than in each of its slots; so this only tells where
looking at the leaves themselves is worthwhile.
"""

from collections.abc import Iterator

from oar.kamelot import bits
from oar.kamelot.hierarchy import Counts, Hierarchy, given, needed


class Tally:
    """The layout of the fields for blocks of a hierarchy's leaves, of which only some are usable."""

    def __init__(self, hierarchy: Hierarchy, usable: int) -> None:
        self.hierarchy = hierarchy
        self.usable = usable
        top = hierarchy.top
        self.blocks = [block.leaves for block in top.children] or [top.leaves]
        self._lows = [bits.lowest(block) if block else 0 for block in self.blocks]
        self._narrow = [block >> low for block, low in zip(self.blocks, self._lows, strict=True)]
        self._top = max(block.bit_count() for block in self.blocks).bit_length()
        self._width = self._top + 1
        self._ones = bits.mask_of(number * self._width for number in range(len(self.blocks)))
        self.flags = self._ones << self._top
        self._block_of = [0] * max(block.bit_length() for block in self.blocks)
        for number, block in enumerate(self.blocks):
            for leaf in bits.members(block) if number else ():
                self._block_of[leaf] = number

    def of(self, leaves: int) -> int:
        """Count the usable ones among the leaves, block by block."""
        rest = leaves & self.usable
        counts = 0
        while rest:
            number = self._block_of[rest.bit_length() - 1]
            low = self._lows[number]
            # Bits are counted ten times slower than all else is done, zeros below them included.
            part = (rest >> low) & self._narrow[number]
            counts |= part.bit_count() << (number * self._width)
            rest ^= part << low
        return counts

    def free_of(self, block: int, free: int, enough: int) -> int:
        """Choose so many free leaves of a block; none at all if there are fewer."""
        low = self._lows[block]
        return bits.first_members((free >> low) & self._narrow[block], enough) << low

    def flags_of(self, usable: int) -> int | None:
        """Flag the blocks that have these usable leaves; None if some block has less of them than here.

        With the flags, this tally serves for them as well.
        """
        flags = 0
        for number, block in enumerate(self.blocks):
            some = block & usable
            if some and some != block & self.usable:
                return None
            if some:
                flags |= 1 << (number * self._width + self._top)
        return flags

    def missing(self, least: int) -> int:
        """Tell what to add to counts so that the flags are set of the blocks that have ``least``."""
        return self._ones * ((1 << self._top) - least) if least <= 1 << self._top else 0

    def flagged(self, flags: int) -> Iterator[int]:
        """Tell which blocks the flags stand for, in their order."""
        while flags:
            flag = flags & -flags
            yield flag.bit_length() // self._width - 1
            flags ^= flag


def choose_marked(tally: Tally, counts: Counts, possible: int, free: int, marks: int) -> int:
    """Choose free leaves for counts at two levels as a hierarchy does, in none but the flagged blocks.

    ``possible`` blocks make up ALL of them.
    """
    wanted, enough = counts
    found: list[int] = []
    for number in tally.flagged(marks):
        leaves = tally.free_of(number, free, enough)
        if leaves:
            found.append(leaves)
            if len(found) == wanted:
                break
    if len(found) < needed(wanted, possible):
        return 0
    chosen = 0
    for leaves in found[: given(wanted, len(found))]:
        chosen |= leaves
    return chosen
