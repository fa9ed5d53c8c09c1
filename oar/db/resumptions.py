"""Leave to go on for jobs that wait to be resumed: an event that stays open until the nodes have done it."""

from collections.abc import Sequence

from sqlalchemy import Connection, select, update

from oar.core.events import EventKind
from oar.core.job import JobId
from oar.core.resumption import Resumption
from oar.core.states import JobState
from oar.db.engine import Schema, schema_of
from oar.db.events import record_for_jobs
from oar.db.holders import take_stock
from oar.db.locks import lock_resources
from oar.db.sets import among
from oar.db.tables_admin import EventRow
from oar.db.tables_jobs import JobRow
from oar.kamelot.bits import mask_of


def read_resumed(connection: Connection) -> frozenset[JobId]:
    """Say which jobs in Resuming have leave to go on already."""
    rows = connection.scalars(
        select(EventRow.job_id)
        .join(JobRow, JobRow.job_id == EventRow.job_id)
        .where(
            EventRow.type == EventKind.RESUME_GRANTED,
            EventRow.to_check == "YES",
            JobRow.state == JobState.RESUMING,
        )
    )
    return frozenset(JobId(job_id) for job_id in rows)


def grant_resumptions(connection: Connection, wanted: Sequence[Resumption], *, now: int) -> frozenset[int]:
    """Give jobs leave to go on; say which got it.

    A job gets none when it was held or ended meanwhile, or when somebody holds its resources that is not
    named ``beside`` it, or not in the state that is expected.
    """
    if not wanted or schema_of(connection) is Schema.OAR2:  # whose server would not know what to do
        return frozenset()
    lock_resources(connection)
    resuming = set(
        connection.scalars(
            select(JobRow.job_id)
            .where(among(JobRow.job_id, [one.job_id for one in wanted]), JobRow.state == JobState.RESUMING)
            .order_by(JobRow.job_id)
            .with_for_update(key_share=True)
        )
    )
    stock = take_stock(connection, [one.resources for one in wanted])
    granted = [
        one
        for one in wanted
        if one.job_id in resuming and stock.may_use(one.job_id, mask_of(one.resources), one.beside)
    ]
    words: dict[int, str] = {
        one.job_id: f"job {one.job_id} goes on, nobody else uses its resources" for one in granted
    }
    record_for_jobs(connection, EventKind.RESUME_GRANTED, words, now=now)
    return frozenset(words)


def has_open(connection: Connection, job_id: int, kind: EventKind) -> bool:
    """Tell whether an order of this kind about the job is still to be carried out."""
    found = select(EventRow.event_id).where(
        EventRow.job_id == job_id, EventRow.type == kind, EventRow.to_check == "YES"
    )
    return connection.execute(found.limit(1)).first() is not None


def close_orders(connection: Connection, job_id: int, kind: EventKind) -> None:
    """Mark all orders of this kind about the job as carried out."""
    connection.execute(
        update(EventRow)
        .where(EventRow.job_id == job_id, EventRow.type == kind, EventRow.to_check == "YES")
        .values(to_check="NO")
    )
