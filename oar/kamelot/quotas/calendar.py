"""Which rules hold at a date, and until when."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from oar.kamelot.occupation import FOREVER
from oar.kamelot.quotas.rules import RuleSet
from oar.kamelot.quotas.week import WEEK_S, Period, tile

LONG_AGO = 0


@dataclass(frozen=True, slots=True)
class Span:
    """Rules and the last second at which they hold without a change."""

    rules: RuleSet
    end: int


class Calendar:
    """Rules that come back every week, and others that take their place from one date to another.

    The week is that of the wall clock of ``zone``: an hour that the clock shows twice belongs twice to the
    period of that hour. ``once`` holds periods in epoch seconds, ``weekly`` in seconds of the week, the ends
    not included; the first given wins, and those of ``once`` before those of ``weekly``. ``filling`` holds
    where there is no period.
    """

    def __init__(
        self, weekly: Sequence[Period], once: Sequence[Period], filling: RuleSet, zone: tzinfo
    ) -> None:
        self._zone = zone
        self.rule_sets = tuple(
            dict.fromkeys([*(one.rules for one in weekly), *(one.rules for one in once), filling])
        )
        self._weekly, self._weekly_rules = tile(0, WEEK_S, weekly, filling)
        self._nothing = RuleSet("no period")
        self._once, self._once_rules = tile(LONG_AGO, FOREVER + 1, once, self._nothing)

    def at(self, date: int) -> Span:
        """Tell which rules hold at a date, and until when they do."""
        span = self._piece(date)
        while span.end < FOREVER:
            following = self._piece(span.end + 1)
            if following.rules is not span.rules:
                break
            span = following
        return span

    def _piece(self, date: int) -> Span:
        """Tell the same, but maybe not the whole time until the rules change."""
        index = bisect_right(self._once, date) - 1
        end = self._once[index + 1] - 1 if index + 1 < len(self._once) else FOREVER
        if self._once_rules[index] is not self._nothing:
            return Span(self._once_rules[index], end)
        weekly = self._of_week(date)
        return Span(weekly.rules, min(weekly.end, end))

    def _of_week(self, date: int) -> Span:
        if len(self._weekly) == 1:
            return Span(self._weekly_rules[0], FOREVER)
        offset = self._offset(date)
        clock = (date + offset - MONDAY) % WEEK_S
        index = bisect_right(self._weekly, clock) - 1
        after = self._weekly[index + 1] if index + 1 < len(self._weekly) else WEEK_S
        last = date + after - clock - 1
        if self._offset(last) != offset:
            last = self._last_with(offset, date, last)
        return Span(self._weekly_rules[index], last)

    def _last_with(self, offset: int, date: int, other: int) -> int:
        """Tell the last second before clocks change, between a date with the offset and one with another."""
        while other - date > 1:
            middle = (date + other) // 2
            if self._offset(middle) == offset:
                date = middle
            else:
                other = middle
        return date

    def _offset(self, date: int) -> int:
        """Tell how many seconds the wall clock is ahead of UTC."""
        offset = datetime.fromtimestamp(date, self._zone).utcoffset()
        return (offset or timedelta()) // timedelta(seconds=1)


MONDAY = 4 * 86400
"""The first Monday 00:00 UTC, in epoch seconds."""


@dataclass(frozen=True)
class Quotas:
    """The rules of an installation: those of the calendar, if there is one, or else always the plain ones."""

    plain: RuleSet
    calendar: Calendar | None = None

    def at(self, date: int) -> Span:
        """Tell which rules hold at a date, and until when they do."""
        return Span(self.plain, FOREVER) if self.calendar is None else self.calendar.at(date)

    def rule_sets(self) -> tuple[RuleSet, ...]:
        """Give all rules that hold at some time."""
        return (self.plain,) if self.calendar is None else self.calendar.rule_sets
