"""A world that fails is made small and can be pasted into a test."""

from dataclasses import replace
from operator import le
from typing import Any

import pytest
from procset import ProcSet

from oar.core import job as core_job
from oar.core import states
from oar.kamelot import Platform, containers, occupation, sharing
from tests.unit.kamelot import build
from tests.unit.kamelot import world as world_module
from tests.unit.kamelot.as_code import as_code
from tests.unit.kamelot.compare import answer, expected_of, plan_of, report
from tests.unit.kamelot.shrink import shrink
from tests.unit.kamelot.world import World
from tests.unit.kamelot.worlds import world_of

MANY = range(300)


def differs_from(reference_of: World, world: World) -> bool:
    """Tell whether kamelot's plan of a world is not the right plan of the other one."""
    plan = plan_of(world, Platform(world.resources, world.filters))
    return {id_: answer(outcome) for id_, outcome in plan.outcomes.items()} != expected_of(reference_of)


def without_filters(world: World) -> bool:
    """Compare with a scheduler that takes every resource to match."""
    everything = ProcSet(*(one.resource_id for one in world.resources))
    return differs_from(replace(world, filters=dict.fromkeys(world.filters, everything)), world)


def without_dependencies(world: World) -> bool:
    """Compare with a scheduler that knows of no dependencies."""
    return differs_from(
        replace(world, jobs=tuple(replace(one, dependencies=()) for one in world.jobs)), world
    )


def without_quotas(world: World) -> bool:
    """Compare with a scheduler that knows of no quotas."""
    return differs_from(replace(world, quotas=(), exceptions=()), world)


def without_besteffort(world: World) -> bool:
    """Compare with a scheduler to which what besteffort jobs take is taken for all."""
    return differs_from(
        replace(world, running=tuple(replace(one, besteffort=False) for one in world.running)), world
    )


def size(world: World) -> tuple[int, int, int]:
    return len(world.jobs), len(world.resources), len(world.running)


@pytest.mark.parametrize(
    ("fails", "largest"),
    [
        (without_filters, (1, 1, 0)),
        (without_dependencies, (1, 1, 0)),
        (without_quotas, (2, 3, 1)),
        (without_besteffort, (1, 2, 1)),
    ],
)
def test_a_world_that_fails_shrinks_to_what_it_fails_for(fails: Any, largest: tuple[int, int, int]) -> None:
    failing = [world for world in map(world_of, MANY) if fails(world)]
    assert len(failing) > 5
    for world in failing[:10]:
        small = shrink(world, fails)
        assert fails(small)
        assert all(map(le, size(small), largest))


def test_nothing_more_can_be_left_out_of_a_small_world() -> None:
    world = next(world for world in map(world_of, MANY) if without_filters(world))
    assert as_code(shrink(world, without_filters)).count("walltime") == 0
    (only,) = shrink(world, without_filters).jobs
    assert (only.types, only.dependencies, len(only.moldables)) == ({}, (), 1)
    (moldable,) = only.moldables
    assert moldable.walltime_s == 1
    assert [len(group.levels) for group in moldable.request.groups] == [1]


def test_the_code_of_a_world_makes_the_same_world() -> None:
    names: dict[str, Any] = {"replace": replace}
    for module in (core_job, states, containers, occupation, sharing, world_module, build):
        names |= vars(module)
    for seed in MANY:
        world = world_of(seed)
        assert eval(as_code(world), names) == world  # noqa: S307


def test_a_report_tells_how_to_repeat_a_case() -> None:
    told = report(7, "something")
    assert "--seed 7 --cases 1" in told
    assert "World(" in told
