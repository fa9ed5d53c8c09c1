"""Which action on which job comes next: bounded, one at a time per job, ends before starts. Pure."""

from collections import deque
from dataclasses import dataclass, field
from enum import Enum

from oar.core.messages import JobReport

SLOW_PER_PLACE = 4
"""How many slow actions of a kind may go on beside those that have a place, as a multiple of the places."""


class ActionKind(Enum):
    """What is done with a job on its nodes."""

    LAUNCH = "launch"
    ASK = "ask oarexec"
    SUSPEND = "suspend"
    RESUME = "resume"
    REPORT = "report"
    END = "end"


@dataclass(frozen=True, slots=True)
class JobAction:
    """One action on one job; ``report`` comes with REPORT only."""

    job_id: int
    kind: ActionKind
    report: JobReport | None = None


@dataclass(slots=True)
class _Lane:
    """The jobs whose next action may start, and the actions that run: with a place, or slow without."""

    ready: deque[int] = field(default_factory=deque)
    placed: set[JobAction] = field(default_factory=set)
    slow: set[JobAction] = field(default_factory=set)


class JobQueues:
    """Actions that wait, in order of arrival per job, and those that run.

    There are ``at_once`` places. Ends may take all of them even while launches run: ends free nodes, and
    launches on silent nodes must not hold them back. An action that waits long for its nodes gives up its
    place to others.
    """

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._waiting: dict[int, deque[JobAction]] = {}
        self._running: dict[int, JobAction] = {}
        self._ends = _Lane()
        self._launches = _Lane()

    def add(self, action: JobAction) -> bool:
        """Queue an action; False when the same one waits or runs already."""
        waiting = self._waiting.setdefault(action.job_id, deque())
        if action in waiting or self._running.get(action.job_id) == action:
            if not waiting:
                del self._waiting[action.job_id]
            return False
        waiting.append(action)
        if len(waiting) == 1 and action.job_id not in self._running:
            self._lane(action).ready.append(action.job_id)
        return True

    def take(self) -> JobAction | None:
        """Give the next action to run; None when nothing may start now."""
        ends, launches = len(self._ends.placed), len(self._launches.placed)
        if self._ends.ready and ends < self._at_once:
            lane = self._ends
        elif self._launches.ready and ends + launches < self._at_once:
            lane = self._launches
        else:
            return None
        job_id = lane.ready.popleft()
        waiting = self._waiting[job_id]
        action = waiting.popleft()
        if not waiting:
            del self._waiting[job_id]
        self._running[job_id] = action
        lane.placed.add(action)
        return action

    def give_up_place(self, action: JobAction) -> None:
        """Note that an action that runs is slow: another may start, unless too many are slow already."""
        lane = self._lane(action)
        if action in lane.placed and len(lane.slow) < SLOW_PER_PLACE * self._at_once:
            lane.placed.discard(action)
            lane.slow.add(action)

    def done(self, action: JobAction) -> None:
        """Note that an action ended, well or not; the job's next one becomes ready."""
        lane = self._lane(action)
        lane.placed.discard(action)
        lane.slow.discard(action)
        del self._running[action.job_id]
        if waiting := self._waiting.get(action.job_id):
            self._lane(waiting[0]).ready.append(action.job_id)

    def is_busy(self, job_id: int) -> bool:
        """Tell whether an action on this job waits or runs."""
        return job_id in self._running or job_id in self._waiting

    def _lane(self, action: JobAction) -> _Lane:
        return self._ends if action.kind in (ActionKind.REPORT, ActionKind.END) else self._launches
