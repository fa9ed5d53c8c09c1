"""Whether resources can be divided among the groups of a request."""

from collections.abc import Mapping

import pytest
from procset import ProcSet

from oar.core.job import Resource
from oar.kamelot.checking.division import Candidates, Runs, Wish, runs_of, wrong_parts
from tests.unit.kamelot.build import group, ids, nodes_of_8, resource

PLATFORM = nodes_of_8()


def divide(request: str, resources: str, matching: Mapping[str, str] | None = None) -> list[str]:
    """Tell what is wrong with these of the 32 resources as an answer to a request."""
    wishes = []
    for text in request.split("+"):
        asked = group(text)
        allowed = ids((matching or {}).get(asked.filter, "1-32"))
        candidates = [one for one in PLATFORM.resources if one.resource_id in allowed]
        wishes.append(wish(text, candidates))
    return list(wrong_parts(wishes, ids(resources)))


def wish(text: str, candidates: list[Resource]) -> Wish:
    levels = group(text).levels
    return Wish(Candidates([level.name for level in levels], candidates), levels)


@pytest.mark.parametrize(
    ("request_text", "resources"),
    [
        ("node=1+node=1", "1-16"),
        ("switch=2/node=1+cpu=1", "1-12 17-24"),
        ("resource_id=3+node=1", "1-3 9-16"),
        ("node=BEST+resource_id=4", "1-20"),
        ("switch=1/node=ALL+cpu=2", "1-24"),
        ("node=HALF+node=1", "1-16"),
        ("node=HALF+node=1", "1-24"),
        ("node=2/cpu=HALF+cpu=1", "1-4 9-16"),
        ("node=2/cpu=HALF+cpu=2", "1-4 9-12 17-24"),
        ("node=1+node=1+node=1+node=1", "1-32"),
    ],
)
def test_resources_that_can_be_divided_are_right(request_text: str, resources: str) -> None:
    assert divide(request_text, resources) == []


@pytest.mark.parametrize(
    ("request_text", "resources"),
    [
        ("node=1+node=1", "1-8"),
        ("node=1+node=1", "1-24"),
        ("node=1+cpu=1", "1-11"),
        ("switch=2/node=1+cpu=1", "1-20"),
        ("node=BEST+resource_id=4", "1-16"),
        ("switch=1/node=ALL+cpu=2", "1-8 17-28"),
        ("node=HALF+node=1", "1-32"),
        ("node=1+node=HALF", "1-32"),
        ("node=2/cpu=HALF+cpu=2", "1-4 9-12 17-20"),
    ],
)
def test_resources_that_cannot_be_divided_are_found(request_text: str, resources: str) -> None:
    assert divide(request_text, resources) == [
        f"gets what cannot be divided among its {request_text.count('+') + 1} groups"
    ]


def test_the_groups_are_served_in_order_each_with_the_first_that_there_is() -> None:
    """One core before a node takes a core of the first node, so that the node cannot be that one."""
    assert divide("resource_id=1+node=1", "1 9-16") == []
    assert divide("resource_id=1+node=1", "1-8 9") == ["gets what cannot be divided among its 2 groups"]


def test_each_group_has_its_own_filter() -> None:
    matching = {"left": "1-16", "right": "17-32"}
    assert divide("{left}/node=1+{right}/node=1", "1-8 17-24", matching) == []
    assert divide("{left}/node=1+{right}/node=1", "1-16", matching) != []


def test_blocks_come_in_the_order_of_all_candidates_even_those_not_given() -> None:
    """Node a comes first because of 9, so the core taken first is 3, and node b is left."""
    nodes = {9: "a", 5: "b", 3: "a"}
    candidates = [resource(number, {"node": node, "core": number}) for number, node in nodes.items()]
    cores = wish("node=1/core=1", candidates)
    whole = wish("node=1", candidates)
    assert list(wrong_parts([cores, whole], ids("3 5"))) == []


def test_a_request_with_more_ways_than_are_tried_is_taken_to_be_right() -> None:
    many = [resource(number + 1, {"node": number // 8, "core": number}) for number in range(400)]
    halves = wish("node=25/core=HALF", many)
    impossible = wish("core=399", many)
    assert list(wrong_parts([halves, impossible], ProcSet((1, 400)))) == []


def test_runs_cut_sets_of_ids_into_pieces() -> None:
    runs = Runs(runs_of([(5, "b"), (1, "a"), (2, "a"), (3, "b"), (7, "b"), (6, "b")]))
    assert list(runs.cut(ids("2-6 9"))) == [(0, (2, 2)), (1, (3, 3)), (2, (5, 6))]
    assert runs.hold(ids("1-3 6"))
    assert not runs.hold(ids("3-5"))
    assert not runs.hold(ids("7-9"))
