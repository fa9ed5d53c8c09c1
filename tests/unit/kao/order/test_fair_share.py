"""Karma, and who comes first by it."""

import pytest

from oar.core.fair_share import PastUse, together
from oar.kao.order import FairShare
from oar.setting_kinds import Targets
from oar.settings import OrderSettings
from tests.unit.kao.order.build import facts, ids, job

PAST = PastUse(
    used_by_user={"alice": 300, "bob": 100},
    used_by_project={"sea": 100, "sky": 300},
    asked_by_user={"alice": 400, "bob": 400},
)


def share(**values):
    return FairShare(OrderSettings(**{"project_targets": Targets(), **values}))


def karma_of(one, past=PAST, **values):
    return share(**values).karma([one], facts(past))[one.job_id]


def test_each_part_of_karma_is_a_share_of_the_use_less_the_share_that_is_due():
    karma = karma_of(
        job(1, user="alice", project="sea"),
        project_targets=Targets((("sea", 20.0),)),
        user_targets=Targets((("alice", 60.0),)),
        project_coef=1.0,
        user_coef=10.0,
        user_ask_coef=100.0,
    )
    assert karma == pytest.approx((100 / 400 - 0.2) + 10 * (300 / 400 - 0.6) + 100 * (400 / 800 - 0.6))


def test_without_settings_the_user_counts_twice_what_he_used_and_once_what_he_asked():
    assert FairShare().karma([job(1, user="bob")], facts(PAST))[1] == pytest.approx(2 * 0.25 + 0.5)


def test_who_is_not_named_and_used_nothing_has_karma_0():
    assert karma_of(job(1, user="eve"), project_coef=1.0) == 0


def test_the_word_default_in_the_targets_is_a_name_and_no_fallback():
    targets = Targets((("default", 50.0),))
    assert karma_of(job(1, user="eve"), user_targets=targets) == 0
    assert karma_of(job(1, user="default"), user_targets=targets) == pytest.approx(-1.5)


def test_without_any_past_use_only_the_targets_count():
    targets = Targets((("alice", 50.0),))
    assert karma_of(job(1), past=PastUse(), user_targets=targets) == pytest.approx(-1.5)


def test_less_karma_comes_first():
    jobs = [job(1, user="alice"), job(2, user="bob"), job(3, user="eve")]
    assert ids(share().sort(jobs, facts(PAST))) == [3, 2, 1]


def test_jobs_of_equal_karma_keep_the_order_of_their_ids():
    jobs = [job(3, user="eve"), job(1, user="bob"), job(2, user="eve"), job(4, user="bob")]
    assert ids(share().sort(jobs, facts(PAST))) == [2, 3, 1, 4]


def test_the_past_use_of_several_queues_is_added_up():
    both = together([PAST, PastUse({"bob": 200}, {"sea": 200}, {"eve": 1})])
    assert both.used_by_user == {"alice": 300, "bob": 300}
    assert both.used_by_project == {"sea": 300, "sky": 300}
    assert (both.used, both.asked) == (600, 801)


def test_the_window_and_the_bound_are_those_of_the_settings():
    order = share(window_s=10, jobs_per_user=3)
    assert (order.past_window_s, order.jobs_per_user) == (10, 3)
