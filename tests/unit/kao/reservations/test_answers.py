"""New reservations: which are granted, which refused, and what they are told."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from oar.core.durations import format_date
from oar.core.job import JobId, Resource, WaitingJob
from oar.core.states import NodeState
from oar.kamelot import Platform
from oar.kamelot.quotas import read_quotas
from oar.kao.model import QueueView, SiteQuotas
from oar.kao.reservations.answer import MOST_EXPLAINED
from oar.testing import make_running, make_waiting
from tests.unit.kao.reservations.build import NOW, asking, decide, five, granted, launched, starts, world


def test_r1_a_reservation_that_fits_is_granted_at_its_date():
    decisions = decide(world(asking(1, NOW + 10)))
    assert starts(decisions) == {1: NOW + 10}
    assert decisions.granted[JobId(1)].message == "R=4,W=0:1:0,J=R"
    assert decisions.launches == ()


def test_r2_a_reservation_whose_end_is_past_is_too_old():
    decisions = decide(world(asking(1, NOW - 1000)))
    assert decisions.refused == {1: "Reservation too old"}


def test_a_reservation_whose_date_is_just_past_gets_what_is_left_of_its_walltime():
    (place,) = decide(world(asking(1, NOW - 20))).plan
    assert (place.start_time, place.walltime_s) == (NOW, 40)


def test_r7_of_three_at_one_date_those_that_fit_together_are_granted_by_job_id():
    requests = [
        asking(number, NOW + 10, f"resource_id={count}") for number, count in ((1, 4), (2, 2), (3, 1))
    ]
    decisions = decide(world(*requests))
    assert sorted(decisions.granted) == [1, 3]
    assert list(decisions.refused) == [2]


def test_a_refusal_names_the_next_date_that_would_do():
    decisions = decide(world(granted(1, NOW + 100), asking(2, NOW + 100)))
    until = format_date(NOW + 100 + 60 + 60)
    assert decisions.refused[JobId(2)].startswith(f"This reservation could run at {until} (")


def test_all_jobs_of_an_array_hear_which_date_would_do():
    array = [asking(number, NOW + 100) for number in range(2, MOST_EXPLAINED + 10)]
    words = decide(world(granted(1, NOW + 100), *array)).refused.values()
    assert len(set(words)) == 1
    assert all(one.startswith("This reservation could run at") for one in words)


def test_of_very_many_refusals_in_one_round_the_last_are_short():
    several = [
        asking(number, NOW + 100, f"resource_id=4,walltime=0:0:{number}")
        for number in range(2, MOST_EXPLAINED + 3)
    ]
    words = list(decide(world(granted(1, NOW + 100), *several)).refused.values())
    assert [one.startswith("This reservation could run at") for one in words] == [True] * MOST_EXPLAINED + [
        False
    ]
    assert words[-1].startswith("This reservation cannot run (")


def test_a_refusal_says_what_is_in_the_way():
    assert "job 1" in decide(world(granted(1, NOW + 100), asking(2, NOW + 100))).refused[JobId(2)]


def test_a_reservation_at_the_date_that_a_refusal_named_is_granted():
    decisions = decide(world(granted(1, NOW + 100), asking(2, NOW + 220)))
    assert decisions.refused == {}


def test_a_reservation_that_can_never_run_is_told_why():
    refused = decide(world(asking(1, NOW + 10, "resource_id=9"))).refused
    assert refused[JobId(1)].startswith("This reservation cannot run (asks for 9 resource_id")


def test_a_waiting_job_is_no_obstacle_to_a_reservation_that_comes_later():
    running = make_running(9, range(1, 6), start_time=NOW - 60, walltime_s=100)
    decisions = decide(world(make_waiting(1, "resource_id=5"), asking(2, NOW + 100), running=(running,)))
    assert decisions.refused == {}
    assert starts(decisions) == {1: NOW + 100 + 60 + 60, 2: NOW + 100}


def test_a_running_job_is_an_obstacle_until_its_walltime_and_the_security_time_are_over():
    running = make_running(9, range(1, 6), start_time=NOW, walltime_s=100)
    early, late = asking(1, NOW + 159), asking(2, NOW + 160)
    assert sorted(decide(world(early, running=(running,))).refused) == [1]
    assert sorted(decide(world(late, running=(running,))).granted) == [2]


@pytest.mark.parametrize(("walltime_s", "is_granted"), [(30, True), (31, False)])
def test_the_security_time_is_kept_free_after_a_reservation(walltime_s: int, is_granted: bool):
    asked = asking(2, NOW + 10, f"resource_id=4,walltime=0:0:{walltime_s}")
    assert bool(decide(world(granted(1, NOW + 100), asked)).granted) is is_granted


def test_a_reservation_of_a_queue_that_is_gone_is_told_so():
    reason = decide(world(asking(1, NOW + 10, queue="gone"))).told[JobId(1)].reason
    assert reason == "not yet answered: its queue gone does not exist any more"


def test_a_besteffort_job_is_no_obstacle():
    running = make_running(9, range(1, 6), start_time=NOW, walltime_s=9999, types={"besteffort": ""})
    assert sorted(decide(world(asking(1, NOW + 100), running=(running,))).granted) == [1]


@pytest.mark.parametrize(("ahead_s", "again_in_s"), [(30, 1), (60, 1), (61, 1), (500, 440)])
def test_the_round_is_wanted_again_when_besteffort_jobs_have_to_leave_for_a_new_reservation(
    ahead_s: int, again_in_s: int
):
    running = make_running(9, range(1, 6), start_time=NOW, walltime_s=9999, types={"besteffort": ""})
    decisions = decide(world(asking(1, NOW + ahead_s), running=(running,)))
    assert decisions.next_date == NOW + again_in_s


def test_only_the_first_alternative_counts():
    one = asking(1, NOW + 10, "resource_id=9")
    both = replace(one, moldables=one.moldables + asking(2, NOW).moldables)
    assert sorted(decide(world(both)).refused) == [1]


def test_a_reservation_may_want_nodes_that_are_absent_or_suspected_now():
    resources = five(node1=NodeState.ABSENT, node2=NodeState.SUSPECTED)
    assert sorted(decide(world(asking(1, NOW + 999), resources=resources)).granted) == [1]


def test_a_reservation_gets_no_dead_resource():
    resources = five(node1=NodeState.DEAD)
    assert sorted(decide(world(asking(1, NOW + 999), resources=resources)).refused) == [1]


def test_t11_a_reservation_that_shares_is_granted_on_an_empty_plan():
    sharing = asking(1, NOW + 10, types={"timesharing": "*,*"})
    assert sorted(decide(world(sharing)).granted) == [1]


def test_two_reservations_that_share_may_have_the_same_resources():
    both = [asking(number, NOW + 10, types={"timesharing": "*,*"}) for number in (1, 2)]
    assert sorted(decide(world(*both)).granted) == [1, 2]


def test_a_reservation_with_a_broken_condition_is_refused_and_stops_nobody():
    broken = replace(asking(1, NOW + 10), properties="gone = 1")
    decisions = decide(world(broken, asking(2, NOW + 10)))
    assert "gone = 1" in decisions.refused[JobId(1)]
    assert sorted(decisions.granted) == [2]


def test_a_besteffort_reservation_is_refused():
    refused = decide(world(asking(1, NOW + 10, types={"besteffort": ""}))).refused
    assert "besteffort" in refused[JobId(1)]


def test_a_reservation_of_a_queue_that_is_not_active_is_left_for_later():
    decisions = decide(world(asking(1, NOW + 10), queues=(QueueView("default", 2, False),)))
    assert (decisions.granted, decisions.refused) == ({}, {})
    assert decisions.told[JobId(1)].reason == "not yet answered: its queue default is not active"


def test_a_reservation_with_a_walltime_range_gets_the_longest_that_fits():
    decisions = decide(
        world(granted(1, NOW + 1000), asking(2, NOW + 10, "resource_id=4,walltime=0:1:0-1:0:0"))
    )
    assert {one.job_id: one.walltime_s for one in decisions.plan}[JobId(2)] == 1000 - 10 - 60


def test_a_job_that_depends_on_a_new_reservation_is_planned_behind_it():
    decisions = decide(world(asking(1, NOW + 10), make_waiting(2, dependencies=(1,))))
    assert starts(decisions)[JobId(2)] == NOW + 10 + 60 + 2 * 60


# ---- containers ----


def test_an_inner_reservation_is_granted_inside_its_container():
    outer = asking(1, NOW + 10, "resource_id=2,walltime=1", types={"container": ""})
    inner = asking(2, NOW + 10, "resource_id=2", types={"inner": "1"})
    places = {one.job_id: str(one.resources) for one in decide(world(outer, inner)).plan}
    assert places[JobId(2)] == places[JobId(1)]


def test_an_inner_reservation_is_judged_after_its_container_whatever_their_ids():
    outer = asking(5, NOW + 10, "resource_id=2,walltime=1", types={"container": "box"})
    inner = asking(2, NOW + 10, "resource_id=2", types={"inner": "box"})
    assert sorted(decide(world(outer, inner)).granted) == [2, 5]


def test_an_inner_reservation_that_its_container_cannot_hold_is_refused():
    outer = granted(1, NOW + 10, 600, "1-2", types={"container": ""})
    inner = asking(2, NOW + 10, "resource_id=3", types={"inner": "1"})
    assert sorted(decide(world(outer, inner)).refused) == [2]


def test_an_inner_reservation_waits_for_the_answer_while_its_container_has_no_place():
    outer = asking(1, NOW + 10, queue="closed", types={"container": ""})
    inner = asking(2, NOW + 10, types={"inner": "1"})
    queues = (QueueView("default", 2, True), QueueView("closed", 2, False))
    decisions = decide(world(outer, inner, queues=queues))
    assert (decisions.granted, decisions.refused) == ({}, {})
    assert "container, job 1," in decisions.told[JobId(2)].reason


def test_an_inner_reservation_of_a_container_that_was_refused_is_refused_too():
    outer = asking(1, NOW + 10, "resource_id=9", types={"container": ""})
    inner = asking(2, NOW + 10, types={"inner": "1"})
    assert sorted(decide(world(outer, inner)).refused) == [1, 2]


def test_an_inner_reservation_without_a_container_is_refused():
    assert sorted(decide(world(asking(2, NOW + 10, types={"inner": "77"}))).refused) == [2]


# ---- quotas ----


def limited(text: str) -> SiteQuotas:
    quotas = read_quotas(text, "quotas.json", 5, UTC)
    return SiteQuotas(quotas, window_s=10**7, ahead_s=10**6)


def test_q11_a_reservation_beyond_its_quota_is_refused_and_told_which():
    quotas = limited('{"quotas": {"*,*,*,*": [1, -1, -1]}}')
    refused = decide(replace(world(asking(1, NOW + 10)), quotas=quotas)).refused
    assert refused[JobId(1)].startswith("This reservation cannot run (")
    assert "*,*,*,*" in refused[JobId(1)]


def test_q10_a_reservation_counts_for_the_quotas_of_waiting_jobs():
    quotas = limited('{"quotas": {"*,*,*,/": [-1, 1, -1]}}')
    jobs = [asking(1, NOW + 100)]
    jobs += [make_waiting(number, f"resource_id=1,walltime=0:0:{s}") for number, s in ((2, 100), (3, 200))]
    found = starts(decide(replace(world(*jobs), quotas=quotas)))
    assert found == {1: NOW + 100, 2: NOW + 100 + 120, 3: NOW + 100 + 280}


def test_a_reservation_counts_for_the_quotas_of_the_next_one():
    quotas = limited('{"quotas": {"*,*,*,/": [-1, 1, -1]}}')
    decisions = decide(
        replace(world(*(asking(number, NOW + 100, "resource_id=1") for number in (1, 2))), quotas=quotas)
    )
    assert (sorted(decisions.granted), sorted(decisions.refused)) == ([1], [2])


@pytest.mark.parametrize(("start", "is_granted"), [(NOW + 10, False), (NOW + 86400, True)])
def test_w14_a_reservation_is_judged_by_the_quotas_of_its_own_date(start: int, is_granted: bool):
    begin, end = (datetime.fromtimestamp(NOW + s, UTC).strftime("%Y-%m-%d %H:%M") for s in (80000, 200000))
    text = f"""{{
        "periodical": [["* * * *", "usual", "default"]],
        "oneshot": [["{begin}", "{end}", "free", "unlimited"]],
        "usual": {{"*,*,*,/": [1, -1, -1]}},
        "free": {{"*,*,*,/": [-1, -1, -1]}}
    }}"""
    decisions = decide(replace(world(asking(1, start)), quotas=limited(text)))
    assert bool(decisions.granted) is is_granted


# ---- the order of resources ----


@pytest.mark.parametrize(("start", "resource"), [(NOW + 300, "1"), (NOW + 301, "5")])
def test_a_reservation_beyond_the_threshold_gets_resources_in_an_order_of_its_own(start: int, resource: str):
    backwards: tuple[Resource, ...] = five()[::-1]
    two_orders = replace(world(asking(1, start, "resource_id=1")), platform_ahead=Platform(backwards, {}))
    (place,) = decide(two_orders).plan
    assert str(place.resources) == resource


def test_near_and_far_reservations_see_each_other():
    near, far = asking(1, NOW + 300, "resource_id=3,walltime=1"), asking(2, NOW + 400, "resource_id=3")
    both = replace(world(near, far), platform_ahead=Platform(five()[::-1], {}))
    decisions = decide(both)
    assert (sorted(decisions.granted), sorted(decisions.refused)) == ([1], [2])


# ---- reservations that lost their place ----


def lost(job_id: int, start: int) -> WaitingJob:
    return granted(job_id, start)[0]


def test_a_reservation_that_lost_its_place_gets_another():
    decisions = decide(world(lost(1, NOW + 100)))
    assert starts(decisions) == {1: NOW + 100}
    assert decisions.told[JobId(1)].message == "R=4,W=0:1:0,J=R (Renewed resources for reservation)"
    assert [one.kind for one in decisions.incidents] == ["GET_RESOURCES_BACK_FOR_RESERVATION"]
    assert decisions.granted == {}


def test_a_reservation_that_lost_its_place_comes_before_new_ones():
    decisions = decide(world(asking(1, NOW + 100), lost(2, NOW + 100)))
    assert starts(decisions) == {2: NOW + 100}


def test_a_reservation_that_gets_no_other_place_is_told_and_that_is_recorded_once():
    running = make_running(9, range(1, 6), start_time=NOW, walltime_s=9999)
    first = world(lost(1, NOW + 100), running=(running,))
    decisions = decide(first)
    assert decisions.told[JobId(1)].message.endswith("(No resource for reservation)")
    assert [one.kind for one in decisions.incidents] == ["UNABLE_TO_GET_RESOURCE_BACK_FOR_RESERVATION"]
    again = decide(replace(first, told=decisions.told))
    assert (again.incidents, again.told) == ((), {})


def test_a_reservation_without_a_place_expires_too():
    assert decide(world(lost(1, NOW - 100))).expired == {1: "Reservation expired and couldn't be started."}


def test_a_reservation_whose_oarsub_was_not_told_yet_keeps_its_place():
    job, place = granted(1, NOW + 100)
    silent = replace(world(asking(2, NOW + 100)), apart=(job,), plan=(place,))
    decisions = decide(silent)
    assert decisions.plan == (place,)
    assert sorted(decisions.refused) == [2]


def test_a_reservation_whose_oarsub_was_not_told_yet_does_not_start():
    job, place = granted(1, NOW - 5)
    decisions = decide(replace(world(), apart=(job,), plan=(place,)))
    assert launched(decisions) == {}


def test_identical_rounds_give_identical_answers():
    asked = world(asking(1, NOW + 10), asking(2, NOW + 10), make_waiting(3, "resource_id=5"))
    assert decide(asked) == decide(asked)
