import pytest
from hypothesis import given
from hypothesis import strategies as st

from oar.core.effects import Effect
from oar.core.job_life import IllegalMove, JobSignal, step
from oar.core.kill_life import (
    KILL_MOVES,
    KillLimits,
    KillSignal,
    kill_accepting,
    kill_order,
    kill_step,
    timer_signal,
    walltime_is_over,
)
from oar.core.states import FINAL_STATES, JobState, KillState

LIMITS = KillLimits(soft_s=20, hard_s=300)
ENDING = [*sorted(FINAL_STATES), JobState.FINISHING]


@pytest.mark.parametrize("state", KillState)
@pytest.mark.parametrize("signal", KillSignal)
def test_every_state_either_has_a_move_for_a_signal_or_refuses_it(state, signal):
    if (state, signal) in KILL_MOVES:
        assert kill_step(state, signal) is KILL_MOVES[state, signal]
    else:
        with pytest.raises(IllegalMove):
            kill_step(state, signal)


def test_nothing_leads_out_of_done():
    assert [signal for signal in KillSignal if (KillState.DONE, signal) in KILL_MOVES] == []


def test_the_end_of_the_job_ends_every_kill_that_is_not_done():
    assert set(kill_accepting(KillSignal.JOB_ENDED)) == set(KillState) - {KillState.DONE}


def test_m18_a_job_that_started_at_0_with_walltime_60_is_overdue_at_100():
    assert walltime_is_over(start_time=0, walltime_s=60, suspended_s=0, now=100)


def test_the_last_second_of_the_walltime_belongs_to_the_job():
    assert not walltime_is_over(start_time=0, walltime_s=60, suspended_s=0, now=60)


def test_time_spent_suspended_does_not_count_as_walltime():
    assert not walltime_is_over(start_time=0, walltime_s=60, suspended_s=50, now=100)


@pytest.mark.parametrize("job", ENDING)
def test_m20_the_timer_of_a_job_that_ends_asks_for_nothing_more(job):
    signal = timer_signal(job, 10_000, LIMITS)
    assert kill_step(KillState.ARMED, signal).to is KillState.DONE


@pytest.mark.parametrize(
    ("now", "state"),
    [(0, None), (20, None), (21, KillState.ASKED), (100, KillState.ASKED), (400, KillState.TO_EXTERMINATE)],
)
def test_m21_a_timer_armed_at_0_repeats_the_kill_and_then_gives_up(now, state):
    signal = timer_signal(JobState.RUNNING, now, LIMITS)
    assert (signal and kill_step(KillState.ARMED, signal).to) == state


def test_giving_up_never_comes_before_the_first_repetition():
    assert timer_signal(JobState.RUNNING, 21, KillLimits(soft_s=20, hard_s=5)) is KillSignal.REPEAT
    assert timer_signal(JobState.RUNNING, 22, KillLimits(soft_s=20, hard_s=5)) is KillSignal.GIVE_UP


def test_m24_an_extermination_that_was_done_arms_the_timer_again():
    move = kill_step(KillState.TO_EXTERMINATE, KillSignal.EXTERMINATED)
    assert move.to is KillState.ARMED


def test_m25_a_job_to_exterminate_is_finishing_and_its_nodes_are_cleaned():
    move = step(JobState.RUNNING, JobSignal.EXTERMINATE)
    assert (move.to, move.effects) == (JobState.FINISHING, (Effect.CLEAN_NODES,))


@pytest.mark.parametrize("job", [JobState.WAITING, JobState.HOLD, JobState.TO_LAUNCH])
def test_m26_a_job_that_was_not_launched_ends_at_once(job):
    order = kill_order(job, noop=False)
    assert step(job, order.job_signal).to is JobState.ERROR
    assert order.message == "Job killed by Leon directly"


def test_m27_a_running_noop_job_is_terminated_at_once():
    order = kill_order(JobState.RUNNING, noop=True)
    assert step(JobState.RUNNING, order.job_signal).to is JobState.TERMINATED


@pytest.mark.parametrize("job", [JobState.LAUNCHING, JobState.RUNNING, JobState.SUSPENDED, JobState.RESUMING])
def test_m27_the_nodes_of_a_job_that_was_launched_are_told(job):
    order = kill_order(job, noop=False)
    assert (order.job_signal, order.effects) == (None, (Effect.SIGNAL_OAREXEC,))


@pytest.mark.parametrize("job", ENDING)
def test_killing_a_job_that_ends_does_nothing(job):
    order = kill_order(job, noop=False)
    assert (order.job_signal, order.effects) == (None, ())


@given(st.sampled_from(JobState), st.booleans())
def test_an_order_to_move_a_job_is_always_legal(job, noop):
    order = kill_order(job, noop)
    assert order.job_signal is None or step(job, order.job_signal)


@given(st.sampled_from(JobState), st.integers(0, 2000), st.integers(1, 500), st.integers(1, 500))
def test_what_the_timer_asks_for_is_always_legal(job, age_s, soft_s, hard_s):
    signal = timer_signal(job, age_s, KillLimits(soft_s, hard_s))
    assert signal is None or kill_step(KillState.ARMED, signal)
