"""Which order the jobs of a group of queues get, and what is kept from a round."""

import sys
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oar.core.fair_share import PastUse
from oar.kao.model import QueueView
from oar.kao.order import CustomOrder, FairShare, Fifo, Multifactor, Orders, rank
from oar.kao.order.simple_priority import simple_priority
from oar.kao.order.weights import Weights
from oar.setting_kinds import Bound
from oar.settings import OrderSettings
from oar.testing import make_world
from tests.unit.kao.order.build import NOW, ids, job

OAR_2 = "oar_sched_gantt_with_timesharing_and_fairsharing_and_quotas"
FAIR, PLAIN = QueueView("default", 2, True, OAR_2), QueueView("default", 2, True)
PAST = {"default": PastUse({"alice": 10, "bob": 5}, {}, {"alice": 10, "bob": 5})}


def ranked(jobs, orders=Orders(), queues=(FAIR,), past=PAST):  # noqa: B008 - frozen
    world = replace(make_world(*jobs, now=NOW, queues=queues), past_use=past)
    return rank(orders, world, queues, jobs)


def broken(_jobs, _facts, _config):
    raise LookupError("no such\nthing")


@pytest.mark.parametrize(
    ("policy", "order"),
    [
        ("kamelot", Fifo),
        ("oar_sched_gantt_with_timesharing", Fifo),
        ("oar_sched_gantt_with_timesharing_and_placeholder", Fifo),
        ("oar_sched_gantt_with_timesharing_and_fairsharing", FairShare),
        ("oar_sched_gantt_with_timesharing_and_fairsharing_and_placeholder", FairShare),
        (OAR_2, FairShare),
    ],
)
def test_without_a_setting_the_policy_of_a_queue_says_its_order(policy, order):
    assert isinstance(Orders().of(QueueView("default", 2, True, policy)), order)


def test_a_setting_holds_for_every_queue():
    assert isinstance(Orders(Fifo()).of(FAIR), Fifo)


def test_past_use_is_wanted_when_an_active_queue_has_fair_share():
    idle = QueueView("night", 2, False, OAR_2)
    assert Orders().past_window_s([PLAIN, FAIR]) == 2592000
    assert Orders().past_window_s([PLAIN, idle]) == 0


def test_queues_of_equal_priority_and_order_are_sorted_together_with_their_use_added_up():
    night = QueueView("night", 2, True, OAR_2)
    past = {"default": PastUse({"bob": 9}), "night": PastUse({"alice": 10, "eve": 10})}
    jobs = [job(1, user="alice"), job(2, user="bob", queue="night")]
    assert ids(ranked(jobs, queues=(night, FAIR), past=past).jobs) == [2, 1]


def test_queues_of_equal_priority_and_different_order_follow_each_other_by_name():
    day = QueueView("a-day", 2, True)
    jobs = [job(1, user="alice"), job(2, user="bob"), job(3, queue="a-day")]
    assert ids(ranked(jobs, queues=(FAIR, day)).jobs) == [3, 2, 1]


def test_at_most_so_many_jobs_of_a_user_are_looked_at_the_oldest_ones():
    orders = Orders(FairShare(OrderSettings(jobs_per_user=Bound(2))))
    result = ranked([job(n, user="alice") for n in (5, 1, 3, 2)] + [job(4, user="bob")], orders)
    assert ids(result.jobs) == [4, 1, 2]
    assert list(result.left_out) == [3, 5]


def test_a_job_beyond_the_bound_of_its_user_is_told_so():
    orders = Orders(FairShare(OrderSettings(jobs_per_user=Bound(1))))
    result = ranked([job(1, user="alice"), job(2, user="alice")], orders)
    assert result.left_out == {2: "one round plans no more than 1 jobs of alice, the oldest ones"}


def test_a_bound_of_0_leaves_nobody_out():
    orders = Orders(FairShare(OrderSettings(jobs_per_user=Bound(0))))
    assert ranked([job(n) for n in range(1, 50)], orders).left_out == {}


def test_thirty_jobs_of_a_user_are_looked_at_where_nothing_is_set():
    result = ranked([job(n) for n in range(1, 40)])
    assert (len(result.jobs), len(result.left_out)) == (30, 9)


def test_karma_is_told_for_every_job_with_six_digits():
    past = {"default": PastUse({"alice": 1, "bob": 2})}
    assert ranked([job(1, user="alice")], past=past).karma == {1: 0.666667}


def test_karma_that_no_real_of_the_database_holds_is_told_as_the_nearest_one():
    orders = Orders(FairShare(OrderSettings(user_coef=1e40, user_ask_coef=1e-300)))
    assert ranked([job(1, user="alice")], orders).karma == {1: 1e30}


def test_an_order_that_fails_is_told_in_one_line_and_its_jobs_are_planned_by_their_id():
    result = ranked([job(2), job(1)], Orders(CustomOrder(broken)))
    assert ids(result.jobs) == [1, 2]
    assert result.complaints == (
        "the order of jobs failed, LookupError: no such thing; "
        "jobs of default are planned by their id this time",
    )


def test_an_order_that_ends_the_program_does_not():
    result = ranked([job(1)], Orders(CustomOrder(lambda *_: sys.exit(3))))
    assert "SystemExit: 3" in result.complaints[0]


ORDERS = [
    Fifo(),
    FairShare(OrderSettings(jobs_per_user=Bound(0))),
    Multifactor(Weights(age_weight=1.0, karma_weight=-0.5, work_weight=2.0, size_weight=1.0, qos_weight=1.0)),
    CustomOrder(simple_priority, {"waiting_time_weight": 0.001}),
]
JOBS = st.lists(
    st.builds(
        job,
        st.integers(1, 100),
        st.sampled_from(["nodes=1,walltime=1", "core=3,walltime=2", "moon=1,walltime=1"]),
        user=st.sampled_from(["alice", "bob", "eve"]),
        submitted=st.integers(NOW - 1000, NOW + 10),
        types=st.sampled_from([{}, {"priority": "2"}, {"qos": "0.3", "priority": "x"}]),
    ),
    unique_by=lambda one: one.job_id,
    max_size=12,
)


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: type(order).__name__)
@given(jobs=JOBS, data=st.data())
def test_sorting_loses_nobody_and_does_not_depend_on_how_the_jobs_are_given(order, jobs, data):
    result = ids(ranked(jobs, Orders(order)).jobs)
    assert sorted(result) == sorted(ids(jobs))
    assert ids(ranked(data.draw(st.permutations(jobs)), Orders(order)).jobs) == result


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: type(order).__name__)
@given(numbers=st.sets(st.integers(1, 100), max_size=10))
def test_jobs_that_differ_in_nothing_but_their_id_keep_the_order_of_their_ids(order, numbers):
    assert ids(ranked([job(n) for n in numbers], Orders(order)).jobs) == sorted(numbers)


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: type(order).__name__)
@given(jobs=JOBS, data=st.data())
def test_a_job_that_goes_away_changes_the_order_of_no_two_others(order, jobs, data):
    kept = [one for one in jobs if data.draw(st.booleans())]
    result = ids(ranked(jobs, Orders(order)).jobs)
    assert ids(ranked(kept, Orders(order)).jobs) == [one for one in result if one in ids(kept)]
