"""Holds jobs back, and lets them go: those that wait at once, those that run by the server."""

from dataclasses import dataclass
from enum import Enum

from sqlalchemy import Connection, func, select

from oar.core.events import EventKind
from oar.core.job_life import JobSignal
from oar.core.states import JobState
from oar.db.events import record
from oar.db.moves import move_job
from oar.db.resumptions import has_open
from oar.db.tables_jobs import JobRow, JobTypeRow

_STARTED = (JobState.TO_LAUNCH, JobState.LAUNCHING, JobState.RUNNING)
_ON_FRONTEND = frozenset({"deploy", "cosystem"})


class HoldAnswer(Enum):
    """What became of the wish to hold a job, or to resume it."""

    DONE = "done"
    UNKNOWN = "unknown job"
    NOT_ALLOWED = "not allowed"
    WRONG_STATE = "wrong state"
    ADMINISTRATORS_ONLY = "administrators only"
    ON_FRONTEND = "on a frontend"


@dataclass(frozen=True, slots=True)
class _Job:
    user: str
    state: JobState
    types: frozenset[str]


def hold_job(
    connection: Connection,
    job_id: int,
    asked_by: str,
    now: int,
    *,
    is_admin: bool,
    running: bool = False,
    may_suspend: bool = False,
) -> HoldAnswer:
    """Keep a Waiting job from being scheduled, or a Resuming one from going on.

    With ``running`` a job that was started is suspended too, by the server. Owners and administrators may;
    with ``running`` only administrators, and owners that ``may_suspend``.
    """
    job = _lock(connection, job_id)
    if job is None:
        return HoldAnswer.UNKNOWN
    refusal = _refusal(job, asked_by, is_admin, may_suspend or not running)
    if refusal is not None:
        return refusal
    kind = EventKind.HOLD_RUNNING_JOB if running else EventKind.HOLD_WAITING_JOB
    if job.state is JobState.RESUMING and has_open(connection, job_id, EventKind.RESUME_GRANTED):
        # Its nodes are being told to go on: they have to be told again.
        _record(connection, EventKind.HOLD_RUNNING_JOB, job_id, asked_by, now=now, is_order=True)
    elif job.state in (JobState.WAITING, JobState.RESUMING):
        move_job(connection, job_id, JobSignal.HOLD, now=now)
        _record(connection, kind, job_id, asked_by, now=now)
    elif not running or job.state not in _STARTED:
        return HoldAnswer.WRONG_STATE
    elif job.types & _ON_FRONTEND:
        return HoldAnswer.ON_FRONTEND
    else:
        _record(connection, kind, job_id, asked_by, now=now, is_order=True)
    return HoldAnswer.DONE


def _refusal(job: _Job, asked_by: str, is_admin: bool, may_do_it: bool) -> HoldAnswer | None:
    if is_admin:
        return None
    if asked_by != job.user:
        return HoldAnswer.NOT_ALLOWED
    return None if may_do_it else HoldAnswer.ADMINISTRATORS_ONLY


def resume_job(
    connection: Connection,
    job_id: int,
    asked_by: str,
    now: int,
    *,
    is_admin: bool,
    may_suspend: bool = False,
) -> HoldAnswer:
    """Let a job in Hold be scheduled again, or one that is suspended go on.

    Owners and administrators may; one that is suspended only administrators, and owners that ``may_suspend``.
    """
    job = _lock(connection, job_id)
    if job is None:
        return HoldAnswer.UNKNOWN
    refusal = _refusal(job, asked_by, is_admin, may_suspend or job.state is not JobState.SUSPENDED)
    if refusal is not None:
        return refusal
    if job.state not in (JobState.HOLD, JobState.SUSPENDED):
        return HoldAnswer.WRONG_STATE
    move_job(connection, job_id, JobSignal.RESUME, now=now)
    _record(connection, EventKind.RESUME_JOB, job_id, asked_by, now=now)
    return HoldAnswer.DONE


def _lock(connection: Connection, job_id: int) -> _Job | None:
    types = select(func.array_agg(JobTypeRow.type)).where(JobTypeRow.job_id == JobRow.job_id)
    row = connection.execute(
        select(JobRow.job_user, JobRow.state, types.scalar_subquery())
        .where(JobRow.job_id == job_id)
        .with_for_update(key_share=True)
    ).one_or_none()
    if row is None:
        return None
    return _Job(row[0], JobState(row[1]), frozenset(one.partition("=")[0] for one in row[2] or ()))


def _record(
    connection: Connection, kind: EventKind, job_id: int, asked_by: str, *, now: int, is_order: bool = False
) -> None:
    """Record who did it; what is done already is no order, whether or not the server runs."""
    command = "oarresume" if kind is EventKind.RESUME_JOB else "oarhold"
    description = f"User {asked_by} launched {command} on the job {job_id}"
    record(connection, kind, job_id=job_id, description=description, to_check=is_order, now=now)
