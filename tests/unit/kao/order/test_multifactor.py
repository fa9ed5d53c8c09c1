"""The factors of a priority, each alone."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oar.core.fair_share import PastUse
from oar.kao.model import QueueView
from oar.kao.order import Multifactor
from oar.kao.order.multifactor import age_factor, karma_factor, size_factor, work_factor
from oar.kao.order.weights import Weights
from oar.testing import make_resources
from tests.unit.kao.order.build import NOW, facts, ids, job

WEEK_S = 7 * 86400


def priority(one, known=None, **weights):
    return Multifactor(Weights(**weights)).priorities([one], known or facts())[one.job_id]


def test_age_counts_from_the_first_second_and_is_full_after_a_week():
    ages = [0, WEEK_S // 2, WEEK_S, 10 * WEEK_S]
    factors = [priority(job(1, submitted=NOW - age), age_weight=1.0) for age in ages]
    assert factors == [0, pytest.approx(0.5, abs=0.01), pytest.approx(1.0, abs=0.01), 1.0]


def test_a_job_from_the_future_has_no_age():
    assert age_factor(-5, 1.0) == 0


def test_a_queue_counts_with_its_coefficient_and_another_one_not_at_all():
    queues = (QueueView("default", 2, True), QueueView("night", 2, True))
    weights = {"queue_weight": 10.0, "queue_coefs": {"night": 0.5}}
    assert priority(job(1, queue="night"), facts(queues=queues), **weights) == 5
    assert priority(job(1), facts(queues=queues), **weights) == 0


def test_little_work_comes_first_in_mode_0_and_last_in_mode_1():
    jobs = [job(1, "nodes=2,walltime=2"), job(2, "nodes=1,walltime=1")]
    small, big = (Multifactor(Weights(work_weight=1.0, work_mode=mode)) for mode in (0, 1))
    assert ids(small.sort(jobs, facts())) == [2, 1]
    assert ids(big.sort(jobs, facts())) == [1, 2]


def test_work_is_resources_times_walltime_and_a_factor_of_1_at_most():
    assert priority(job(1, "nodes=1,walltime=0:0:5"), work_weight=1.0) == pytest.approx(1 / 10)
    assert (work_factor(0.5, 0), work_factor(0.5, 1)) == (1, 0)


def test_size_is_the_part_of_all_resources():
    assert priority(job(1, "nodes=2"), size_weight=3.0) == pytest.approx(1)
    assert priority(job(1, "nodes=2"), size_weight=3.0, size_mode=1) == pytest.approx(2)


def test_size_has_a_value_without_resources_and_beyond_all_of_them():
    assert [size_factor(size, total, 1) for size, total in ((1, 0), (9, 6))] == [1, 1]


@pytest.mark.parametrize(
    ("request_", "part"),
    [("core=3", 3 / 6), ("nodes=ALL", 1), ("nodes=BEST", 1), ("nodes=2/core=1", 2 / 6), ("moon=1", 0)],
)
def test_the_size_of_a_request_is_estimated_from_blocks_of_the_platform(request_, part):
    assert priority(job(1, request_), size_weight=1.0, size_mode=1) == pytest.approx(part)


def test_half_of_a_level_is_half_of_its_blocks():
    known = facts(resources=make_resources(nodes=4, cores=2))
    assert priority(job(1, "nodes=BESTHALF"), known, size_weight=1.0, size_mode=1) == pytest.approx(0.5)


def test_r20_with_karma_alone_who_used_less_comes_first():
    past = PastUse({"alice": 30, "bob": 20, "eve": 10}, {}, {"alice": 30, "bob": 20, "eve": 10})
    jobs = [job(1, user="alice"), job(2, user="bob"), job(3, user="eve")]
    assert ids(Multifactor(Weights(karma_weight=1.0)).sort(jobs, facts(past))) == [3, 2, 1]


@pytest.mark.parametrize(("karma", "factor"), [(0, 1), (1, 0.5), (3, 0.25), (-1, 2), (-2, 3)])
def test_karma_of_minus_1_and_below_has_a_factor(karma, factor):
    assert karma_factor(karma) == factor


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_less_karma_never_has_the_smaller_factor(one, other):
    less, more = sorted((one, other))
    assert karma_factor(less) >= karma_factor(more)


@pytest.mark.parametrize(
    ("types", "factor"),
    [
        ({"qos": "0.5"}, 0.5),
        ({"qos": "7"}, 1),
        ({"qos": "-1"}, 0),
        ({"qos": "x"}, 0),
        ({"qos": "nan"}, 0),
        ({}, 0),
    ],
)
def test_quality_of_service_is_a_part_of_one_whatever_is_written(types, factor):
    assert priority(job(1, types=types), qos_weight=1.0) == factor


def test_niceness_is_a_part_of_one():
    assert priority(job(1, types={"nice": "0.25"}), nice_weight=-4.0) == -1


def test_a_job_without_moldables_and_with_every_weight_has_a_priority():
    every = {name: 1.0 for name in Weights.__slots__ if name.endswith("_weight")}
    assert priority(replace(job(1), moldables=()), **every) > 0


def test_without_weights_jobs_keep_the_order_of_their_ids():
    assert ids(Multifactor(Weights()).sort([job(2), job(1), job(3)], facts())) == [1, 2, 3]


def test_past_use_is_wanted_only_when_karma_counts():
    assert Multifactor(Weights(age_weight=1.0)).past_window_s == 0
    assert Multifactor(Weights(karma_weight=1.0)).past_window_s == 2592000
