"""Which jobs that wait to be resumed go on."""

from collections.abc import Iterable
from dataclasses import replace

from oar.core.job import RunningJob
from oar.core.states import JobState
from oar.kamelot import Rules
from oar.kao.round import run_round
from oar.testing import make_running, make_waiting, make_world

NOW = 1000


def job(
    job_id: int, resources: Iterable[int], state: JobState = JobState.RESUMING, **types: str
) -> RunningJob:
    return replace(make_running(job_id, resources, NOW - 100, 3600, types), state=state)


def resumed(*running: RunningJob, begun: Iterable[int] = ()) -> list[int]:
    world = replace(make_world(running=running, now=NOW), resumed=frozenset(begun))
    return [one.job_id for one in run_round(world, Rules()).resumptions]


def test_r21_a_resuming_job_with_nothing_else_on_its_resources_is_resumed():
    assert resumed(job(1, [1, 2]), job(2, [3], JobState.RUNNING)) == [1]


def test_r22_a_job_that_was_suspended_but_never_started_is_planned_as_any():
    decisions = run_round(make_world(make_waiting(1), now=NOW), Rules())
    assert [one.job_id for one in decisions.launches] == [1]


def test_a_resuming_job_waits_for_the_jobs_that_got_its_resources():
    for state in (JobState.TO_LAUNCH, JobState.LAUNCHING, JobState.RUNNING, JobState.FINISHING):
        assert resumed(job(1, [1, 2]), job(2, [2], state)) == []


def test_a_resuming_job_does_not_wait_for_jobs_that_are_suspended():
    assert resumed(job(1, [1, 2]), job(2, [2], JobState.SUSPENDED)) == [1]


def test_of_two_resuming_jobs_on_the_same_resources_one_goes_on():
    assert resumed(job(1, [1, 2]), job(2, [2, 3])) == [1]


def test_a_job_that_has_leave_already_is_not_asked_again_and_keeps_its_resources():
    assert resumed(job(1, [1, 2]), job(2, [2, 3]), begun=[2]) == []


def test_a_resuming_job_that_waits_does_not_hold_back_another():
    assert resumed(job(1, [1, 2]), job(2, [2, 3]), job(3, [1], JobState.RUNNING)) == [2]


def test_a_resuming_inner_job_is_beside_its_container():
    container = job(1, [1, 2], JobState.RUNNING, container="one")
    assert resumed(container, job(2, [1], inner="one")) == [2]


def test_a_resuming_container_is_beside_its_inner_jobs():
    inner = job(2, [1], JobState.RUNNING, inner="one")
    assert resumed(job(1, [1, 2], container="one"), inner) == [1]


def test_a_resuming_job_is_beside_those_it_shares_with():
    other = job(2, [1], JobState.RUNNING, timesharing="*,*")
    assert resumed(job(1, [1], timesharing="*,*"), other) == [1]


def test_the_jobs_that_a_resumption_is_beside_are_named_with_the_state_they_have_to_keep():
    world = make_world(running=(job(1, [1]), job(2, [1], JobState.SUSPENDED)), now=NOW)
    (one,) = run_round(world, Rules()).resumptions
    assert one.beside == {2: JobState.SUSPENDED}
