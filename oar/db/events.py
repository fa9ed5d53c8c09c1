"""Incidents: record them, find those that nobody has acted on yet."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, and_, func, insert, literal, or_, select, update
from sqlalchemy.dialects.postgresql import aggregate_order_by

from oar.core.events import Event, EventKind, is_order, orders_signal
from oar.core.states import JobState
from oar.db.sets import given_rows
from oar.db.tables_admin import EventHostnameRow, EventRow
from oar.db.tables_jobs import JobRow

DESCRIPTION_LENGTH = 255
EVENTS_AT_ONCE = 1000

IS_SIGNAL = or_(EventRow.type == EventKind.CHECKPOINT, EventRow.type.startswith("SIGNAL_", autoescape=True))
"""Which events order a signal to a job; those who apply events leave them to who sends signals."""

IS_ENERGY = EventRow.type.in_((EventKind.HALT_NODE, EventKind.WAKEUP_NODE))
"""Which events order nodes to sleep or to wake up; they are left to energy saving."""

IS_NOTICE = EventRow.type.in_(
    (
        EventKind.USER_MAIL_NOTIFICATION,
        EventKind.USER_EXEC_NOTIFICATION,
        EventKind.NODE_SUSPECTED,
        EventKind.TELL_ADMINISTRATORS,
    )
)
"""Which events order users or administrators to be told; they are left to who tells them."""


def record(
    connection: Connection,
    kind: EventKind | str,
    *,
    now: int,
    job_id: int = 0,
    description: str = "",
    nodes: Sequence[str] = (),
    to_check: bool | None = None,
) -> int:
    """Record an incident and return its id; ``job_id`` 0 means no job.

    ``to_check`` makes it an order for whoever applies events; by default its kind decides.
    """
    event_id: int = connection.execute(
        insert(EventRow)
        .values(
            type=str(kind),
            job_id=job_id,
            date=now,
            description=description[:DESCRIPTION_LENGTH],
            to_check="YES" if (_is_to_check(kind) if to_check is None else to_check) else "NO",
        )
        .returning(EventRow.event_id)
    ).scalar_one()
    if nodes:
        connection.execute(
            insert(EventHostnameRow),
            [{"event_id": event_id, "hostname": node} for node in sorted(set(nodes))],
        )
    return event_id


def record_for_jobs(
    connection: Connection, kind: EventKind, descriptions: Mapping[int, str], *, now: int
) -> None:
    """Record an incident of the same kind for each job, with its description, in one statement."""
    if not descriptions:
        return
    column = EventRow.__table__.c
    new = given_rows(
        {
            column.job_id: list(descriptions),
            column.description: [words[:DESCRIPTION_LENGTH] for words in descriptions.values()],
        }
    )
    rows = select(
        literal(str(kind)),
        literal(now),
        literal("YES" if _is_to_check(kind) else "NO"),
        new.c.job_id,
        new.c.description,
    ).order_by(new.c.job_id)
    connection.execute(
        insert(EventRow).from_select(["type", "date", "to_check", "job_id", "description"], rows)
    )


_TOLD_AT_ONCE = (EventKind.NODE_SUSPECTED, EventKind.TELL_ADMINISTRATORS)


def _is_to_check(kind: EventKind | str) -> bool:
    return is_order(kind) or orders_signal(kind) or kind in _TOLD_AT_ONCE


def pending(connection: Connection) -> list[Event]:
    """List the orders that nobody carried out yet, oldest first; those to send signals are not among them.

    A wish to suspend a job that is still being launched is kept for when it runs.
    """
    nodes = (
        select(func.array_agg(aggregate_order_by(EventHostnameRow.hostname, EventHostnameRow.hostname.asc())))
        .where(EventHostnameRow.event_id == EventRow.event_id)
        .scalar_subquery()
    )
    launching = (
        select(JobRow.job_id)
        .where(JobRow.job_id == EventRow.job_id, JobRow.state.in_((JobState.TO_LAUNCH, JobState.LAUNCHING)))
        .exists()
    )
    rows = connection.execute(
        select(
            EventRow.event_id,
            EventRow.type,
            EventRow.job_id,
            EventRow.date,
            EventRow.description,
            nodes,
        )
        .where(
            EventRow.to_check == "YES",
            ~IS_SIGNAL,
            ~IS_ENERGY,
            ~IS_NOTICE,
            ~and_(EventRow.type == EventKind.HOLD_RUNNING_JOB, launching),
        )
        .order_by(EventRow.event_id)
        .limit(EVENTS_AT_ONCE)
    )
    return [
        Event(event_id, kind, job_id, date, description, tuple(hosts or ()))
        for event_id, kind, job_id, date, description, hosts in rows
    ]


def check(connection: Connection, event: Event) -> bool:
    """Mark the event, and older ones that say the same of the same job, as carried out.

    False when somebody else was first: then nothing is left to do.
    """
    done = connection.execute(
        update(EventRow)
        .where(
            EventRow.type == event.kind,
            EventRow.job_id == event.job_id,
            EventRow.event_id <= event.event_id,
            EventRow.to_check == "YES",
        )
        .values(to_check="NO")
        .returning(EventRow.event_id)
    ).scalars()
    return event.event_id in set(done)


def has_event(connection: Connection, job_id: int, kind: EventKind) -> bool:
    """Tell whether such an incident was ever recorded for the job."""
    found = select(EventRow.event_id).where(EventRow.job_id == job_id, EventRow.type == kind).limit(1)
    return connection.execute(found).first() is not None
