"""Jobs that are not planned, whatever is free: what they wait for is past, gone or failed."""

from dataclasses import replace

import pytest

from oar.core.durations import format_date
from oar.core.job import JobId, NoRoom, RequiredJob
from oar.core.states import JobState
from oar.kamelot import Rules
from oar.kao.model import Decisions, QueueView, SiteChoices, World
from oar.kao.round import run_round
from oar.testing import make_running, make_waiting, make_world

NEEDS_SUCCESS = SiteChoices(dependencies_need_success=True)


def decide(world: World, choices: SiteChoices | None = None) -> Decisions:
    decisions = run_round(world, Rules(), choices or SiteChoices(), check_plan=True)
    assert decisions.flaws == ()
    return decisions


@pytest.mark.parametrize("name", ["expire", "deadline"])
def test_a_job_whose_date_is_past_is_refused(name: str) -> None:
    decisions = decide(make_world(make_waiting(1, types={name: format_date(999)})))
    message = f"Job will never run ({name}={format_date(999)}), setting it to error"
    assert (decisions.refused, decisions.outcomes, decisions.told) == ({JobId(1): message}, {}, {})


def test_a_job_whose_date_has_come_but_is_not_past_is_planned() -> None:
    assert decide(make_world(make_waiting(1, types={"expire": format_date(1000)}))).refused == {}


def test_a_date_that_cannot_be_read_refuses_nothing() -> None:
    decisions = decide(make_world(make_waiting(1, types={"deadline": "soon"})))
    assert (decisions.refused, type(decisions.outcomes[JobId(1)])) == ({}, NoRoom)


def test_a_job_of_a_queue_that_is_not_active_is_not_refused() -> None:
    world = make_world(
        make_waiting(1, types={"expire": format_date(1)}), queues=(QueueView("default", 2, False),)
    )
    assert decide(world).refused == {}


@pytest.mark.parametrize("name", ["77", "yop"])
def test_c11_an_inner_job_without_a_container_is_refused_and_others_go_on(name: str) -> None:
    decisions = decide(make_world(make_waiting(1, types={"inner": name}), make_waiting(2)))
    assert [one.job_id for one in decisions.launches] == [2]
    assert decisions.refused == {
        JobId(1): f"Job will never run (inner={name}: this container does not exist or has ended),"
        " setting it to error"
    }


@pytest.mark.parametrize("types", [{"container": "", "inner": "1"}, {"container": "x", "inner": "x"}])
def test_a_container_inside_itself_is_refused(types: dict[str, str]) -> None:
    refused = decide(make_world(make_waiting(1, types=types))).refused
    assert "this container is the job itself" in refused[JobId(1)]


def test_a_container_inside_another_of_its_name_is_planned() -> None:
    outer = make_running(1, range(1, 7), 990, 9000, types={"container": "x"})
    decisions = decide(make_world(make_waiting(2, types={"container": "x", "inner": "x"}), running=(outer,)))
    assert [one.job_id for one in decisions.launches] == [2]


def after(ended: RequiredJob, policy: str = "kamelot") -> World:
    queues = (QueueView("default", 2, True, policy),)
    return make_world(make_waiting(2, dependencies=[1]), required={JobId(1): ended}, queues=queues)


FAILED = {
    "depends on job 1, which ended in error": RequiredJob(JobState.ERROR),
    "depends on job 1, which ended with exit code 3": RequiredJob(JobState.TERMINATED, 3 << 8),
    "depends on job 1, which was ended by signal 9": RequiredJob(JobState.TERMINATED, 9),
}
GOOD = [RequiredJob(JobState.TERMINATED), RequiredJob(JobState.TERMINATED, 0)]


@pytest.mark.parametrize("ended", [*FAILED.values(), *GOOD])
def test_d2_d3_d4_any_end_of_a_required_job_will_do(ended: RequiredJob) -> None:
    assert [one.job_id for one in decide(after(ended)).launches] == [2]


@pytest.mark.parametrize("words", FAILED)
def test_d2_d4_where_success_is_required_a_failed_job_holds_back_those_that_depend_on_it(words: str) -> None:
    decisions = decide(after(FAILED[words]), NEEDS_SUCCESS)
    assert decisions.outcomes == {JobId(2): NoRoom(JobId(2), words)}
    assert decisions.told[JobId(2)].reason == words


@pytest.mark.parametrize("ended", GOOD)
def test_d3_where_success_is_required_a_job_without_a_bad_exit_code_is_enough(ended: RequiredJob) -> None:
    assert [one.job_id for one in decide(after(ended), NEEDS_SUCCESS).launches] == [2]


def test_queues_with_a_quota_scheduler_of_oar_2_take_any_end() -> None:
    policy = "oar_sched_gantt_with_timesharing_and_fairsharing_and_quotas"
    for ended in FAILED.values():
        assert [one.job_id for one in decide(after(ended, policy), NEEDS_SUCCESS).launches] == [2]


def test_d6_a_job_that_depends_on_one_that_is_held_back_waits_too() -> None:
    world = after(RequiredJob(JobState.ERROR))
    third = make_waiting(3, dependencies=[2])
    required = {**world.required, JobId(2): RequiredJob(JobState.WAITING)}
    decisions = decide(replace(world, waiting=(*world.waiting, third), required=required), NEEDS_SUCCESS)
    assert decisions.outcomes[JobId(3)] == NoRoom(JobId(3), "depends on job 2, which has no planned start")


def test_a_job_that_was_told_why_it_is_not_planned_is_not_told_again() -> None:
    world = after(RequiredJob(JobState.ERROR))
    told = decide(world, NEEDS_SUCCESS).told
    assert decide(replace(world, told=told), NEEDS_SUCCESS).told == {}
