"""Reservations that were granted: they start at their date, wait for nodes, shrink, or expire."""

from dataclasses import replace

import pytest

from oar.core.durations import format_date
from oar.core.job import JobId
from oar.core.states import JobState, NodeState
from oar.kao.model import QueueView
from oar.testing import make_resources, make_running, make_waiting
from tests.unit.kao.reservations.build import NOW, asking, decide, five, granted, launched, starts, world


def test_a_granted_reservation_keeps_its_place_from_round_to_round():
    job, place = granted(1, NOW + 100)
    decisions = decide(world((job, place)))
    assert decisions.plan == (place,)
    assert decisions.launches == ()


def test_waiting_jobs_are_planned_around_a_granted_reservation():
    long, short = (
        make_waiting(2, "resource_id=5,walltime=1"),
        make_waiting(3, "resource_id=5,walltime=0:0:40"),
    )
    found = starts(decide(world(granted(1, NOW + 100), long, short)))
    assert found == {1: NOW + 100, 2: NOW + 220, 3: NOW}


def test_a_reservation_starts_at_its_date():
    assert launched(decide(world(granted(1, NOW)))) == {1: (60, "1-4")}


def test_the_round_is_wanted_again_at_the_date_of_a_reservation():
    assert decide(world(granted(1, NOW + 100))).next_date == NOW + 100


def test_a_reservation_is_told_when_it_starts():
    told = decide(world(granted(1, NOW + 100))).told[JobId(1)]
    assert told.message == "R=4,W=0:1:0,J=R"
    assert told.reason == f"reserved: starts {format_date(NOW + 100)}"


def test_what_a_reservation_tells_is_not_written_again():
    first = world(granted(1, NOW + 100))
    assert decide(replace(first, told=decide(first).told)).told == {}


@pytest.mark.parametrize("late_s", [60, 2000])
def test_r3_a_reservation_that_could_not_start_by_its_end_expires(late_s: int):
    decisions = decide(world(granted(1, NOW - late_s)))
    assert decisions.expired == {1: "Reservation expired and couldn't be started."}
    assert decisions.plan == ()


def test_r4_a_reservation_that_is_late_starts_with_what_is_left():
    decisions = decide(world(granted(1, NOW - 20)))
    assert launched(decisions) == {1: (40, "1-4")}
    assert decisions.shortened == {1: "walltime reduced from 0:1:0 to 0:0:40, 20 s late"}


def test_r5_a_reservation_without_any_usable_resource_waits():
    resources = five(node1=NodeState.SUSPECTED, node2=NodeState.SUSPECTED, node3=NodeState.SUSPECTED)
    decisions = decide(world(granted(1, NOW - 20), resources=resources))
    assert decisions.launches == ()
    assert starts(decisions) == {1: NOW - 20}
    assert decisions.told[JobId(1)].reason == "starts as soon as node1 and node2 can be used"


def test_a_reservation_without_any_usable_resource_waits_beyond_the_time_out_too():
    resources = five(node1=NodeState.ABSENT, node2=NodeState.DEAD, node3=NodeState.SUSPECTED)
    decisions = decide(world(granted(1, NOW - 400, 900), resources=resources))
    assert (decisions.launches, decisions.incidents) == ((), ())
    assert decisions.plan[0].resources == granted(1, NOW)[1].resources


def test_r6_a_reservation_whose_resources_are_back_after_the_time_out_starts_with_all():
    decisions = decide(world(granted(1, NOW - 350, 600)))
    assert launched(decisions) == {1: (250, "1-4")}
    assert decisions.incidents == ()


def test_a_reservation_waits_for_a_lost_node_until_the_time_out():
    resources = five(node2=NodeState.SUSPECTED)
    decisions = decide(world(granted(1, NOW - 299, 600), resources=resources))
    assert decisions.launches == ()
    words = f"waits for node2 until {format_date(NOW + 1)}, then starts without"
    assert decisions.told[JobId(1)].reason == words
    assert decisions.next_date == NOW + 1


def test_after_the_time_out_a_reservation_starts_with_the_resources_that_can_be_used():
    resources = five(node2=NodeState.SUSPECTED)
    decisions = decide(world(granted(1, NOW - 300, 600), resources=resources))
    assert launched(decisions) == {1: (300, "1-2")}
    assert [one.kind for one in decisions.incidents] == ["SCHEDULER_REDUCE_NB_NODES_FOR_RESERVATION"]


def test_a_dead_node_is_lost_like_any_other():
    resources = five(node1=NodeState.DEAD)
    decisions = decide(world(granted(1, NOW - 300, 600), resources=resources))
    assert launched(decisions) == {1: (300, "3-4")}


def test_what_a_reservation_lost_is_free_for_others_once_it_has_started_without():
    states = {"node2": NodeState.ABSENT}
    permissive = make_waiting(2, "resource_id=3", types={"noop": "", "state": "permissive"})
    decisions = decide(world(granted(1, NOW - 300, 600), permissive, resources=five(**states)))
    assert starts(decisions)[JobId(2)] == NOW


def test_r8_a_node_that_is_about_to_leave_holds_the_start_until_it_has_left():
    resources = make_resources(next_states={"node2": "Absent"})[:5]
    decisions = decide(world(granted(1, NOW - 60, 7200), resources=resources))
    assert decisions.launches == ()
    assert starts(decisions) == {1: NOW - 60}
    assert decisions.told[JobId(1)].reason == "starts as soon as node2 can be used"


