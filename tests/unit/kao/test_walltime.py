"""What running jobs are granted of the walltimes they ask for, and how the round then plans."""

from dataclasses import replace

import pytest
from procset import ProcSet

from oar.core.durations import format_date
from oar.core.job import Assignment, JobId, RunningJob, WaitingJob
from oar.core.states import JobState, ReservationState
from oar.core.walltime_change import WalltimeRequest
from oar.kamelot import Rules
from oar.kao.model import World
from oar.kao.round import run_round
from oar.kao.walltime import change_walltimes
from oar.setting_kinds import ByQueue
from oar.settings import WalltimeSettings
from oar.testing import make_running, make_waiting, make_world

NOW = 1000
ON = WalltimeSettings(enabled=True)
RULES = Rules(security_time_s=60)


def request(pending_s: int, job_id: int = 1, **values: object) -> WalltimeRequest:
    return WalltimeRequest(JobId(job_id), pending_s, **values)


def grants(world: World, *requests: WalltimeRequest, settings: WalltimeSettings = ON) -> dict[int, int]:
    changes, _ = change_walltimes(world, requests, RULES, settings)
    return {one.job_id: one.change_s for one in changes.grants}


def world_of(*running: RunningJob, plan: tuple[tuple[WaitingJob, int, ProcSet], ...] = ()) -> World:
    places = [
        Assignment(job.job_id, job.moldables[0].moldable_id, start, 60, resources)
        for job, start, resources in plan
    ]
    world = make_world(*(job for job, _, _ in plan), running=running, now=NOW)
    return replace(world, plan=tuple(places))


def ends_at(end: int, **values: object) -> RunningJob:
    """Make job 1, on resources 1 and 2, that ends at a date."""
    return replace(make_running(1, [1, 2], NOW - 100, end - NOW + 100), **values)


ALL = ProcSet((1, 6))


def test_x1_without_a_request_or_for_a_job_that_waits_nothing_is_granted():
    world = make_world(make_waiting(2), running=(ends_at(NOW + 60),), now=NOW)
    assert grants(world) == {}
    assert grants(world, request(3663, job_id=2)) == {}


def test_x2_a_job_with_free_resources_behind_it_gets_all():
    world = world_of(make_running(1, [1], NOW - 10, 60))
    changes, _ = change_walltimes(world, [request(3663)], RULES, ON)
    (grant,) = changes.grants
    assert (grant.change_s, grant.left_s) == (3663, 0)
    assert grant.words == "walltime changed: 1:2:3 (granted: +1:1:3/pending: 0:0:0)"


def test_x3_an_inner_job_grows_to_the_end_of_its_container():
    container = make_running(1, [1, 2], NOW, 60, types={"container": ""})
    inner = make_running(2, [1], NOW, 25, types={"inner": "1"})
    changes, _ = change_walltimes(world_of(container, inner), [request(3663, job_id=2)], RULES, ON)
    (grant,) = changes.grants
    assert (grant.change_s, grant.left_s) == (35, 3628)
    assert grant.words == "walltime changed: 0:1:0 (granted: +0:0:35/pending: +1:0:28)"


def test_an_inner_job_grows_with_its_container_in_one_round():
    container = make_running(1, [1, 2], NOW, 60, types={"container": ""})
    inner = make_running(2, [1], NOW, 25, types={"inner": "1"})
    wanted = (request(100, job_id=2), request(100, job_id=1))
    assert grants(world_of(container, inner), *wanted) == {1: 100, 2: 100}


def test_an_inner_job_keeps_its_end_while_no_container_of_it_runs():
    container = replace(make_running(1, [1, 2], NOW, 60, types={"container": ""}), state=JobState.SUSPENDED)
    inner = make_running(2, [1], NOW, 25, types={"inner": "1"})
    assert grants(world_of(container, inner), request(3663, job_id=2)) == {}


def test_a_container_is_not_limited_by_what_is_planned_in_a_container_inside_it():
    outer = ends_at(NOW + 100, types={"container": "outer"})
    middle = make_running(2, [1], NOW, 50, types={"container": "middle", "inner": "outer"})
    plan = ((make_waiting(3, types={"inner": "middle"}), NOW + 200, ProcSet(1)),)
    assert grants(world_of(outer, middle, plan=plan), request(500)) == {1: 500}


def test_the_round_plans_behind_the_new_walltime():
    world = make_world(make_waiting(2, "core=6,walltime=0:1:0"), running=(ends_at(NOW + 50),), now=NOW)
    _, changed = change_walltimes(world, [request(500)], RULES, ON)
    (place,) = run_round(changed, RULES).plan
    assert place.start_time == NOW + 50 + 500 + 60


def test_the_jobs_that_are_planned_behind_it_limit_a_job():
    plan = ((make_waiting(2), NOW + 300, ProcSet(2)),)
    assert grants(world_of(ends_at(NOW + 100), plan=plan), request(500)) == {1: 300 - 60 - 1 - 100}


def test_the_first_of_the_jobs_that_are_planned_behind_it_counts():
    plan = ((make_waiting(2), NOW + 400, ProcSet(2)), (make_waiting(3), NOW + 300, ProcSet(1)))
    assert grants(world_of(ends_at(NOW + 100), plan=plan), request(500)) == {1: 300 - 60 - 1 - 100}


def test_a_job_that_does_not_limit_hides_none_behind_it():
    besteffort = make_waiting(2, types={"besteffort": ""})
    plan = ((besteffort, NOW + 200, ALL), (make_waiting(3), NOW + 300, ALL))
    assert grants(world_of(ends_at(NOW + 100), plan=plan), request(500)) == {1: 300 - 60 - 1 - 100}


