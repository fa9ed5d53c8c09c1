import pytest
from hypothesis import given
from hypothesis import strategies as st

from oar.core.effects import Effect
from oar.core.job_life import MOVES, UNFINISHED, IllegalMove, JobSignal, accepting, step
from oar.core.states import FINAL_STATES, JobState

BEGUN = (JobState.LAUNCHING, JobState.RUNNING, JobState.SUSPENDED, JobState.RESUMING)


@pytest.mark.parametrize("state", JobState)
@pytest.mark.parametrize("signal", JobSignal)
def test_every_state_either_has_a_move_for_a_signal_or_refuses_it(state, signal):
    if (state, signal) in MOVES:
        assert step(state, signal) is MOVES[state, signal]
    else:
        with pytest.raises(IllegalMove) as refused:
            step(state, signal)
        assert (refused.value.state, refused.value.signal) == (state, signal)


def test_a_refusal_names_the_state_and_the_signal():
    with pytest.raises(IllegalMove, match="Terminated does not accept the signal 'start'"):
        step(JobState.TERMINATED, JobSignal.START)


@pytest.mark.parametrize("state", sorted(FINAL_STATES))
def test_nothing_leads_out_of_a_final_state(state):
    assert [signal for signal in JobSignal if (state, signal) in MOVES] == []


def test_every_signal_is_accepted_somewhere():
    assert [signal for signal in JobSignal if not accepting(signal)] == []


def test_no_move_stays_where_it_is():
    assert [key for key, move in MOVES.items() if move.to is key[0]] == []


@given(st.sampled_from((JobState.WAITING, JobState.HOLD)), st.lists(st.sampled_from(JobSignal)))
def test_a_walk_of_random_signals_never_leaves_the_table(state, signals):
    for signal in signals:
        if state in accepting(signal):
            state = step(state, signal).to
        else:
            with pytest.raises(IllegalMove):
                step(state, signal)
        assert state in JobState


@pytest.mark.parametrize("state", [state for state in JobState if not state.is_final])
def test_every_unfinished_state_leads_to_an_end(state):
    reached, frontier = {state}, [state]
    while frontier:
        start = frontier.pop()
        ahead = {move.to for (origin, _), move in MOVES.items() if origin is start} - reached
        reached |= ahead
        frontier += ahead
    assert reached >= FINAL_STATES - ({JobState.TERMINATED} if state is JobState.TO_ERROR else set())


def test_an_error_can_end_every_job_that_has_not_ended():
    assert set(accepting(JobSignal.FAIL)) == set(JobState) - FINAL_STATES


def test_killing_a_waiting_job_never_reaches_a_node():
    move = step(JobState.WAITING, JobSignal.KILL)
    assert move.to is JobState.ERROR
    assert not {Effect.SIGNAL_OAREXEC, Effect.CLEAN_NODES} & set(move.effects)


@pytest.mark.parametrize("state", BEGUN)
def test_leaving_the_nodes_always_cleans_them(state):
    out = [move for (start, _), move in MOVES.items() if start is state and move.to not in BEGUN]
    assert all(Effect.CLEAN_NODES in move.effects for move in out)


def test_every_end_tells_the_user_and_wakes_the_scheduler():
    ends = [move for move in MOVES.values() if move.to in FINAL_STATES]
    assert all({Effect.TELL_USER, Effect.WAKE_SCHEDULER} <= set(move.effects) for move in ends)


def test_only_an_assignment_asks_for_a_launch():
    assert [key for key, move in MOVES.items() if Effect.LAUNCH in move.effects] == [
        (JobState.WAITING, JobSignal.ASSIGN)
    ]


def test_m13_holding_a_job_that_resumes_suspends_it():
    assert step(JobState.RESUMING, JobSignal.HOLD).to is JobState.SUSPENDED


def test_a_started_server_launches_again_what_was_being_launched():
    assert Effect.LAUNCH in UNFINISHED[JobState.TO_LAUNCH]
    assert Effect.LAUNCH in UNFINISHED[JobState.LAUNCHING]


def test_a_started_server_has_nothing_to_repeat_for_states_that_last():
    lasting = {JobState.WAITING, JobState.HOLD, JobState.RUNNING, JobState.SUSPENDED, *FINAL_STATES}
    assert set(UNFINISHED) == set(JobState) - lasting
