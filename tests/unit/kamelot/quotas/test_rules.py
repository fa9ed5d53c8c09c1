"""Which rules bind a job, and the counters they look at."""

import pytest

from oar.core.job import JobId, MoldableId, RunningJob, WaitingJob
from oar.core.states import JobState
from oar.kamelot.quotas import Choice, Key, RuleSet
from oar.kamelot.quotas.rules import Who
from tests.unit.kamelot.quotas.build import Someone, rule, rules

NO_LIMIT = [-1, -1, -1]


def bound(wanted, job, choice=Choice.EVERY, job_types=None):
    found = rules(wanted, choice, job_types).applying(job)
    return {str(binding.rule.key): str(binding.counter) for binding in found}


def test_a_slash_stands_for_the_jobs_own_value_in_the_counter():
    assert bound({"/,/,*,/": [1]}, Someone("john", "alpha", "night")) == {"/,/,*,/": "night,alpha,*,john"}


def test_all_and_each_bind_both():
    assert bound({"*,*,*,/": [1], "*,*,*,*": [9]}, Someone("john")) == {
        "*,*,*,/": "*,*,*,john",
        "*,*,*,*": "*,*,*,*",
    }


@pytest.mark.parametrize(
    ("own", "others"),
    [
        ("default,*,*,*", ["/,*,*,*", "*,*,*,*", "*,alpha,deploy,john"]),
        ("*,alpha,*,*", ["*,/,*,*", "*,*,*,*", "*,*,deploy,john"]),
        ("*,*,deploy,*", ["*,*,*,*", "*,*,*,john"]),
        ("*,*,*,john", ["*,*,*,/", "*,*,*,*"]),
    ],
    ids=["queue", "project", "type", "user"],
)
def test_the_jobs_own_value_shadows_all_and_each(own, others):
    wanted = {key: [1] for key in (*others, own)}
    assert list(bound(wanted, Someone("john", "alpha", types={"deploy": ""}))) == [own]


def test_each_queue_and_each_user_bind_both():
    wanted = {"/,*,*,*": [1], "*,*,*,/": [1], "*,*,*,john": [9]}
    assert set(bound(wanted, Someone("john"))) == {"/,*,*,*", "*,*,*,john"}


def test_a_rule_without_limits_shadows_too():
    assert bound({"*,*,*,/": [1], "*,*,*,john": NO_LIMIT}, Someone("john")) == {}


def test_a_value_that_leads_to_no_rule_shadows_nothing():
    assert list(bound({"default,beta,*,*": [1], "*,*,*,/": [2]}, Someone("john", "alpha"))) == ["*,*,*,/"]


def test_all_types_of_a_job_bind_it():
    wanted = {"*,*,deploy,*": [1], "*,*,timesharing,*": [2], "*,*,*,*": [3]}
    job = Someone(types={"timesharing": "user,*", "deploy": ""})
    assert set(bound(wanted, job)) == {"*,*,deploy,*", "*,*,timesharing,*"}


def test_one_rule_at_most_is_found_going_from_queue_to_user():
    wanted = {"*,*,*,/": NO_LIMIT, "/,*,*,*": [-1, 1, 5]}
    assert bound(wanted, Someone("john"), Choice.ONE) == {"/,*,*,*": "default,*,*,*"}


def test_the_one_rule_is_by_own_value_then_each_then_all():
    wanted = {"*,*,*,*": [1], "*,*,*,/": [2], "*,*,*,john": [3]}
    assert list(bound(wanted, Someone("john"), Choice.ONE)) == ["*,*,*,john"]
    assert list(bound(wanted, Someone("mary"), Choice.ONE)) == ["*,*,*,/"]


def test_there_is_no_way_back_to_the_one_rule():
    wanted = {"default,*,*,john": [1], "*,*,*,/": [2]}
    assert bound(wanted, Someone("mary"), Choice.ONE, []) == {}


def test_the_one_rule_is_looked_for_by_every_type_that_is_counted():
    wanted = {"*,*,yop,*": [1], "*,*,*,*": [2]}
    job = Someone(types={"deploy": "", "yop": ""})
    assert list(bound(wanted, job, Choice.ONE, ["deploy", "yop"])) == ["*,*,yop,*"]


def test_a_type_that_is_not_counted_leads_to_no_rule():
    wanted = {"*,*,yop,*": [1], "*,*,*,*": [2]}
    assert list(bound(wanted, Someone(types={"yop": ""}), Choice.ONE, [])) == ["*,*,*,*"]


def test_a_rule_of_a_type_that_is_not_counted_still_ends_the_search():
    wanted = {"default,*,yop,*": [1], "*,*,*,*": [2]}
    assert bound(wanted, Someone(types={"yop": ""}), Choice.ONE, []) == {}


@pytest.mark.parametrize("exempt", ["container", "no_quotas"])
def test_containers_and_jobs_without_quotas_are_bound_by_nothing(exempt):
    assert bound({"*,*,*,*": [1]}, Someone(types={exempt: ""})) == {}


def test_of_two_rules_for_the_same_jobs_the_later_holds():
    both = RuleSet("", [rule("*,*,*,*", 1), rule("*,*,*,*", 2)])
    assert [one.limits.resources for one in both.rules] == [2]


def test_a_job_counts_in_all_counters_that_rules_look_at():
    wanted = rules(
        {"*,*,*,/": [1], "*,*,*,*": [-1, 2], "*,beta,*,*": [3], "*,*,*,mary": [4], "/,*,*,*": NO_LIMIT}
    )
    assert {str(key) for key, _ in wanted.counters(Who("default", "alpha", "john"))} == {
        "*,*,*,john",
        "*,*,*,*",
    }


def test_waiting_and_running_jobs_are_seen_alike():
    waiting = WaitingJob(JobId(1), "default", "john", "alpha", "", "", (), {"deploy": ""})
    running = RunningJob(
        JobId(1), MoldableId(1), JobState.RUNNING, "default", "john", "alpha", "", 0, 1, None, {"deploy": ""}
    )
    wanted = rules({"/,/,deploy,/": [1]})
    assert wanted.applying(waiting) == wanted.applying(running) != ()
    assert wanted.applying(waiting)[0].counter == Key("default", "alpha", "deploy", "john")
