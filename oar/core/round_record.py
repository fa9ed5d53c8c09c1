"""What a scheduling round leaves on record: its size, its times, and what it decided anew."""

from dataclasses import dataclass
from enum import StrEnum


class Deed(StrEnum):
    """What a round decided about a job."""

    LAUNCHED = "launched"
    NOT_LAUNCHED = "not launched"
    GRANTED = "granted"
    REFUSED = "refused"
    KILLED = "killed"
    TOLD_TO_SAVE = "told to save"
    RESUMED = "resumed"
    PLANNED = "planned"
    MOVED = "moved"
    UNPLANNED = "unplanned"


@dataclass(frozen=True, slots=True)
class JobDecision:
    """A decision about one job and its reason; ``before`` is the start that it had in the last plan.

    ``resources`` is how many it gets. 0 stands for what the decision does not have.
    """

    job_id: int
    deed: Deed
    reason: str = ""
    start: int = 0
    walltime_s: int = 0
    resources: int = 0
    before: int = 0


@dataclass(frozen=True, slots=True)
class RoundRecord:
    """One round: what it had before it, the milliseconds of its phases, and what it decided anew.

    ``planned`` jobs have a place in its plan. ``omitted`` is how many plans of jobs are left out of
    ``decisions``. The number is 0 until the record is written.
    """

    date: int
    waiting: int
    running: int
    planned: int
    launched: int
    decisions: tuple[JobDecision, ...] = ()
    omitted: int = 0
    read_ms: int = 0
    decided_ms: int = 0
    wrote_ms: int = 0
    round_id: int = 0
