"""The check of plans finds each kind of wrong plan."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from oar.core.durations import format_date
from oar.core.job import Assignment, JobId, MoldableId, NoRoom, WaitingJob
from oar.core.states import NodeState, ReservationState
from oar.kamelot import OVER, Occupation, Platform, Rules, check
from tests.unit.kamelot.build import NO_MARGIN, ids, job, nodes_of_8, resource, resources_of, taken


def wrong(
    jobs: Sequence[WaitingJob],
    *places: tuple[int, str],
    running: Sequence[Occupation] = (),
    platform: Platform | None = None,
    rules: Rules = NO_MARGIN,
    ends: Mapping[JobId, int] | None = None,
) -> list[str]:
    """Check a plan in which the jobs have these starts and resources, for a walltime of 60 s."""
    outcomes = {
        job.job_id: Assignment(job.job_id, MoldableId(10 * job.job_id), start, 60, ids(resources))
        for job, (start, resources) in zip(jobs, places, strict=True)
    }
    return check(platform or nodes_of_8(), running, jobs, outcomes, now=100, rules=rules, ends=ends)


ONE_NODE = job(1, ("node=1", 60))


def test_a_right_plan_has_nothing_wrong() -> None:
    assert wrong([ONE_NODE, job(2, ("node=1", 60))], (100, "1-8"), (160, "1-8")) == []


def test_a_start_before_now_is_found() -> None:
    assert wrong([ONE_NODE], (99, "1-8")) == ["job 1: starts at 99, before now, 100"]


def test_two_jobs_on_one_resource_are_found() -> None:
    jobs = [ONE_NODE, job(2, ("node=1", 60))]
    assert wrong(jobs, (100, "1-8"), (159, "1-8")) == ["job 2: shares resources with job 1"]


def test_the_security_time_between_jobs_is_checked() -> None:
    jobs = [ONE_NODE, job(2, ("node=1", 60))]
    found = wrong(jobs, (100, "1-8"), (160, "1-8"), rules=Rules(security_time_s=1))
    assert found == ["job 2: shares resources with job 1"]


def test_a_running_job_that_is_run_over_is_found() -> None:
    running = [taken(0, 100, "8", 9)]
    assert wrong([ONE_NODE], (100, "1-8"), running=running) == ["job 1: shares resources with job 9"]


def test_jobs_of_all_queues_but_besteffort_may_run_over_besteffort_jobs() -> None:
    running = [taken(0, 100, "8", 9, besteffort=True)]
    assert wrong([ONE_NODE], (100, "1-8"), running=running) == []
    besteffort = replace(job(1, ("node=1", 60), types={"besteffort": ""}), queue="besteffort")
    assert wrong([besteffort], (100, "1-8"), running=running) == ["job 1: shares resources with job 9"]


@pytest.mark.parametrize(
    ("resources", "told"),
    [
        ("1-16", "gets 2 node instead of 1"),
        ("1-7", "gets a part of a node only"),
        ("", "gets no resources"),
        ("1-8 40", "gets resource 40, which is Dead or unknown"),
    ],
)
def test_resources_that_are_not_what_was_asked_for_are_found(resources: str, told: str) -> None:
    assert f"job 1: {told}" in wrong([ONE_NODE], (100, resources))


def test_resources_outside_the_filter_are_found() -> None:
    platform = nodes_of_8({"mem > 64": "9-32"})
    found = wrong([job(1, ("{mem > 64}/node=1", 60))], (100, "1-8"), platform=platform)
    assert "job 1: gets resources that do not match its filters" in found


def test_a_job_that_outlives_its_resource_is_found() -> None:
    platform = Platform([resource(1, {"node": "a"}, available_upto=159)], {})
    assert wrong([ONE_NODE], (100, "1"), platform=platform) == ["job 1: outlives resource 1"]


def test_a_walltime_that_was_changed_is_found() -> None:
    found = wrong([job(1, ("node=1", 90))], (100, "1-8"))
    assert found == ["job 1: gets 60 s instead of 90"]


def test_a_job_that_starts_before_its_dependency_has_ended_is_found() -> None:
    jobs = [ONE_NODE, job(2, ("node=1", 60), after=[1])]
    found = wrong(jobs, (100, "1-8"), (159, "9-16"))
    assert found == ["job 2: starts before job 1, on which it depends, has ended"]


def test_a_job_without_a_place_has_nothing_wrong() -> None:
    outcomes = {JobId(1): NoRoom(JobId(1), "it rains")}
    assert check(nodes_of_8(), [], [ONE_NODE], outcomes, now=0, rules=Rules()) == []


def test_an_inner_job_outside_its_container_is_found() -> None:
    jobs = [
        job(1, ("node=1", 60), types={"container": ""}),
        job(2, ("node=1", 60), types={"inner": "1"}),
    ]
    assert wrong(jobs, (100, "1-8"), (100, "1-8")) == []
    assert wrong(jobs, (100, "1-8"), (100, "9-16")) == ["job 2: is not inside container 1 at 100"]
    assert "job 2: is not inside container 1 at 160" in wrong(jobs, (100, "1-8"), (101, "1-8"))


def test_jobs_that_share_are_right_and_jobs_that_do_not_are_found() -> None:
    sharing = [job(n, ("node=1", 60), types={"timesharing": "*,*"}) for n in (1, 2)]
    assert wrong(sharing, (100, "1-8"), (100, "1-8")) == []
    found = wrong([sharing[0], job(2, ("node=1", 60))], (100, "1-8"), (100, "1-8"))
    assert found == ["job 2: shares resources with job 1"]


def test_a_job_that_depends_on_one_of_unknown_end_has_no_place() -> None:
    jobs = [job(1, ("node=1", 60), after=[90])]
    assert wrong(jobs, (100, "1-8"), ends={JobId(90): OVER}) == []
    assert wrong(jobs, (100, "1-8"), ends={JobId(90): 100}) == []
    assert wrong(jobs, (100, "1-8"), ends={JobId(90): 101}) == [
        "job 1: starts before job 90, on which it depends, has ended"
    ]
    assert wrong(jobs, (100, "1-8"), ends={}) == [
        "job 1: is placed though nobody knows when job 90 will have ended"
    ]


@pytest.mark.parametrize(
    ("types", "told"),
    [
        ({"expire": format_date(99)}, "is placed though its expire is past"),
        ({"postpone": format_date(101)}, "starts before it was postponed to, 101"),
        ({"deadline": format_date(159)}, "ends after its deadline, 159"),
    ],
)
def test_dates_that_are_not_kept_are_found(types: dict[str, str], told: str) -> None:
    assert wrong([job(1, ("node=1", 60), types=types)], (100, "1-8")) == [f"job 1: {told}"]


def test_resources_that_cannot_be_used_now_are_for_permissive_jobs_and_reservations() -> None:
    platform = nodes_of_8(suspected="1-8")
    permissive = job(1, ("node=1", 60), types={"state": "permissive"})
    reservation = replace(ONE_NODE, reservation=ReservationState.TO_SCHEDULE)
    assert wrong([permissive], (100, "1-8"), platform=platform) == []
    assert wrong([reservation], (100, "1-8"), platform=platform) == []
    assert wrong([ONE_NODE], (100, "1-8"), platform=platform)[0] == (
        "job 1: gets resource 1, which is Suspected"
    )


@pytest.mark.parametrize(("energy_saving", "flaws"), [(True, 0), (False, 1)])
def test_absent_resources_that_can_be_woken_are_usable_with_energy_saving(
    energy_saving: bool, flaws: int
) -> None:
    platform = Platform([resource(1, {"node": "a"}, NodeState.ABSENT, 1000)], {})
    rules = Rules(security_time_s=0, energy_saving=energy_saving)
    assert len(wrong([ONE_NODE], (100, "1"), platform=platform, rules=rules)) == flaws


def test_a_besteffort_job_that_was_planned_is_not_run_over_either() -> None:
    jobs = [job(1, ("node=1", 60), types={"besteffort": ""}), job(2, ("node=1", 60))]
    assert wrong(jobs, (100, "1-8"), (110, "1-8")) == ["job 2: shares resources with job 1"]


def test_a_job_that_meets_several_is_told_of_each() -> None:
    running = [taken(0, 120, "1-4", 8), taken(110, 200, "8", 9)]
    assert wrong([ONE_NODE], (100, "1-8"), running=running) == [
        "job 1: shares resources with job 8",
        "job 1: shares resources with job 9",
    ]


def test_an_inner_job_may_go_from_one_container_of_its_name_to_the_next() -> None:
    containers = [job(n, ("node=2", 60), types={"container": "red"}) for n in (1, 2)]
    inner = job(3, ("node=1", 60), types={"inner": "red"})
    assert wrong([*containers, inner], (100, "1-16"), (160, "1-16"), (130, "1-8")) == []
    assert wrong([*containers, inner], (100, "1-16"), (161, "1-16"), (130, "1-8")) == [
        "job 3: is not inside container red at 160"
    ]


def test_a_container_that_is_inside_itself_is_no_container_for_itself() -> None:
    strange = job(1, ("node=1", 60), types={"container": "red", "inner": "red"})
    assert wrong([strange], (100, "1-8")) == ["job 1: is not inside container red at 100"]
    around = [job(2, ("node=1", 60), types={"container": "red"}), strange]
    assert wrong(around, (100, "1-8"), (100, "1-8")) == []


def test_resources_of_several_groups_are_divided_as_they_were_asked_for() -> None:
    groups = "{mem > 64}/node=1+cpu=1+resource_id=2"
    platform = nodes_of_8({"mem > 64": "17-32"})
    jobs = [job(1, (groups, 60))]
    assert wrong(jobs, (100, "1-6 17-24"), platform=platform) == []
    told = ["job 1: gets what cannot be divided among its 3 groups"]
    for resources in ("1-5 17-24", "1-7 17-24", "1-3 5-7 17-24", "1-14"):
        assert wrong(jobs, (100, resources), platform=platform) == told, resources


CORES, WIDTH, JOBS = 10_000, 40, 10_000


def test_ten_thousand_jobs_on_ten_thousand_resources_are_checked_in_seconds() -> None:
    nodes = [f"{first}-{first + WIDTH - 1}" for first in range(1, CORES, WIDTH)]
    platform = Platform(resources_of(CORES, node=nodes, core=[str(n) for n in range(1, CORES + 1)]), {})
    side_by_side = CORES // (2 * WIDTH)
    jobs, places = [], []
    for number in range(JOBS):
        row, column = divmod(number, side_by_side)
        first = 2 * WIDTH * column
        scattered = f"{first + 1}-{first + WIDTH // 2} {first + WIDTH + 1}-{first + WIDTH + WIDTH // 2}"
        jobs.append(job(number + 1, (f"node=2/core={WIDTH // 2}", 60)))
        places.append((100 + 60 * row, scattered))
    begin = time.process_time()
    assert wrong(jobs, *places, platform=platform) == []
    assert time.process_time() - begin < 20
