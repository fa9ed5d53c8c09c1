"""Counting in all blocks at once gives what counting one by one gives."""

import random

import pytest

from oar.kamelot import bits
from oar.kamelot.counting import FEWEST, Fields, fields_of


def blocks(width: int, count: int = FEWEST, offset: int = 0) -> list[int]:
    return [bits.span(offset + n * width, offset + (n + 1) * width - 1) for n in range(count)]


def fields(members: list[int]) -> Fields:
    found = fields_of(members)
    assert found is not None
    return found


def one_by_one(members: list[int], free: int, count: int) -> list[int]:
    return [number for number, block in enumerate(members) if (free & block).bit_count() >= count]


@pytest.mark.parametrize("width", [4, 8, 12, 16, 20, 24, 28, 32, 36, 52, 64, 96, 128, 256])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 1.0])
def test_blocks_of_any_width_and_fullness_are_counted(width: int, share: float) -> None:
    rng = random.Random(width)  # noqa: S311
    members = blocks(width, offset=3)
    free = bits.mask_of(rank for rank in range(3, 3 + FEWEST * width) if rng.random() < share)
    found = fields(members)
    for count in (1, 2, width // 2, width - 1, width, width + 1):
        flags = found.with_at_least(count, free)
        above = width.bit_length()
        assert [(flag - above) // width for flag in bits.members(flags)] == one_by_one(members, free, count)


def test_blocks_may_lack_leaves() -> None:
    members = blocks(8)
    members[7] &= ~bits.span(58, 63)
    members[9] &= ~bits.span(73, 74)
    everything = sum(members)
    for count in (2, 3, 6, 7):
        flags = fields(members).with_at_least(count, everything)
        assert flags.bit_count() == len(one_by_one(members, everything, count))


@pytest.mark.parametrize(
    "members",
    [
        blocks(8, count=FEWEST - 1),
        blocks(6),
        blocks(2),
        [*blocks(8), bits.span(1000, 1007)],
        [*blocks(8)[1:], blocks(8)[0]],
        [bits.mask_of(range(n, FEWEST * 8, FEWEST)) for n in range(FEWEST)],
    ],
)
def test_blocks_that_lie_otherwise_are_left_to_counting_one_by_one(members: list[int]) -> None:
    assert fields_of(members) is None
