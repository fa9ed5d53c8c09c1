"""How many leaves are free in each block of a row, side by side in one integer.

A slot keeps one such integer for the requests of one shape. Whether enough blocks have enough free leaves in a
slot is then one addition, one "and" and the counting of bits, however many nodes there are::

    free leaves     1101 0001 1111 0000
    tally             3    1    4    0      one field for each block, with a spare bit on top
    at least 3?       1    0    1    0      the spare bits, after adding what is missing from 3 to the top

What is free of a block all through a window may be less than in each of its slots; so this only tells where
looking at the leaves themselves is worthwhile.
"""

from collections.abc import Iterator, Sequence

from oar.kamelot import bits


class Tally:
    """The layout of the fields for some blocks, of which only some leaves are usable."""

    def __init__(self, blocks: Sequence[int], usable: int) -> None:
        self._blocks = blocks
        self.usable = usable
        sizes = [block.bit_count() for block in blocks]
        self._top = max(sizes, default=1).bit_length()
        self._width = self._top + 1
        self._ones = bits.mask_of(number * self._width for number in range(len(blocks)))
        self.flags = self._ones << self._top
        self._block_of: list[int] = []
        if len(blocks) > 1:
            self._block_of = [0] * max(block.bit_length() for block in blocks)
            for number, block in enumerate(blocks):
                for leaf in bits.members(block):
                    self._block_of[leaf] = number

    def of(self, leaves: int) -> int:
        """Count the usable ones among the leaves, block by block."""
        rest = leaves & self.usable
        if not self._block_of:
            return rest.bit_count()
        counts = 0
        while rest:
            number = self._block_of[rest.bit_length() - 1]
            part = rest & self._blocks[number]
            counts |= part.bit_count() << (number * self._width)
            rest ^= part
        return counts

    def missing(self, least: int) -> int:
        """Tell what to add to counts so that the flags are set of the blocks that have ``least``."""
        return self._ones * ((1 << self._top) - least) if least <= 1 << self._top else 0

    def flagged(self, flags: int) -> Iterator[int]:
        """Tell which blocks the flags stand for, in their order."""
        while flags:
            flag = flags & -flags
            yield flag.bit_length() // self._width - 1
            flags ^= flag
