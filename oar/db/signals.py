"""Signals to the commands of running jobs: ordered by an event, sent by the server, answered by an event.

An order is an event of kind CHECKPOINT or ``SIGNAL_<n>`` that nobody has acted on yet. It is marked done in
the transaction that records what came of it, so a server that is killed in between sends it once more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, exists, func, literal, select, update

from oar.core.events import EventKind, signal_of_event
from oar.core.states import JobState, JobType
from oar.db.events import IS_SIGNAL, record, record_for_jobs
from oar.db.sets import among
from oar.db.tables_admin import EventRow
from oar.db.tables_jobs import JobRow, JobStateLogRow, JobTypeRow, KillRow, MoldableRow

ORDERS_AT_ONCE = 1000
_ANSWERS = {
    True: (EventKind.CHECKPOINT_SUCCESSFULL, EventKind.CHECKPOINT_ERROR),
    False: (EventKind.SIG_SUCCESS, EventKind.SIG_ERROR),
}


@dataclass(frozen=True, slots=True)
class SignalOrder:
    """A wish to signal the command of a job; ``number`` None stands for the job's checkpoint signal."""

    event_id: int
    job_id: int
    number: int | None


def order_checkpoints(connection: Connection, words: Mapping[int, str], now: int) -> None:
    """Have jobs told to save their work; ``words`` say why."""
    record_for_jobs(connection, EventKind.CHECKPOINT, words, now=now)


def read_checkpoint_dates(connection: Connection, job_ids: Sequence[int]) -> Mapping[int, int]:
    """Tell when each job was last told to save its work, for those that were; no query for no job."""
    if not job_ids:
        return {}
    rows = connection.execute(
        select(EventRow.job_id, func.max(EventRow.date))
        .where(among(EventRow.job_id, job_ids), EventRow.type == EventKind.CHECKPOINT)
        .group_by(EventRow.job_id)
    )
    return {row[0]: row[1] for row in rows}


def signal_orders(connection: Connection) -> list[SignalOrder]:
    """List the orders that nobody has carried out yet, oldest first."""
    rows = connection.execute(
        select(EventRow.event_id, EventRow.job_id, EventRow.type)
        .where(EventRow.to_check == "YES", IS_SIGNAL)
        .order_by(EventRow.event_id)
        .limit(ORDERS_AT_ONCE)
    )
    return [SignalOrder(event_id, job_id, signal_of_event(kind)) for event_id, job_id, kind in rows]


def has_signal_orders(connection: Connection) -> bool:
    """Tell whether an order waits to be carried out."""
    return bool(connection.scalar(select(exists().where(EventRow.to_check == "YES", IS_SIGNAL))))


def answer_signal(connection: Connection, order: SignalOrder, trouble: str, words: str, now: int) -> bool:
    """Record what came of an order: ``trouble``, "" when it was sent; False when somebody else was first."""
    done = connection.execute(
        update(EventRow)
        .where(EventRow.event_id == order.event_id, EventRow.to_check == "YES")
        .values(to_check="NO")
        .returning(EventRow.event_id)
    ).first()
    if done is None:
        return False
    good, bad = _ANSWERS[order.number is None]
    record(connection, bad if trouble else good, job_id=order.job_id, description=trouble or words, now=now)
    return True


@dataclass(frozen=True, slots=True)
class SignalAnswer:
    """What became of an order: ``trouble`` says why it could not be sent, "" when it was."""

    trouble: str = ""


def read_answer(connection: Connection, order_id: int) -> SignalAnswer | None:
    """Say what became of an order; None while nobody has carried it out."""
    order = connection.execute(
        select(EventRow.job_id, EventRow.to_check).where(EventRow.event_id == order_id)
    ).one_or_none()
    if order is None or order.to_check == "YES":
        return None
    kinds = [kind for pair in _ANSWERS.values() for kind in pair]
    answer = connection.execute(
        select(EventRow.type, EventRow.description)
        .where(EventRow.job_id == order.job_id, EventRow.event_id > order_id, EventRow.type.in_(kinds))
        .order_by(EventRow.event_id)
        .limit(1)
    ).one_or_none()
    if answer is None:
        return SignalAnswer("the job ended before it could be signalled")
    failed = answer.type in (EventKind.CHECKPOINT_ERROR, EventKind.SIG_ERROR)
    return SignalAnswer(answer.description if failed else "")


def order_due_checkpoints(connection: Connection, now: int) -> list[int]:
    """Have each running job told, once, whose walltime ends within its checkpoint seconds; return their ids.

    Jobs that somebody has asked to kill have no use for it, nor have jobs without a command of their own.
    """
    until = func.coalesce(func.nullif(JobStateLogRow.date_stop, 0), now)
    suspended = (
        select(func.coalesce(func.sum(until - JobStateLogRow.date_start), 0))
        .where(
            JobStateLogRow.job_id == JobRow.job_id,
            JobStateLogRow.job_state.in_((JobState.SUSPENDED, JobState.RESUMING)),
        )
        .scalar_subquery()
    )
    due = JobRow.start_time + MoldableRow.moldable_walltime + suspended - JobRow.checkpoint
    told = exists().where(
        EventRow.job_id == JobRow.job_id, EventRow.type == EventKind.CHECKPOINT, EventRow.date >= due
    )
    asked = select(literal(1)).where(KillRow.frag_id_job == JobRow.job_id).exists()
    noop = exists().where(
        JobTypeRow.job_id == JobRow.job_id, func.split_part(JobTypeRow.type, "=", 1) == "noop"
    )
    found = connection.scalars(
        select(JobRow.job_id)
        .join(MoldableRow, MoldableRow.moldable_id == JobRow.assigned_moldable_job)
        .where(
            JobRow.state == JobState.RUNNING,
            JobRow.checkpoint > 0,
            JobRow.job_type == JobType.PASSIVE,
            due <= now,
            ~told,
            ~asked,
            ~noop,
        )
        .order_by(JobRow.job_id)
    ).all()
    order_checkpoints(connection, dict.fromkeys(found, "the walltime ends soon"), now)
    return list(found)
