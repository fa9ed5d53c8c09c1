"""Requests for another walltime: kept in ``walltime_change``, one row a job, and what is granted of them."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Select, func, literal, select, text, update
from sqlalchemy.dialects.postgresql import insert

from oar.core.events import EventKind
from oar.core.job import JobId
from oar.core.states import JobState
from oar.core.walltime_change import JobWithWalltime, WalltimeGrant, WalltimeRequest, WalltimeWish, signed
from oar.db.events import record, record_for_jobs
from oar.db.sets import among
from oar.db.tables_admin import EventRow
from oar.db.tables_jobs import JobRow, JobTypeRow, KillRow, MoldableRow, WalltimeChangeRow

_IS_KILLED = select(literal(1)).where(KillRow.frag_id_job == JobRow.job_id).exists()
_ASKED_AT = (
    select(func.max(EventRow.date))
    .where(EventRow.job_id == WalltimeChangeRow.job_id, EventRow.type == EventKind.WALLTIME_REQUEST)
    .scalar_subquery()
)
_TYPES = select(func.array_agg(JobTypeRow.type)).where(JobTypeRow.job_id == JobRow.job_id).scalar_subquery()


def read_job_with_walltime(
    connection: Connection, job_id: int, *, lock: bool = False
) -> JobWithWalltime | None:
    """Give a job whose walltime somebody asks about; with ``lock`` nobody else moves it until the commit."""
    if lock:
        connection.execute(
            select(JobRow.job_id).where(JobRow.job_id == job_id).with_for_update(key_share=True)
        )
    row = connection.execute(
        select(
            JobRow.job_user,
            JobRow.queue_name,
            JobRow.state,
            MoldableRow.moldable_walltime,
            _TYPES.label("types"),
            _IS_KILLED.label("is_killed"),
        )
        .outerjoin(MoldableRow, MoldableRow.moldable_id == JobRow.assigned_moldable_job)
        .where(JobRow.job_id == job_id)
    ).one_or_none()
    if row is None:
        return None
    pairs = (word.partition("=") for word in row.types or ())
    request = connection.execute(_requests().where(WalltimeChangeRow.job_id == job_id)).one_or_none()
    return JobWithWalltime(
        JobId(job_id),
        row.job_user,
        row.queue_name,
        JobState(row.state),
        row.moldable_walltime,
        {name: value for name, _, value in pairs},
        None if request is None else _to_request(request),
        row.is_killed,
    )


def store_request(
    connection: Connection, job_id: int, pending_s: int, wish: WalltimeWish, *, asked_by: str, now: int
) -> None:
    """Keep a request in the place of the one before; what was granted stays. 0 seconds take it back."""
    flags = {
        "force": _word(wish.force and pending_s),
        "delay_next_jobs": _word(wish.delay_next_jobs and pending_s),
        "whole": _word(wish.whole and pending_s),
        "timeout": wish.timeout_s if pending_s else 0,
    }
    row = insert(WalltimeChangeRow).values(job_id=job_id, pending=pending_s, **flags)
    connection.execute(
        row.on_conflict_do_update(index_elements=["job_id"], set_={"pending": pending_s, **flags})
    )
    used = [name for name in ("force", "delay_next_jobs", "whole") if flags[name] == "YES"]
    words = "".join(f"/{name.replace('_', ' ')}" for name in used)
    description = (
        f"User {asked_by} asked to change the walltime of the job {job_id} by {signed(pending_s)}{words}"
    )
    record(connection, EventKind.WALLTIME_REQUEST, job_id=job_id, description=description, now=now)


def read_requests(connection: Connection) -> tuple[WalltimeRequest, ...]:
    """Give what jobs that run, and that nobody has asked to end, still want, by job id."""
    rows = connection.execute(
        _requests()
        .join(JobRow, JobRow.job_id == WalltimeChangeRow.job_id)
        .where(JobRow.state == JobState.RUNNING, WalltimeChangeRow.pending != 0, ~_IS_KILLED)
        .order_by(WalltimeChangeRow.job_id)
    )
    return tuple(_to_request(row) for row in rows)


def write_grants(connection: Connection, grants: Sequence[WalltimeGrant], *, now: int) -> frozenset[int]:
    """Give jobs their new walltimes; say which jobs got them.

    A job that stopped running meanwhile, that is to end, or whose request was changed gets nothing.
    """
    if not grants:
        return frozenset()
    values: dict[str, Any] = {
        "jobs": [one.job_id for one in grants],
        "pending": [one.request.pending_s for one in grants],
        "moldables": [one.moldable_id for one in grants],
        "before": [one.before_s for one in grants],
        "change": [one.change_s for one in grants],
        "running": _lock_running(connection, [one.job_id for one in grants]),
    }
    given = frozenset(connection.scalars(text(_GRANT), values))
    words: dict[int, str] = {one.job_id: one.words for one in grants if one.job_id in given}
    record_for_jobs(connection, EventKind.WALLTIME, words, now=now)
    return given


def give_up_requests(connection: Connection, requests: Sequence[WalltimeRequest], *, now: int) -> None:
    """Take back requests whose timeout is over, unless they were changed meanwhile."""
    if not requests:
        return
    wanted: dict[int, WalltimeRequest] = {request.job_id: request for request in requests}
    _lock_running(connection, list(wanted))
    found = connection.scalars(
        update(WalltimeChangeRow)
        .where(
            among(WalltimeChangeRow.job_id, list(wanted)),
            WalltimeChangeRow.pending != 0,
            WalltimeChangeRow.timeout != 0,
            now - WalltimeChangeRow.timeout >= _ASKED_AT,  # the sum might be beyond integers
        )
        .values(pending=0, force="NO", delay_next_jobs="NO", whole="NO", timeout=0)
        .returning(WalltimeChangeRow.job_id)
    )
    words = {
        job_id: f"not granted within {wanted[job_id].timeout_s} s: {signed(wanted[job_id].pending_s)}"
        for job_id in found
    }
    record_for_jobs(connection, EventKind.WALLTIME_REQUEST_CANCELLATION, words, now=now)


_GRANT = """
    WITH granted AS (
        SELECT * FROM unnest(
            CAST(:jobs AS bigint[]), CAST(:pending AS integer[]), CAST(:moldables AS bigint[]),
            CAST(:before AS integer[]), CAST(:change AS integer[])
        ) AS one (job_id, pending, moldable_id, walltime, change)
        WHERE job_id = ANY(CAST(:running AS bigint[]))
    ), walltimes AS (
        UPDATE moldable_job_descriptions m SET moldable_walltime = m.moldable_walltime + granted.change
        FROM granted JOIN walltime_change w USING (job_id)
        WHERE m.moldable_id = granted.moldable_id AND m.moldable_walltime = granted.walltime
            AND w.pending = granted.pending
        RETURNING granted.job_id, granted.change
    )
    UPDATE walltime_change w SET
        pending = w.pending - change,
        granted = w.granted + change,
        granted_with_force = LEAST(w.granted_with_force + forced, 2147483647),
        granted_with_delay_next_jobs = LEAST(w.granted_with_delay_next_jobs + delaying, 2147483647),
        granted_with_whole = LEAST(w.granted_with_whole + at_once, 2147483647),
        force = CASE WHEN w.pending = change THEN 'NO' ELSE w.force END,
        delay_next_jobs = CASE WHEN w.pending = change THEN 'NO' ELSE w.delay_next_jobs END,
        whole = CASE WHEN w.pending = change THEN 'NO' ELSE w.whole END,
        timeout = CASE WHEN w.pending = change THEN 0 ELSE w.timeout END
    FROM (
        SELECT job_id, change,
            CASE WHEN force = 'YES' THEN used ELSE 0 END AS forced,
            CASE WHEN delay_next_jobs = 'YES' THEN used ELSE 0 END AS delaying,
            CASE WHEN whole = 'YES' THEN used ELSE 0 END AS at_once
        FROM (SELECT job_id, change, CAST(GREATEST(change, 0) AS bigint) AS used FROM walltimes) AS given
        JOIN walltime_change USING (job_id)
    ) AS done
    WHERE w.job_id = done.job_id
    RETURNING w.job_id
"""


def _lock_running(connection: Connection, job_ids: Sequence[int]) -> list[int]:
    """Lock jobs; give those that run. Only then whether a kill was asked for can be seen for sure."""
    locked = connection.scalars(
        select(JobRow.job_id)
        .where(among(JobRow.job_id, job_ids), JobRow.state == JobState.RUNNING)
        .order_by(JobRow.job_id)
        .with_for_update(key_share=True)
    ).all()
    killed = set(connection.scalars(select(KillRow.frag_id_job).where(among(KillRow.frag_id_job, locked))))
    return [job_id for job_id in locked if job_id not in killed]


def _requests() -> Select[Any]:
    return select(*WalltimeChangeRow.__table__.columns, _ASKED_AT.label("asked_at"))


def _to_request(row: Any) -> WalltimeRequest:
    return WalltimeRequest(
        JobId(row.job_id),
        row.pending,
        row.granted,
        row.force == "YES",
        row.whole == "YES",
        row.delay_next_jobs == "YES",
        row.timeout,
        row.asked_at or 0,
        row.granted_with_force,
        row.granted_with_whole,
        row.granted_with_delay_next_jobs,
    )


def _word(flag: object) -> str:
    return "YES" if flag else "NO"
