"""What users are told about a job that does not start now."""

from collections.abc import Sequence

from oar.core.job import JobId, NeverFits, NoRoom, WaitingJob
from oar.kamelot import Occupation, Platform, Reason, ReasonKind, Rules, fits
from tests.unit.kamelot.build import NO_MARGIN, checked_plan, job, nodes_of_8, resource, resources_of, taken


def why(
    platform: Platform,
    jobs: Sequence[WaitingJob],
    running: Sequence[Occupation] = (),
    rules: Rules = NO_MARGIN,
) -> str:
    """Tell why the last of the jobs does not start now."""
    plan = checked_plan(platform, jobs, running, rules=rules)
    return plan.explain(jobs[-1]).words(lambda date: f"at {date}")


NODES = Platform(
    [resource(n, {"node": f"node{(n + 1) // 2}"}) for n in range(1, 9)],
    {},
)


def test_a_job_that_starts_now_is_held_back_by_nothing() -> None:
    assert why(NODES, [job(1, ("node=1", 60))]) == "starts now"


def test_the_job_that_frees_the_node_is_named() -> None:
    running = [taken(0, 99, "3-4", 12), taken(0, 199, "1-2 5-8", 13)]
    assert why(NODES, [job(1, ("node=1", 60))], running) == "starts at 100 when job 12 frees node2"


def test_all_jobs_that_make_room_together_are_named() -> None:
    running = [taken(0, 99, "3-4", 12), taken(0, 99, "1-2", 11), taken(0, 199, "5-8", 13)]
    words = why(NODES, [job(1, ("node=2", 60))], running)
    assert words == "starts at 100 when jobs 11 and 12 free node1 and node2"


def test_many_names_are_counted() -> None:
    running = [taken(0, 99, str(n), 10 + n) for n in range(1, 9)]
    words = why(NODES, [job(1, ("node=4", 60))], running)
    assert words == "starts at 100 when jobs 11, 12, 13 and 5 others free node1, node2, node3 and node4"


def test_a_job_placed_before_is_named_and_one_placed_after_is_not() -> None:
    jobs = [job(1, ("node=4", 50)), job(3, ("node=1", 50)), job(2, ("node=4", 60))]
    assert why(NODES, [jobs[0], jobs[2]]) == "starts at 50 when job 1 frees node1, node2, node3 and node4"
    plan = checked_plan(NODES, [jobs[0], jobs[1]], [taken(0, 49, "1-4", 12)])
    assert plan.explain(jobs[0]) == Reason(ReasonKind.RESOURCES, 50, (JobId(12),), ("node1", "node2"))


def test_the_dependency_is_named_that_a_job_waits_for() -> None:
    jobs = [job(1, ("node=1", 60)), job(2, ("node=1", 60), after=[1])]
    assert why(NODES, jobs) == "starts at 60 after job 1, which it depends on"


def test_the_resources_are_named_when_they_hold_back_longer_than_the_dependency() -> None:
    jobs = [job(1, ("node=1", 60)), job(2, ("node=4", 60), after=[1])]
    assert why(NODES, jobs, [taken(0, 99, "8", 12)]) == "starts at 100 when job 12 frees node4"


def test_a_request_beyond_the_filter_never_fits() -> None:
    platform = nodes_of_8({"mem > 64": "1-24"})
    lonely = job(1, ("{mem > 64}/node=5", 60))
    assert why(platform, [lonely]) == 'asks for 5 node, 3 match "mem > 64"'
    assert fits(platform, lonely) == 'asks for 5 node, 3 match "mem > 64"'


def test_both_conditions_are_named() -> None:
    platform = nodes_of_8({"mem > 64": "1-24", "room = 1": "1-8"})
    words = fits(platform, job(1, ("{mem > 64}/node=5", 60), properties="room = 1"))
    assert words == 'asks for 5 node, 1 matches "room = 1 AND mem > 64"'


def test_a_request_beyond_the_platform_never_fits() -> None:
    assert fits(nodes_of_8(), job(1, ("node=5", 60))) == "asks for 5 node, 4 are there"


def test_blocks_that_hold_too_little_are_counted() -> None:
    platform = Platform(resources_of(8, node=("1-2", "3-8")), {})
    words = fits(platform, job(1, ("node=2/resource_id=3", 60)))
    assert words == "asks for 2 node with /resource_id=3 each, 1 is there"


def test_groups_that_cannot_be_had_together_never_fit() -> None:
    words = fits(nodes_of_8(), job(1, ("node=3+node=2", 60)))
    assert words == "the groups before /node=2 leave too little for it"


def test_a_level_that_is_no_property_is_named() -> None:
    assert fits(nodes_of_8(), job(1, ("gpuu=1", 60))) == 'no resource has a property "gpuu"'


def test_a_job_fits_when_one_of_its_moldables_does() -> None:
    assert fits(nodes_of_8(), job(1, ("node=5", 60), ("node=1", 60))) is None


def test_what_is_suspected_now_still_counts_as_fitting() -> None:
    platform = nodes_of_8(suspected="1")
    assert fits(platform, job(1, ("node=4", 60))) is None
    assert why(platform, [job(1, ("node=4", 60))]) == "asks for 4 node, 3 are usable now"


def test_dead_resources_never_fit() -> None:
    outcome = checked_plan(nodes_of_8(dead="1-8"), [job(1, ("node=4", 60))]).outcomes
    assert isinstance(next(iter(outcome.values())), NeverFits)


def test_all_is_told_with_the_number_there_is() -> None:
    words = why(nodes_of_8(suspected="1"), [job(1, ("node=ALL", 60))])
    assert words == "asks for all 4 node, 3 are usable now"


def test_resources_that_are_not_available_for_long_enough_are_told() -> None:
    platform = Platform([resource(1, {}, available_upto=50)], {})
    words = why(platform, [job(1, ("resource_id=1", 60))])
    assert words == "no /resource_id=1 stays free and available long enough"


def test_a_refusal_by_another_gantt_is_told_in_its_own_words() -> None:
    plan = checked_plan(NODES, [])
    lost = job(1, ("node=1", 60))
    plan.outcomes[lost.job_id] = NoRoom(lost.job_id, "it rains")
    assert plan.explain(lost).words() == "it rains"
