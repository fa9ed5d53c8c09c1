"""What a round makes of an order."""

from dataclasses import replace

from oar.core.fair_share import PastUse
from oar.core.job import JobId, Told
from oar.kamelot import Rules
from oar.kao.model import QueueView
from oar.kao.order import CustomOrder, FairShare, Fifo, Multifactor, Orders
from oar.kao.order.simple_priority import simple_priority
from oar.kao.order.weights import Weights
from oar.kao.round import run_round
from oar.setting_kinds import Bound
from oar.settings import OrderSettings
from oar.testing import make_resources, make_world
from tests.unit.kao.order.build import NOW, job

FIVE = make_resources(nodes=5, cores=1)
USERS = ("eve", "dan", "cleo", "bob", "alice")
"""From the one who used most to the one who used least."""


def past_use():
    used = {user: 100 * (5 - number) for number, user in enumerate(USERS)}
    return {"default": PastUse(used, {}, used)}


def one_job_each(**values):
    jobs = (job(number, "core=4,walltime=1", user=user) for number, user in enumerate(USERS, 1))
    return replace(make_world(*jobs, now=NOW, resources=FIVE), past_use=past_use(), **values)


def decide(world, order, **options):
    decisions = run_round(world, Rules(60), orders=Orders(order), check_plan=True, **options)
    assert decisions.flaws == ()
    return decisions


def order_of_starts(decisions):
    return [one.job_id for one in sorted(decisions.plan, key=lambda one: one.start_time)]


def test_r19_with_fair_share_who_used_less_starts_earlier():
    assert order_of_starts(decide(one_job_each(), FairShare())) == [5, 4, 3, 2, 1]


def test_r19_the_message_ends_with_the_karma():
    told = decide(one_job_each(), FairShare()).told
    assert told[JobId(5)].message == "R=4,W=1:0:0,J=B (Karma=0.200)"
    assert told[JobId(1)].message == "R=4,W=1:0:0,J=B (Karma=1.000)"


def test_r20_with_karma_as_the_only_factor_the_order_is_the_same():
    decisions = decide(one_job_each(), Multifactor(Weights(karma_weight=1.0)))
    assert order_of_starts(decisions) == [5, 4, 3, 2, 1]
    assert decisions.told[JobId(1)].message.endswith("(Karma=1.000)")


def test_g7_ten_jobs_start_by_falling_priority():
    jobs = [job(n + 1, "core=4,walltime=1", types={"priority": f"0.{n}"}) for n in range(10)]
    decisions = decide(make_world(*jobs, now=NOW, resources=FIVE), CustomOrder(simple_priority))
    assert order_of_starts(decisions) == list(range(10, 0, -1))


def test_first_come_first_served_shows_no_karma():
    decisions = decide(one_job_each(), Fifo())
    assert order_of_starts(decisions) == [1, 2, 3, 4, 5]
    assert (decisions.karma, decisions.told[JobId(1)].message) == ({}, "R=4,W=1:0:0,J=B")


def test_the_order_of_a_queue_follows_its_policy_where_nothing_is_set():
    fair = QueueView("default", 2, True, "oar_sched_gantt_with_timesharing_and_fairsharing")
    decisions = run_round(replace(one_job_each(), queues=(fair,)), Rules(60))
    assert order_of_starts(decisions) == [5, 4, 3, 2, 1]


def test_a_round_of_bounded_size_looks_at_the_first_jobs_of_the_order():
    decisions = decide(one_job_each(), FairShare(), jobs_per_group=2)
    assert sorted(decisions.outcomes) == [4, 5]
    assert "did not come to it" in decisions.told[JobId(1)].reason


def test_a_job_beyond_the_bound_of_its_user_is_told_so():
    world = make_world(job(1), job(2), job(3, user="bob"), now=NOW)
    decisions = decide(world, FairShare(OrderSettings(jobs_per_user=Bound(1))))
    assert sorted(decisions.outcomes) == [1, 3]
    assert decisions.told[JobId(2)].reason.startswith("one round plans no more than 1 jobs of alice")


def test_an_order_that_fails_is_a_complaint_and_the_round_goes_on():
    decisions = decide(one_job_each(), CustomOrder(lambda *_: 1 / 0))
    assert order_of_starts(decisions) == [1, 2, 3, 4, 5]
    assert "ZeroDivisionError" in decisions.complaints[0]


def test_a_prediction_and_a_karma_that_stand_are_not_told_again():
    first = decide(one_job_each(), FairShare())
    again = one_job_each(plan=first.plan, told=first.told, karma=first.karma)
    assert decide(again, FairShare()).told == {}


def test_a_karma_that_changed_is_told_without_a_new_explanation():
    first = decide(one_job_each(), FairShare())
    reasons = {one: Told(words.message, "as explained before") for one, words in first.told.items()}
    changed = {"default": PastUse({"eve": 1000, "alice": 1}, {}, {"eve": 1000, "alice": 1})}
    again = replace(one_job_each(plan=first.plan, told=reasons, karma=first.karma), past_use=changed)
    told = decide(again, FairShare()).told
    assert told[JobId(1)] == Told("R=4,W=1:0:0,J=B (Karma=2.997)", "as explained before")
