"""The week as the wall clock shows it: which rules hold from when to when, in seconds from Monday 00:00."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from oar.kamelot.quotas.rules import RuleSet

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_S = 86400
WEEK_S = 7 * DAY_S
_CLOCK = re.compile(r"(\d{1,2}):(\d\d)")


@dataclass(frozen=True, slots=True)
class Period:
    """Rules that hold each week from ``begin`` on until just before ``end``, in seconds of the week."""

    begin: int
    end: int
    rules: RuleSet


class BadPeriod(ValueError):
    """A text that names no period; it says what would be right."""


def spans_of(days: str, hours: str) -> list[tuple[int, int]]:
    """Read days such as ``mon-fri``, ``sat,sun``, ``sun-mon`` or ``*`` and hours ``08:00-19:00`` or ``*``.

    Gives begin and end of each piece in seconds of the week, the end not included. Hours that cross midnight
    are cut there: what is after midnight belongs to the night of the day before. Raises BadPeriod.
    """
    numbers = list(_days(days))
    if hours == "*":
        return [(day * DAY_S, (day + 1) * DAY_S) for day in numbers]
    begin, end = _hours(hours)
    if begin < end:
        return [(day * DAY_S + begin, day * DAY_S + end) for day in numbers]
    evenings = [(day * DAY_S + begin, (day + 1) * DAY_S) for day in numbers]
    return evenings + [((day + 1) % 7 * DAY_S, (day + 1) % 7 * DAY_S + end) for day in numbers]


def _days(text: str) -> Iterator[int]:
    if text == "*":
        yield from range(7)
        return
    for part in text.split(","):
        first, to, last = part.strip().partition("-")
        if first not in DAYS or (to and last not in DAYS):
            raise BadPeriod(
                f'days "{text}": expected "*", or days and ranges of {", ".join(DAYS)}, such as "mon-fri"'
            )
        begin = DAYS.index(first)
        count = (DAYS.index(last) - begin) % 7 + 1 if to else 1
        yield from ((begin + n) % 7 for n in range(count))


def _hours(text: str) -> tuple[int, int]:
    first, to, last = text.partition("-")
    begin, end = _clock(first), _clock(last)
    if not to or begin is None or end is None or begin == DAY_S:
        raise BadPeriod(f'hours "{text}": expected "*" or two times of the day, such as "08:00-19:00"')
    end = end or DAY_S
    if begin == end:
        raise BadPeriod(f'hours "{text}": they end when they begin, write "*" for the whole day')
    return begin, end


def _clock(text: str) -> int | None:
    found = _CLOCK.fullmatch(text.strip())
    if found is None:
        return None
    seconds = int(found[1]) * 3600 + int(found[2]) * 60
    return seconds if int(found[2]) < 60 and seconds <= DAY_S else None


def tile(begin: int, end: int, pieces: Iterable[Period], filling: RuleSet) -> tuple[list[int], list[RuleSet]]:
    """Lay pieces side by side from ``begin`` to ``end``: the first given wins, the filling takes the rest.

    Gives the begin of each tile and the rules that hold in it. No two neighbours hold the same.
    """
    wanted = list(pieces)
    dates = {begin, *(date for piece in wanted for date in (piece.begin, piece.end) if begin < date < end)}
    begins: list[int] = []
    rules: list[RuleSet] = []
    for date in sorted(dates):
        holding = _first_at(date, wanted) or filling
        if not rules or rules[-1] is not holding:
            begins.append(date)
            rules.append(holding)
    return begins, rules


def _first_at(date: int, pieces: Sequence[Period]) -> RuleSet | None:
    return next((piece.rules for piece in pieces if piece.begin <= date < piece.end), None)
