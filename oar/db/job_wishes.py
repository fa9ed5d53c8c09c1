"""What people ask of running jobs beside their end: a signal, a checkpoint, to be besteffort or not."""

from dataclasses import dataclass
from enum import Enum

from sqlalchemy import Connection, delete, func, insert, select

from oar.core.events import EventKind, signal_event
from oar.core.states import JobState, JobType, RowIndex
from oar.db.events import record
from oar.db.signals import SignalOrder
from oar.db.tables_jobs import JobRow, JobTypeRow

BESTEFFORT = "besteffort"


class Refusal(Enum):
    """Why a wish is not taken."""

    UNKNOWN = "unknown job"
    NOT_ALLOWED = "not allowed"
    NOT_RUNNING = "not running"
    INTERACTIVE = "interactive"
    NO_COMMAND = "no command"


@dataclass(frozen=True, slots=True)
class _Job:
    owner: str
    state: JobState
    interactive: bool
    types: frozenset[str]


def ask_signal(
    connection: Connection, job_id: int, number: int | None, asked_by: str, now: int, *, is_admin: bool
) -> SignalOrder | Refusal:
    """Order a signal to the command of a running job, None for its checkpoint signal; the server sends it.

    Owners and administrators may.
    """
    job = _lock(connection, job_id)
    refusal = Refusal.UNKNOWN if job is None else _refusal(job, asked_by, is_admin)
    if refusal is not None:
        return refusal
    what = "a checkpoint of" if number is None else f"signal {number} for"
    event_id = record(
        connection,
        EventKind.CHECKPOINT if number is None else signal_event(number),
        job_id=job_id,
        description=f"User {asked_by} requested {what} the job {job_id}",
        now=now,
    )
    return SignalOrder(event_id, job_id, number)


def toggle_besteffort(connection: Connection, job_id: int, asked_by: str, now: int) -> bool | Refusal:
    """Make a running job besteffort, or no longer so; True when it is now. The caller is an administrator."""
    job = _lock(connection, job_id)
    if job is None:
        return Refusal.UNKNOWN
    if job.state is not JobState.RUNNING:
        return Refusal.NOT_RUNNING
    becomes = BESTEFFORT not in job.types
    if becomes:
        connection.execute(
            insert(JobTypeRow).values(job_id=job_id, type=BESTEFFORT, types_index=RowIndex.CURRENT)
        )
    else:
        rows = JobTypeRow.job_id == job_id, JobTypeRow.type == BESTEFFORT
        connection.execute(delete(JobTypeRow).where(*rows))
    record(
        connection,
        EventKind.ADD_BESTEFFORT_JOB_TYPE if becomes else EventKind.DELETE_BESTEFFORT_JOB_TYPE,
        job_id=job_id,
        description=f"User {asked_by} made the job {'' if becomes else 'no longer '}besteffort",
        now=now,
    )
    return becomes


def _lock(connection: Connection, job_id: int) -> _Job | None:
    types = select(func.array_agg(JobTypeRow.type)).where(JobTypeRow.job_id == JobRow.job_id)
    row = connection.execute(
        select(JobRow.job_user, JobRow.state, JobRow.job_type, types.scalar_subquery())
        .where(JobRow.job_id == job_id)
        .with_for_update(key_share=True)
    ).one_or_none()
    if row is None:
        return None
    names = frozenset(one.partition("=")[0] for one in row[3] or ())
    return _Job(row[0], JobState(row[1]), row[2] == JobType.INTERACTIVE, names)


def _refusal(job: _Job, asked_by: str, is_admin: bool) -> Refusal | None:
    if asked_by != job.owner and not is_admin:
        return Refusal.NOT_ALLOWED
    if job.interactive:
        return Refusal.INTERACTIVE
    if job.state is not JobState.RUNNING:
        return Refusal.NOT_RUNNING
    return Refusal.NO_COMMAND if "noop" in job.types else None
