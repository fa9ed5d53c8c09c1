"""``oarstat --accounting``: what was asked and used, in resource-seconds."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from oar.cli.render import Structure
from oar.core.durations import format_date
from oar.core.listings import Consumption

_UNITS = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


@dataclass(frozen=True, slots=True)
class UsageByUser:
    """A line for each user."""

    consumptions: Sequence[Consumption]

    def lines(self) -> Iterator[str]:
        """Draw OAR 2's table."""
        yield "User       First window starts  Last window ends     Asked (seconds)  Used (seconds)"
        yield "---------- -------------------- -------------------- ---------------- ----------------"
        for user, rows in _by_user(self.consumptions):
            first, last, asked, used = _total(rows)
            yield f"{user:<10.10} {format_date(first):<19}  {format_date(last):<19}  {asked:>16} {used:>16}"

    def structure(self) -> Structure:
        """Spell each user's totals and projects."""
        return {user: _structure(rows) for user, rows in _by_user(self.consumptions)}


@dataclass(frozen=True, slots=True)
class UsageOfUser:
    """One user, project by project, from ``begin`` to ``end``; ``karma`` is the last one of each project."""

    user: str
    begin: int
    end: int
    consumptions: Sequence[Consumption]
    karma: Mapping[str, float] = field(default_factory=dict)

    def lines(self) -> Iterator[str]:
        """Draw OAR 2's summary."""
        first, last, asked, used = _total(self.consumptions)
        begin, end = format_date(self.begin), format_date(self.end)
        none = "No window found"
        yield f"Usage summary for user '{self.user}' from {begin} to {end}:"
        yield "-" * 61
        yield f"{'Start of the first window:':<28} {format_date(first) if first else none}"
        yield f"{'End of the last window:':<28} {format_date(last) if last else none}"
        yield f"{'Asked consumption:':<28} {asked} ( {duration_words(asked)})"
        yield f"{'Used consumption:':<28} {used} ( {duration_words(used)})"
        yield "By project consumption:"
        for one in self.consumptions:
            yield f"  {one.project}:"
            yield f"{'    Asked:':<28} {one.asked} ( {duration_words(one.asked)})"
            yield f"{'    Used:':<28} {one.used} ( {duration_words(one.used)})"
            if one.project in self.karma:
                yield f"{'    Last Karma:':<28} {self.karma[one.project]:.3f}"

    def structure(self) -> Structure:
        """Spell the totals and projects."""
        return {self.user: _structure(self.consumptions, self.karma)}


def duration_words(seconds: int) -> str:
    """Spell ``1 day 2 hours 5 minutes 0 second ``, with the blank at the end that OAR 2 has."""
    words, rest = "", seconds
    for unit, name in _UNITS:
        number, rest = divmod(rest, unit)
        if number or words or name == "second":
            words += f"{number} {name}{'s' if number > 1 else ''} "
    return words


def _by_user(consumptions: Iterable[Consumption]) -> Iterator[tuple[str, list[Consumption]]]:
    users: dict[str, list[Consumption]] = {}
    for one in consumptions:
        users.setdefault(one.user, []).append(one)
    yield from sorted(users.items())


def _total(rows: Sequence[Consumption]) -> tuple[int, int, int, int]:
    return (
        min((one.first_window for one in rows), default=0),
        max((one.last_window for one in rows), default=0),
        sum(one.asked for one in rows),
        sum(one.used for one in rows),
    )


def _structure(rows: Sequence[Consumption], karma: Mapping[str, float] | None = None) -> Structure:
    first, last, asked, used = _total(rows)
    last_karma = karma or {}
    return {
        "begin": first,
        "end": last,
        "ASKED": asked,
        "USED": used,
        "projects": {one.project: _of_project(one, last_karma.get(one.project)) for one in rows},
    }


def _of_project(row: Consumption, karma: float | None) -> Structure:
    used = {"ASKED": row.asked, "USED": row.used}
    return used if karma is None else {**used, "last_karma": karma}
