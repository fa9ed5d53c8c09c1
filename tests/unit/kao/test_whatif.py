"""What holds a job, and what would let it start sooner, in worlds where the right answer is known."""

from dataclasses import replace
from datetime import UTC
from functools import partial

from procset import ProcSet

from oar.core.job import Assignment, JobId, MoldableId, RequiredJob
from oar.core.states import NodeState, ReservationState
from oar.kamelot import Platform, Rules
from oar.kamelot.quotas.read import read_quotas
from oar.kao.model import USUAL_CHOICES, QueueView, SiteQuotas
from oar.kao.order import BY_POLICY
from oar.kao.round import run_round
from oar.kao.whatif import ChangeKind, Practice, forecast, prospects, relaxations, reservations
from oar.kao.whatif.turn import last_in_turn
from oar.testing import make_resources, make_running, make_waiting, make_world

RULES = Rules(security_time_s=60)
NOW = 1000


def practice(**options):
    decide = partial(run_round, rules=RULES, **options)
    return Practice(decide, RULES, USUAL_CHOICES, BY_POLICY)


def ask(world, job, **options):
    return forecast(world, job, practice(**options), tuple(relaxations(job)))


def said(answer):
    return [(one.change.words(), one.start) for one in answer.advice]


def with_reservation(world, start, walltime_s, resources="1-6", job_id=50):
    reserved = replace(
        make_waiting(job_id, f"core={len(ProcSet.from_str(resources))}"),
        reservation=ReservationState.SCHEDULED, start_time=start,
    )  # fmt: skip
    place = Assignment(JobId(job_id), MoldableId(job_id * 10), start, walltime_s, ProcSet.from_str(resources))
    return replace(world, fixed=((place, reserved),))


def test_in_a_hole_of_two_hours_before_a_reservation_a_job_of_less_than_two_hours_starts_now():
    job = make_waiting(1, "nodes=2,walltime=4")
    world = with_reservation(make_world(job), NOW + 7200, 3600)
    answer = ask(world, job)
    assert answer.start == NOW + 7200 + 3600 + 60
    assert said(answer) == [("with walltime 1:59:00 or less", NOW)]


def test_what_holds_a_job_names_the_reservation_in_the_way_and_its_end():
    job = make_waiting(1, "nodes=2,walltime=4")
    cause = ask(with_reservation(make_world(job), NOW + 7200, 3600), job).cause
    assert cause.obstacle.jobs == (50,)
    assert cause.obstacle.until == NOW + 7200 + 3600 + 60
    assert cause.words().endswith("; job 50 is a reservation")


def test_what_holds_a_job_names_the_jobs_that_run_on_its_nodes():
    job = make_waiting(1, "nodes=3,walltime=1")
    answer = ask(make_world(job, running=(make_running(7, [1, 2], 900, 7200),)), job)
    assert answer.cause.obstacle.jobs == (7,)
    assert "job 7 holds node1 until 8160" in answer.cause.words()


def test_fewer_nodes_start_now_while_others_are_taken():
    job = make_waiting(1, "nodes=3,walltime=1")
    answer = ask(make_world(job, running=(make_running(7, [1, 2], 900, 7200),)), job)
    assert said(answer) == [("with network_address=2 or less", NOW)]


def test_fewer_cores_of_a_node_start_now_when_each_node_has_some_left():
    job = make_waiting(1, "nodes=3/core=2,walltime=1")
    busy = tuple(make_running(7 + node, [2 * node + 1], 900, 7200) for node in range(3))
    answer = ask(make_world(job, running=busy), job)
    assert said(answer) == [("with core=1", NOW)]


def test_two_counts_are_named_when_less_would_start_even_sooner():
    job = make_waiting(1, "nodes=3,walltime=1")
    busy = (make_running(7, [1, 2], 900, 7200), make_running(8, [3, 4], 900, 3600))
    answer = ask(make_world(job, running=busy), job)
    assert said(answer) == [("with network_address=1", NOW), ("with network_address=2 or less", 900 + 3660)]


def test_all_nodes_may_be_too_many_of_them():
    job = make_waiting(1, "nodes=ALL,walltime=1")
    answer = ask(make_world(job, running=(make_running(7, [1, 2], 900, 7200),)), job)
    assert ("with network_address=2 or less", NOW) in said(answer)