@pytest.mark.parametrize("kind", ["noop", "cosystem"])
def test_a_permissive_reservation_starts_on_nodes_in_any_state(kind: str):
    resources = five(node1=NodeState.SUSPECTED, node2=NodeState.ABSENT)
    types = {kind: "", "state": "permissive"}
    decisions = decide(world(granted(1, NOW, types=types), resources=resources))
    assert launched(decisions) == {1: (60, "1-4")}
    assert decisions.in_any_state == {1}


@pytest.mark.parametrize(("upto", "starts_now"), [(NOW + 661, True), (NOW + 660, False)])
def test_a_standby_reservation_starts_on_nodes_that_sleep_long_enough(upto: int, starts_now: bool):
    resources = tuple(
        replace(one, available_upto=upto, state=NodeState.ABSENT) if one.node == "node1" else one
        for one in five()
    )
    decisions = decide(world(granted(1, NOW, types={"deploy": "standby"}), resources=resources))
    assert bool(decisions.launches) is starts_now


def test_a_reservation_of_a_queue_that_is_not_active_is_not_started_and_keeps_its_place():
    decisions = decide(world(granted(1, NOW - 5), queues=(QueueView("default", 2, False),)))
    assert decisions.launches == ()
    assert starts(decisions) == {1: NOW - 5}
    assert decisions.told[JobId(1)].reason == "its queue default is not active"


def test_r9_besteffort_jobs_leave_a_reservation_that_starts():
    running = make_running(9, range(1, 5), NOW - 99, 9999, types={"besteffort": ""})
    decisions = decide(world(granted(1, NOW), running=(running,)))
    assert decisions.evictions == (9,)
    assert decisions.launches == ()


@pytest.mark.parametrize(("before_s", "ahead_s", "leaves"), [(120, 60, True), (60, 120, False)])
def test_r10_besteffort_jobs_leave_so_long_before_a_reservation(before_s: int, ahead_s: int, leaves: bool):
    running = make_running(9, range(1, 5), NOW - 99, 9999, types={"besteffort": ""})
    decisions = decide(world(granted(1, NOW + ahead_s), running=(running,)), evict_before_s=before_s)
    assert bool(decisions.evictions) is leaves


def test_besteffort_jobs_leave_a_reservation_that_waits_for_a_node_too():
    running = make_running(9, [1, 2], NOW - 99, 9999, types={"besteffort": ""})
    resources = five(node2=NodeState.SUSPECTED)
    decisions = decide(world(granted(1, NOW - 5), running=(running,), resources=resources))
    assert decisions.evictions == (9,)


def test_a_reservation_says_which_job_outstays_its_walltime_on_its_resources():
    running = replace(make_running(9, [1, 2], NOW - 99, 50), state=JobState.FINISHING)
    decisions = decide(world(granted(1, NOW), running=(running,)))
    assert decisions.launches == ()
    assert decisions.told[JobId(1)].reason == "its resources are still held by job 9"


def test_a_reserved_placeholder_starts_beside_the_jobs_that_were_let_in_over_it():
    allowed = make_running(9, [1, 2], start_time=NOW - 50, walltime_s=500, types={"allowed": "yop"})
    decisions = decide(world(granted(1, NOW, types={"placeholder": "yop"}), running=(allowed,)))
    assert launched(decisions) == {1: (60, "1-4")}
    assert decisions.beside == {1: frozenset({9})}


def test_a_reserved_placeholder_waits_for_a_job_that_has_nothing_to_do_with_it():
    other = make_running(9, [1, 2], start_time=NOW - 50, walltime_s=10, types={"allowed": "other"})
    assert launched(decide(world(granted(1, NOW, types={"placeholder": "yop"}), running=(other,)))) == {}


def test_an_inner_job_is_planned_in_the_space_of_a_reserved_container():
    outer = granted(1, NOW + 100, 600, "1-2", types={"container": ""})
    inner = make_waiting(2, "resource_id=2,walltime=0:1:0", types={"inner": "1"})
    assert starts(decide(world(outer, inner)))[JobId(2)] == NOW + 100


def test_the_space_of_a_reserved_container_that_shrinks_is_what_it_starts_with():
    outer = granted(1, NOW - 300, 3600, "1-4", types={"container": ""})
    inner = make_waiting(2, "resource_id=3,walltime=0:1:0", types={"inner": "1"})
    decisions = decide(world(outer, inner, resources=five(node2=NodeState.ABSENT)))
    assert list(starts(decisions)) == [1]


def test_an_inner_reservation_starts_only_when_its_container_runs():
    outer = granted(1, NOW, 600, "1-2", types={"container": ""})
    inner = granted(2, NOW, 60, "1-2", types={"inner": "1"})
    decisions = decide(world(outer, inner))
    assert list(launched(decisions)) == [1]
    assert decisions.told[JobId(2)].reason == "starts as soon as its container, 1, runs"


def test_a_job_that_depends_on_a_granted_reservation_is_planned_behind_it():
    decisions = decide(world(granted(1, NOW + 10), make_waiting(2, dependencies=(1,))))
    assert starts(decisions)[JobId(2)] == NOW + 10 + 60 + 2 * 60


def test_a_reservation_that_a_job_of_higher_priority_waits_for_stays():
    urgent = make_waiting(2, "resource_id=5,walltime=1", queue="admin")
    assert starts(decide(world(granted(1, NOW + 100), urgent))) == {1: NOW + 100, 2: NOW + 220}


def test_a_new_reservation_does_not_move_a_granted_one():
    decisions = decide(world(granted(2, NOW + 100), asking(1, NOW + 50, "resource_id=4,walltime=1")))
    assert starts(decisions) == {2: NOW + 100}
    assert sorted(decisions.refused) == [1]
