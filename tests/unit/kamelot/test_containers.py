"""The scenarios of containers and inner jobs."""

import pytest

from oar.core.job import Assignment, JobId, NoRoom
from oar.kamelot import Gantt, Occupation, Platform, Rules
from oar.kamelot.containers import Nesting
from tests.unit.kamelot.build import (
    NO_MARGIN,
    checked_plan,
    found,
    ids,
    job,
    nodes_of_8,
    place,
    place_checked,
    resources_of,
    taken,
)

CONTAINER = {"container": ""}
INNER = {"inner": "1"}
TWENTY_FOUR_CPUS = Platform(resources_of(24, cpu=[str(n) for n in range(1, 25)]), {})


def planned(
    number: int,
    begin: int,
    duration: int,
    resources: str,
    *,
    inside: str | None = None,
    opens: str | None = None,
) -> Occupation:
    nesting = Nesting(inside, opens)
    return Occupation(begin, begin + duration - 1, ids(resources), JobId(number), nesting=nesting)


def test_c1_an_inner_job_runs_in_its_container() -> None:
    jobs = [job(1, ("node=2", 80), types=CONTAINER), job(2, ("node=1", 30), types=INNER)]
    outcomes = place(nodes_of_8(), jobs, rules=Rules(security_time_s=10))
    assert found(outcomes[2]) == (0, "1-8")


def test_c2_an_inner_job_gets_nothing_outside_its_container() -> None:
    platform = nodes_of_8({"right": "17-32"})
    jobs = [
        job(1, ("node=2", 60), types=CONTAINER),
        job(2, ("node=1", 30), types=INNER, properties="right"),
    ]
    assert isinstance(place(platform, jobs)[2], NoRoom)


@pytest.mark.parametrize(("request_", "walltime_s"), [("node=3", 30), ("node=1", 70)])
def test_c3_an_inner_job_that_is_larger_than_its_container_is_not_placed(
    request_: str, walltime_s: int
) -> None:
    jobs = [job(1, ("node=2", 60), types=CONTAINER), job(2, (request_, walltime_s), types=INNER)]
    plan = checked_plan(nodes_of_8(), jobs)
    assert plan.outcomes[JobId(2)] == NoRoom(
        JobId(2), "its container, 1, never holds enough free resources for long enough"
    )


def test_an_inner_job_may_be_as_long_as_its_container() -> None:
    jobs = [job(1, ("node=2", 60), types=CONTAINER), job(2, ("node=1", 60), types=INNER)]
    assert found(place(nodes_of_8(), jobs, rules=Rules(security_time_s=10))[2]) == (0, "1-8")


def test_c4_an_inner_job_is_placed_beside_those_that_are_planned() -> None:
    running = [planned(1, 200, 150, "7-27", opens="1"), planned(5, 210, 70, "9-16", inside="1")]
    outcomes = place(nodes_of_8(), [job(2, ("node=1", 30), types=INNER)], running)
    assert found(outcomes[2]) == (200, "17-24")


def test_c5_containers_are_nested() -> None:
    jobs = [
        job(1, ("node=2", 80), types=CONTAINER),
        job(2, ("node=1", 50), types={"container": "", "inner": "1"}),
        job(3, ("node=1", 30), types={"inner": "2"}),
        job(4, ("node=1", 30), types=INNER),
    ]
    outcomes = place(nodes_of_8(), jobs)
    assert [found(outcomes[n]) for n in (2, 3, 4)] == [(0, "1-8"), (0, "1-8"), (0, "9-16")]


def test_c6_a_job_is_placed_in_a_planned_container_that_is_inner_itself() -> None:
    running = [
        planned(5, 210, 70, "15-25", inside="1", opens="5"),
        planned(1, 200, 150, "7-27", opens="1"),
    ]
    outcomes = place(nodes_of_8(), [job(2, ("node=1", 30), types={"inner": "5"})], running)
    assert found(outcomes[2]) == (210, "17-24")


def test_c7_containers_of_one_name_make_one_space() -> None:
    running = [planned(8, 200, 70, "7-32", opens="yop"), planned(9, 1000, 220, "15-25", opens="yop")]
    jobs = [job(1, ("node=1", 100), types={"inner": "yop"})]
    outcomes = place(nodes_of_8(), jobs, running, rules=Rules(security_time_s=20))
    assert found(outcomes[1]) == (1000, "17-24")


def test_c8_an_inner_job_goes_into_the_container_that_is_long_enough() -> None:
    jobs = [
        job(1, ("node=2", 100), types={"container": "yop"}),
        job(2, ("node=2", 200), types={"container": "yop"}),
        job(3, ("node=1", 150), types={"inner": "yop"}),
    ]
    assert found(place(nodes_of_8(), jobs)[3]) == (0, "17-24")


def test_c9_an_inner_job_may_use_two_containers_of_one_name() -> None:
    jobs = [
        job(1, ("cpu=16", 200), types={"container": "yop"}),
        job(2, ("cpu=8", 100)),
        job(3, ("cpu=8", 200), types={"container": "yop"}),
        job(4, ("cpu=20", 70), types={"inner": "yop"}),
    ]
    outcomes = place(TWENTY_FOUR_CPUS, jobs)
    assert [found(outcomes[n]) for n in (3, 4)] == [(100, "17-24"), (100, "1-20")]


