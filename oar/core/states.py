"""Every state, spelled as the database spells it."""

from enum import StrEnum


class JobState(StrEnum):
    """Where a job is in its life; ``docs/job-life.md`` draws the moves."""

    WAITING = "Waiting"
    HOLD = "Hold"
    TO_LAUNCH = "toLaunch"
    TO_ERROR = "toError"
    TO_ACK_RESERVATION = "toAckReservation"
    LAUNCHING = "Launching"
    RUNNING = "Running"
    SUSPENDED = "Suspended"
    RESUMING = "Resuming"
    FINISHING = "Finishing"
    TERMINATED = "Terminated"
    ERROR = "Error"

    @property
    def is_final(self) -> bool:
        """Tell whether nothing can happen to the job any more."""
        return self in FINAL_STATES

    @property
    def holds_resources(self) -> bool:
        """Tell whether the job's assigned resources are taken now."""
        return self in HOLDING_STATES

    @property
    def letter(self) -> str:
        """The one letter that oarstat shows."""
        return LETTERS[self]


FINAL_STATES = frozenset({JobState.TERMINATED, JobState.ERROR})
HOLDING_STATES = frozenset(
    {
        JobState.TO_LAUNCH,
        JobState.LAUNCHING,
        JobState.RUNNING,
        JobState.SUSPENDED,
        JobState.RESUMING,
        JobState.FINISHING,
    }
)
LETTERS = {
    JobState.WAITING: "W",
    JobState.HOLD: "H",
    JobState.TO_LAUNCH: "L",
    JobState.TO_ERROR: "E",
    JobState.TO_ACK_RESERVATION: "W",
    JobState.LAUNCHING: "L",
    JobState.RUNNING: "R",
    JobState.SUSPENDED: "S",
    JobState.RESUMING: "S",
    JobState.FINISHING: "F",
    JobState.TERMINATED: "T",
    JobState.ERROR: "E",
}


class ReservationState(StrEnum):
    """Whether a job is an advance reservation, and whether it was answered."""

    NONE = "None"
    TO_SCHEDULE = "toSchedule"
    SCHEDULED = "Scheduled"


class JobType(StrEnum):
    """How the user meets the job: by a command that runs alone, or by a shell."""

    PASSIVE = "PASSIVE"
    INTERACTIVE = "INTERACTIVE"


class KillState(StrEnum):
    """How far a kill that was asked for has come."""

    ASKED = "LEON"
    ARMED = "TIMER_ARMED"
    TO_EXTERMINATE = "LEON_EXTERMINATE"
    DONE = "FRAGGED"


class NodeState(StrEnum):
    """What a resource is good for now."""

    ALIVE = "Alive"
    ABSENT = "Absent"
    SUSPECTED = "Suspected"
    DEAD = "Dead"

    @property
    def rank(self) -> int:
        """The sort key kept in ``resources.state_num``."""
        return 1 + [NodeState.ALIVE, NodeState.ABSENT, NodeState.SUSPECTED, NodeState.DEAD].index(self)


UNCHANGED = "UnChanged"
"""The value of ``resources.next_state`` when no move is asked for."""


class QueueState(StrEnum):
    """Whether a queue's waiting jobs are looked at."""

    ACTIVE = "Active"
    INACTIVE = "notActive"


class RowIndex(StrEnum):
    """Whether a row belongs to a live job or to history."""

    CURRENT = "CURRENT"
    LOG = "LOG"
