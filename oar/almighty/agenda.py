"""What the server must do next, and when: hints and timers in, due duties out. Pure.

Dates are seconds of any steady clock; the caller passes them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from oar.core.messages import Hint


class Duty(Enum):
    """Work that is done as a whole; the same duty never runs twice at one time."""

    ROUND = "scheduling round"
    KILLS = "kills"
    SIGNALS = "signals to jobs"
    NODE_STATES = "node states"
    TIMES = "times"
    CLIENTS = "waiting clients"
    ENERGY = "energy saving"
    NODE_CHECK = "node check"
    NEWS = "news to users and administrators"


DUTIES: Mapping[Hint, tuple[Duty, ...]] = {
    Hint.SUBMITTED: (Duty.ROUND,),
    Hint.RESUMED: (Duty.ROUND,),
    Hint.SCHEDULE: (Duty.ROUND,),
    Hint.TERM: (Duty.ROUND,),
    Hint.JOB_ENDED: (Duty.ROUND,),
    Hint.WALLTIME: (Duty.ROUND,),
    Hint.KILL_ASKED: (Duty.KILLS, Duty.SIGNALS),
    Hint.STATE_CHANGED: (Duty.NODE_STATES,),
    Hint.CHECK_TIMES: (Duty.TIMES,),
    Hint.CHECK_NODES: (Duty.NODE_CHECK,),
    Hint.CHECK_ENERGY: (Duty.ENERGY,),
}
"""Which duties each hint wakes."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How soon and how often; all in seconds. With 0 for ``node_checks``, they wait for a hint."""

    after_event: float = 0.1
    between_rounds: float = 0.0
    safety_round: float = 60.0
    times: float = 1.0
    node_checks: float = 300.0


class Agenda:
    """Remembers which duties are wanted from which date on, and which are being done."""

    def __init__(self, rhythm: Rhythm, now: float) -> None:
        self._rhythm = rhythm
        self._wanted: dict[Duty, float] = dict.fromkeys(Duty, now)
        del self._wanted[Duty.NODE_CHECK]
        self._running: set[Duty] = set()
        self._round_not_before = now
        self._want_node_check(now)

    def hear(self, hint: Hint, now: float) -> None:
        """Note a hint; the same hint many times is one duty."""
        for duty in DUTIES[hint]:
            self.want(duty, now)

    def want(self, duty: Duty, now: float, *, after: float = 0.0) -> None:
        """Ask for a duty ``after`` seconds; a round waits for the events that come together with this one."""
        if duty is Duty.ROUND:
            after = max(after, self._rhythm.after_event)
        self._wanted[duty] = min(self._wanted.get(duty, now + after), now + after)

    def take(self, now: float) -> tuple[Duty, ...]:
        """Give the duties that are due; each counts as running until ``finish``."""
        due = tuple(duty for duty in Duty if self._is_due(duty, now))
        for duty in due:
            del self._wanted[duty]
            self._running.add(duty)
        return due

    def finish(self, duty: Duty, now: float) -> None:
        """Note that a duty was done; it comes again at its period, or when it was asked for meanwhile."""
        self._running.discard(duty)
        if duty is Duty.ROUND:
            self._round_not_before = now + self._rhythm.between_rounds
            self.want(duty, now, after=self._rhythm.safety_round)
            self.want(Duty.CLIENTS, now)
        elif duty in (Duty.TIMES, Duty.ENERGY, Duty.NEWS):
            self.want(duty, now, after=self._rhythm.times)
        elif duty is Duty.NODE_CHECK:
            self._want_node_check(now)

    def retry(self, duty: Duty, now: float, *, after: float) -> None:
        """Note that a duty failed: it is done again ``after`` seconds, not earlier, whatever was asked."""
        self._running.discard(duty)
        self._wanted[duty] = now + after
        if duty is Duty.ROUND:
            self._round_not_before = now + after

    def next_date(self) -> float | None:
        """Say when ``take`` will next have something; None while all that is wanted runs already."""
        dates = [self._date(duty) for duty in self._wanted if duty not in self._running]
        return min(dates, default=None)

    def _want_node_check(self, now: float) -> None:
        if self._rhythm.node_checks:
            self.want(Duty.NODE_CHECK, now, after=self._rhythm.node_checks)

    def _is_due(self, duty: Duty, now: float) -> bool:
        return duty in self._wanted and duty not in self._running and self._date(duty) <= now

    def _date(self, duty: Duty) -> float:
        date = self._wanted[duty]
        return max(date, self._round_not_before) if duty is Duty.ROUND else date
