"""The short views of oarstat: tables, states, events, properties. OAR 2's formats, byte for byte."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Protocol

from oar.cli.render import Structure
from oar.core.durations import format_date
from oar.core.job import Resource
from oar.core.listings import EventLine, JobLine, shown_properties


@dataclass(frozen=True, slots=True)
class JobTable:
    """The table of jobs in format 1 or 2; ``arrays`` adds the columns of arrays."""

    jobs: Sequence[JobLine]
    form: int
    now: int
    arrays: bool = False
    compact: bool = False

    def lines(self) -> Iterator[str]:
        """Draw it; without jobs there is no header either."""
        drawers = {
            (1, False): _Format1(),
            (2, False): _Format2(self.now),
            (1, True): _ArrayFormat1(),
            (2, True): _ArrayFormat2(self.now),
        }
        drawer = drawers[1 if self.form == 1 else 2, self.arrays]
        if self.jobs:
            yield from drawer.header
        for group in self._groups():
            yield drawer.row(_Entry(group))

    def _groups(self) -> Iterator[list[JobLine]]:
        if not self.compact:
            yield from ([job] for job in self.jobs)
            return
        in_arrays = sorted(self.jobs, key=lambda job: (job.array_id, job.job_id))
        yield from (list(group) for _, group in groupby(in_arrays, key=lambda job: job.array_id))

    def structure(self) -> Structure:
        """Spell the lines with their fields."""
        return {str(job.job_id): asdict(job) | {"state": str(job.state)} for job in self.jobs}


class _Entry:
    """One row to draw: a job, or several jobs of one array."""

    def __init__(self, group: Sequence[JobLine]) -> None:
        self.job = group[0]
        single = len(group) == 1
        self.id = str(self.job.job_id) if single else f"{len(group)}@{self.job.array_id}"
        self.letter = self.job.state.letter if single else "-"
        self.submitted = format_date(self.job.submission_time)


class _Drawer(Protocol):
    """A layout: the header, and how an entry is set in columns."""

    header: tuple[str, str]

    def row(self, entry: _Entry) -> str:
        """Draw one entry."""


class _Format1(_Drawer):
    header = (
        "Job id     Name           User           Submission Date     S Queue",
        "---------- -------------- -------------- ------------------- - ----------",
    )

    def row(self, entry: _Entry) -> str:
        job = entry.job
        return (
            f"{entry.id:<10.10} {job.name:<14.14} {job.user:<14.14} {entry.submitted:<19.19} "
            f"{entry.letter} {job.queue:<10.10}"
        )


class _Format2(_Drawer):
    header = (
        "Job id    S User     Duration   System message",
        "--------- - -------- ---------- ------------------------------------------------",
    )

    def __init__(self, now: int) -> None:
        self._now = now

    def row(self, entry: _Entry) -> str:
        job = entry.job
        duration = _padded(job.duration_s(self._now))
        return f"{entry.id:<9.9} {entry.letter} {job.user:<8.8} {duration:>10.10} {job.message}"


class _ArrayFormat1(_Drawer):
    header = (
        "Job id    A. id     A. index  Name       User     Submission Date     S Queue",
        "--------- --------- --------- ---------- -------- ------------------- - --------",
    )

    def row(self, entry: _Entry) -> str:
        job = entry.job
        return (
            f"{entry.id:<9.9} {job.array_id!s:<9.9} {job.array_index!s:<9.9} {job.name:<10.10} "
            f"{job.user:<8.8} {entry.submitted:<19.19} {entry.letter} {job.queue:<8.8}"
        )


class _ArrayFormat2(_Drawer):
    header = (
        "Job id    A. id     index S User     Duration   System message",
        "--------- --------- ----- - -------- ---------- --------------------------------",
    )

    def __init__(self, now: int) -> None:
        self._now = now

    def row(self, entry: _Entry) -> str:
        job = entry.job
        duration = _padded(job.duration_s(self._now))
        return (
            f"{entry.id:<9.9} {job.array_id!s:<9.9} {job.array_index!s:<5.5} {entry.letter} {job.user:<8.8} "
            f"{duration:>10.10} {job.message}"
        )


def _padded(seconds: int) -> str:
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


@dataclass(frozen=True, slots=True)
class JobStates:
    """``oarstat -s``: the state of each job."""

    jobs: Sequence[JobLine]

    def lines(self) -> Iterator[str]:
        """Draw ``12: Running``."""
        yield from (f"{job.job_id}: {job.state}" for job in self.jobs)

    def structure(self) -> Structure:
        """Spell ``{"12": "Running"}``."""
        return {str(job.job_id): str(job.state) for job in self.jobs}


@dataclass(frozen=True, slots=True)
class JobEvents:
    """``oarstat -e``: what happened to jobs."""

    events: Sequence[EventLine]

    def lines(self) -> Iterator[str]:
        """Draw ``date> [12] TYPE: description``; a description of several lines is indented."""
        for event in self.events:
            yield from event_lines(event, f"[{event.job_id}] ")

    def structure(self) -> Structure:
        """Spell ``{"12": [{"date", "type", "description"}]}``; dates are epoch seconds."""
        by_job: dict[str, list[Structure]] = {}
        for event in self.events:
            row: Structure = {"date": event.date, "type": event.type, "description": event.description}
            by_job.setdefault(str(event.job_id), []).append(row)
        return by_job


def event_lines(event: EventLine, label: str = "") -> Iterator[str]:
    """Draw one event; lines after the first stand below the type."""
    head = f"{format_date(event.date)}> {label}"
    first, *others = (event.description or "").splitlines() or [""]
    yield f"{head}{event.type}: {first}"
    yield from (f"{'':{len(head)}}{line}" for line in others)


@dataclass(frozen=True, slots=True)
class ResourceProperties:
    """``oarstat -p``: the properties of the resources that jobs hold; oarprint reads these lines."""

    resources: Sequence[Resource]

    def lines(self) -> Iterator[str]:
        """Draw `` mem = '64' , rack = 'a' `` for each resource."""
        for resource in self.resources:
            pairs = (f"{name} = '{_word(value)}'" for name, value in shown_properties(resource).items())
            yield f" {' , '.join(pairs)} "

    def structure(self) -> Structure:
        """Spell the properties of each resource by its id."""
        return {str(one.resource_id): properties_structure(one) for one in self.resources}


def properties_structure(resource: Resource) -> Mapping[str, Structure]:
    """Spell the properties of a resource as JSON can hold them."""
    shown = shown_properties(resource)
    return {name: value if isinstance(value, int) else _word(value) for name, value in shown.items()}


def _word(value: object) -> str:
    return "" if value is None else str(value)
