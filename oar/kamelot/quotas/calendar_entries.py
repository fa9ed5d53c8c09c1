"""What the lines of a calendar mean, whatever kind of file they stand in."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, tzinfo

from oar.kamelot.quotas.amounts import Source
from oar.kamelot.quotas.rules import RuleSet
from oar.kamelot.quotas.week import BadPeriod, Period, spans_of

_FORMS = ("%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d")


@dataclass(frozen=True, slots=True)
class CalendarEntries:
    """Makes periods of what a file says; ``sets`` are the rule sets that it may name."""

    source: Source
    sets: Mapping[str, RuleSet]
    zone: tzinfo

    def weekly(self, days: str, hours: str, name: object, where: str, line: int | None) -> list[Period]:
        """Give the periods of some days and hours."""
        rules = self.rules(name, where, line)
        try:
            return [Period(begin, end, rules) for begin, end in spans_of(days, hours)]
        except BadPeriod as problem:
            self.source.fail(f"{where}: {problem}", line)

    def once(self, begin: object, end: object, name: object, where: str, line: int | None) -> Period:
        """Give the period between two local dates, the second one not included."""
        rules = self.rules(name, where, line)
        first, after = self._date(begin, where, line), self._date(end, where, line)
        if first >= after:
            self.source.fail(f'{where}: the end "{end}" is not after the begin "{begin}"', line)
        return Period(first, after, rules)

    def rules(self, name: object, where: str, line: int | None) -> RuleSet:
        """Give the rule set of a name."""
        found = self.sets.get(name) if isinstance(name, str) else None
        if found is None:
            known = ", ".join(f'"{known}"' for known in self.sets) or "none"
            self.source.fail(f'{where}: there are no rules "{name}" in the file, only: {known}', line)
        return found

    def _date(self, value: object, where: str, line: int | None) -> int:
        """Read a local date; of an hour that the clock shows twice it is the first."""
        local = _local(value)
        if local is None:
            self.source.fail(f'{where}: expected a date such as "2026-07-23 19:30", not "{value}"', line)
        return int((local if local.tzinfo else local.replace(tzinfo=self.zone)).timestamp())


def _local(value: object) -> datetime | None:
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime.combine(value, time())
    for form in _FORMS if isinstance(value, str) else ():
        try:
            return datetime.strptime(str(value).strip(), form)
        except ValueError:
            continue
    return None
