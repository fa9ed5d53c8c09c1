"""What a round decides about small worlds."""

from dataclasses import replace

from oar.core.job import Assignment, JobId, NeverFits, NoRoom, RequiredJob, Told
from oar.core.states import JobState, NodeState
from oar.kamelot import Rules
from oar.kao.model import QueueView
from oar.kao.queue_plan import queue_groups
from oar.kao.round import run_round
from oar.testing import make_resources, make_running, make_waiting, make_world

RULES = Rules(security_time_s=60)


def decide(world, **options):
    decisions = run_round(world, RULES, check_plan=True, **options)
    assert decisions.flaws == ()
    return decisions


def test_a_job_that_fits_now_is_launched_now():
    decisions = decide(make_world(make_waiting(1, "nodes=1,walltime=1")))
    assert [(one.job_id, one.start_time, str(one.resources)) for one in decisions.launches] == [
        (1, 1000, "1-2")
    ]


def test_a_job_behind_a_running_one_is_planned_after_its_walltime_and_the_security_time():
    running = make_running(7, range(1, 7), start_time=900, walltime_s=200)
    decisions = decide(make_world(make_waiting(8, "nodes=3,walltime=1"), running=(running,)))
    assert decisions.launches == ()
    assert decisions.plan[0].start_time == 900 + 200 + 60


def test_a_waiting_job_is_told_when_it_starts_and_why():
    running = make_running(7, range(1, 7), start_time=900, walltime_s=200)
    decisions = decide(make_world(make_waiting(8, "nodes=3,walltime=1"), running=(running,)))
    told = decisions.told[JobId(8)]
    assert told.message == "R=6,W=1:0:0,J=B"
    assert "7" in told.reason


def test_a_later_small_job_fills_the_hole_before_an_earlier_big_one():
    running = make_running(7, [1, 2], start_time=1000, walltime_s=3600)
    big = make_waiting(8, "nodes=3,walltime=1")
    small = make_waiting(9, "core=4,walltime=0:10:0")
    decisions = decide(make_world(big, small, running=(running,)))
    assert [one.job_id for one in decisions.launches] == [9]
    assert decisions.plan[0].start_time == 1000 + 3600 + 60


def test_a_queue_of_higher_priority_is_served_first():
    low = make_waiting(1, "nodes=3,walltime=1")
    high = make_waiting(2, "nodes=3,walltime=1", queue="admin")
    decisions = decide(make_world(low, high))
    assert [one.job_id for one in decisions.launches] == [2]


def test_jobs_of_a_queue_that_is_not_active_are_not_looked_at():
    queues = (QueueView("default", 2, False), QueueView("admin", 10, True))
    decisions = decide(make_world(make_waiting(1), queues=queues))
    assert decisions.outcomes == {}


def test_a_job_of_a_queue_that_is_not_active_is_told_so():
    told = decide(make_world(make_waiting(1), queues=(QueueView("default", 2, False),))).told
    assert told[JobId(1)].reason == "its queue default is not active"


def test_a_job_of_a_queue_that_was_removed_is_told_so():
    told = decide(make_world(make_waiting(1, queue="gone"))).told
    assert told[JobId(1)].reason == "its queue gone does not exist any more"


def test_a_job_beyond_the_bound_of_a_round_is_told_so():
    told = decide(make_world(make_waiting(1), make_waiting(2)), jobs_per_group=1).told
    assert "did not come to it" in told[JobId(2)].reason


def test_queues_of_equal_priority_form_one_group():
    queues = (QueueView("a", 1, True), QueueView("b", 5, True), QueueView("c", 1, True))
    assert [[queue.name for queue in group] for group in queue_groups(queues)] == [["b"], ["a", "c"]]


def test_a_suspected_node_gets_no_job():
    resources = make_resources(nodes=2, states={"node1": NodeState.SUSPECTED})
    decisions = decide(make_world(make_waiting(1, "nodes=1"), resources=resources))
    assert str(decisions.launches[0].resources) == "3-4"


def test_a_node_about_to_leave_gets_no_job_now():
    resources = make_resources(nodes=1, next_states={"node1": "Dead"})
    decisions = decide(make_world(make_waiting(1, "nodes=1"), resources=resources))
    assert decisions.launches == ()


def test_a_request_larger_than_the_platform_never_fits():
    decisions = decide(make_world(make_waiting(1, "nodes=4")))
    assert isinstance(decisions.outcomes[JobId(1)], NeverFits)


def test_a_request_for_a_node_that_is_down_has_no_room_yet():
    resources = make_resources(nodes=2, states={"node1": NodeState.SUSPECTED})
    decisions = decide(make_world(make_waiting(1, "nodes=2"), resources=resources))
    assert isinstance(decisions.outcomes[JobId(1)], NoRoom)


def test_a_job_without_a_place_keeps_the_numbers_of_its_message():
    world = replace(make_world(make_waiting(1, "nodes=4")), told={JobId(1): Told("R=8,W=1:0:0,J=B", "")})
    assert decide(world).told[JobId(1)].message.startswith("R=8,W=1:0:0,J=B (")


