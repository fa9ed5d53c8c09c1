"""The oarsubs that wait: whom the server has something to tell, and what follows when it was told.

Whether somebody waits stands in ``jobs.info_type``, as ``host:port``. All queries are bounded by live states
or by one id.
"""

from collections.abc import Collection
from typing import Any, cast

from sqlalchemy import Connection, Select, or_, select

from oar.core.client_lines import Client, read_address
from oar.core.events import EventKind
from oar.core.job import JobId
from oar.core.job_life import JobSignal
from oar.core.states import JobState, JobType, ReservationState, RowIndex
from oar.db.events import record
from oar.db.kills import SERVER, ask_kills
from oar.db.moves import move_job
from oar.db.tables_jobs import JobRow, MoldableRow
from oar.db.tables_resources import PredictionRow

_ANSWERED = (JobState.TO_ACK_RESERVATION, JobState.TO_ERROR)
"""Such a job goes on when its client knows the answer; others are told only when they are interactive."""


def read_clients(connection: Connection) -> list[Client]:
    """List the jobs about which somebody may have to be told something now, by job id."""
    rows = connection.execute(
        _clients()
        .where(
            JobRow.state.in_((*_ANSWERED, JobState.WAITING, JobState.HOLD)),
            or_(JobRow.state.in_(_ANSWERED), JobRow.job_type == JobType.INTERACTIVE),
        )
        .order_by(JobRow.job_id)
    ).all()
    starts = _planned_starts(connection) if any(row.state == JobState.WAITING for row in rows) else {}
    return [_client(row, starts.get(row.job_id)) for row in rows]


def read_client(connection: Connection, job_id: int) -> Client | None:
    """Read one job as its client is to be told of it; None when there is no such job."""
    row = connection.execute(_clients().where(JobRow.job_id == job_id)).one_or_none()
    if row is None:
        return None
    planned = select(PredictionRow.start_time).join(
        MoldableRow, MoldableRow.moldable_id == PredictionRow.moldable_job_id
    )
    start = connection.scalars(planned.where(MoldableRow.moldable_job_id == job_id)).first()
    return _client(row, start)


def running_jobs_of(connection: Connection, user: str) -> list[tuple[int, str | None]]:
    """List the running jobs of a user with their names, by id."""
    found = select(JobRow.job_id, JobRow.job_name).where(
        JobRow.job_user == user, JobRow.state == JobState.RUNNING
    )
    return [(row.job_id, row.job_name) for row in connection.execute(found.order_by(JobRow.job_id))]


def refused_without_client(connection: Connection) -> tuple[JobId, ...]:
    """Give the ids of the refused jobs that nobody waits for: nothing keeps them from their end."""
    rows = connection.execute(_clients().where(JobRow.state == JobState.TO_ERROR).order_by(JobRow.job_id))
    return tuple(JobId(row.job_id) for row in rows if read_address(row.info_type) is None)


def granted_without_client(connection: Connection) -> tuple[JobId, ...]:
    """Give the ids of the granted reservations that nobody waits for: these wait for their date at once."""
    granted = JobRow.state == JobState.TO_ACK_RESERVATION
    rows = connection.execute(_clients().where(granted).order_by(JobRow.job_id))
    return tuple(JobId(row.job_id) for row in rows if read_address(row.info_type) is None)


def grant_told(connection: Connection, job_id: int, now: int) -> bool:
    """Note that a granted reservation was told, so that it waits for its date; False when noted before."""
    return move_job(connection, job_id, JobSignal.GRANT_TOLD, now=now) is not None


def refusal_told(connection: Connection, job_id: int, now: int) -> bool:
    """End a refused job whose client was told, or is gone; False when it has ended before."""
    return move_job(connection, job_id, JobSignal.ERROR_TOLD, now=now) is not None


def end_without_client(
    connection: Connection,
    job_id: int,
    states: Collection[JobState],
    kind: EventKind,
    *,
    description: str,
    now: int,
) -> bool:
    """Ask for the end of a job whose client is gone, as long as the job is in one of ``states``."""
    still = select(JobRow.job_id).where(JobRow.job_id == job_id, JobRow.state.in_(states))
    if connection.execute(still.with_for_update(key_share=True)).one_or_none() is None:
        return False
    if not ask_kills(connection, [job_id], SERVER, now):
        return False
    record(connection, kind, job_id=job_id, description=description, now=now)
    return True


def _clients() -> Select[Any]:
    columns = (
        JobRow.job_id,
        JobRow.info_type,
        JobRow.state,
        JobRow.job_type,
        JobRow.reservation,
        JobRow.message,
    )
    return cast(Select[Any], select(*columns))


def _client(row: Any, planned: int | None) -> Client:
    return Client(
        row.job_id,
        read_address(row.info_type),
        JobState(row.state),
        interactive=row.job_type == JobType.INTERACTIVE,
        reservation=ReservationState(row.reservation),
        message=row.message or "",
        planned=planned,
    )


def _planned_starts(connection: Connection) -> dict[int, int]:
    rows = connection.execute(
        select(JobRow.job_id, PredictionRow.start_time)
        .join(MoldableRow, MoldableRow.moldable_job_id == JobRow.job_id)
        .join(PredictionRow, PredictionRow.moldable_job_id == MoldableRow.moldable_id)
        .where(
            JobRow.state == JobState.WAITING,
            JobRow.job_type == JobType.INTERACTIVE,
            MoldableRow.moldable_index == RowIndex.CURRENT,
        )
    )
    return {row.job_id: row.start_time for row in rows}
