"""What is in the way of a start at a date, as a value and in words."""

from collections.abc import Callable
from dataclasses import dataclass

from oar.kamelot.reasons.reason import (
    FINAL,
    WORDS,
    DateFormat,
    Reason,
    ReasonKind,
    Shortage,
    jobs_named,
    listed,
)


@dataclass(frozen=True, slots=True)
class Obstacle(Reason):
    """Why a job could not start at ``date``.

    ``until`` is the first date from then on at which it could, if nothing else changed; None if there is
    none. What is named in the way, such as jobs on some nodes, is there from ``begins`` until ``ends``, the
    first second without it, where these are known. ``shortages`` tells of each group that lacks something
    what it lacks; with ``shared``, because the groups before take it.
    """

    date: int = 0
    begins: int | None = None
    ends: int | None = None
    shortages: tuple[Shortage, ...] = ()
    shared: bool = False

    def words(self, format_date: DateFormat = str) -> str:
        """Say it in one line."""
        if self.kind is ReasonKind.OVER_SOONER:
            then, ends, until = map(format_date, (self.date, self.ends or 0, self.until or 0))
            return f"could start {then} and be over {ends}, but is over sooner when it starts {until}"
        line = f"cannot start {format_date(self.date)}: {self.why(format_date)}"
        if self.until is not None:
            return f"{line}; could start {format_date(self.until)}"
        return line if self.kind in FINAL else f"{line}; nor later in this plan"

    def why(self, format_date: DateFormat = str) -> str:
        """Say only what is in the way."""
        tell = OBSTACLE_WORDS.get(self.kind)
        return WORDS[self.kind](self, format_date) if tell is None else tell(self, format_date)


def _resources(obstacle: Obstacle, format_date: DateFormat) -> str:
    what = "free beside the groups before it" if obstacle.shared else "free all through"
    lacking = _lacking(obstacle, what)
    if not obstacle.nodes:
        return lacking
    nodes, many = listed(obstacle.nodes), len(obstacle.jobs) > 1
    span = "" if obstacle.begins is None else f" from {format_date(obstacle.begins)}"
    span += f" until {format_date(obstacle.ends or 0)}{obstacle.text}"
    if not obstacle.jobs:
        return f"{lacking}; {nodes} {'are' if len(obstacle.nodes) > 1 else 'is'} taken{span}"
    verb = "hold" if obstacle.begins is None else "take"
    return f"{lacking}; {jobs_named(obstacle.jobs)} {verb if many else verb + 's'} {nodes}{span}"


def _waking(obstacle: Obstacle, format_date: DateFormat) -> str:
    verb = "have" if len(obstacle.nodes) > 1 else "has"
    woken = f"{listed(obstacle.nodes)} {verb} woken up by {format_date(obstacle.ends or 0)}"
    return f"{_lacking(obstacle, 'free all through')}; {woken}{obstacle.text}"


def _dependency(obstacle: Obstacle, format_date: DateFormat) -> str:
    jobs, ends = jobs_named(obstacle.jobs), format_date(obstacle.ends or 0)
    return f"waits for {jobs}, which it depends on, until {ends}"


def _dependency_unplanned(obstacle: Obstacle, _format_date: DateFormat) -> str:
    have = "have" if len(obstacle.jobs) > 1 else "has"
    return f"depends on {jobs_named(obstacle.jobs)}, which {have} no planned start"


def _postponed(obstacle: Obstacle, format_date: DateFormat) -> str:
    return f"it is postponed until {format_date(obstacle.ends or 0)}"


def _container(obstacle: Obstacle, format_date: DateFormat) -> str:
    container = f"its container, {obstacle.text} ({jobs_named(obstacle.jobs)}),"
    if obstacle.begins is not None:
        return f"{container} is there from {format_date(obstacle.begins)} on"
    return f"{container} is over {format_date(obstacle.ends or 0)}"


def _container_too_small(obstacle: Obstacle, format_date: DateFormat) -> str:
    lacking = _lacking(
        obstacle, f"all through in its container, {obstacle.text} ({jobs_named(obstacle.jobs)})"
    )
    return lacking if obstacle.ends is None else f"{lacking}, which is over {format_date(obstacle.ends)}"


def _not_usable(obstacle: Obstacle, _format_date: DateFormat) -> str:
    verb = "are" if len(obstacle.nodes) > 1 else "is"
    return f"{_lacking(obstacle, 'usable now')}; {listed(obstacle.nodes)} {verb} {obstacle.text}"


def _not_long_enough(obstacle: Obstacle, format_date: DateFormat) -> str:
    verb = "are" if len(obstacle.nodes) > 1 else "is"
    lacking = _lacking(obstacle, "available all through")
    return (
        f"{lacking}; {listed(obstacle.nodes)} {verb} until {format_date(obstacle.ends or 0)}{obstacle.text}"
    )


def _quota(obstacle: Obstacle, format_date: DateFormat) -> str:
    if obstacle.quota is None:
        return "quotas: it would end later than their calendar is looked ahead"
    until = "" if obstacle.ends is None else f" until {format_date(obstacle.ends)}"
    return f"{obstacle.quota.words()}{until}"


def _too_late(obstacle: Obstacle, _format_date: DateFormat) -> str:
    return f"{obstacle.text} is past then"


def _lacking(obstacle: Obstacle, what: str) -> str:
    """Tell of each group what it asks for, and how much of that is so."""
    parts = []
    for shortage in obstacle.shortages:
        found = shortage.found
        parts.append(f"{shortage.words()}, {found or 'none'} {'is' if found < 2 else 'are'} {what}")
    return ", and ".join(parts)


OBSTACLE_WORDS: dict[ReasonKind, Callable[[Obstacle, DateFormat], str]] = {
    ReasonKind.RESOURCES: _resources,
    ReasonKind.WAKING: _waking,
    ReasonKind.DEPENDENCY: _dependency,
    ReasonKind.DEPENDENCY_UNPLANNED: _dependency_unplanned,
    ReasonKind.POSTPONED: _postponed,
    ReasonKind.CONTAINER: _container,
    ReasonKind.CONTAINER_TOO_SMALL: _container_too_small,
    ReasonKind.NOT_USABLE: _not_usable,
    ReasonKind.NOT_LONG_ENOUGH: _not_long_enough,
    ReasonKind.QUOTA: _quota,
    ReasonKind.TOO_LATE: _too_late,
}
"""How these are said of a date; the other kinds are said as they always are."""
