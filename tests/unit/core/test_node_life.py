import pytest

from oar.core.effects import Effect
from oar.core.job_life import IllegalMove
from oar.core.node_life import (
    NODE_MOVES,
    NodeSignal,
    Standing,
    node_step,
    request_signal,
    standing_of,
)
from oar.core.states import NodeState


@pytest.mark.parametrize("standing", Standing)
@pytest.mark.parametrize("signal", NodeSignal)
def test_every_standing_either_has_a_move_for_a_signal_or_refuses_it(standing, signal):
    if (standing, signal) in NODE_MOVES:
        assert node_step(standing, signal) is NODE_MOVES[standing, signal]
    else:
        with pytest.raises(IllegalMove):
            node_step(standing, signal)


@pytest.mark.parametrize("standing", Standing)
def test_a_standing_survives_the_two_columns_that_keep_it(standing):
    assert standing_of(standing.state, standing.by_checker) is standing


@pytest.mark.parametrize("state", NodeState)
def test_an_administrator_can_bring_a_resource_into_any_state_from_any_other(state):
    signal = request_signal(state, by_checker=False)
    for standing in Standing:
        if standing.state is not state:
            assert node_step(standing, signal).to.state is state


@pytest.mark.parametrize("state", [NodeState.ABSENT, NodeState.DEAD])
def test_a_resource_that_leaves_frees_its_jobs(state):
    assert Effect.FREE_JOBS in node_step(Standing.ALIVE, request_signal(state, by_checker=False)).effects


@pytest.mark.parametrize("signal", [NodeSignal.JOB_TROUBLE, NodeSignal.CHECK_FAILED])
def test_a_suspicion_kills_no_job(signal):
    assert Effect.FREE_JOBS not in node_step(Standing.ALIVE, signal).effects


def test_the_checker_lifts_its_own_suspicion():
    assert node_step(Standing.SUSPECTED_BY_CHECKER, NodeSignal.CHECK_PASSED).to is Standing.ALIVE


def test_the_checker_cannot_lift_a_suspicion_from_a_job():
    with pytest.raises(IllegalMove):
        node_step(Standing.SUSPECTED, NodeSignal.CHECK_PASSED)


def test_trouble_with_a_job_pins_a_suspicion_of_the_checker():
    assert node_step(Standing.SUSPECTED_BY_CHECKER, NodeSignal.JOB_TROUBLE).to is Standing.SUSPECTED


@pytest.mark.parametrize("standing", [Standing.ABSENT, Standing.DEAD])
@pytest.mark.parametrize("signal", [NodeSignal.JOB_TROUBLE, NodeSignal.CHECK_FAILED, NodeSignal.CHECK_PASSED])
def test_trouble_and_checks_leave_resources_alone_that_are_gone(standing, signal):
    with pytest.raises(IllegalMove):
        node_step(standing, signal)


def test_what_the_checker_writes_is_read_as_the_checks_result():
    assert request_signal(NodeState.SUSPECTED, by_checker=True) is NodeSignal.CHECK_FAILED
    assert request_signal(NodeState.ALIVE, by_checker=True) is NodeSignal.CHECK_PASSED
