"""Durations and dates, from text and back; seconds and epoch seconds inside."""

import re
from datetime import datetime

from oar.errors import BadRequest

LONGEST_S = 10 * 365 * 86400
"""Ten years: no duration is longer, so that every date stays within the columns of the database."""

_DURATION = re.compile(r"\s*(\d{1,9})(?::(\d{1,9}))?(?::(\d{1,9}))?\s*", re.ASCII)
_DATE = re.compile(r"\s*(\d{4})-(\d\d?)-(\d\d?)(?:[ T](\d\d?)(?::(\d\d?))?(?::(\d\d?))?)?\s*", re.ASCII)


class BadDuration(BadRequest):
    """A duration that cannot be read."""


class BadDate(BadRequest):
    """A date that cannot be read, or that no calendar has."""


def parse_duration(text: str) -> int:
    """Read ``h[:m[:s]]`` as seconds; raises :class:`BadDuration`."""
    found = _DURATION.fullmatch(text)
    if found is None:
        raise BadDuration(
            f"duration '{text}' is not understood; write hours[:minutes[:seconds]], as in 2:30:0"
        )
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    total = hours * 3600 + minutes * 60 + seconds
    if total > LONGEST_S:
        raise BadDuration(f"duration '{text}' is too long; the longest is {format_duration(LONGEST_S)}")
    return total


def format_duration(seconds: int) -> str:
    """Spell seconds as OAR does, ``h:m:s`` without padding; a negative duration carries one sign in front."""
    minutes, rest = divmod(abs(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{'-' if seconds < 0 else ''}{hours}:{minutes}:{rest}"


def parse_date(text: str) -> int:
    """Read the local date ``YYYY-MM-DD[ hh[:mm[:ss]]]`` as epoch seconds; raises :class:`BadDate`."""
    found = _DATE.fullmatch(text)
    if found is None:
        raise BadDate(f"date '{text}' is not understood; write YYYY-MM-DD hh:mm:ss")
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups())
    try:
        return int(datetime(year, month, day, hour, minute, second).timestamp())
    except (ValueError, OverflowError, OSError) as error:
        raise BadDate(f"date '{text}' does not exist: {error}") from None


def format_date(epoch: int) -> str:
    """Spell epoch seconds as the local date ``YYYY-MM-DD hh:mm:ss``."""
    return datetime.fromtimestamp(epoch).strftime("%Y-%m-%d %H:%M:%S")
