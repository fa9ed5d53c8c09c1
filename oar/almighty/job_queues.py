"""Which action on which job comes next: bounded, one at a time per job, ends before starts. Pure."""

from collections import deque
from dataclasses import dataclass
from enum import Enum

from oar.core.messages import JobReport


class ActionKind(Enum):
    """What is done with a job on its nodes."""

    LAUNCH = "launch"
    REPORT = "report"
    END = "end"


@dataclass(frozen=True, slots=True)
class JobAction:
    """One action on one job; ``report`` comes with REPORT only."""

    job_id: int
    kind: ActionKind
    report: JobReport | None = None


class JobQueues:
    """Actions that wait, in order of arrival per job, and those that run."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._waiting: dict[int, deque[JobAction]] = {}
        self._running: dict[int, JobAction] = {}
        self._ready_ends: deque[int] = deque()
        self._ready_launches: deque[int] = deque()

    def add(self, action: JobAction) -> bool:
        """Queue an action; False when the same one waits or runs already."""
        waiting = self._waiting.setdefault(action.job_id, deque())
        if action in waiting or self._running.get(action.job_id) == action:
            if not waiting:
                del self._waiting[action.job_id]
            return False
        waiting.append(action)
        if len(waiting) == 1 and action.job_id not in self._running:
            self._make_ready(action)
        return True

    def take(self) -> JobAction | None:
        """Give the next action to run; None when nothing may start now."""
        if len(self._running) >= self._at_once:
            return None
        ready = self._ready_ends or self._ready_launches
        if not ready:
            return None
        job_id = ready.popleft()
        waiting = self._waiting[job_id]
        action = waiting.popleft()
        if not waiting:
            del self._waiting[job_id]
        self._running[job_id] = action
        return action

    def done(self, action: JobAction) -> None:
        """Note that an action ended, well or not; the job's next one becomes ready."""
        del self._running[action.job_id]
        if waiting := self._waiting.get(action.job_id):
            self._make_ready(waiting[0])

    def is_busy(self, job_id: int) -> bool:
        """Tell whether an action on this job waits or runs."""
        return job_id in self._running or job_id in self._waiting

    def _make_ready(self, action: JobAction) -> None:
        # Ends go first: they free nodes, and a launch on a silent node must not hold them back.
        if action.kind is ActionKind.LAUNCH:
            self._ready_launches.append(action.job_id)
        else:
            self._ready_ends.append(action.job_id)
