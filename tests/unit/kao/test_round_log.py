"""What of a round is put on record."""

from dataclasses import replace

from oar.core.job import Assignment, JobId, MoldableId, Told
from oar.core.round_record import Deed
from oar.kamelot import Rules
from oar.kao import round_log
from oar.kao.round import run_round
from oar.kao.round_log import record_of
from oar.testing import make_running, make_waiting, make_world

RULES = Rules(security_time_s=60)


def recorded(world, last_now=None):
    """Make the record of a round of which everything came about."""
    decisions = run_round(world, RULES)
    leaving = (*decisions.leaving.kills, *decisions.leaving.checkpoints)
    return record_of(world, decisions, [one.job_id for one in decisions.launches], leaving, last_now)


def after(world, seconds=0):
    """Give the world of the round after this one, in which nothing happened but time."""
    decisions = run_round(world, RULES)
    told = {**world.told, **decisions.told}
    return replace(world, plan=decisions.plan, told=told, now=world.now + seconds)


def behind(*jobs, **options):
    return make_world(*jobs, running=(make_running(7, range(1, 7), 900, 7200),), **options)


def test_a_launch_is_recorded_with_its_place():
    record = recorded(make_world(make_waiting(1, "nodes=1,walltime=1")))
    (one,) = record.decisions
    assert (one.job_id, one.deed, one.start, one.walltime_s, one.resources) == (
        1,
        Deed.LAUNCHED,
        1000,
        3600,
        2,
    )
    assert (record.waiting, record.launched) == (1, 1)


def test_a_launch_that_did_not_come_about_is_recorded_as_that():
    world = make_world(make_waiting(1, "nodes=1,walltime=1"))
    record = record_of(world, run_round(world, RULES), assigned=(), leaving=())
    assert [one.deed for one in record.decisions] == [Deed.NOT_LAUNCHED]
    assert record.launched == 0


def test_a_new_plan_is_recorded_with_its_reason():
    (one,) = recorded(behind(make_waiting(8, "nodes=3,walltime=1"))).decisions
    assert (one.deed, one.start) == (Deed.PLANNED, 900 + 7260)
    assert "job 7" in one.reason


def test_a_round_that_decides_the_same_has_no_decision_on_record():
    assert recorded(after(behind(make_waiting(8, "nodes=3,walltime=1")), seconds=60)).decisions == ()


def test_a_round_without_jobs_has_no_decision_on_record():
    assert recorded(make_world()).decisions == ()


def test_a_plan_that_moves_is_recorded_with_the_start_it_had():
    world = after(behind(make_waiting(8, "nodes=3,walltime=1")))
    (one,) = recorded(replace(world, running=(make_running(7, range(1, 7), 900, 3600),))).decisions
    assert (one.deed, one.before, one.start) == (Deed.MOVED, 900 + 7260, 900 + 3660)


def test_a_plan_that_moves_with_the_clock_only_is_not_recorded_again():
    job = make_waiting(8, "nodes=3,walltime=1")
    overdue = make_world(job, running=(make_running(7, range(1, 7), 100, 300),))
    assert recorded(overdue).decisions
    assert recorded(after(overdue, seconds=60), last_now=1000).decisions == ()


def test_a_job_that_has_no_place_any_more_is_recorded_with_the_reason():
    job = make_waiting(8, "nodes=4,walltime=1")
    before = Assignment(JobId(8), MoldableId(80), 5000, 3600, make_running(7, [1], 0, 1).resources)
    (one,) = recorded(replace(make_world(job), plan=(before,))).decisions
    assert (one.deed, one.before) == (Deed.UNPLANNED, 5000)
    assert one.reason == "asks for 4 network_address, 3 are there"


def test_a_job_without_a_place_that_was_told_so_is_not_recorded_again():
    assert recorded(after(make_world(make_waiting(8, "nodes=4,walltime=1")))).decisions == ()


def test_a_refusal_is_recorded_with_its_words():
    (one,) = recorded(make_world(make_waiting(8, types={"inner": "gone"}))).decisions
    assert one.deed is Deed.REFUSED
    assert "does not exist" in one.reason


def test_a_besteffort_job_that_is_killed_is_recorded_with_the_job_it_makes_room_for():
    besteffort = make_running(7, [1, 2], 900, 7200, types={"besteffort": ""})
    record = recorded(make_world(make_waiting(8, "nodes=3,walltime=1"), running=(besteffort,)))
    killed = next(one for one in record.decisions if one.deed is Deed.KILLED)
    assert (killed.job_id, killed.reason) == (7, "makes room for job 8")


def test_a_besteffort_job_that_was_asked_before_to_make_room_is_not_recorded_again():
    besteffort = make_running(7, [1, 2], 900, 7200, types={"besteffort": ""})
    world = make_world(make_waiting(8, "nodes=3,walltime=1"), running=(besteffort,))
    first = run_round(world, RULES)
    world = replace(world, plan=first.plan, told=first.told)
    second = run_round(world, RULES)
    assert second.leaving.kills == (7,)
    assert record_of(world, second, assigned=(), leaving=()).decisions == ()


def test_a_record_holds_a_bounded_number_of_plans_and_counts_the_rest():
    jobs = [make_waiting(number, "nodes=3,walltime=1") for number in range(10, 10 + round_log.MOST_PLANS + 3)]
    record = recorded(behind(*jobs))
    assert (len(record.decisions), record.omitted) == (round_log.MOST_PLANS, 3)


def test_what_is_told_already_gives_the_reason_of_a_plan_that_moves():
    job = make_waiting(8, "nodes=3,walltime=1")
    world = behind(job)
    decisions = run_round(world, RULES)
    world = replace(world, told={JobId(8): decisions.told[JobId(8)]})
    silent = replace(decisions, told={})
    (one,) = record_of(world, silent, assigned=(), leaving=()).decisions
    assert one.reason == world.told[JobId(8)].reason != Told().reason
