"""The records of rounds as tables, and for programs. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tabulate import tabulate

from oar.cli.render import Structure
from oar.core.durations import format_date, format_duration
from oar.core.round_record import JobDecision, RoundRecord


@dataclass(frozen=True, slots=True)
class RoundList:
    """Rounds, a line each."""

    records: Sequence[RoundRecord]

    def lines(self) -> Iterator[str]:
        """Draw the table."""
        if not self.records:
            yield "No round is on record."
            return
        heads = ("Round", "Date", "Waiting", "Running", "Planned", "Launched", "Decisions", "Milliseconds")
        rows = [
            (
                one.round_id,
                format_date(one.date),
                one.waiting,
                one.running,
                one.planned,
                one.launched,
                len(one.decisions) + one.omitted,
                one.read_ms + one.decided_ms + one.wrote_ms,
            )
            for one in self.records
        ]
        yield from tabulate(rows, heads, disable_numparse=[1]).splitlines()

    def structure(self) -> Structure:
        """Spell them for programs, without their decisions."""
        return [_numbers(one) for one in self.records]


@dataclass(frozen=True, slots=True)
class RoundView:
    """One round with its decisions."""

    record: RoundRecord

    def lines(self) -> Iterator[str]:
        """Tell its numbers, then each decision."""
        one = self.record
        yield f"Round {one.round_id} of {format_date(one.date)}"
        yield f"  {one.waiting} waiting, {one.running} running, {one.planned} planned, {one.launched} started"
        yield f"  read in {one.read_ms} ms, decided in {one.decided_ms} ms, written in {one.wrote_ms} ms"
        yield from tabulate(
            [_row(each) for each in one.decisions], _HEADS, disable_numparse=[2, 3]
        ).splitlines()
        if one.omitted:
            yield f"{one.omitted} more jobs were planned or moved and are not listed"

    def structure(self) -> Structure:
        """Spell it for programs."""
        return {**_numbers(self.record), "decisions": [_spelled(one) for one in self.record.decisions]}


@dataclass(frozen=True, slots=True)
class JobHistory:
    """What rounds decided about one job, each with the number and the date of its round."""

    job_id: int
    decisions: Sequence[tuple[int, int, JobDecision]]

    def lines(self) -> Iterator[str]:
        """Draw the table."""
        rows = [(number, format_date(date), *_row(one)[1:]) for number, date, one in self.decisions]
        if rows:
            yield from tabulate(rows, ("Round", "Date", *_HEADS[1:]), disable_numparse=[1, 3, 4]).splitlines()

    def structure(self) -> Structure:
        """Spell it for programs."""
        return [{"round": number, "date": date, **_spelled(one)} for number, date, one in self.decisions]


_HEADS = ("Job", "Decision", "Start", "Walltime", "Resources", "Reason")


def _row(one: JobDecision) -> tuple[int, str, str, str, str, str]:
    start = format_date(one.start) if one.start else ""
    was = f"was {format_date(one.before)}" if one.before and one.before != one.start else ""
    return (
        one.job_id,
        str(one.deed),
        f"{start} ({was})" if start and was else start or was,
        format_duration(one.walltime_s) if one.walltime_s else "",
        str(one.resources or ""),
        one.reason,
    )


def _numbers(one: RoundRecord) -> dict[str, Structure]:
    return {
        "round": one.round_id,
        "date": one.date,
        "waiting": one.waiting,
        "running": one.running,
        "planned": one.planned,
        "launched": one.launched,
        "decided": len(one.decisions) + one.omitted,
        "omitted": one.omitted,
        "read_ms": one.read_ms,
        "decided_ms": one.decided_ms,
        "wrote_ms": one.wrote_ms,
    }


def _spelled(one: JobDecision) -> dict[str, Structure]:
    return {
        "job": one.job_id,
        "decision": str(one.deed),
        "start": one.start or None,
        "walltime": one.walltime_s or None,
        "resources": one.resources or None,
        "before": one.before or None,
        "reason": one.reason,
    }
