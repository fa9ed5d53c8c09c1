"""The dates of an advance reservation, as ``oarsub -r`` is given them. Pure."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from oar.core.durations import LONGEST_S, BadDate, format_date, parse_date
from oar.errors import BadRequest

NOW = "now"
LAST_DATE = 2**31 - 1 - 2 * 86400
"""The last end of a reservation: what the database can date, and room for what follows."""

_TIME = re.compile(r"(\d\d?)(?::(\d\d?))?(?::(\d\d?))?", re.ASCII)
_FORMS = "YYYY-MM-DD hh:mm:ss, hh:mm:ss for today, or now; an end may follow behind a comma"


class BadReservation(BadRequest):
    """Dates that are none, or options that a reservation excludes."""

    exit_code = 7


@dataclass(frozen=True, slots=True)
class ReservedFor:
    """When a reservation begins, epoch seconds, and ends, None where the walltime says it.

    One that begins ``at_once`` does so when it is registered.
    """

    start: int
    end: int | None = None
    at_once: bool = False

    @property
    def walltime_s(self) -> int | None:
        """The seconds between its dates."""
        return None if self.end is None else self.end - self.start


def parse_reservation(text: str, now: int) -> ReservedFor:
    """Read ``start[, end]``; raises :class:`BadReservation`. A time without a day is one of today.

    The end may be a time that is not after the start: then it is one of the day after.
    """
    first, comma, second = (part.strip() for part in text.partition(","))
    at_once = first == NOW
    start = now if at_once else _date(first, now, "start")
    if not comma:
        _check_bounds(text, start, start)
        return ReservedFor(start, None, at_once)
    end = _date(second, start, "end")
    if end <= start and _TIME.fullmatch(second):
        end = int((datetime.fromtimestamp(end) + timedelta(days=1)).timestamp())
    if end <= start:
        raise BadReservation(f"-r: the end, {format_date(end)}, is not after the start, {format_date(start)}")
    _check_bounds(text, start, end)
    return ReservedFor(start, end, at_once)


def _date(text: str, day: int, which: str) -> int:
    """Read a date, or a time of the day that ``day`` is in."""
    if time := _TIME.fullmatch(text):
        text = f"{format_date(day).partition(' ')[0]} {time[0]}"
    try:
        return parse_date(text)
    except BadDate:
        raise BadReservation(f"-r: the {which}, '{text}', is no date; write {_FORMS}") from None


def _check_bounds(text: str, start: int, end: int) -> None:
    if start <= 0 or end > LAST_DATE:
        raise BadReservation(f"-r: '{text}' is too far; the last date is {format_date(LAST_DATE)}")
    if end - start > LONGEST_S:
        raise BadReservation(f"-r: '{text}' is too long; nothing lasts longer than {LONGEST_S // 3600} hours")
