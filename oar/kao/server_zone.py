"""The time zone of the machine, for calendars that mean the wall clock."""

import time
from datetime import UTC, datetime, timedelta, tzinfo


class ServerZone(tzinfo):
    """The zone that the C library knows, from ``TZ`` or ``/etc/localtime``, with its changes of the clock."""

    def utcoffset(self, date: datetime | None) -> timedelta | None:
        """Tell how far the wall clock is ahead of UTC."""
        if date is None:
            return None
        return timedelta(seconds=time.localtime(date.replace(tzinfo=None).timestamp()).tm_gmtoff)

    def dst(self, _date: datetime | None) -> timedelta | None:
        """Tell that the part of it that comes from summer time is not known."""
        return None

    def tzname(self, _date: datetime | None) -> str:
        """Name it."""
        return "server"

    def fromutc(self, date: datetime) -> datetime:
        """Turn UTC into what the wall clock shows."""
        return datetime.fromtimestamp(date.replace(tzinfo=UTC).timestamp()).replace(tzinfo=self)
