"""The table of a kill's moves, and when its timer asks for one."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from oar.core.effects import Effect
from oar.core.job_life import IllegalMove, JobSignal
from oar.core.states import JobState, KillState


class KillSignal(Enum):
    """What can happen to a kill that was asked for."""

    SENT = "sent"
    REPEAT = "repeat"
    GIVE_UP = "give up"
    EXTERMINATED = "exterminated"
    JOB_ENDED = "job ended"


@dataclass(frozen=True, slots=True)
class KillMove:
    """Where a kill goes, and what must follow the commit."""

    to: KillState
    effects: tuple[Effect, ...] = ()


KILL_MOVES: Mapping[tuple[KillState, KillSignal], KillMove] = MappingProxyType(
    {
        (KillState.ASKED, KillSignal.SENT): KillMove(KillState.ARMED, (Effect.SIGNAL_OAREXEC,)),
        (KillState.ARMED, KillSignal.REPEAT): KillMove(KillState.ASKED),
        (KillState.ARMED, KillSignal.GIVE_UP): KillMove(KillState.TO_EXTERMINATE),
        (KillState.TO_EXTERMINATE, KillSignal.EXTERMINATED): KillMove(KillState.ARMED, (Effect.CLEAN_NODES,)),
        (KillState.ASKED, KillSignal.JOB_ENDED): KillMove(KillState.DONE),
        (KillState.ARMED, KillSignal.JOB_ENDED): KillMove(KillState.DONE),
        (KillState.TO_EXTERMINATE, KillSignal.JOB_ENDED): KillMove(KillState.DONE),
    }
)


def kill_step(state: KillState, signal: KillSignal) -> KillMove:
    """Say where a kill goes; refuse (``IllegalMove``) anything not in the table."""
    move = KILL_MOVES.get((state, signal))
    if move is None:
        raise IllegalMove(state, signal)
    return move


def kill_accepting(signal: KillSignal) -> tuple[KillState, ...]:
    """List the states of a kill that accept the signal."""
    return tuple(state for state in KillState if (state, signal) in KILL_MOVES)


@dataclass(frozen=True, slots=True)
class KillLimits:
    """After how many seconds an unanswered kill is repeated, and after how many it is given up.

    Giving up never comes before the first repetition: ``hard_s`` counts as ``soft_s`` + 1 at least.
    """

    soft_s: int = 20
    hard_s: int = 300


def timer_signal(job: JobState, age_s: int, limits: KillLimits) -> KillSignal | None:
    """Say what the timer of an armed kill asks for; None while the job still has time to obey.

    ``age_s`` counts from the first signal that was sent to the job.
    """
    if job.is_final or job is JobState.FINISHING:
        return KillSignal.JOB_ENDED
    if age_s > max(limits.hard_s, limits.soft_s + 1):
        return KillSignal.GIVE_UP
    if age_s > limits.soft_s:
        return KillSignal.REPEAT
    return None


@dataclass(frozen=True, slots=True)
class KillOrder:
    """What to do to a job whose kill was asked for: a move of the job, or a signal to its nodes."""

    job_signal: JobSignal | None = None
    message: str = ""
    effects: tuple[Effect, ...] = ()


def kill_order(job: JobState, noop: bool) -> KillOrder:
    """Say how a job is killed in its present state; ``noop`` jobs have nothing on their nodes."""
    if job.is_final or job is JobState.FINISHING:
        return KillOrder()
    if job in (JobState.LAUNCHING, JobState.RUNNING, JobState.SUSPENDED, JobState.RESUMING):
        if noop:
            return KillOrder(JobSignal.TERMINATE, "NOOP job killed by Leon")
        return KillOrder(effects=(Effect.SIGNAL_OAREXEC,))
    return KillOrder(JobSignal.KILL, "Job killed by Leon directly")


def walltime_is_over(start_time: int, walltime_s: int, suspended_s: int, now: int) -> bool:
    """Tell whether a running job must be killed; the time it was suspended does not count."""
    return now > start_time + walltime_s + suspended_s
