"""The only writer of ``jobs.state`` and ``frag_jobs.frag_state``; ``node_moves`` is that of resources.

A move names the states it may leave, takes the row's lock, and does all that belongs to it in the
caller's transaction: logs, dates, marks. Who comes second is told so (None, False) and changes nothing.
``locks`` says in which order locks are taken.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypedDict, Unpack

from sqlalchemy import Connection, func, insert, literal, select, text, update
from sqlalchemy.sql.elements import KeyedColumnElement

from oar.core.job import Assignment, JobId
from oar.core.job_life import JobSignal, Move, accepting, step
from oar.core.kill_life import KillMove, KillSignal, kill_accepting, kill_step
from oar.core.states import JobState, KillState, ReservationState
from oar.db.endings import SITTING, close_books, mark_suspended, resources_of, to_history
from oar.db.holders import Companions, take_stock
from oar.db.locks import lock_resources
from oar.db.notices import notices_of_state
from oar.db.sets import among, given_rows
from oar.db.store import store_of
from oar.db.tables_jobs import JobRow, JobStateLogRow, KillRow

MESSAGE_LENGTH = 255


class JobValues(TypedDict, total=False):
    """What a move may write beside the state; dates are epoch seconds, ``exit_code`` a raw wait status."""

    start_time: int
    stop_time: int
    message: str
    exit_code: int
    reservation: str


@dataclass(frozen=True, slots=True)
class _LockedJob:
    job_id: int
    state: str
    start_time: int
    stop_time: int
    submission_time: int
    assigned_moldable_job: int | None
    reservation: str


def move_job(
    connection: Connection, job_id: int, signal: JobSignal, *, now: int, **values: Unpack[JobValues]
) -> Move | None:
    """Carry the signal to a job; None when its state does not accept it (any more).

    The effects of the returned move are for the caller, after the commit.
    """
    locked = _lock_jobs(connection, [job_id], accepting(signal))
    if not locked:
        return None
    job = locked[job_id]
    move = step(JobState(job.state), signal)
    written: dict[str, Any] = {**values}
    if signal is JobSignal.EXTERMINATE and job.start_time == 0:
        written.setdefault("start_time", now)
    if (move.to.is_final or move.to is JobState.FINISHING) and job.stop_time == 0:
        written.setdefault("stop_time", max(now, written.get("start_time", job.start_time)))
    if signal is JobSignal.SUSPEND:
        written["suspended"] = "YES"
    _enter(connection, {job: written}, move.to, now)
    if move.to.is_final:
        close_books(connection, job_id, job.assigned_moldable_job, now)
    if (JobState(job.state) in SITTING) != (move.to in SITTING):
        mark_suspended(connection, resources_of(connection, job.assigned_moldable_job))
    return move


def refuse_jobs(connection: Connection, messages: Mapping[JobId, str], *, now: int) -> frozenset[JobId]:
    """Refuse waiting jobs, each with its last message, in one step; say which of them still waited."""
    return _answer(connection, messages, JobSignal.REFUSE, now)


def end_refused_jobs(connection: Connection, job_ids: Sequence[JobId], *, now: int) -> frozenset[JobId]:
    """Bring refused jobs to their end, in one step, once they were told; say which were refused still."""
    locked = _lock_jobs(connection, job_ids, accepting(JobSignal.ERROR_TOLD))
    if locked:
        entering = {job: {"stop_time": job.stop_time or max(now, job.start_time)} for job in locked.values()}
        _enter(connection, entering, step(JobState.TO_ERROR, JobSignal.ERROR_TOLD).to, now)
        to_history(connection, list(locked))
    return frozenset(JobId(job_id) for job_id in locked)


def grant_reservations(
    connection: Connection, messages: Mapping[JobId, str], *, now: int
) -> frozenset[JobId]:
    """Grant waiting reservations, each with its message, in one step; say which of them still waited."""
    return _answer(connection, messages, JobSignal.GRANT, now)


def acknowledge_reservations(connection: Connection, job_ids: Sequence[JobId], *, now: int) -> None:
    """Let granted reservations wait for their date, in one step, once nobody has to be told of them."""
    locked = _lock_jobs(connection, job_ids, accepting(JobSignal.GRANT_TOLD))
    if locked:
        to = step(JobState.TO_ACK_RESERVATION, JobSignal.GRANT_TOLD).to
        _enter(connection, {job: {"reservation": job.reservation} for job in locked.values()}, to, now)


def expire_reservations(
    connection: Connection, messages: Mapping[JobId, str], *, now: int
) -> frozenset[JobId]:
    """End reservations that could not start in time, in one step; say which of them still waited."""
    locked = _lock_jobs(connection, sorted(messages), accepting(JobSignal.EXPIRE))
    if locked:
        entering = {
            job: {
                "message": messages[JobId(job.job_id)],
                "stop_time": job.stop_time or max(now, job.start_time),
            }
            for job in locked.values()
        }
        _enter(connection, entering, step(JobState.WAITING, JobSignal.EXPIRE).to, now)
        to_history(connection, list(locked))
    return frozenset(JobId(job_id) for job_id in locked)


def assign_jobs(
    connection: Connection,
    wanted: Sequence[tuple[Assignment, str]],
    *,
    now: int,
    beside: Mapping[JobId, Companions] | None = None,
    in_any_state: Collection[JobId] = (),
) -> frozenset[JobId]:
    """Give waiting jobs their resources, in one step with the move to toLaunch; say which jobs got them.

    ``wanted`` gives each job's assignment and message; the job's walltime becomes that of the assignment. A
    job gets nothing when it waits no longer, or when one of the resources is no longer Alive or is held by
    another job, also by one before it in ``wanted``. ``beside`` names, for jobs that share, those that may
    hold the same resources: where it gives a state of one, it has to be there in this very state. Jobs
    ``in_any_state`` take resources that are not Alive too.
    """
    lock_resources(connection)
    waiting = _lock_jobs(connection, [one.job_id for one, _ in wanted], accepting(JobSignal.ASSIGN))
    stock = take_stock(connection, [one.resources for one, _ in wanted])
    entering: dict[_LockedJob, dict[str, Any]] = {}
    given = []
    for one, message in wanted:
        job = waiting.get(one.job_id)
        others = (beside or {}).get(one.job_id, {})
        if job is None or not stock.give(one, others, one.job_id in in_any_state):
            continue
        start = max(now, job.submission_time)
        entering[job] = {
            "assigned_moldable_job": one.moldable_id,
            "start_time": start,
            "message": message,
        }
        given.append(one)
    if given:
        _enter(connection, entering, step(JobState.WAITING, JobSignal.ASSIGN).to, now)
        _hand_out(connection, given)
    return frozenset(JobId(job.job_id) for job in entering)


def move_kill(connection: Connection, job_id: int, signal: KillSignal) -> KillMove | None:
    """Carry the signal to the kill of a job; None when its state does not accept it (any more)."""
    found = connection.execute(
        select(KillRow.frag_state)
        .where(KillRow.frag_id_job == job_id, KillRow.frag_state.in_(kill_accepting(signal)))
        .with_for_update(key_share=True)
    ).scalar_one_or_none()
    if found is None:
        return None
    move = kill_step(KillState(found), signal)
    connection.execute(
        update(KillRow)
        .where(KillRow.frag_id_job == job_id, KillRow.frag_state == found)
        .values(frag_state=move.to)
    )
    return move


def _lock_jobs(
    connection: Connection, ids: Sequence[int], states: Sequence[JobState]
) -> dict[int, _LockedJob]:
    rows = connection.execute(
        select(*(getattr(JobRow, field.name) for field in fields(_LockedJob)))
        .where(among(JobRow.job_id, ids), JobRow.state.in_(states))
        .order_by(JobRow.job_id)
        .with_for_update(key_share=True)
    )
    return {row.job_id: _LockedJob(*row) for row in rows}


def _answer(
    connection: Connection, messages: Mapping[JobId, str], signal: JobSignal, now: int
) -> frozenset[JobId]:
    """Grant or refuse waiting jobs; a reservation counts as answered from then on."""
    locked = _lock_jobs(connection, sorted(messages), accepting(signal))
    entering = {}
    for job in locked.values():
        is_ordinary = job.reservation == ReservationState.NONE
        answered = ReservationState.NONE if is_ordinary else ReservationState.SCHEDULED
        entering[job] = {"message": messages[JobId(job.job_id)], "reservation": answered}
    if entering:
        _enter(connection, entering, step(JobState.WAITING, signal).to, now)
    return frozenset(JobId(job_id) for job_id in locked)


def _enter(
    connection: Connection, jobs: Mapping[_LockedJob, Mapping[str, Any]], to: JobState, now: int
) -> None:
    """Write the state that jobs come into, and their values: of all jobs the same columns."""
    column = JobRow.__table__.c
    names = next(iter(jobs.values())).keys()
    written: dict[KeyedColumnElement[Any], Sequence[Any]] = {
        column[name]: [_fitting(name, values[name]) for values in jobs.values()] for name in names
    }
    written[column.job_id] = [job.job_id for job in jobs]
    written[column.state] = [job.state for job in jobs]
    new = given_rows(written)
    connection.execute(
        update(JobRow)
        .where(JobRow.job_id == new.c.job_id, JobRow.state == new.c.state)
        .values({"state": to} | {name: new.c[name] for name in names})
    )
    ids = [job.job_id for job in jobs]
    closed = (
        update(JobStateLogRow)
        .where(among(JobStateLogRow.job_id, ids), JobStateLogRow.date_stop == 0)
        .values(date_stop=func.greatest(now, JobStateLogRow.date_start))
        .cte("closed")
    )
    log = JobStateLogRow
    entered = select(JobRow.job_id, literal(to.value), literal(now)).where(among(JobRow.job_id, ids))
    logged = insert(log).from_select([log.job_id, log.job_state, log.date_start], entered).add_cte(closed)
    told = notices_of_state(ids, to, now)
    connection.execute(logged if told is None else logged.add_cte(told.cte("told")))


def _hand_out(connection: Connection, given: Sequence[Assignment]) -> None:
    """Write the walltime of each job, where it is not what it asked for, and its resources."""
    walltimes = text(
        "UPDATE moldable_job_descriptions m SET moldable_walltime = granted.walltime"
        " FROM unnest(CAST(:ids AS bigint[]), CAST(:walltimes AS integer[])) AS granted(id, walltime)"
        " WHERE m.moldable_id = granted.id AND m.moldable_walltime <> granted.walltime"
    )
    moldables = [one.moldable_id for one in given]
    connection.execute(walltimes, {"ids": moldables, "walltimes": [one.walltime_s for one in given]})
    store_of(connection).hand_out(connection, given)


def _fitting(name: str, value: Any) -> Any:
    return value[:MESSAGE_LENGTH] if name == "message" else value
