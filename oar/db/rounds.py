"""The records of the last rounds: a bounded number of rows, written in the transaction of their round."""

import json
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select, text
from sqlalchemy.dialects.postgresql import JSONB

from oar.core.round_record import Deed, JobDecision, RoundRecord
from oar.db.tables_admin import RoundRow

_COLUMNS = "date, waiting, running, planned, launched, decisions, omitted, read_ms, decided_ms, wrote_ms"
_VALUES = (
    "CAST(:date AS int), CAST(:waiting AS int), CAST(:running AS int), CAST(:planned AS int),"
    " CAST(:launched AS int), CAST(:decisions AS jsonb), CAST(:omitted AS int),"
    " CAST(:read_ms AS int), CAST(:decided_ms AS int), CAST(:wrote_ms AS int)"
)
_WRITE = text(
    f"WITH in_its_place AS (UPDATE rounds SET ({_COLUMNS}) = ROW({_VALUES})"  # noqa: S608 - words of ours
    "  WHERE round_id = (SELECT max(round_id) FROM rounds) AND decisions = '[]' RETURNING round_id),"
    f" added AS (INSERT INTO rounds ({_COLUMNS}) SELECT {_VALUES}"
    "  WHERE NOT EXISTS (SELECT 1 FROM in_its_place) RETURNING round_id)"
    " DELETE FROM rounds WHERE round_id <= (SELECT round_id FROM added) - :kept"
).bindparams(bindparam("decisions", type_=JSONB))

_OF_JOB = text(
    "SELECT round_id, date, decision FROM rounds, jsonb_array_elements(decisions) AS decision"
    " WHERE decisions @> :probe AND decision @> :job ORDER BY round_id DESC LIMIT :most"
).bindparams(bindparam("probe", type_=JSONB), bindparam("job", type_=JSONB))


def write_round(connection: Connection, record: RoundRecord, kept: int) -> None:
    """Add a record, and forget those that are older than the last ``kept``; one statement.

    It takes the place of the last one if that round decided nothing: quiet rounds drive out no others.
    """
    values = {name: getattr(record, name) for name in RoundRecord.__slots__ if name != "round_id"}
    decisions = [_spelled(one) for one in record.decisions]
    connection.execute(_WRITE, values | {"decisions": decisions, "kept": kept})


def read_rounds(connection: Connection, last: int, round_id: int | None = None) -> tuple[RoundRecord, ...]:
    """Give the record with that number, or the last so many, the oldest first."""
    query = select(RoundRow).order_by(RoundRow.round_id.desc()).limit(last)
    if round_id is not None:
        query = query.where(RoundRow.round_id == round_id)
    rows = connection.execute(query).all()
    return tuple(_record(row) for row in reversed(rows))


def read_decisions(
    connection: Connection, job_id: int, last: int
) -> tuple[tuple[int, int, JobDecision], ...]:
    """Give the last decisions about a job, the oldest first, each with the number and the date of its round.

    All records are looked through: there are no more of them than are kept.
    """
    job = {"job": job_id}
    rows = connection.execute(_OF_JOB, {"probe": [job], "job": job, "most": last}).all()
    return tuple((number, date, _decision(one)) for number, date, one in reversed(rows))


def _spelled(one: JobDecision) -> dict[str, Any]:
    """Leave out what a decision does not have."""
    values = {
        "reason": one.reason,
        "start": one.start,
        "walltime": one.walltime_s,
        "resources": one.resources,
        "before": one.before,
    }
    return {
        "job": one.job_id,
        "deed": str(one.deed),
        **{name: value for name, value in values.items() if value},
    }


def _decision(value: Any) -> JobDecision:
    found = json.loads(value) if isinstance(value, str) else value
    return JobDecision(
        found["job"],
        Deed(found["deed"]),
        found.get("reason", ""),
        found.get("start", 0),
        found.get("walltime", 0),
        found.get("resources", 0),
        found.get("before", 0),
    )


def _record(row: Row[Any]) -> RoundRecord:
    return RoundRecord(
        date=row.date,
        waiting=row.waiting,
        running=row.running,
        planned=row.planned,
        launched=row.launched,
        decisions=tuple(_decision(one) for one in row.decisions),
        omitted=row.omitted,
        read_ms=row.read_ms,
        decided_ms=row.decided_ms,
        wrote_ms=row.wrote_ms,
        round_id=row.round_id,
    )
