"""Rounds when the clock of the database is set back."""

from dataclasses import replace

from oar.kamelot import Rules
from oar.kao.clock import steady_date
from oar.kao.round import run_round
from oar.testing import make_running, make_waiting, make_world

NOW = 1000


def test_a_clock_that_goes_on_is_believed():
    assert steady_date(make_world(now=NOW), NOW - 5) == (NOW, "")


def test_a_clock_that_went_back_a_little_is_waited_for():
    now, problem = steady_date(make_world(now=NOW), NOW + 60)
    assert now == NOW + 60
    assert "went back by 60 s" in problem


def test_a_clock_that_went_back_far_is_believed_and_told():
    now, problem = steady_date(make_world(now=NOW), NOW + 61)
    assert now == NOW
    assert "went back by 61 s" in problem


def test_no_round_is_before_the_start_of_a_job_that_holds_resources():
    running = make_running(7, [1], start_time=NOW + 10, walltime_s=60)
    assert steady_date(make_world(now=NOW, running=(running,)), 0)[0] == NOW + 10


def test_what_a_job_holds_is_taken_now_though_it_began_in_the_future():
    running = make_running(7, range(1, 7), start_time=NOW + 500, walltime_s=60)
    world = replace(make_world(make_waiting(8, "core=1,walltime=0:1:0"), running=(running,)), now=NOW)
    decisions = run_round(world, Rules(security_time_s=0), check_plan=True)
    assert decisions.launches == ()
    assert decisions.plan[0].start_time == NOW + 560
