"""Jobs that ask for plugins, among others, in a plan."""

from collections.abc import Mapping

import pytest

from oar.core.job import NoRoom
from oar.kamelot import Gantt, Platform, Rules
from tests.unit.kamelot.build import found, job, nodes_of_8, place, place_checked_at, resources_of, taken
from tests.unit.kamelot.plugins.placing import SHIPPED, wants

RULES = Rules(0, plugins=SHIPPED)


@pytest.mark.parametrize("types", [{"assign": "default"}, {"find": "default"}, {"assign": "one_time_find"}])
def test_g1_default_plugins_and_one_time_find_place_a_job_as_usual(types: Mapping[str, str]) -> None:
    outcomes = place(nodes_of_8(), [wants(1, "node=2", 60, **types)], rules=RULES)
    assert found(outcomes[1]) == (0, "1-16")


def test_g5_neighbours_where_there_are_else_the_normal_matching() -> None:
    jobs = [wants(1, "resource_id=16", 60, find="contiguous_1h")]
    assert found(place(nodes_of_8(), jobs, [taken(5, 14, "10-20")], rules=RULES)[1]) == (0, "1-9 21-27")


def test_g6_begin_gives_less_to_those_who_wait() -> None:
    jobs = [wants(number, "resource_id=32", 60, find="begin") for number in (1, 2)]
    outcomes = place(Platform(resources_of(62), {}), jobs, rules=RULES)
    assert [found(outcomes[number]) for number in (1, 2)] == [(0, "1-32"), (60, "1-16")]


def test_an_unknown_plugin_harms_nobody_but_its_job() -> None:
    jobs = [wants(1, "node=1", 60, find="foo"), wants(2, "node=1", 60)]
    outcomes = place(nodes_of_8(), jobs, rules=RULES)
    assert isinstance(outcomes[1], NoRoom)
    assert "find=foo: there is no such matching plugin" in outcomes[1].reason
    assert found(outcomes[2]) == (0, "1-8")


def test_a_reservation_is_placed_by_its_plugin_at_its_date() -> None:
    gantt = Gantt(nodes_of_8(), [taken(0, 99, "9-16")], 0)
    assert found(place_checked_at(gantt, wants(1, "node=2", 60, find="contiguous"), 50, RULES)) == (
        50,
        "17-32",
    )


def test_containers_and_dependencies_hold_for_jobs_with_plugins() -> None:
    jobs = [
        wants(1, "node=2", 60, find="local", container="c"),
        wants(2, "node=1", 20, find="contiguous", inner="c"),
        job(3, ("node=4", 10), after=[2]),
    ]
    outcomes = place(nodes_of_8(), jobs, rules=RULES)
    assert [found(outcomes[number]) for number in (1, 2, 3)] == [(0, "1-16"), (0, "1-8"), (60, "1-32")]
