"""The hierarchy scenarios of the specification: what a request gets on an idle platform."""

import pytest

from oar.core.job import JobId, NeverFits
from oar.kamelot import Platform
from tests.unit.kamelot.build import found, job, nodes_of_8, place, resources_for, resources_of, taken


def blocks(*members: str, count: int = 32) -> Platform:
    return Platform(resources_of(count, block=members), {})


def test_h1_the_first_blocks_are_taken_as_they_are_uneven_and_with_gaps() -> None:
    platform = blocks("1-4 6-9", "10-17", "20-30")
    assert resources_for("block=3", platform, "1-30") == "1-4 6-17 20-30"


def test_h2_blocks_may_be_interleaved() -> None:
    platform = blocks("1-4 10-17", "6-9 19-22", "25-30")
    assert resources_for("block=2", platform, "1-30") == "1-4 6-17 19-22"


@pytest.mark.parametrize(("free", "expected"), [("1-32", "1-32"), ("2-32", "none")])
def test_h3_all_wants_every_block_whole(free: str, expected: str) -> None:
    assert resources_for("node=ALL", nodes_of_8(), free) == expected


@pytest.mark.parametrize(("count", "expected"), [("BEST", "9-32"), ("HALF", "9-16")])
def test_h4_best_takes_the_whole_blocks_there_are_and_half_the_first_half_of_them(
    count: str, expected: str
) -> None:
    assert resources_for(f"node={count}", nodes_of_8(), "2-32") == expected


def test_half_of_one_block_is_no_block() -> None:
    assert resources_for("node=HALF", nodes_of_8(), "1-8") == "none"


def test_h5_a_higher_level_is_a_block_like_another() -> None:
    assert resources_for("switch=2", nodes_of_8()) == "1-32"


@pytest.mark.parametrize("free", ["1-32", "1-12 17-28"])
def test_h6_a_level_below_another_is_counted_in_each_block_above(free: str) -> None:
    assert resources_for("switch=2/node=1", nodes_of_8(), free) == "1-8 17-24"


def test_h7_three_levels_take_one_cpu_of_one_node_of_each_switch() -> None:
    assert resources_for("switch=2/node=1/cpu=1", nodes_of_8()) == "1-4 17-20"


@pytest.mark.parametrize(
    ("request_", "expected"),
    [("switch=2/node=2/cpu=1", "1-4 9-12 17-20 25-28"), ("switch=1/node=2/cpu=1", "1-4 9-12")],
)
def test_h8_counts_hold_within_each_block_above(request_: str, expected: str) -> None:
    assert resources_for(request_, nodes_of_8()) == expected


def test_h9_four_levels_of_irregular_blocks() -> None:
    fourth_level = (
        *("1-2", "3-4", "5-8", "9-10", "11-12", "13-16", "17-19", "20-24", "25-28", "29-32"),
        *("33-34", "35-36", "37-41", "42-45", "46-49", "50-52", "53-58", "59-62", "63-64"),
    )
    platform = Platform(
        resources_of(
            64,
            a=("1-32", "33-64"),
            b=("1-16", "17-32", "33-49", "50-64"),
            c=("1-8", "9-16", "17-24", "25-32", "33-41", "42-49", "50-58", "59-64"),
            d=fourth_level,
        ),
        {},
    )
    assert resources_for("a=2/b=2/c=1/d=1", platform, "1-64") == "1-2 17-19 33-34 50-52"


def gpu_platform() -> Platform:
    return Platform(resources_of(32, node=("1-8", "9-16", "17-24", "25-32"), gpu=("22-32",)), {})


def test_h10_two_groups_leave_what_neither_took() -> None:
    outcomes = place(gpu_platform(), [job(1, ("node=2+gpu=1", 60)), job(2, ("resource_id=5", 60))])
    assert found(outcomes[1]) == (0, "1-16 22-32")
    assert found(outcomes[2]) == (0, "17-21")


def test_h10_a_group_that_cannot_be_met_takes_nothing() -> None:
    outcomes = place(gpu_platform(), [job(1, ("node=2+gpu=2", 60)), job(2, ("node=4", 60))])
    assert outcomes[1] == NeverFits(JobId(1), "asks for 2 gpu, 1 is there")
    assert found(outcomes[2]) == (0, "1-32")


def test_h11_two_groups_get_different_nodes() -> None:
    assert resources_for("node=1+node=1", nodes_of_8()) == "1-16"


def test_h12_a_node_with_a_suspected_core_is_not_whole() -> None:
    assert resources_for("node=1", nodes_of_8(suspected="3")) == "9-16"


def test_a_node_with_an_absent_core_is_not_whole() -> None:
    assert resources_for("node=1", nodes_of_8(absent="3")) == "9-16"


def test_a_suspected_core_that_the_filter_leaves_out_does_not_matter() -> None:
    platform = nodes_of_8({"mem > 64": "1-2 4-32"}, suspected="3")
    assert resources_for("{mem > 64}/node=1", platform) == "1-2 4-8"


def test_a_dead_core_does_not_matter() -> None:
    assert resources_for("node=1", nodes_of_8(dead="3")) == "1-2 4-8"


def test_a_partly_busy_node_still_gives_cores() -> None:
    assert resources_for("node=2/cpu=1", nodes_of_8(), "5-32") == "5-12"


def test_h13_a_node_is_whole_when_all_its_cores_that_match_the_filter_are_free() -> None:
    platform = nodes_of_8({"fast = 1": "1-4 9-12 17-20 25-28"})
    assert resources_for("{fast = 1}/node=1", platform) == "1-4"


def test_the_condition_of_the_job_and_that_of_the_group_hold_together() -> None:
    platform = nodes_of_8({"fast = 1": "1-4 9-12", "room = 2": "9-32"})
    outcomes = place(platform, [job(1, ("{fast = 1}/node=1", 60), properties="room = 2")])
    assert found(outcomes[1]) == (0, "9-12")


def test_resources_without_a_value_at_a_level_are_no_candidates() -> None:
    platform = Platform(resources_of(8, node=("1-4", "5-8"), gpu=("3-4", "7-8")), {})
    assert resources_for("node=2/gpu=1", platform, "1-8") == "3-4 7-8"


def test_identifiers_that_repeat_on_each_node_name_different_blocks() -> None:
    platform = Platform(resources_of(8, node=("1-4", "5-8"), core=("1 5", "2 6", "3 7", "4 8")), {})
    assert resources_for("node=2/core=1", platform, "1-8") == "1 5"


def test_first_means_first_in_scheduling_order() -> None:
    platform = Platform(resources_of(8, node=("1-4", "5-8"))[::-1], {})
    assert resources_for("node=1/resource_id=2", platform, "1-8") == "7-8"


def test_all_below_a_counted_level_takes_whole_nodes_only() -> None:
    assert resources_for("node=2/cpu=ALL", nodes_of_8(), "5-32") == "9-24"


def test_best_below_a_counted_level_takes_what_each_node_has() -> None:
    assert resources_for("node=2/cpu=BEST", nodes_of_8(), "5-32") == "5-16"


def test_three_groups_are_matched_one_after_the_other() -> None:
    outcomes = place(nodes_of_8(), [job(1, ("node=1+cpu=1+node=2", 60))], [taken(0, 99, "1-2")])
    assert found(outcomes[1]) == (0, "5-32")
