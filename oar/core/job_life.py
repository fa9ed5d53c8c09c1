"""The table of a job's moves, and the step through it. ``docs/job-life.md`` draws it and says why."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from oar.core.effects import Effect
from oar.core.states import JobState


class JobSignal(Enum):
    """What can happen to a job."""

    HOLD = "hold"
    RESUME = "resume"
    REFUSE = "refuse"
    ERROR_TOLD = "error told"
    GRANT = "grant"
    GRANT_TOLD = "grant told"
    EXPIRE = "expire"
    ASSIGN = "assign"
    LAUNCH = "launch"
    START = "start"
    SUSPEND = "suspend"
    RESUMED = "resumed"
    FINISH = "finish"
    EXTERMINATE = "exterminate"
    TERMINATE = "terminate"
    KILL = "kill"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Move:
    """Where a job goes, and what must follow the commit."""

    to: JobState
    effects: tuple[Effect, ...] = ()


class IllegalMove(Exception):
    """A state that does not accept the signal; nothing was changed."""

    def __init__(self, state: Enum, signal: Enum) -> None:
        super().__init__(f"{state.value} does not accept the signal {signal.value!r}")
        self.state = state
        self.signal = signal


_UNLAUNCHED = (
    JobState.WAITING,
    JobState.HOLD,
    JobState.TO_ACK_RESERVATION,
    JobState.TO_ERROR,
    JobState.TO_LAUNCH,
)
"""Nothing of such a job exists on a node yet."""

_ON_NODES = (JobState.LAUNCHING, JobState.RUNNING, JobState.SUSPENDED, JobState.RESUMING)
"""Something of such a job may exist on its nodes, and nobody is clearing it away."""

_ENDED = (Effect.TELL_USER, Effect.WAKE_SCHEDULER)
_ENDED_ON_NODES = (Effect.CLEAN_NODES, *_ENDED)
_ENDED_UNLAUNCHED = (Effect.TELL_CLIENT, *_ENDED)


def _table() -> dict[tuple[JobState, JobSignal], Move]:
    state, signal = JobState, JobSignal
    moves = {
        (state.WAITING, signal.HOLD): Move(state.HOLD, (Effect.TELL_CLIENT,)),
        (state.RESUMING, signal.HOLD): Move(state.SUSPENDED, (Effect.TELL_USER, Effect.WAKE_SCHEDULER)),
        (state.HOLD, signal.RESUME): Move(state.WAITING, (Effect.WAKE_SCHEDULER,)),
        (state.SUSPENDED, signal.RESUME): Move(state.RESUMING, (Effect.TELL_USER, Effect.WAKE_SCHEDULER)),
        (state.WAITING, signal.REFUSE): Move(state.TO_ERROR, (Effect.TELL_CLIENT,)),
        (state.TO_ERROR, signal.ERROR_TOLD): Move(state.ERROR, _ENDED),
        (state.WAITING, signal.GRANT): Move(state.TO_ACK_RESERVATION, (Effect.TELL_CLIENT,)),
        (state.TO_ACK_RESERVATION, signal.GRANT_TOLD): Move(state.WAITING, (Effect.WAKE_SCHEDULER,)),
        (state.WAITING, signal.EXPIRE): Move(state.ERROR, _ENDED_UNLAUNCHED),
        (state.WAITING, signal.ASSIGN): Move(state.TO_LAUNCH, (Effect.LAUNCH,)),
        (state.TO_LAUNCH, signal.LAUNCH): Move(state.LAUNCHING),
        (state.LAUNCHING, signal.START): Move(state.RUNNING, (Effect.TELL_CLIENT, Effect.TELL_USER)),
        (state.RUNNING, signal.SUSPEND): Move(state.SUSPENDED, (Effect.TELL_USER, Effect.WAKE_SCHEDULER)),
        (state.RESUMING, signal.RESUMED): Move(state.RUNNING, (Effect.TELL_USER,)),
        (state.FINISHING, signal.TERMINATE): Move(state.TERMINATED, _ENDED),
        (state.FINISHING, signal.FAIL): Move(state.ERROR, _ENDED),
    }
    for unlaunched in _UNLAUNCHED:
        moves[unlaunched, signal.KILL] = Move(state.ERROR, _ENDED_UNLAUNCHED)
        moves[unlaunched, signal.FAIL] = Move(state.ERROR, _ENDED_UNLAUNCHED)
    for on_nodes in _ON_NODES:
        moves[on_nodes, signal.FINISH] = Move(state.FINISHING, (Effect.CLEAN_NODES,))
        moves[on_nodes, signal.EXTERMINATE] = Move(state.FINISHING, (Effect.CLEAN_NODES,))
        moves[on_nodes, signal.TERMINATE] = Move(state.TERMINATED, _ENDED_ON_NODES)
        moves[on_nodes, signal.FAIL] = Move(state.ERROR, _ENDED_ON_NODES)
    return moves


MOVES: Mapping[tuple[JobState, JobSignal], Move] = MappingProxyType(_table())

UNFINISHED: Mapping[JobState, tuple[Effect, ...]] = MappingProxyType(
    {
        JobState.TO_ERROR: (Effect.TELL_CLIENT,),
        JobState.TO_ACK_RESERVATION: (Effect.TELL_CLIENT,),
        JobState.TO_LAUNCH: (Effect.LAUNCH,),
        JobState.LAUNCHING: (Effect.LAUNCH,),
        JobState.RESUMING: (Effect.WAKE_SCHEDULER,),
        JobState.FINISHING: (Effect.CLEAN_NODES,),
    }
)
"""What a server that just started does again for each job it finds in one of these states."""


def step(state: JobState, signal: JobSignal) -> Move:
    """Say where a job goes and what must follow; refuse (``IllegalMove``) anything not in the table."""
    move = MOVES.get((state, signal))
    if move is None:
        raise IllegalMove(state, signal)
    return move


def accepting(signal: JobSignal) -> tuple[JobState, ...]:
    """List the states that accept the signal, in the order of their life."""
    return tuple(state for state in JobState if (state, signal) in MOVES)
