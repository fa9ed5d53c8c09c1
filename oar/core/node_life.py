"""The table of a resource's moves between Alive, Absent, Suspected and Dead."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from oar.core.effects import Effect
from oar.core.job_life import IllegalMove
from oar.core.states import NodeState


class Standing(Enum):
    """The state of a resource together with who decided it.

    A suspicion by the node checker can be lifted by the checker; one that a job's trouble raised stays
    until an administrator, or the node at its next boot, says Alive.
    """

    ALIVE = "Alive"
    ABSENT = "Absent"
    SUSPECTED = "Suspected"
    SUSPECTED_BY_CHECKER = "Suspected by the checker"
    DEAD = "Dead"

    @property
    def state(self) -> NodeState:
        """What ``resources.state`` holds."""
        if self is Standing.SUSPECTED_BY_CHECKER:
            return NodeState.SUSPECTED
        return NodeState(self.value)

    @property
    def by_checker(self) -> bool:
        """Whether the state Suspected was decided by the checker (``finaud_decision``)."""
        return self is Standing.SUSPECTED_BY_CHECKER


class NodeSignal(Enum):
    """What can happen to a resource; the REQUEST signals come through ``next_state``."""

    JOB_TROUBLE = "job trouble"
    CHECK_FAILED = "check failed"
    CHECK_PASSED = "check passed"
    REQUEST_ALIVE = "request Alive"
    REQUEST_ABSENT = "request Absent"
    REQUEST_SUSPECTED = "request Suspected"
    REQUEST_DEAD = "request Dead"


@dataclass(frozen=True, slots=True)
class NodeMove:
    """Where a resource goes, and what must follow the commit."""

    to: Standing
    effects: tuple[Effect, ...] = ()


_TO_ALIVE = NodeMove(Standing.ALIVE, (Effect.WAKE_SCHEDULER,))
_TO_ABSENT = NodeMove(Standing.ABSENT, (Effect.FREE_JOBS, Effect.WAKE_SCHEDULER))
_TO_DEAD = NodeMove(Standing.DEAD, (Effect.FREE_JOBS, Effect.WAKE_SCHEDULER))
_TO_SUSPECTED = NodeMove(Standing.SUSPECTED, (Effect.HEAL_NODE, Effect.WAKE_SCHEDULER))
_TO_CHECKED = NodeMove(Standing.SUSPECTED_BY_CHECKER, (Effect.HEAL_NODE, Effect.WAKE_SCHEDULER))


def _table() -> dict[tuple[Standing, NodeSignal], NodeMove]:
    moves = {
        (Standing.ALIVE, NodeSignal.JOB_TROUBLE): _TO_SUSPECTED,
        (Standing.SUSPECTED_BY_CHECKER, NodeSignal.JOB_TROUBLE): NodeMove(Standing.SUSPECTED),
        (Standing.ALIVE, NodeSignal.CHECK_FAILED): _TO_CHECKED,
        (Standing.SUSPECTED_BY_CHECKER, NodeSignal.CHECK_PASSED): _TO_ALIVE,
        (Standing.SUSPECTED_BY_CHECKER, NodeSignal.REQUEST_SUSPECTED): NodeMove(Standing.SUSPECTED),
    }
    requests = {
        NodeSignal.REQUEST_ALIVE: _TO_ALIVE,
        NodeSignal.REQUEST_ABSENT: _TO_ABSENT,
        NodeSignal.REQUEST_SUSPECTED: _TO_SUSPECTED,
        NodeSignal.REQUEST_DEAD: _TO_DEAD,
    }
    for standing in Standing:
        for signal, move in requests.items():
            if move.to.state is not standing.state:
                moves[standing, signal] = move
    return moves


NODE_MOVES: Mapping[tuple[Standing, NodeSignal], NodeMove] = MappingProxyType(_table())


def node_step(standing: Standing, signal: NodeSignal) -> NodeMove:
    """Say where a resource goes; refuse (``IllegalMove``) anything not in the table."""
    move = NODE_MOVES.get((standing, signal))
    if move is None:
        raise IllegalMove(standing, signal)
    return move


def standing_of(state: NodeState, by_checker: bool) -> Standing:
    """Join the two columns ``state`` and ``finaud_decision``."""
    if state is NodeState.SUSPECTED and by_checker:
        return Standing.SUSPECTED_BY_CHECKER
    return Standing(state.value)


def request_signal(wanted: NodeState, by_checker: bool) -> NodeSignal:
    """Say which signal a pair of ``next_state`` and ``next_finaud_decision`` means."""
    if by_checker and wanted is NodeState.SUSPECTED:
        return NodeSignal.CHECK_FAILED
    if by_checker and wanted is NodeState.ALIVE:
        return NodeSignal.CHECK_PASSED
    return NodeSignal(f"request {wanted.value}")
