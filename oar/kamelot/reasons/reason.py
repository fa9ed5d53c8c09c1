"""Why a job does not start now, as a value and in words."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from oar.core.job import ALL, BEST, HALF, JobId
from oar.kamelot.quotas.answer import Exceeded

DateFormat = Callable[[int], str]

SHOWN = 3
"""So many jobs or nodes are named; the others are counted."""


class ReasonKind(Enum):
    """The kinds of obstacle."""

    NONE = auto()
    RESOURCES = auto()
    WAKING = auto()
    DEPENDENCY = auto()
    DEPENDENCY_UNPLANNED = auto()
    CONTAINER = auto()
    CONTAINER_UNPLANNED = auto()
    CONTAINER_TOO_SMALL = auto()
    NOT_USABLE = auto()
    NOT_LONG_ENOUGH = auto()
    NOT_THEN = auto()
    POSTPONED = auto()
    QUOTA = auto()
    OVER_SOONER = auto()
    DEADLINE = auto()
    TOO_LATE = auto()
    UNKNOWN_LEVEL = auto()
    NEVER = auto()
    NEVER_TOGETHER = auto()
    FAILURE = auto()


FINAL = {ReasonKind.NEVER, ReasonKind.NEVER_TOGETHER, ReasonKind.UNKNOWN_LEVEL, ReasonKind.TOO_LATE}
"""The obstacles that do not go away."""


@dataclass(frozen=True, slots=True)
class Shortage:
    """A level that has too few blocks: ``wanted`` is a count or ALL, BEST, HALF.

    ``each`` tells what every block must hold, such as ``/core=2``, or is empty; ``condition`` is the filter.
    """

    level: str
    wanted: int
    found: int
    possible: int
    each: str = ""
    condition: str = ""

    def words(self) -> str:
        """Say what is asked for."""
        amount = {ALL: f"all {self.possible}", BEST: "one or more", HALF: "half (two or more)"}
        asked = f"asks for {amount.get(self.wanted, str(self.wanted))} {self.level}"
        return f"{asked} with {self.each} each" if self.each else asked


@dataclass(frozen=True, slots=True)
class Reason:
    """What held a job back: until when, by which jobs, on which nodes, or what there is too little of.

    A QUOTA without ``until`` refuses the job; without ``quota`` it is that it would end beyond the calendar.
    """

    kind: ReasonKind
    until: int | None = None
    jobs: tuple[JobId, ...] = ()
    nodes: tuple[str, ...] = ()
    shortage: Shortage | None = None
    quota: Exceeded | None = None
    text: str = ""

    def words(self, format_date: DateFormat = str) -> str:
        """Say it in one line."""
        return WORDS[self.kind](self, format_date)


def _none(_reason: Reason, _format_date: DateFormat) -> str:
    return "starts now"


def _resources(reason: Reason, format_date: DateFormat) -> str:
    date = format_date(reason.until or 0)
    if not reason.jobs:
        return f"starts {date} when enough resources are free together"
    plural = len(reason.jobs) > 1
    return (
        f"starts {date} when {jobs_named(reason.jobs)} {'free' if plural else 'frees'} {listed(reason.nodes)}"
    )


def _waking(reason: Reason, format_date: DateFormat) -> str:
    verb = "have" if len(reason.nodes) > 1 else "has"
    return f"starts {format_date(reason.until or 0)} when {listed(reason.nodes)} {verb} woken up"


def _dependency(reason: Reason, format_date: DateFormat) -> str:
    return f"starts {format_date(reason.until or 0)} after {jobs_named(reason.jobs)}, which it depends on"


def _dependency_unplanned(reason: Reason, _format_date: DateFormat) -> str:
    return f"depends on {jobs_named(reason.jobs)}, which has no planned start"


def _container(reason: Reason, format_date: DateFormat) -> str:
    return f"starts {format_date(reason.until or 0)} with its container, {jobs_named(reason.jobs)}"


def _container_unplanned(reason: Reason, _format_date: DateFormat) -> str:
    return f"its container, {reason.text or 'which has no name'}, has no planned start"


def _container_too_small(reason: Reason, _format_date: DateFormat) -> str:
    return f"its container, {reason.text}, never holds enough free resources for long enough"


def _not_usable(reason: Reason, _format_date: DateFormat) -> str:
    return f"{_asked(reason)}, {_found(reason)} usable now"


def _not_long_enough(reason: Reason, _format_date: DateFormat) -> str:
    return f"no {reason.text} stays free and available long enough"


def _not_then(reason: Reason, format_date: DateFormat) -> str:
    then = "now" if reason.until is None else f"from {format_date(reason.until)} on"
    return f"what it asks for is not free {then} for as long as it takes"


def _postponed(reason: Reason, format_date: DateFormat) -> str:
    return f"starts {format_date(reason.until or 0)}, since it is postponed until then"


def _quota(reason: Reason, format_date: DateFormat) -> str:
    if reason.quota is None:
        return "quotas do not let it start: it would end later than their calendar is looked ahead"
    if reason.until is None:
        return f"quotas do not let it start: {reason.quota.words()}"
    return f"starts {format_date(reason.until)} when quotas let it: {reason.quota.words()}"


def _over_sooner(reason: Reason, format_date: DateFormat) -> str:
    return f"starts {format_date(reason.until or 0)} with other resources, to be over sooner"


def _deadline(reason: Reason, _format_date: DateFormat) -> str:
    return f"cannot have ended by its deadline, {reason.text}"


def _too_late(reason: Reason, _format_date: DateFormat) -> str:
    return f"will never run: {reason.text} is past"


def _unknown_level(reason: Reason, _format_date: DateFormat) -> str:
    return f'no resource has a property "{reason.text}"'


def _never(reason: Reason, _format_date: DateFormat) -> str:
    shortage = reason.shortage
    if shortage and shortage.condition:
        verb = "matches" if shortage.found == 1 else "match"
        return f'{_asked(reason)}, {shortage.found} {verb} "{shortage.condition}"'
    return f"{_asked(reason)}, {_found(reason)} there"


def _never_together(reason: Reason, _format_date: DateFormat) -> str:
    return f"the groups before {reason.text} leave too little for it"


def _failure(reason: Reason, _format_date: DateFormat) -> str:
    return reason.text


def _asked(reason: Reason) -> str:
    return reason.shortage.words() if reason.shortage else ""


def _found(reason: Reason) -> str:
    found = reason.shortage.found if reason.shortage else 0
    return f"{found or 'none'} {'is' if found in {0, 1} else 'are'}"


def jobs_named(jobs: Sequence[JobId]) -> str:
    """Name the jobs, not too many of them."""
    return f"{'jobs' if len(jobs) > 1 else 'job'} {listed([str(job) for job in jobs])}"


def listed(names: Sequence[str]) -> str:
    """Join names, not too many of them."""
    if len(names) > SHOWN + 1:
        return f"{', '.join(names[:SHOWN])} and {len(names) - SHOWN} others"
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


WORDS: dict[ReasonKind, Callable[[Reason, DateFormat], str]] = {
    ReasonKind.NONE: _none,
    ReasonKind.RESOURCES: _resources,
    ReasonKind.WAKING: _waking,
    ReasonKind.DEPENDENCY: _dependency,
    ReasonKind.DEPENDENCY_UNPLANNED: _dependency_unplanned,
    ReasonKind.CONTAINER: _container,
    ReasonKind.CONTAINER_UNPLANNED: _container_unplanned,
    ReasonKind.CONTAINER_TOO_SMALL: _container_too_small,
    ReasonKind.NOT_USABLE: _not_usable,
    ReasonKind.NOT_LONG_ENOUGH: _not_long_enough,
    ReasonKind.NOT_THEN: _not_then,
    ReasonKind.POSTPONED: _postponed,
    ReasonKind.QUOTA: _quota,
    ReasonKind.OVER_SOONER: _over_sooner,
    ReasonKind.DEADLINE: _deadline,
    ReasonKind.TOO_LATE: _too_late,
    ReasonKind.UNKNOWN_LEVEL: _unknown_level,
    ReasonKind.NEVER: _never,
    ReasonKind.NEVER_TOGETHER: _never_together,
    ReasonKind.FAILURE: _failure,
}
