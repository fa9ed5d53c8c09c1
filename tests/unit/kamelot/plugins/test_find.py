"""The matching plugins that OAR comes with, by the scenarios of the specification."""

import pytest

from oar.kamelot import Platform
from oar.kamelot.plugins.search import asks_for_plugin
from tests.unit.kamelot.build import NODES_OF_8, ids, nodes_of_8, resource, resources_of, taken
from tests.unit.kamelot.plugins.placing import place, wants

CPUS = [f"{first}-{first + 3}" for first in range(1, 33, 4)]


def nodes_with_only(usable: str, order: list[int] | None = None) -> Platform:
    """The 32 resources, of which a condition named ``only`` selects some."""
    resources = {r.resource_id: r for r in resources_of(32, node=NODES_OF_8, cpu=CPUS)}
    ordered = [resources[number] for number in order or sorted(resources)]
    return Platform(ordered, {"only": ids(usable)})


def gets(find: str, request: str, usable: str, order: list[int] | None = None) -> object:
    """Tell what a job gets now, or why nothing."""
    platform = nodes_with_only(usable, order)
    condition = "+".join(f"{{only}}/{part}" for part in request.split("+"))
    found = place(platform, [wants(1, condition, 60, find=find)])[0]
    return found if isinstance(found, str) else found[1]


@pytest.mark.parametrize("types", [{"find": "default"}, {"assign": "default"}, {}])
def test_g1_default_is_the_normal_search(types: dict[str, str]) -> None:
    assert not asks_for_plugin(wants(1, "node=2", 60, **types))


def test_g1_one_time_find_places_a_job_that_may_start_at_once() -> None:
    assert place(nodes_of_8(), [wants(1, "node=2", 60, assign="one_time_find")]) == [(0, "1-16")]


def test_g2_contiguous_takes_the_first_run_that_is_long_enough() -> None:
    assert gets("contiguous", "resource_id=10", "1-8 17-32") == "17-26"


def test_g3_contiguous_sorted_takes_the_shortest_run_that_is_long_enough() -> None:
    assert gets("contiguous_sorted", "resource_id=5", "1-2 4-12 14-22 24-29") == "24-28"


@pytest.mark.parametrize("usable", ["6-32", "1-12 15-32"])
def test_g4_local_takes_the_fullest_node_that_fits(usable: str) -> None:
    assert gets("local", "node=1/resource_id=4", usable) == "9-12"


@pytest.mark.parametrize("name", ["contiguous_or_default", "contiguous_1h", "contiguous_sorted_1h"])
def test_g5_a_job_that_need_not_have_neighbours_does_not_wait_for_them(name: str) -> None:
    jobs = [wants(1, "resource_id=16", 60, find=name)]
    assert place(nodes_of_8(), jobs, [taken(5, 14, "10-20")]) == [(0, "1-9 21-27")]


def test_g5_a_job_that_must_have_neighbours_waits_for_them() -> None:
    jobs = [wants(1, "resource_id=16", 60, find="contiguous")]
    assert place(nodes_of_8(), jobs, [taken(5, 14, "10-20")]) == [(15, "1-16")]


def test_g6_begin_gives_less_to_those_who_do_not_start_in_the_first_slot() -> None:
    platform = Platform(resources_of(62), {})
    jobs = [wants(number, "resource_id=32", 60, find="begin") for number in (1, 2)]
    assert place(platform, jobs) == [(0, "1-32"), (60, "1-16")]


def test_begin_takes_the_share_of_those_who_wait_as_an_argument() -> None:
    platform = Platform(resources_of(62), {})
    jobs = [wants(1, "resource_id=32", 60, find="begin"), wants(2, "resource_id=32", 60, find="begin:75")]
    assert place(platform, jobs)[1] == (60, "1-24")


def test_begin_says_that_its_argument_is_wrong() -> None:
    jobs = [wants(1, "node=4", 60, find="begin:lots")]
    assert place(nodes_of_8(), jobs, [taken(0, 9, "1")]) == [
        'find=begin:lots: "lots" is no percentage from 1 to 100'
    ]


def test_contiguous_prefers_runs_that_come_first_in_scheduling_order() -> None:
    assert gets("contiguous", "resource_id=4", "1-8 17-32", [*range(17, 33), *range(1, 17)]) == "17-20"


def test_contiguous_gives_whole_blocks() -> None:
    jobs = [wants(1, "node=2", 60, find="contiguous")]
    assert place(nodes_of_8(), jobs, [taken(0, 99, "1-2")]) == [(0, "9-24")]


def test_contiguous_gives_blocks_that_are_next_to_each_other() -> None:
    assert gets("contiguous", "cpu=3", "1-8 13-14 17-32") == "17-28"


def test_contiguous_passes_over_blocks_with_gaps() -> None:
    rows = [resource(number, {"node": node}) for number, node in enumerate("ababcc", start=1)]
    jobs = [wants(1, "node=1", 60, find="contiguous")]
    assert place(Platform(rows, {}), jobs) == [(0, "5-6")]


def test_contiguous_gives_each_group_its_own_neighbours() -> None:
    assert gets("contiguous", "resource_id=5+resource_id=4", "1-8 17-20") == "1-5 17-20"


def test_contiguous_takes_all_blocks_only_when_all_are_neighbours() -> None:
    assert gets("contiguous", "node=ALL", "1-24") == "1-24"
    assert gets("contiguous", "node=ALL", "1-8 17-24") == "find=contiguous: finds no place for it"


def test_contiguous_takes_for_best_the_longest_run() -> None:
    assert gets("contiguous", "node=BEST", "1-8 17-32") == "17-32"


def test_contiguous_takes_for_half_half_of_the_longest_run() -> None:
    assert gets("contiguous", "cpu=HALF", "1-8 17-32") == "17-24"


def test_contiguous_refuses_a_request_of_several_levels() -> None:
    told = gets("contiguous", "node=2/cpu=1", "1-32")
    assert told == "find=contiguous: understands requests of one level, and this job asks for /node/cpu"


def test_local_takes_as_many_of_the_fullest_nodes_as_are_asked_for() -> None:
    assert gets("local", "node=2/resource_id=4", "1-8 9-12 17-24 25-30") == "9-12 25-28"


def test_local_with_a_property_takes_everything_from_one_block_of_it() -> None:
    assert gets("local:node", "resource_id=6", "4-16 17-23 25-32") == "17-22"


def test_local_says_that_there_is_no_such_property() -> None:
    assert gets("local:rack", "resource_id=6", "1-32") == 'find=local:rack: no resource has a property "rack"'


def test_local_gives_two_groups_different_resources() -> None:
    assert gets("local", "node=1/resource_id=6+node=1/resource_id=6", "1-16") == "1-6 9-14"
