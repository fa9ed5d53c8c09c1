"""The random worlds have in them what they are made for."""

from collections import Counter
from random import Random

import pytest

from oar.core.job import Assignment
from oar.kamelot import Platform
from tests.unit.kamelot.compare import plan_of
from tests.unit.kamelot.world import NOW, clashes
from tests.unit.kamelot.worlds import KINDS, Kind, kinds_of, world_of, world_with

MANY = range(1_000)


def test_a_case_is_always_the_same_world() -> None:
    assert [world_of(seed) for seed in range(50)] == [world_of(seed) for seed in range(50)]


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_occurs_alone_and_with_each_other(kind: Kind) -> None:
    drawn = [kinds for seed in MANY if kind in (kinds := kinds_of(Random(seed)))]  # noqa: S311
    assert frozenset([kind]) in drawn
    assert frozenset.union(*drawn) == frozenset(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_changes_some_world(kind: Kind) -> None:
    everything = frozenset(KINDS)
    made = [
        [world_with(Random(seed), kinds, 10, 6) for seed in range(20)]  # noqa: S311
        for kinds in (everything, everything - {kind})
    ]
    assert made[0] != made[1]


def test_many_jobs_start_now_many_later_and_many_not_at_all() -> None:
    starts: Counter[str] = Counter()
    for seed in MANY:
        world = world_of(seed)
        for outcome in plan_of(world, Platform(world.resources, world.filters)).outcomes.values():
            if not isinstance(outcome, Assignment):
                starts["never"] += 1
            else:
                starts["now" if outcome.start_time == NOW else "later"] += 1
    assert min(starts.values()) > starts.total() / 8


def test_in_most_worlds_what_is_taken_can_be_true_of_real_jobs() -> None:
    assert sum(clashes(world_of(seed)) for seed in MANY) < len(MANY) / 8


def test_some_worlds_are_wide_and_some_long() -> None:
    worlds = [world_of(seed) for seed in MANY]
    assert max(len(world.resources) for world in worlds) > 250
    assert max(len(world.jobs) for world in worlds) > 40
    assert sum(len(world.resources) <= 10 and len(world.jobs) <= 12 for world in worlds) > 0.9 * len(worlds)