def test_c10_a_job_waits_for_the_inner_job_that_it_depends_on() -> None:
    jobs = [
        job(1, ("node=2", 150), types=CONTAINER),
        job(2, ("node=1", 100), types=INNER),
        job(3, ("node=1", 30), after=[2]),
    ]
    assert found(place(nodes_of_8(), jobs)[3]) == (100, "17-24")


def test_c11_an_inner_job_without_container_is_told_so_and_the_others_go_on() -> None:
    jobs = [job(1, ("node=1", 60), types={"inner": "77"}), job(2, ("node=1", 60))]
    outcomes = place(nodes_of_8(), jobs)
    assert outcomes[1] == NoRoom(JobId(1), "its container, 77, has no planned start")
    assert found(outcomes[2]) == (0, "1-8")


def test_an_inner_job_that_comes_before_its_container_is_placed_after_it() -> None:
    jobs = [job(1, ("node=1", 30), types={"inner": "2"}), job(2, ("node=2", 60), types=CONTAINER)]
    assert found(place(nodes_of_8(), jobs)[1]) == (0, "1-8")


def test_a_container_inside_itself_has_no_place() -> None:
    jobs = [job(1, ("node=1", 30), types={"inner": "1", "container": ""})]
    assert isinstance(place(nodes_of_8(), jobs)[1], NoRoom)


def test_two_containers_inside_one_another_have_no_place() -> None:
    jobs = [
        job(1, ("node=1", 30), types={"inner": "2", "container": ""}),
        job(2, ("node=1", 30), types={"inner": "1", "container": ""}),
    ]
    assert all(isinstance(outcome, NoRoom) for outcome in place(nodes_of_8(), jobs).values())


def test_what_an_inner_job_takes_is_not_taken_from_the_platform_twice() -> None:
    jobs = [
        job(1, ("node=2", 60), types=CONTAINER),
        job(2, ("node=1", 60), types=INNER),
        job(3, ("node=2", 60)),
        job(4, ("node=1", 60), types=INNER),
        job(5, ("node=1", 60), types=INNER),
    ]
    outcomes = place(nodes_of_8(), jobs)
    assert [found(outcomes[n]) for n in (2, 3, 4)] == [(0, "1-8"), (0, "17-32"), (0, "9-16")]
    assert isinstance(outcomes[5], NoRoom)


def test_an_inner_job_whose_container_is_gone_holds_its_resources_as_any_job_does() -> None:
    running = [planned(5, 0, 100, "1-8", inside="77")]
    assert found(place(nodes_of_8(), [job(1, ("node=4", 60))], running)[1]) == (100, "1-32")


def test_an_inner_job_that_outlives_its_container_holds_its_resources_until_its_end() -> None:
    running = [planned(1, 0, 100, "1-8", opens="1"), planned(5, 0, 150, "1-8", inside="1")]
    assert found(place(nodes_of_8(), [job(2, ("node=4", 60))], running)[2]) == (150, "1-32")


def test_an_inner_job_that_outlives_a_nested_container_holds_its_resources_in_the_outer_one_too() -> None:
    running = [planned(1, 0, 300, "1-16", opens="1"), planned(5, 0, 150, "1-8", inside="nested")]
    jobs = [job(number, ("node=1", 60), types=INNER) for number in (2, 3)]
    outcomes = place(nodes_of_8(), jobs, running)
    assert [found(outcomes[n]) for n in (2, 3)] == [(0, "9-16"), (60, "9-16")]


def test_a_job_that_was_suspended_keeps_inner_jobs_off_its_resources_in_a_container_that_got_them() -> None:
    running = [planned(1, 0, 300, "1-16", opens="1"), planned(5, 0, 150, "1-8")]
    assert found(place(nodes_of_8(), [job(2, ("node=2", 60), types=INNER)], running)[2]) == (150, "1-16")


def test_a_besteffort_container_gives_only_what_no_other_job_has_taken() -> None:
    container = Occupation(0, 399, ids("1-16"), JobId(1), besteffort=True, nesting=Nesting(None, "1"))
    besteffort = {"besteffort": "", "inner": "1"}
    jobs = [job(2, ("node=1", 50)), job(3, ("node=1", 50), types=besteffort)]
    outcomes = place(nodes_of_8(), jobs, [container])
    assert [found(outcomes[n]) for n in (2, 3)] == [(0, "1-8"), (0, "9-16")]


def test_an_inner_job_in_a_copy_of_the_gantt_leaves_the_first_as_it_was() -> None:
    gantt = Gantt(nodes_of_8(), [], 0)
    place_checked(gantt, [job(1, ("node=1", 60), types=CONTAINER)], NO_MARGIN)
    mine = job(2, ("node=1", 60), types=INNER)
    for one in (gantt.copy(), gantt):
        outcome = place_checked(one, [mine], NO_MARGIN)[mine.job_id]
        assert isinstance(outcome, Assignment)
    assert isinstance(place_checked(gantt, [mine], NO_MARGIN)[mine.job_id], NoRoom)


def test_the_container_is_named_that_an_inner_job_starts_with() -> None:
    jobs = [job(1, ("node=1", 60), types=CONTAINER), job(2, ("node=1", 30), types=INNER)]
    plan = checked_plan(nodes_of_8(), jobs, [taken(0, 99, "1-32")])
    assert plan.explain(jobs[1]).words() == "starts 100 with its container, job 1"
