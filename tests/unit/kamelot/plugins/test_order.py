"""Orders of resources: those that OAR comes with, and the check of what a plugin gives."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from oar.core.job import Resource
from oar.core.states import NodeState
from oar.kamelot import Platform
from oar.kamelot.plugins import ResourceOrderPlugin
from oar.kamelot.plugins.order import BadOrder, contiguous, pack, reorder, spread
from tests.unit.kamelot.build import found, ids, job, place, resource, taken

FOUR_NODES = tuple(resource(number, {"node": "abcd"[(number - 1) // 4]}) for number in range(1, 17))
"""Nodes a to d of four resources."""


def nodes(plugin: ResourceOrderPlugin, busy: str, given: Sequence[Resource] = FOUR_NODES) -> str:
    """Tell the order of nodes, a letter for each resource that changes it."""
    ordered = reorder(plugin, tuple(given), ids(busy))
    return "".join(dict.fromkeys(one.node for one in ordered))


def test_pack_puts_partly_used_nodes_first_the_fullest_before_the_others() -> None:
    assert nodes(pack, "5 9-11") == "cbad"


def test_pack_puts_full_nodes_between_partly_used_and_empty_ones() -> None:
    assert nodes(pack, "5-8 13") == "dbac"


def test_pack_measures_how_full_a_node_is_by_its_share() -> None:
    large = [resource(number, {"node": "l"}) for number in range(20, 36)]
    assert nodes(pack, "5 20-22", (*large, *FOUR_NODES)) == "blacd"


def test_pack_does_not_count_dead_resources() -> None:
    dead = [
        replace(one, state=NodeState.DEAD) if one.resource_id in ids("6-8") else one for one in FOUR_NODES
    ]
    assert nodes(pack, "5 9-11", dead) == "cbad"


def test_spread_puts_the_least_used_nodes_first() -> None:
    assert nodes(spread, "1-3 5 9-12") == "dbac"


@pytest.mark.parametrize("plugin", [pack, spread])
def test_nodes_that_are_used_alike_keep_the_order_of_sql(plugin: ResourceOrderPlugin) -> None:
    assert nodes(plugin, "", FOUR_NODES[::-1]) == "dcba"


def test_contiguous_puts_nodes_in_the_order_of_their_ids() -> None:
    shuffled = [*FOUR_NODES[8:12], *FOUR_NODES[:4], *FOUR_NODES[12:], *FOUR_NODES[4:8]]
    assert nodes(contiguous, "", shuffled) == "abcd"


@pytest.mark.parametrize("plugin", [pack, spread, contiguous])
def test_the_resources_of_a_node_keep_their_order(plugin: ResourceOrderPlugin) -> None:
    ordered = reorder(plugin, FOUR_NODES[::-1], ids("2 7 13-15"))
    of_a = [one.resource_id for one in ordered if one.node == "a"]
    assert of_a == [4, 3, 2, 1]


@pytest.mark.parametrize("plugin", [pack, spread, contiguous])
def test_resources_that_are_on_no_node_are_sorted_one_by_one(plugin: ResourceOrderPlugin) -> None:
    licences = [replace(resource(number, {}), node="") for number in (40, 41, 42)]
    assert len(reorder(plugin, (*licences, *FOUR_NODES), ids("41"))) == 19


def test_when_nothing_moves_the_same_tuple_comes_back() -> None:
    assert reorder(pack, FOUR_NODES, ids("1")) is FOUR_NODES


def test_pack_leaves_whole_nodes_to_those_that_want_them() -> None:
    busy = [taken(0, 99, "9")]
    packed = Platform(reorder(pack, FOUR_NODES, ids("9")), {})
    jobs = [job(1, ("resource_id=3", 60)), job(2, ("node=3", 60))]
    assert [found(place(packed, jobs, busy)[n]) for n in (1, 2)] == [(0, "10-12"), (0, "1-8 13-16")]


def lose_one(resources: Sequence[Resource]) -> Sequence[Resource]:
    return resources[1:]


def give_one_twice(resources: Sequence[Resource]) -> Sequence[Resource]:
    return [*resources[1:], resources[1]]


def change_one(resources: Sequence[Resource]) -> Sequence[Resource]:
    return [replace(resources[0], state=NodeState.SUSPECTED), *resources[1:]]


def turn_round(resources: Sequence[Resource]) -> Sequence[Resource]:
    return resources[::-1]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lose_one, "gave 15 resources for 16"),
        (give_one_twice, "or one of them twice"),
        (change_one, "gave something that is none of the resources: Resource"),
        (turn_round, "changed the order of the resources of a among themselves"),
    ],
)
def test_an_order_must_be_the_same_resources_in_another_order(
    change: Callable[[Sequence[Resource]], Sequence[Resource]], problem: str
) -> None:
    with pytest.raises(BadOrder, match=problem):
        reorder(lambda resources, _taken: change(resources), FOUR_NODES, ids(""))
