"""Reads OAR 3's JSON file of quotas, with or without a calendar."""

import json
from collections.abc import Iterator
from datetime import tzinfo
from typing import Any

from oar.kamelot.quotas.amounts import Source, limits
from oar.kamelot.quotas.calendar import Calendar, Quotas
from oar.kamelot.quotas.calendar_entries import CalendarEntries
from oar.kamelot.quotas.rules import Choice, Key, Rule, RuleSet
from oar.kamelot.quotas.week import Period

_PLAIN = "quotas"
_TYPES = "job_types"
_PERIODICAL = "periodical"
_ONESHOT = "oneshot"
_DEFAULT = ("default", "* * * *")


def read_oar3_quotas(source: Source, zone: tzinfo) -> Quotas:
    """Read rules and calendar; one rule at most binds a job. Raises BadQuotas."""
    content = _parsed(source)
    types = _job_types(source, content.get(_TYPES, []))
    sets = {
        name: _rule_set(source, name, rules, types)
        for name, rules in content.items()
        if name not in {_TYPES, _PERIODICAL, _ONESHOT}
    }
    plain = sets.get(_PLAIN) or RuleSet(_PLAIN, (), Choice.ONE, types)
    entries = CalendarEntries(source, sets, zone)
    weekly, filling = _periodical(entries, content.get(_PERIODICAL, []))
    once = _oneshot(entries, content.get(_ONESHOT, []))
    if not weekly and not once and filling is None:
        return Quotas(plain)
    return Quotas(plain, Calendar(weekly, once, filling or plain, zone))


def _periodical(entries: CalendarEntries, items: object) -> tuple[list[Period], RuleSet | None]:
    """Give the periods of the week, and the rules that fill the gaps."""
    periods = []
    filling = None
    for where, line, (text, name, *_) in _items(entries.source, _PERIODICAL, items, ("period", "rules")):
        if text in _DEFAULT:
            filling = filling or entries.rules(name, where, line)
            continue
        fields = text.split() if isinstance(text, str) else []
        if len(fields) != 4 or fields[2:] != ["*", "*"]:
            entries.source.fail(
                f'{where}: expected hours, days, "*", "*", such as "08:00-19:00 mon-fri * *", not "{text}"',
                line,
            )
        periods += entries.weekly(fields[1], fields[0], name, where, line)
    return periods, filling


def _oneshot(entries: CalendarEntries, items: object) -> list[Period]:
    found = _items(entries.source, _ONESHOT, items, ("begin", "end", "rules"))
    return [entries.once(begin, end, name, where, line) for where, line, (begin, end, name, *_) in found]


def _items(
    source: Source, what: str, items: object, fields: tuple[str, ...]
) -> Iterator[tuple[str, int | None, list[Any]]]:
    """Give the entries of a list of the calendar, with what to call each and its line."""
    example = f"[{', '.join(fields)}, description]"
    if not isinstance(items, list):
        source.fail(f"{what}: expected a list of {example}", source.line_with(what))
    for number, item in enumerate(items, 1):
        line = source.line_with(str(item[0])) if isinstance(item, list) and item else source.line_with(what)
        if not isinstance(item, list) or not len(fields) <= len(item) <= len(fields) + 1:
            source.fail(f"{what} {number}: expected {example}", line)
        yield f"{what} {number}", line, item


def _parsed(source: Source) -> dict[str, Any]:
    try:
        content = json.loads(source.text)
    except json.JSONDecodeError as error:
        source.fail(f"no JSON: {error.msg} (column {error.colno})", error.lineno)
    if not isinstance(content, dict):
        source.fail(f'expected an object such as {{"{_PLAIN}": {{"*,*,*,/": [10, -1, -1]}}}}')
    return content


def _job_types(source: Source, value: object) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        source.fail(
            f'{_TYPES}: expected a list of job types, such as ["besteffort", "deploy"]',
            source.line_with(_TYPES),
        )
    return value


def _rule_set(source: Source, name: str, value: object, types: list[str]) -> RuleSet:
    if not isinstance(value, dict):
        source.fail(
            f'{name}: expected an object of rules such as {{"*,*,*,/": [10, -1, -1]}}; '
            f'only "{_TYPES}", "{_PERIODICAL}" and "{_ONESHOT}" are something else',
            source.line_with(name),
        )
    return RuleSet(name, [_rule(source, name, *item) for item in value.items()], Choice.ONE, types)


def _rule(source: Source, name: str, text: str, value: object) -> Rule:
    where = f'{name}: rule "{text}"'
    line = source.line_with(text)
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != len(Key._fields):
        source.fail(f'{where}: expected "queue,project,type,user", each a name, "*" or "/"', line)
    if not isinstance(value, list) or len(value) != 3:
        source.fail(f"{where}: expected three limits [resources, jobs, resource-hours]", line)
    names = ("resources", "jobs", "resource-hours")
    amounts = [source.amount(one, f"{where}: {name}", line) for name, one in zip(names, value, strict=True)]
    return Rule(source.key(parts, line), limits(*amounts))
