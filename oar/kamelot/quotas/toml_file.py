"""Reads our own files of quotas, in TOML; ``docs/quotas.md`` describes them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import tzinfo
from itertools import product
from typing import Any, NamedTuple, NoReturn

import toml

from oar.kamelot.quotas.amounts import Source, limits
from oar.kamelot.quotas.calendar import Calendar, Quotas
from oar.kamelot.quotas.calendar_entries import CalendarEntries
from oar.kamelot.quotas.rules import EACH, TOGETHER, Choice, Key, Limits, Rule, RuleSet
from oar.kamelot.quotas.week import Period

_TOP = ("choice", "job_types", "rules", "sets", "weekly", "once")
_RULE = ("name", "per", "queue", "project", "type", "user", "resources", "jobs", "hours")
_WEEKLY = ("days", "hours", "use")
_ONCE = ("begin", "end", "use")
_LIMITS = ("resources", "jobs", "hours")
_PER = ("queue", "project", "user")
_NO_LIMIT = "none"


class Place(NamedTuple):
    """What an error calls a table, and the line it begins on, if that is known."""

    text: str
    line: int | None = None


THE_FILE = Place("the file")


def read_toml_quotas(source: Source, zone: tzinfo) -> Quotas:
    """Read rules and calendar. Raises BadQuotas."""
    reader = _Reader(source)
    content = reader.parsed()
    reader.known(content, _TOP, THE_FILE)
    choice, types = reader.choice(content), reader.job_types(content)
    plain = RuleSet("rules", reader.rules(content.get("rules", []), "rules"), choice, types)
    sets = {
        name: RuleSet(name, reader.rules(rules, f"sets.{name}"), choice, types)
        for name, rules in reader.sets(content).items()
    }
    entries = CalendarEntries(source, sets, zone)
    weekly = list(reader.weekly(content.get("weekly", []), entries))
    once = list(reader.once(content.get("once", []), entries))
    return Quotas(plain, Calendar(weekly, once, plain, zone) if weekly or once else None)


class _Reader:
    """Checks and takes apart what the TOML text held."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def parsed(self) -> dict[str, Any]:
        """Parse the text."""
        try:
            return toml.loads(self._source.text)
        except toml.TomlDecodeError as error:
            self._source.fail(f"no TOML: {error.msg}", error.lineno)
        except (IndexError, ValueError, TypeError) as error:  # toml lets them escape on some broken texts
            self._source.fail(f"no TOML: {error}")

    def choice(self, content: Mapping[str, Any]) -> Choice:
        """Read which of several rules bind."""
        words = {choice.value: choice for choice in Choice}
        value = content.get("choice", Choice.EVERY.value)
        if value not in words:
            self._source.fail(
                f'choice: expected "every" or "one", not "{value}"', self._source.line_with(str(value))
            )
        return words[value]

    def job_types(self, content: Mapping[str, Any]) -> tuple[str, ...] | None:
        """Read the types that are counted; all of them if the file does not say."""
        return self._names(content["job_types"], THE_FILE, "job_types") if "job_types" in content else None

    def sets(self, content: Mapping[str, Any]) -> Mapping[str, object]:
        """Give the rules of each set by its name."""
        value = content.get("sets", {})
        if not isinstance(value, Mapping):
            self._fail(THE_FILE, "expected sets of rules that begin with [[sets.<name>]]")
        return value

    def rules(self, value: object, where: str) -> list[Rule]:
        """Read a list of rules; one for several names becomes a rule for each."""
        found: dict[Key, Rule] = {}
        for place, table in self._tables(value, where, _RULE):
            name = self._text(table.get("name", ""), place, "name")
            amounts = self._limits(table, place)
            for key in self._keys(table, place):
                if key in found:
                    self._fail(place, f'another rule above is for the same jobs ("{key}")')
                found[key] = Rule(key, amounts, name)
        return list(found.values())

    def _limits(self, table: Mapping[str, Any], place: Place) -> Limits:
        if not set(_LIMITS) & table.keys():
            self._fail(place, 'expected a limit: resources, jobs or hours; "none" for no limit')
        amounts = []
        for name in _LIMITS:
            value = table.get(name, _NO_LIMIT)
            value = -1 if value == _NO_LIMIT else value
            amounts.append(self._source.amount(value, f"{place.text}: {name}", place.line))
        return limits(*amounts)

    def _keys(self, table: Mapping[str, Any], place: Place) -> Iterator[Key]:
        per = self._names(table.get("per", []), place, "per")
        for field in per:
            if field not in _PER:
                self._fail(place, f'per: expected some of {", ".join(_PER)}, not "{field}"')
            if field in table:
                self._fail(place, f'"{field}" is named and at the same time in "per"; leave one out')
        names = [
            self._names(table[field], place, field)
            if field in table
            else ((EACH,) if field in per else (TOGETHER,))
            for field in ("queue", "project", "type", "user")
        ]
        yield from (self._source.key(one, place.line) for one in product(*names))

    def weekly(self, value: object, entries: CalendarEntries) -> Iterator[Period]:
        """Read the periods of the week."""
        for place, table in self._tables(value, "weekly", _WEEKLY):
            days, hours = (self._text(table.get(name, "*"), place, name) for name in ("days", "hours"))
            yield from entries.weekly(days, hours, self._needed(table, place, "use"), *place)

    def once(self, value: object, entries: CalendarEntries) -> Iterator[Period]:
        """Read the periods between two dates."""
        for place, table in self._tables(value, "once", _ONCE):
            begin, end, use = (self._needed(table, place, name) for name in _ONCE)
            yield entries.once(begin, end, use, *place)

    def _tables(
        self, value: object, name: str, keys: Sequence[str]
    ) -> Iterator[tuple[Place, Mapping[str, Any]]]:
        header = rf"^\s*\[\[\s*{re.escape(name)}\s*\]\]"
        lines = [
            self._source.line_at(found.start(0)) for found in re.finditer(header, self._source.text, re.M)
        ]
        if not isinstance(value, list):
            self._source.fail(f"{name}: expected tables that begin with [[{name}]]")
        for number, table in enumerate(value):
            place = Place(f"{name} {number + 1}", lines[number] if len(lines) == len(value) else None)
            if not isinstance(table, Mapping):
                self._fail(place, "expected a table")
            self.known(table, keys, place)
            yield place, table

    def known(self, table: Mapping[str, Any], keys: Sequence[str], place: Place) -> None:
        """Refuse keys that mean nothing there."""
        for name in table:
            if name not in keys:
                self._fail(place, f'unknown key "{name}", expected one of {", ".join(keys)}')

    def _needed(self, table: Mapping[str, Any], place: Place, name: str) -> object:
        if name not in table:
            self._fail(place, f'"{name}" is missing')
        return table[name]

    def _text(self, value: object, place: Place, name: str) -> str:
        if not isinstance(value, str):
            self._fail(place, f"{name}: expected a text")
        return value

    def _names(self, value: object, place: Place, name: str) -> tuple[str, ...]:
        names = [value] if isinstance(value, str) else value
        if not isinstance(names, list) or not all(isinstance(one, str) for one in names):
            self._fail(place, f"{name}: expected a name or a list of names")
        return tuple(names)

    def _fail(self, place: Place, problem: str) -> NoReturn:
        self._source.fail(f"{place.text}: {problem}", place.line)
