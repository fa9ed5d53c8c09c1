"""The tallies of slots tell what counting each slot anew would."""

import random

import pytest

from oar.kamelot import bits
from oar.kamelot.slot_set import SlotSet, Taken
from oar.kamelot.tallies import Tallies
from oar.kamelot.tally import Tally
from tests.unit.kamelot.build import nodes_of_8

CORES = 32


def slots_and_tally() -> tuple[SlotSet, Tally, Tallies]:
    platform = nodes_of_8()
    hierarchy = platform.hierarchy(platform.everything, ("node", "resource_id"))
    tally = Tally(hierarchy, hierarchy.whole(platform.everything))
    slots = SlotSet(0, platform.everything)
    return slots, tally, Tallies(tally, slots.begins, slots.leaves(hierarchy, 0, 1))


@pytest.mark.parametrize("seed", range(20))
def test_what_is_taken_between_two_looks_is_counted_in_each_slot(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311
    slots, tally, tallies = slots_and_tally()
    for _ in range(60):
        begin = rng.randrange(500)
        end = begin + rng.choice([1, 20, 200])
        for date in (begin, end + 1):
            known = len(slots)
            index = slots.cut(date)
            if len(slots) > known:
                tallies.cut(index)
        first, stop = slots.slot_at(begin), slots.slot_at(end + 1)
        free = bits.span(0, CORES - 1)
        for slot in range(first, stop):
            free &= slots.free_at(slot)
        cores = free & rng.getrandbits(CORES) & rng.getrandbits(CORES)
        if rng.random() < 0.7:
            tallies.take(begin, end + 1, tally.of(cores))
        else:
            cores = rng.getrandbits(CORES) & rng.getrandbits(CORES)
            tallies.take_some(first, [slots.free_at(slot) for slot in range(first, stop)], cores)
        slots.remove(begin, end, Taken(cores))
        if rng.random() < 0.3:
            assert tallies.counts() == [tally.of(slots.free_at(slot)) for slot in range(len(slots))]


def test_a_copy_keeps_what_was_noted_and_changes_apart() -> None:
    slots, tally, tallies = slots_and_tally()
    tallies.take(0, 100, tally.of(0b11))
    other = tallies.copy(slots.begins.copy())
    other.take(0, 100, tally.of(0b100))
    assert other.counts()[0] == tally.of(slots.free_at(0) & ~0b111)
    assert tallies.counts()[0] == tally.of(slots.free_at(0) & ~0b11)
