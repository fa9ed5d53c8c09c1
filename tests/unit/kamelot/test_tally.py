"""A tally counts what counting block by block counts."""

import random

import pytest

from oar.kamelot import Platform, bits
from oar.kamelot.hierarchy import Hierarchy
from oar.kamelot.tally import Tally, choose_marked
from tests.unit.kamelot.build import resource

LEVELS = ("node", "core")


def hierarchy(rng: random.Random, nodes: int) -> Hierarchy:
    """Nodes of different widths, which lie scattered."""
    cores = [node for node in range(nodes) for _ in range(rng.randrange(1, 9))]
    if rng.random() < 0.5:
        rng.shuffle(cores)
    resources = [resource(n, {"node": node, "core": n}) for n, node in enumerate(cores, start=1)]
    platform = Platform(resources, {})
    return platform.hierarchy(platform.everything, LEVELS)


def some(rng: random.Random, leaves: int) -> int:
    return leaves & (rng.getrandbits(leaves.bit_length()) | rng.getrandbits(leaves.bit_length()))


def flagged(tally: Tally, free: int, least: int) -> list[int]:
    return list(tally.flagged((tally.of(free) + tally.missing(least)) & tally.flags))


@pytest.mark.parametrize("seed", range(30))
def test_the_flags_stand_for_the_blocks_that_have_enough_usable_leaves(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311
    tree = hierarchy(rng, rng.choice([1, 2, 7, 30]))
    usable, free = some(rng, tree.top.leaves), some(rng, tree.top.leaves)
    tally = Tally(tree, usable)
    for least in (1, 2, 4, 8):
        expected = [
            number
            for number, block in enumerate(tree.top.children)
            if (block.leaves & usable & free).bit_count() >= least
        ]
        assert flagged(tally, free, least) == expected


@pytest.mark.parametrize("seed", range(20))
def test_what_is_taken_lowers_the_counts_by_what_it_counts(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311
    tree = hierarchy(rng, 12)
    tally = Tally(tree, tree.top.leaves)
    free = some(rng, tree.top.leaves)
    taken = free & some(rng, tree.top.leaves)
    assert tally.of(free) - tally.of(taken) == tally.of(free ^ taken)


def test_a_tally_serves_those_who_may_use_whole_blocks() -> None:
    tree = hierarchy(random.Random(1), 5)  # noqa: S311
    tally = Tally(tree, tree.top.leaves)
    first, second = tree.top.children[0].leaves, tree.top.children[1].leaves
    flags = tally.flags_of(first | second)
    assert flags is not None
    assert list(tally.flagged(flags)) == [0, 1]


def test_a_tally_does_not_serve_those_who_may_use_a_part_of_a_block() -> None:
    tree = hierarchy(random.Random(1), 5)  # noqa: S311
    widest = max((block.leaves for block in tree.top.children), key=int.bit_count)
    tally = Tally(tree, tree.top.leaves)
    assert tally.flags_of(widest ^ bits.first_members(widest, 1)) is None


def test_more_leaves_than_the_widest_block_has_are_nowhere() -> None:
    tree = hierarchy(random.Random(2), 5)  # noqa: S311
    tally = Tally(tree, tree.top.leaves)
    assert flagged(tally, tree.top.leaves, 1000) == []


def test_blocks_that_are_flagged_and_have_too_little_are_passed_over() -> None:
    tree = hierarchy(random.Random(3), 4)  # noqa: S311
    tally = Tally(tree, tree.top.leaves)
    last = tree.top.children[3].leaves
    assert choose_marked(tally, (1, 1), 4, last, tally.flags) == bits.first_members(last, 1)
