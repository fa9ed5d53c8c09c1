"""Changes of a request that may let a job start sooner, as values and in words. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from oar.core.condition import conjuncts
from oar.core.durations import format_duration
from oar.core.job import Group, Moldable, Request, WaitingJob
from oar.core.request import format_request

SITES_OWN = frozenset(
    {"type", "drain", "besteffort", "deploy", "desktop_computing", "state", "next_state", "available_upto"}
)
"""Columns of conditions that rules of admission add, and that no user can leave out."""

MOST_CONDITIONS = 6
"""So many parts of conditions are tried."""

_COLUMN = re.compile(r"[A-Za-z_]\w*")
_EQUAL = re.compile(r"""\s*"?(?P<name>[A-Za-z_]\w*)"?\s*=\s*(?P<value>'[^']*'|\d+)\s*""", re.ASCII)


class ChangeKind(StrEnum):
    """What is changed."""

    WALLTIME = "walltime"
    COUNT = "count"
    CONDITION = "condition"
    ALTERNATIVE = "alternative"


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a job's request.

    ``alternative`` is the number of the only alternative that is kept, of ``alternatives``, from 1 on.
    ``value`` is the walltime in seconds or the count of ``level`` that is asked for instead of ``asked``;
    less will do too. ``condition`` is what is left out; ``instead`` stands in its place, "" for nothing.
    """

    kind: ChangeKind
    alternative: int = 1
    alternatives: int = 1
    value: int = 0
    asked: int = 0
    level: str = ""
    condition: str = ""
    instead: str = ""
    text: str = ""

    def words(self) -> str:
        """Say what to ask for."""
        of_which = f" in alternative {self.alternative} alone" if self.alternatives > 1 else ""
        match self.kind:
            case ChangeKind.WALLTIME:
                return f"with walltime {_padded(self.value)} or less{of_which}"
            case ChangeKind.COUNT:
                less = " or less" if self.value > 1 else ""
                return f"with {self.level}={self.value}{less}{of_which}"
            case ChangeKind.CONDITION if self.instead:
                return f"with {self.instead} instead of {self.condition}{of_which}"
            case ChangeKind.CONDITION:
                return f"without the condition {self.condition}{of_which}"
        return f"with alternative {self.alternative} alone, {self.text}"


@dataclass(frozen=True, slots=True)
class Advice:
    """A change, and when the job would start with it, on how many resources and nodes."""

    change: Change
    start: int
    resources: int
    nodes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Relaxation:
    """The job without a part of its conditions; it has one alternative left."""

    change: Change
    job: WaitingJob


def alone(job: WaitingJob, number: int) -> WaitingJob:
    """Keep one alternative of a job, told by its number from 1 on."""
    return replace(job, moldables=(job.moldables[number - 1],))


def text_of(moldable: Moldable) -> str:
    """Spell an alternative as it is asked for."""
    return format_request(moldable.request, moldable.walltime_s, moldable.least_walltime_s)


def with_walltime(job: WaitingJob, walltime_s: int) -> WaitingJob:
    """Give the job, of one alternative, another walltime."""
    changed = replace(job.moldables[0], walltime_s=walltime_s, least_walltime_s=None)
    return replace(job, moldables=(changed,))


def with_count(job: WaitingJob, group: int, level: int, count: int) -> WaitingJob:
    """Give a level of the job, of one alternative, another count."""
    groups = list(job.moldables[0].request.groups)
    levels = list(groups[group].levels)
    levels[level] = replace(levels[level], count=count)
    groups[group] = replace(groups[group], levels=tuple(levels))
    return _with_groups(job, groups)


def relaxations(job: WaitingJob) -> Iterator[Relaxation]:
    """Leave out parts of the conditions that the user set: each by itself, in each alternative alone."""
    left = MOST_CONDITIONS
    for number in range(1, len(job.moldables) + 1):
        one = alone(job, number)
        for part, changed in _without_parts(one):
            if not left:
                return
            left -= 1
            change = Change(ChangeKind.CONDITION, number, len(job.moldables), condition=part)
            yield Relaxation(change, changed)


def instead_of(condition: str, values: set[str | int | None]) -> str:
    """Spell the condition that selects what was found without ``condition``; "" when none simple does.

    ``values`` are those of its column, see ``column_of``, on what was found.
    """
    found = _EQUAL.fullmatch(condition)
    if found is None or len(values) != 1:
        return ""
    value = values.pop()
    if value is None:
        return ""
    return f"{found['name']}={value}" if isinstance(value, int) else f"{found['name']}='{value}'"


def column_of(condition: str) -> str:
    """Name the column of a condition that compares it with one value; "" for any other condition."""
    found = _EQUAL.fullmatch(condition)
    return found["name"].lower() if found else ""


def _without_parts(job: WaitingJob) -> Iterator[tuple[str, WaitingJob]]:
    for part, rest in _parts(job.properties):
        yield part, replace(job, properties=rest)
    groups = job.moldables[0].request.groups
    for number, group in enumerate(groups):
        for part, rest in _parts(group.filter):
            changed = [*groups[:number], replace(group, filter=rest), *groups[number + 1 :]]
            yield part, _with_groups(job, changed)


def _parts(condition: str) -> Iterator[tuple[str, str]]:
    """Give each part that the user set, with what is left of the condition without it."""
    parts = conjuncts(condition)
    for number, part in enumerate(parts):
        columns = {word.lower() for word in _COLUMN.findall(re.sub(r"'[^']*'", "", part))}
        if columns & SITES_OWN:
            continue
        rest = [*parts[:number], *parts[number + 1 :]]
        yield part, rest[0] if len(rest) == 1 else " AND ".join(f"({one})" for one in rest)


def _with_groups(job: WaitingJob, groups: list[Group]) -> WaitingJob:
    moldable = replace(job.moldables[0], request=Request(tuple(groups)))
    return replace(job, moldables=(moldable,))


def _padded(seconds: int) -> str:
    hours, minutes, rest = (int(part) for part in format_duration(seconds).split(":"))
    return f"{hours}:{minutes:02}:{rest:02}"