def conditional(job, condition, **filters):
    resources = tuple(
        replace(one, properties={**one.properties, "cluster": "a" if one.node == "node1" else "b"})
        for one in make_resources()
    )
    everything = {"": "1-6", "cluster = 'a'": "1-2", "drain='NO'": "1-6", **filters}
    platform = Platform(resources, {text: ProcSet.from_str(ids) for text, ids in everything.items()})
    return replace(make_world(job, running=(make_running(7, [1, 2], 900, 7200),)), platform=platform)


def test_another_value_of_a_property_is_named_when_that_is_free():
    job = replace(make_waiting(1, "nodes=1,walltime=4"), properties="cluster = 'a'")
    answer = ask(conditional(job, job.properties), job)
    assert ("with cluster='b' instead of cluster = 'a'", NOW) in said(answer)


def test_what_a_rule_added_to_the_condition_of_a_job_is_not_left_out():
    condition = "(cluster = 'a') AND drain='NO'"
    job = replace(make_waiting(1, "nodes=1,walltime=4"), properties=condition)
    answer = ask(conditional(job, condition, **{condition: "1-2"}), job)
    kinds = [one.change for one in answer.advice if one.change.kind is ChangeKind.CONDITION]
    assert [one.condition for one in kinds] == ["cluster = 'a'"]


def test_a_condition_that_nobody_evaluated_gives_no_advice():
    condition = "cluster = 'a' AND core > 1"
    job = replace(make_waiting(1, "nodes=1,walltime=4"), properties=condition)
    answer = ask(conditional(job, condition, **{condition: "1-2"}), job)
    assert all(one.change.kind is not ChangeKind.CONDITION for one in answer.advice)


def test_an_alternative_that_starts_sooner_but_ends_later_is_named():
    job = make_waiting(1, "nodes=3,walltime=0:30", "nodes=1,walltime=10")
    answer = ask(make_world(job, running=(make_running(7, [1, 2], 900, 7200),)), job)
    assert answer.start == 900 + 7260
    advice = 'with alternative 2 alone, -l "/network_address=1,walltime=10:0:0"'
    assert (advice, NOW) in said(answer)


def test_a_job_that_starts_with_the_next_round_has_no_cause_and_no_advice():
    job = make_waiting(1, "nodes=1,walltime=1")
    answer = ask(make_world(job), job)
    assert (answer.start, answer.cause, answer.advice) == (NOW, None, ())


def test_a_job_that_never_fits_is_told_how_many_there_are_and_with_how_many_it_starts():
    job = make_waiting(1, "nodes=5,walltime=1")
    answer = ask(make_world(job), job)
    assert answer.start is None
    assert answer.cause.words() == "asks for 5 network_address, 3 are there"
    assert said(answer) == [("with network_address=3 or less", NOW)]


def test_nodes_that_are_away_count_for_nothing():
    job = make_waiting(1, "nodes=3,walltime=1")
    resources = make_resources(states={"node3": NodeState.ABSENT})
    answer = ask(make_world(job, resources=resources), job)
    assert answer.cause.words() == "asks for 3 network_address, 2 are usable now"
    assert said(answer) == [("with network_address=2 or less", NOW)]


def test_a_change_is_tried_behind_the_jobs_that_would_take_the_place_of_this_one():
    first = make_waiting(1, "nodes=3,walltime=4")
    second = make_waiting(2, "nodes=2,walltime=2")
    world = make_world(first, second, running=(make_running(7, [1, 2], 900, 3600),))
    answer = ask(world, first)
    # without job 1, job 2 starts now on the two free nodes; so nothing of job 1 fits before job 7 ends
    assert all(one.start > NOW for one in answer.advice)


def test_a_job_of_a_queue_of_strict_order_is_told_whom_it_waits_behind():
    queues = (QueueView("default", 2, True, "kamelot_fifo"),)
    first, second = make_waiting(1, "nodes=3,walltime=1"), make_waiting(2, "nodes=1,walltime=1")
    world = make_world(first, second, queues=queues, running=(make_running(7, [1, 2], 900, 7200),))
    answer = ask(world, second)
    assert answer.cause.words() == "waits behind job 1, in a queue of strict order"
    assert answer.advice == ()


