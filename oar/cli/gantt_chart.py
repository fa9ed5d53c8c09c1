"""Draws a Gantt in a terminal: rows are resources or nodes, columns are time, a letter is a job. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from string import ascii_lowercase, ascii_uppercase, digits

from procset import ProcSet

SYMBOLS = ascii_uppercase + ascii_lowercase + digits
OTHER_JOBS = "#"
SEVERAL_JOBS = "+"
FREE = "."
DAY_S = 86400


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the chart: a resource, or a node with its resources."""

    label: str
    resources: ProcSet


@dataclass(frozen=True, slots=True)
class Bar:
    """A job's time on its resources, [begin, end); ``label`` is what the legend says of it."""

    job_id: int
    begin: int
    end: int
    resources: ProcSet
    label: str


@dataclass(frozen=True, slots=True)
class Span:
    """The time that is drawn, [begin, end) in epoch seconds, on so many columns."""

    begin: int
    end: int
    columns: int

    def column(self, date: float) -> int:
        """Say which column shows a date; dates outside of the span give columns outside of the chart."""
        return int((date - self.begin) * self.columns // (self.end - self.begin))

    def date(self, column: int) -> int:
        """Say when a column begins."""
        return self.begin + column * (self.end - self.begin) // self.columns


def draw(rows: Sequence[Row], bars: Sequence[Bar], span: Span, now: int) -> Iterator[str]:
    """Draw the chart and its legend, line by line."""
    drawn = [bar for bar in bars if bar.begin < span.end and bar.end > span.begin]
    drawn.sort(key=lambda bar: (bar.begin, bar.job_id))
    symbols = _symbols(drawn)
    margin = max((len(row.label) for row in rows), default=0)
    yield from (f"{'':{margin}} {line}".rstrip() for line in _ruler(span, now))
    cells = _cells(rows, drawn, span)
    for number, row in enumerate(rows):
        line = (
            _cell(cells.get((number, column), ()), column, symbols, span) for column in range(span.columns)
        )
        yield f"{row.label:{margin}} |{''.join(line)}|"
    yield ""
    yield from _legend(drawn, symbols, span, any(map(_several, cells.values())))


def _symbols(bars: Sequence[Bar]) -> Mapping[int, str]:
    jobs = list(dict.fromkeys(bar.job_id for bar in bars))
    return {job: SYMBOLS[number] if number < len(SYMBOLS) else OTHER_JOBS for number, job in enumerate(jobs)}


def _cells(rows: Sequence[Row], bars: Sequence[Bar], span: Span) -> dict[tuple[int, int], list[Bar]]:
    row_of = {resource: number for number, row in enumerate(rows) for resource in row.resources}
    cells: dict[tuple[int, int], list[Bar]] = {}
    for bar in bars:
        first = max(span.column(bar.begin), 0)
        last = min(max(span.column(bar.end - 1), first), span.columns - 1)
        for number in {row_of[resource] for resource in bar.resources if resource in row_of}:
            for column in range(first, last + 1):
                cells.setdefault((number, column), []).append(bar)
    return cells


def _cell(bars: Sequence[Bar], column: int, symbols: Mapping[int, str], span: Span) -> str:
    """Show the only job, or of jobs after each other the one that fills most of the column."""
    if not bars:
        return FREE
    if _several(bars):
        return SEVERAL_JOBS
    begin, end = span.date(column), span.date(column + 1)
    longest = max(bars, key=lambda bar: min(bar.end, end) - max(bar.begin, begin))
    return symbols[longest.job_id]


def _several(bars: Sequence[Bar]) -> bool:
    """Tell whether two jobs share the place at one time."""
    ends = [bar.end for bar in bars]
    return any(bars[number].begin < max(ends[:number]) for number in range(1, len(bars)))


def _ruler(span: Span, now: int) -> Iterator[str]:
    length = span.end - span.begin
    form = "%H:%M:%S" if length < 30 * 60 else "%H:%M" if length < DAY_S else "%m-%d %H:%M"
    width = len(datetime.fromtimestamp(span.begin).strftime(form)) + 3
    dates, ticks = "", ""
    for column in range(0, span.columns - width + 4, width):
        dates += datetime.fromtimestamp(span.date(column)).strftime(form).ljust(width)
        ticks += "'".ljust(width)
    yield " " + dates
    if span.begin <= now < span.end:
        column = span.column(now)
        ticks = f"{ticks.ljust(column)[:column]}v now{ticks[column + 5 :]}"
    yield " " + ticks


def _legend(bars: Sequence[Bar], symbols: Mapping[int, str], span: Span, several: bool) -> Iterator[str]:
    if not bars:
        yield "no job in this time"
        return
    others = 0
    for bar in bars:
        if symbols[bar.job_id] == OTHER_JOBS:
            others += 1
        else:
            yield f"{symbols[bar.job_id]}  {bar.label}"
    if others:
        yield f"{OTHER_JOBS}  {others} other jobs"
    if several:
        yield f"{SEVERAL_JOBS}  several jobs in one place"
    seconds = (span.end - span.begin) / span.columns
    yield f"one column is {seconds:.3g} s" if seconds < 60 else f"one column is {seconds / 60:.3g} min"
