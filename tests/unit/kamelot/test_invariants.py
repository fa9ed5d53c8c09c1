"""The check of plans finds each kind of wrong plan."""

from collections.abc import Sequence

import pytest

from oar.core.job import Assignment, JobId, MoldableId, NoRoom, WaitingJob
from oar.kamelot import Occupation, Platform, Rules, check
from tests.unit.kamelot.build import ids, job, nodes_of_8, resource, taken


def wrong(
    jobs: Sequence[WaitingJob],
    *places: tuple[int, str],
    running: Sequence[Occupation] = (),
    platform: Platform | None = None,
    security_time_s: int = 0,
) -> list[str]:
    """Check a plan in which the jobs have these starts and resources, for a walltime of 60 s."""
    outcomes = {
        job.job_id: Assignment(job.job_id, MoldableId(10 * job.job_id), start, 60, ids(resources))
        for job, (start, resources) in zip(jobs, places, strict=True)
    }
    rules = Rules(security_time_s)
    return check(platform or nodes_of_8(), running, jobs, outcomes, now=100, rules=rules)


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
    found = wrong(jobs, (100, "1-8"), (160, "1-8"), security_time_s=1)
    assert found == ["job 2: shares resources with job 1"]


def test_a_running_job_that_is_run_over_is_found() -> None:
    running = [taken(0, 100, "8", 9)]
    assert wrong([ONE_NODE], (100, "1-8"), running=running) == ["job 1: shares resources with job 9"]


def test_only_ordinary_jobs_may_run_over_besteffort_jobs() -> None:
    running = [taken(0, 100, "8", 9, besteffort=True)]
    assert wrong([ONE_NODE], (100, "1-8"), running=running) == []
    besteffort = job(1, ("node=1", 60), types={"besteffort": ""})
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
