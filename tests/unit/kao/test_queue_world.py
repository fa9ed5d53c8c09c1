"""What is decided about one queue, given what runs and what the other queues have planned."""

from dataclasses import replace

import pytest
from procset import ProcSet

from oar.core.job import Assignment, Container, JobId, MoldableId, RequiredJob
from oar.core.states import JobState, ReservationState
from oar.kamelot import Rules
from oar.kao.model import QueueView
from oar.kao.queue_world import world_of_queue
from oar.kao.round import run_round
from oar.testing import make_running, make_waiting, make_world

RULES = Rules(security_time_s=60)
NOW = 1000
BESTEFFORT = {"besteffort": ""}


def plan(world, queue="default", **options):
    decisions = run_round(narrowed(world, queue), RULES, check_plan=True, **options)
    assert decisions.flaws == ()
    return decisions


def narrowed(world, queue="default"):
    return world_of_queue(world, QueueView(queue, 2, True))


def row(job, start, resources="1-6", walltime_s=3600):
    """Make a row of the plan for the first moldable of a job."""
    return Assignment(
        job.job_id, job.moldables[0].moldable_id, start, walltime_s, ProcSet.from_str(resources)
    )


def starts(decisions):
    return {one.job_id: (one.start_time, str(one.resources)) for one in decisions.plan}


def reservation(job_id, state=ReservationState.SCHEDULED):
    return replace(make_waiting(job_id, "nodes=3,walltime=1"), reservation=state)


def test_only_the_jobs_of_the_queue_are_planned():
    world = make_world(make_waiting(1), make_waiting(2, queue="admin"))
    assert list(starts(plan(world))) == [1]


def test_a_job_is_planned_after_what_another_queue_has_planned():
    other = make_waiting(1, "nodes=3,walltime=1", queue="admin")
    world = replace(make_world(other, make_waiting(2, "nodes=1,walltime=1")), plan=(row(other, NOW),))
    assert starts(plan(world)) == {2: (NOW + 3600 + 60, "1-2")}


def test_a_job_fills_the_hole_before_what_another_queue_has_planned():
    other = make_waiting(1, "nodes=3,walltime=1", queue="admin")
    world = replace(
        make_world(other, make_waiting(2, "nodes=1,walltime=0:10:0")), plan=(row(other, NOW + 660),)
    )
    assert starts(plan(world)) == {2: (NOW, "1-2")}


def test_the_row_of_another_queue_is_not_among_those_replaced():
    other, mine = make_waiting(1, queue="admin"), make_waiting(2)
    world = replace(make_world(other, mine), plan=(row(other, NOW), row(mine, NOW + 9)))
    assert [one.job_id for one in narrowed(world).plan] == [2]


def test_the_old_rows_of_the_queue_take_nothing():
    first, second = make_waiting(1, "nodes=3,walltime=1"), make_waiting(2, "nodes=3,walltime=1")
    world = replace(make_world(first, second), plan=(row(first, NOW + 5000), row(second, NOW)))
    assert starts(plan(world)) == {1: (NOW, "1-6"), 2: (NOW + 3660, "1-6")}


def test_an_accepted_reservation_of_the_queue_keeps_its_place():
    reserved = reservation(1)
    world = replace(make_world(reserved, make_waiting(2, "nodes=1,walltime=1")), plan=(row(reserved, NOW),))
    assert (starts(plan(world)), narrowed(world).plan) == ({2: (NOW + 3660, "1-2")}, ())


def test_a_reservation_that_is_being_acknowledged_keeps_its_place():
    reserved = reservation(1)
    world = replace(
        make_world(make_waiting(2, "nodes=1,walltime=1")), apart=(reserved,), plan=(row(reserved, NOW),)
    )
    assert starts(plan(world)) == {2: (NOW + 3660, "1-2")}


def test_a_new_reservation_is_left_to_the_metascheduler():
    assert starts(plan(make_world(reservation(1, ReservationState.TO_SCHEDULE)))) == {}


def test_the_row_of_a_job_that_neither_waits_nor_runs_takes_nothing():
    stale = row(make_waiting(1, "nodes=3"), NOW)
    world = replace(make_world(make_waiting(2, "nodes=1,walltime=1")), plan=(stale,))
    assert starts(plan(world)) == {2: (NOW, "1-2")}


def test_the_row_of_a_running_job_takes_nothing_beside_the_job():
    running = make_running(1, [1, 2], NOW - 100, 200)
    stale = Assignment(JobId(1), MoldableId(10), NOW, 9999, ProcSet((1, 6)))
    world = replace(make_world(make_waiting(2, "nodes=3,walltime=1"), running=(running,)), plan=(stale,))
    assert starts(plan(world)) == {2: (NOW + 100 + 60, "1-6")}


def test_a_job_of_another_queue_whose_date_is_past_is_taken_to_start_now():
    other = make_waiting(1, "nodes=3,walltime=1", queue="admin")
    world = replace(make_world(other, make_waiting(2, "nodes=1,walltime=1")), plan=(row(other, NOW - 600),))
    assert starts(plan(world)) == {2: (NOW + 3660, "1-2")}


