"""Holds waiting jobs back, and lets them go."""

from enum import Enum

from sqlalchemy import Connection, select

from oar.core.events import EventKind
from oar.core.job_life import JobSignal
from oar.core.states import JobState
from oar.db.events import record
from oar.db.moves import move_job
from oar.db.tables_jobs import JobRow

_WISHES = {
    JobSignal.HOLD: (EventKind.HOLD_WAITING_JOB, "oarhold", JobState.WAITING),
    JobSignal.RESUME: (EventKind.RESUME_JOB, "oarresume", JobState.HOLD),
}


class HoldAnswer(Enum):
    """What became of the wish to hold a job, or to resume it."""

    DONE = "done"
    UNKNOWN = "unknown job"
    NOT_ALLOWED = "not allowed"
    WRONG_STATE = "wrong state"


def hold_job(connection: Connection, job_id: int, asked_by: str, now: int, *, is_admin: bool) -> HoldAnswer:
    """Keep a Waiting job from being scheduled; for its owner and administrators."""
    return _move(connection, job_id, JobSignal.HOLD, asked_by, now=now, is_admin=is_admin)


def resume_job(connection: Connection, job_id: int, asked_by: str, now: int, *, is_admin: bool) -> HoldAnswer:
    """Let a job in Hold be scheduled again; for its owner and administrators."""
    return _move(connection, job_id, JobSignal.RESUME, asked_by, now=now, is_admin=is_admin)


def _move(
    connection: Connection, job_id: int, signal: JobSignal, asked_by: str, *, now: int, is_admin: bool
) -> HoldAnswer:
    kind, command, wanted = _WISHES[signal]
    row = connection.execute(
        select(JobRow.job_user, JobRow.state).where(JobRow.job_id == job_id).with_for_update(key_share=True)
    ).one_or_none()
    if row is None:
        return HoldAnswer.UNKNOWN
    if asked_by != row.job_user and not is_admin:
        return HoldAnswer.NOT_ALLOWED
    if row.state != wanted or move_job(connection, job_id, signal, now=now) is None:
        return HoldAnswer.WRONG_STATE
    # A record and not an order: it is done already, whether or not the server runs.
    description = f"User {asked_by} launched {command} on the job {job_id}"
    record(connection, kind, job_id=job_id, description=description, to_check=False, now=now)
    return HoldAnswer.DONE
