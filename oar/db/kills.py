"""Kills: ask for one, carry it out, repeat it, give up."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum
from typing import Any

from sqlalchemy import Connection, Select, func, literal, select
from sqlalchemy.dialects.postgresql import insert

from oar.core.effects import Effect
from oar.core.events import EventKind
from oar.core.job_life import JobSignal
from oar.core.kill_life import (
    KillLimits,
    KillSignal,
    kill_order,
    timer_signal,
    walltime_is_over,
)
from oar.core.states import JobState, KillState
from oar.db.events import record, record_for_jobs
from oar.db.moves import move_job, move_kill
from oar.db.sets import among, given_rows
from oar.db.tables_admin import EventRow
from oar.db.tables_jobs import OPEN, JobRow, JobStateLogRow, JobTypeRow, KillRow, MoldableRow

SERVER = "oar"
"""Who asks for a kill that no person asked for."""
ADMINISTRATORS = frozenset({SERVER, "root"})


class KillAnswer(Enum):
    """What became of the wish to kill a job."""

    ASKED = "asked"
    ALREADY_ASKED = "already asked"
    NOT_ALLOWED = "not allowed"
    UNKNOWN = "unknown job"


@dataclass(frozen=True, slots=True)
class OpenKill:
    """A kill that is under way; dates are epoch seconds, ``signalled_at`` None before the first signal."""

    job_id: int
    state: KillState
    asked_at: int
    signalled_at: int | None
    job_state: JobState
    noop: bool


@dataclass(frozen=True, slots=True)
class KillStep:
    """What was done about a kill, and what must follow the commit."""

    job_id: int
    job_ended: bool = False
    effects: tuple[Effect, ...] = ()


def ask_kill(
    connection: Connection, job_id: int, asked_by: str, now: int, *, is_admin: bool = False
) -> KillAnswer:
    """Ask for the end of a job; only its owner and administrators may."""
    owner = connection.execute(select(JobRow.job_user).where(JobRow.job_id == job_id)).scalar_one_or_none()
    if owner is None:
        return KillAnswer.UNKNOWN
    if asked_by not in {owner, *ADMINISTRATORS} and not is_admin:
        return KillAnswer.NOT_ALLOWED
    asked = ask_kills(connection, [job_id], asked_by, now)
    return KillAnswer.ASKED if asked else KillAnswer.ALREADY_ASKED


def ask_kills(connection: Connection, job_ids: Collection[int], asked_by: str, now: int) -> frozenset[int]:
    """Ask for the end of several jobs, which the caller knows to be allowed; say for which that was new."""
    if not job_ids:
        return frozenset()
    wanted = given_rows({KillRow.__table__.c.frag_id_job: sorted(job_ids)})
    rows = select(wanted.c.frag_id_job, literal(now), literal(KillState.ASKED.value))
    new = insert(KillRow).from_select(["frag_id_job", "frag_date", "frag_state"], rows)
    asked = frozenset(connection.scalars(new.on_conflict_do_nothing().returning(KillRow.frag_id_job)))
    words = {job_id: f"User {asked_by} requested to frag the job {job_id}" for job_id in sorted(asked)}
    record_for_jobs(connection, EventKind.FRAG_JOB_REQUEST, words, now=now)
    return asked


def jobs_asked_to_end(connection: Connection, job_ids: Collection[int]) -> frozenset[int]:
    """Say which of some jobs somebody has asked to kill already."""
    if not job_ids:
        return frozenset()
    asked = select(KillRow.frag_id_job).where(among(KillRow.frag_id_job, job_ids))
    return frozenset(connection.scalars(asked))


def open_kills(connection: Connection) -> list[OpenKill]:
    """List the kills that are not done, in the order of their jobs."""
    signalled = (
        select(func.min(EventRow.date))
        .where(
            EventRow.job_id == KillRow.frag_id_job,
            EventRow.type == EventKind.SEND_KILL_JOB,
            EventRow.date >= KillRow.frag_date,
        )
        .scalar_subquery()
    )
    noop = (
        select(literal(1))
        .where(
            JobTypeRow.job_id == KillRow.frag_id_job,
            func.split_part(JobTypeRow.type, "=", 1) == "noop",
        )
        .exists()
    )
    rows = connection.execute(
        select(
            KillRow.frag_id_job,
            KillRow.frag_state,
            KillRow.frag_date,
            signalled,
            JobRow.state,
            noop,
        )
        .join(JobRow, JobRow.job_id == KillRow.frag_id_job)
        .where(OPEN)
        .order_by(KillRow.frag_id_job)
    )
    return [
        OpenKill(job_id, KillState(state), asked_at, signalled_at, JobState(job_state), is_noop)
        for job_id, state, asked_at, signalled_at, job_state, is_noop in rows
    ]


def carry_out(connection: Connection, kill: OpenKill, now: int) -> KillStep:
    """Do what a kill in ASKED wants: end the job at once, or have its nodes told.

    When the job moved meanwhile the kill stays ASKED, and the next pass sees the job as it is.
    """
    order = kill_order(kill.job_state, kill.noop)
    if order.job_signal is not None:
        move = move_job(connection, kill.job_id, order.job_signal, now=now, message=order.message)
        if move is None:
            return KillStep(kill.job_id)
        move_kill(connection, kill.job_id, KillSignal.JOB_ENDED)
        return KillStep(kill.job_id, True, move.effects)
    if not order.effects:
        move_kill(connection, kill.job_id, KillSignal.JOB_ENDED)
        return KillStep(kill.job_id)
    sent = move_kill(connection, kill.job_id, KillSignal.SENT)
    if sent is None:
        return KillStep(kill.job_id)
    record(
        connection,
        EventKind.SEND_KILL_JOB,
        job_id=kill.job_id,
        description=f"Send the kill signal to oarexec of job {kill.job_id}",
        now=now,
    )
    return KillStep(kill.job_id, effects=sent.effects)


def check_timer(connection: Connection, kill: OpenKill, now: int, limits: KillLimits) -> KillSignal | None:
    """Move a kill in ARMED when its job ended or its time is over; say which it was."""
    since = kill.asked_at if kill.signalled_at is None else kill.signalled_at
    signal = timer_signal(kill.job_state, now - since, limits)
    if signal is None or move_kill(connection, kill.job_id, signal) is None:
        return None
    return signal


def exterminate(connection: Connection, kill: OpenKill, now: int) -> KillStep:
    """End the job of a kill in TO_EXTERMINATE without its oarexec; then its nodes are cleaned by force."""
    move = move_job(
        connection, kill.job_id, JobSignal.EXTERMINATE, now=now, message="Job exterminated by Leon"
    )
    return KillStep(kill.job_id, effects=() if move is None else move.effects)


def exterminated(connection: Connection, job_id: int, now: int) -> bool:
    """Record that the nodes of an exterminated job were cleaned; the event then ends the job.

    False when the kill was not in TO_EXTERMINATE (any more).
    """
    if move_kill(connection, job_id, KillSignal.EXTERMINATED) is None:
        return False
    record(
        connection,
        EventKind.EXTERMINATE_JOB,
        job_id=job_id,
        description=f"I exterminate the job {job_id}",
        now=now,
    )
    return True


def kill_overdue(connection: Connection, now: int) -> list[int]:
    """Ask for the end of every running job whose walltime is over; return their ids."""
    words = {
        job_id: f"Job {job_id} from {start_time} with {walltime_s}; current time={now} (Elapsed)"
        for job_id, start_time, walltime_s, suspended_s in connection.execute(_overdue(now)).all()
        if walltime_is_over(start_time, walltime_s, suspended_s, now)
    }
    ended = sorted(ask_kills(connection, words, SERVER, now))
    record_for_jobs(connection, EventKind.WALLTIME, {job_id: words[job_id] for job_id in ended}, now=now)
    return ended


def _overdue(now: int) -> Select[Any]:
    """Select running jobs that look overdue and that nobody has asked to kill yet.

    A job that is being changed at this moment, maybe its walltime, is left to the next look.
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
    asked = select(literal(1)).where(KillRow.frag_id_job == JobRow.job_id).exists()
    return (
        select(JobRow.job_id, JobRow.start_time, MoldableRow.moldable_walltime, suspended)
        .join(MoldableRow, MoldableRow.moldable_id == JobRow.assigned_moldable_job)
        .where(
            JobRow.state == JobState.RUNNING,
            now > JobRow.start_time + MoldableRow.moldable_walltime,
            ~asked,
        )
        .order_by(JobRow.job_id)
        .with_for_update(of=(JobRow, MoldableRow), key_share=True, skip_locked=True)
    )