@pytest.mark.parametrize(("queue", "start"), [("default", NOW), ("besteffort", NOW + 3660)])
def test_planned_besteffort_jobs_are_visible_to_the_queue_besteffort_only(queue, start):
    other = make_waiting(1, "nodes=3,walltime=1", queue="spare", types=BESTEFFORT)
    mine = make_waiting(2, "nodes=3,walltime=0:1:0", queue=queue)
    world = replace(make_world(other, mine), plan=(row(other, NOW),))
    assert starts(plan(world, queue))[2][0] == start


@pytest.mark.parametrize(("queue", "start"), [("default", NOW), ("besteffort", NOW + 160)])
def test_running_besteffort_jobs_are_visible_to_the_queue_besteffort_only(queue, start):
    running = make_running(1, range(1, 7), NOW - 100, 200, types=BESTEFFORT)
    world = make_world(make_waiting(2, "nodes=3", queue=queue), running=(running,))
    assert starts(plan(world, queue))[2][0] == start


def test_a_job_starts_after_the_one_it_depends_on_in_another_queue():
    other = make_waiting(1, "nodes=1,walltime=1", queue="admin")
    mine = make_waiting(2, "nodes=1,walltime=1", dependencies=[1])
    world = replace(
        make_world(other, mine, required={JobId(1): RequiredJob(JobState.WAITING)}),
        plan=(row(other, NOW, "1-2"),),
    )
    assert starts(plan(world))[2][0] == NOW + 3600 + 2 * 60


def test_an_inner_job_is_placed_in_a_container_that_another_queue_has_planned():
    container = make_waiting(1, "nodes=1,walltime=1", queue="admin", types={"container": ""})
    inner = make_waiting(2, "nodes=1,walltime=0:10:0", types={"inner": "1"})
    world = replace(make_world(container, inner), plan=(row(container, NOW + 500, "3-4"),))
    assert starts(plan(world)) == {2: (NOW + 500, "3-4")}


def test_a_job_that_can_start_at_once_is_ready():
    assert [one.job_id for one in plan(make_world(make_waiting(1), make_waiting(2))).launches] == [1, 2]


def test_a_job_that_starts_later_is_not_ready():
    world = make_world(make_waiting(1, "nodes=3"), make_waiting(2, "nodes=3"))
    assert [one.job_id for one in plan(world).launches] == [1]


def test_a_job_that_waits_for_an_eviction_is_not_ready():
    running = make_running(1, range(1, 7), NOW - 100, 200, types=BESTEFFORT)
    assert plan(make_world(make_waiting(2), running=(running,))).launches == ()


@pytest.mark.parametrize(("state", "ready"), [(JobState.LAUNCHING, []), (JobState.RUNNING, [2])])
def test_an_inner_job_is_ready_when_its_container_runs(state, ready):
    container = replace(make_running(1, [1, 2], NOW - 9, 3600, types={"container": ""}), state=state)
    inner = make_waiting(2, "nodes=1,walltime=0:10:0", types={"inner": "1"})
    assert [one.job_id for one in plan(make_world(inner, running=(container,))).launches] == ready


@pytest.mark.parametrize("word", ["expire", "deadline"])
def test_a_job_whose_last_date_is_past_is_refused(word):
    world = make_world(make_waiting(1, types={word: "1969-12-31"}))
    assert f"{word}=1969-12-31" in plan(world).refused[JobId(1)]


def test_an_inner_job_whose_container_nobody_is_any_more_is_refused():
    refused = plan(make_world(make_waiting(1, types={"inner": "77"}))).refused
    assert "inner=77" in refused[JobId(1)]


def test_an_inner_job_of_itself_is_refused():
    world = make_world(make_waiting(1, types={"inner": "1", "container": ""}))
    world = replace(world, containers=(Container(JobId(1), "1", "default", JobState.WAITING),))
    assert list(plan(world).refused) == [1]


@pytest.mark.parametrize("state", [JobState.WAITING, JobState.HOLD])
def test_an_inner_job_whose_container_has_no_place_yet_waits(state):
    world = make_world(make_waiting(2, types={"inner": "1"}))
    world = replace(world, containers=(Container(JobId(1), "1", "admin", state),))
    assert plan(world).refused == {}


def test_a_job_that_is_too_large_is_told_so_and_waits_on():
    decided = plan(make_world(make_waiting(1, "nodes=4")))
    assert (decided.refused, decided.plan) == ({}, ())
    assert "asks for 4" in decided.told[JobId(1)].reason


def test_jobs_beyond_the_bound_whose_row_is_taken_lose_it_and_are_told_so():
    first, second = make_waiting(1, "nodes=3"), make_waiting(2, "nodes=3")
    world = replace(make_world(first, second, make_waiting(3, queue="admin")), plan=(row(second, NOW),))
    decided = plan(world, jobs_per_group=1)
    assert (list(starts(decided)), [one.job_id for one in narrowed(world).plan]) == ([1], [2])
    assert "did not come to it" in decided.told[JobId(2)].reason
    assert JobId(3) not in decided.told