def test_jobs_of_queues_that_come_later_hold_up_nobody():
    job = make_waiting(1, "nodes=3,walltime=1", queue="admin")
    other = make_waiting(2, "nodes=3,walltime=1")
    assert ask(make_world(job, other), job).cause is None


def test_a_job_that_takes_the_nodes_of_besteffort_jobs_names_them():
    job = make_waiting(1, "nodes=3,walltime=1")
    running = make_running(7, [1, 2], 900, 7200, types={"besteffort": ""})
    answer = ask(make_world(job, running=(running,)), job)
    assert answer.cause.words() == "starts as soon as it has the resources of besteffort job 7"


def test_a_job_that_depends_on_a_running_one_says_until_when():
    job = make_waiting(2, "nodes=1,walltime=1", dependencies=[7])
    running = make_running(7, [1, 2], 900, 7200)
    world = make_world(job, running=(running,), required={JobId(7): RequiredJob(running.state)})
    answer = ask(world, job)
    assert "waits for job 7, which it depends on, until 8220" in answer.cause.words()
    assert answer.advice == ()


def test_the_search_is_the_same_each_time():
    job = make_waiting(1, "nodes=3,walltime=4", "nodes=2/core=2,walltime=8")
    world = with_reservation(make_world(job), NOW + 7200, 3600)
    assert ask(world, job) == ask(world, job)


def test_a_new_job_hears_of_each_alternative_and_which_one_it_gets():
    job = make_waiting(9, "nodes=3,walltime=0:30", "nodes=1,walltime=10")
    world = make_world(running=(make_running(7, [1, 2], 900, 7200),))
    each, chosen = prospects(last_in_turn(world, job, practice()), job)
    assert [(one.start, one.resources, one.walltime_s) for one in each] == [
        (900 + 7260, 6, 1800), (NOW, 2, 36000),
    ]  # fmt: skip
    assert (chosen.alternative, chosen.start) == (1, 900 + 7260)
    assert each[0].cause.obstacle.jobs == (7,)


def test_a_new_job_comes_after_all_that_wait_in_its_queue():
    job = make_waiting(9, "nodes=3,walltime=1")
    world = make_world(make_waiting(1, "nodes=3,walltime=2"))
    _, chosen = prospects(last_in_turn(world, job, practice()), job)
    assert chosen.start == NOW + 7260


def test_a_new_job_in_a_queue_that_is_not_active_has_no_date():
    job = make_waiting(9, "nodes=1,walltime=1")
    world = make_world(queues=(QueueView("default", 2, False),))
    each, chosen = prospects(last_in_turn(world, job, practice()), job)
    assert (chosen.start, chosen.cause.words()) == (None, "its queue default is not active")
    assert each[0].start is None


def test_a_new_reservation_hears_when_it_could_be_instead():
    job = replace(
        make_waiting(9, "nodes=2,walltime=1"), reservation=ReservationState.TO_SCHEDULE, start_time=NOW + 600
    )
    world = make_world(running=(make_running(7, [1, 2, 3, 4], 900, 7200),))
    (answer,) = reservations(world, [job], practice())
    assert answer.start is None
    assert answer.cause.words().startswith("This reservation could run at 1970-01-01")
    assert "job 7" in answer.cause.words()


def test_a_new_reservation_hears_that_it_would_be_granted():
    job = replace(
        make_waiting(9, "nodes=2,walltime=1"), reservation=ReservationState.TO_SCHEDULE, start_time=NOW + 600
    )
    (answer,) = reservations(make_world(make_waiting(1, "nodes=3,walltime=5")), [job], practice())
    assert (answer.start, answer.resources) == (NOW + 600, 4)


def test_a_job_that_a_quota_holds_back_names_the_rule_with_its_count_and_what_fits_into_it():
    job = make_waiting(1, "nodes=2,walltime=1")
    quotas = read_quotas('{"quotas": {"*,*,*,/": [4, -1, -1]}}', "quotas.json", 6, UTC)
    world = make_world(job, running=(make_running(7, [1, 2], 900, 7200),))
    answer = ask(replace(world, quotas=SiteQuotas(quotas, 10**7, 10**6)), job)
    assert answer.start == 900 + 7260
    assert "6" in answer.cause.words() and "4" in answer.cause.obstacle.quota.words()
    assert said(answer) == [("with network_address=1", NOW)]