def test_a_job_right_behind_it_leaves_nothing():
    plan = ((make_waiting(2), NOW + 160, ProcSet(2)),)
    assert grants(world_of(ends_at(NOW + 100), plan=plan), request(500)) == {}


def test_a_job_on_other_resources_does_not_limit():
    plan = ((make_waiting(2), NOW + 160, ProcSet((3, 6))),)
    assert grants(world_of(ends_at(NOW + 100), plan=plan), request(500)) == {1: 500}


def test_a_job_that_starts_after_the_new_end_and_the_security_time_does_not_limit():
    plan = ((make_waiting(2), NOW + 661, ProcSet(2)),)
    assert grants(world_of(ends_at(NOW + 100), plan=plan), request(500)) == {1: 500}


@pytest.mark.parametrize(
    ("types", "planned_types"),
    [
        ({}, {"besteffort": ""}),
        ({"timesharing": "*,*"}, {"timesharing": "*,*"}),
        ({"allowed": "kept"}, {"placeholder": "kept"}),
        ({"container": "one"}, {"inner": "one"}),
    ],
)
def test_planned_jobs_that_can_be_beside_it_or_give_way_do_not_limit(types, planned_types):
    plan = ((make_waiting(2, types=planned_types), NOW + 200, ALL),)
    assert grants(world_of(ends_at(NOW + 100, types=types), plan=plan), request(500)) == {1: 500}


def test_only_reservations_limit_a_job_that_may_delay_others():
    waiting = make_waiting(2)
    reserved = replace(make_waiting(3), reservation=ReservationState.SCHEDULED)
    plan = ((waiting, NOW + 200, ALL), (reserved, NOW + 300, ALL))
    wanted = request(500, delay_next_jobs=True)
    assert grants(world_of(ends_at(NOW + 100), plan=plan), wanted) == {1: 300 - 60 - 1 - 100}


def test_a_reservation_limits_a_job():
    reserved = replace(make_waiting(3), reservation=ReservationState.SCHEDULED)
    plan = ((reserved, NOW + 300, ALL),)
    assert grants(world_of(ends_at(NOW + 100), plan=plan), request(500)) == {1: 300 - 60 - 1 - 100}


def test_the_whole_is_granted_at_once_or_not_at_all():
    plan = ((make_waiting(2), NOW + 300, ALL),)
    world = world_of(ends_at(NOW + 100), plan=plan)
    assert grants(world, request(140, whole=True)) == {}
    assert grants(world, request(139, whole=True)) == {1: 139}


def test_an_increase_waits_for_the_time_before_the_end_that_the_site_says():
    settings = replace(ON, apply_time=ByQueue(100.0))
    assert grants(world_of(ends_at(NOW + 101)), request(500), settings=settings) == {}
    assert grants(world_of(ends_at(NOW + 100)), request(500), settings=settings) == {1: 500}


def test_an_increase_is_granted_in_the_steps_that_the_site_says():
    settings = replace(ON, increment=ByQueue(200.0))
    assert grants(world_of(ends_at(NOW + 100)), request(500), settings=settings) == {1: 200}


def test_force_disregards_when_and_in_which_steps():
    settings = replace(ON, apply_time=ByQueue(10.0), increment=ByQueue(200.0))
    assert grants(world_of(ends_at(NOW + 100)), request(500, force=True), settings=settings) == {1: 500}


def test_the_steps_of_a_queue_count_for_its_jobs():
    settings = replace(ON, increment=ByQueue(0.0, (("default", 200.0),)))
    jobs = (ends_at(NOW + 100), replace(make_running(2, [3], NOW, 100), queue="admin"))
    assert grants(world_of(*jobs), request(500), request(500, 2), settings=settings) == {1: 200, 2: 500}


def test_a_job_with_a_deadline_does_not_outgrow_it():
    job = ends_at(NOW + 100, types={"deadline": format_date(NOW + 300)})
    assert grants(world_of(job), request(500)) == {1: 200}


def test_a_reduction_is_granted_at_once():
    plan = ((make_waiting(2), NOW + 160, ALL),)
    assert grants(world_of(ends_at(NOW + 100), plan=plan), request(-40)) == {1: -40}


def test_a_reduction_does_not_end_a_job_before_now():
    assert grants(world_of(ends_at(NOW + 100)), request(-500)) == {1: -100}


def test_a_container_is_not_reduced():
    assert grants(world_of(ends_at(NOW + 100, types={"container": ""})), request(-10)) == {}


def test_the_time_that_a_job_was_suspended_counts_to_its_end():
    plan = ((make_waiting(2), NOW + 300, ALL),)
    world = world_of(ends_at(NOW + 50, suspended_s=50), plan=plan)
    assert grants(world, request(500)) == {1: 300 - 60 - 1 - 100}


def test_a_job_that_is_suspended_waits_for_its_increase():
    assert grants(world_of(ends_at(NOW + 100, state=JobState.SUSPENDED)), request(500)) == {}


def test_a_job_whose_walltime_is_over_gets_nothing():
    assert grants(world_of(ends_at(NOW - 1)), request(500)) == {}


def test_a_request_whose_timeout_is_over_is_given_up():
    wanted = request(500, timeout_s=60, asked_at=NOW - 60)
    changes, world = change_walltimes(world_of(ends_at(NOW + 100)), [wanted], RULES, ON)
    assert (changes.grants, changes.given_up) == ((), (wanted,))
    assert world.running[0].walltime_s == 200


def test_the_words_of_a_grant_name_what_was_used():
    wanted = request(500, force=True, delay_next_jobs=True)
    changes, _ = change_walltimes(world_of(ends_at(NOW + 100)), [wanted], RULES, ON)
    assert changes.grants[0].words.endswith("(granted: +0:8:20/pending: 0:0:0/force/delay next jobs)")