def test_a_prediction_that_stands_is_not_told_again():
    running = make_running(7, range(1, 7), start_time=900, walltime_s=200)
    first = decide(make_world(make_waiting(8, "nodes=3"), running=(running,)))
    world = replace(
        make_world(make_waiting(8, "nodes=3"), running=(running,), now=1001), plan=first.plan, told=first.told
    )
    assert decide(world).told == {}


def test_an_ordinary_job_evicts_a_besteffort_one_and_waits_for_its_end():
    besteffort = make_running(7, range(1, 7), start_time=900, walltime_s=9000, types={"besteffort": ""})
    decisions = decide(make_world(make_waiting(8, "nodes=1"), running=(besteffort,)))
    assert (decisions.evictions, decisions.launches) == ((7,), ())


def test_a_job_beside_a_besteffort_one_starts_in_the_same_round_as_the_eviction():
    besteffort = make_running(7, [5, 6], start_time=900, walltime_s=9000, types={"besteffort": ""})
    world = make_world(make_waiting(8, "nodes=2"), make_waiting(9, "nodes=1"), running=(besteffort,))
    decisions = decide(world)
    assert ([one.job_id for one in decisions.launches], decisions.evictions) == ([8], (7,))


def test_a_besteffort_job_evicts_nobody():
    besteffort = make_running(7, range(1, 7), start_time=900, walltime_s=9000, types={"besteffort": ""})
    other = make_waiting(8, "nodes=1", queue="besteffort", types={"besteffort": ""})
    decisions = decide(make_world(other, running=(besteffort,)))
    assert (decisions.evictions, decisions.launches) == ((), ())


def test_a_job_starts_after_the_job_it_depends_on_ended():
    world = make_world(
        make_waiting(2, dependencies=[1]), required={JobId(1): RequiredJob(JobState.TERMINATED)}
    )
    assert [one.job_id for one in decide(world).launches] == [2]


def test_a_job_does_not_start_beside_the_job_it_depends_on_that_outstays_its_walltime():
    late = make_running(1, [1], start_time=100, walltime_s=60)
    world = make_world(
        make_waiting(2, dependencies=[1]), running=(late,), required={JobId(1): RequiredJob(JobState.RUNNING)}
    )
    assert run_round(world, Rules(security_time_s=0)).launches == ()


def test_a_besteffort_job_of_another_queue_has_besteffort_jobs_leave_as_its_queue_does():
    besteffort = make_running(7, range(1, 7), start_time=900, walltime_s=9000, types={"besteffort": ""})
    other = make_waiting(8, "nodes=1", queue="default", types={"besteffort": ""})
    decisions = run_round(make_world(other, running=(besteffort,)), Rules(), check_plan=True)
    assert (decisions.evictions, decisions.launches, decisions.flaws) == ((7,), (), ())


def test_a_job_placed_over_a_placeholder_does_not_take_the_start_of_that_placeholder():
    placeholder = make_waiting(8, "nodes=3", queue="admin", types={"placeholder": "yop"})
    over = make_waiting(7, "nodes=1", types={"allowed": "yop"})
    assert [one.job_id for one in decide(make_world(over, placeholder)).launches] == [8, 7]


def test_a_job_that_depends_on_a_held_job_waits():
    world = make_world(make_waiting(2, dependencies=[1]), required={JobId(1): RequiredJob(JobState.HOLD)})
    assert isinstance(decide(world).outcomes[JobId(2)], NoRoom)


def test_only_so_many_jobs_of_a_group_are_looked_at_when_there_is_a_bound():
    world = make_world(*(make_waiting(number) for number in range(1, 6)))
    assert list(decide(world, jobs_per_group=2).outcomes) == [1, 2]


def test_the_plan_holds_every_placed_job():
    world = make_world(*(make_waiting(number, "nodes=3") for number in range(1, 4)))
    plan = decide(world).plan
    assert all(isinstance(one, Assignment) for one in plan)
    assert [one.start_time for one in plan] == [1000, 1120, 1240]


def test_p12_in_a_queue_of_strict_order_nobody_passes_a_job_that_waits():
    queues = (QueueView("default", 2, True, "kamelot_fifo"),)
    waiting = [make_waiting(n, f"nodes={nodes},walltime=1") for n, nodes in ((1, 2), (2, 3), (3, 1))]
    decisions = decide(make_world(*waiting, queues=queues))
    assert [one.job_id for one in decisions.launches] == [1]
    assert decisions.told[JobId(3)].reason == "waits behind job 2, in a queue of strict order"


def test_a_queue_of_strict_order_fills_what_its_equals_leave():
    queues = (QueueView("default", 2, True), QueueView("strict", 2, True, "kamelot_fifo"))
    waiting = [make_waiting(1, "nodes=2,walltime=1", queue="strict"), make_waiting(2, "nodes=2,walltime=1")]
    decisions = decide(make_world(*waiting, queues=queues))
    assert [one.job_id for one in decisions.launches] == [2]
