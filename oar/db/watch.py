"""What the server looks for every second; each query is bounded by live states and uses their indexes."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, case, exists, func, literal, select

from oar.core.states import UNCHANGED, JobState, KillState
from oar.db.tables_admin import EventRow
from oar.db.tables_jobs import JobRow, JobStateLogRow, KillRow, MoldableRow
from oar.db.tables_resources import ResourceRow


@dataclass(frozen=True, slots=True)
class Overdue:
    """A running job whose walltime is over; ``elapsed_s`` leaves out the time it was suspended."""

    job_id: int
    walltime_s: int
    elapsed_s: int


@dataclass(frozen=True, slots=True)
class InState:
    """A job on its way, and for how long it has been in its state."""

    job_id: int
    state: JobState
    since_s: int


@dataclass(frozen=True, slots=True)
class OpenKill:
    """A kill that is not done; ``age_s`` counts from when it was asked for."""

    job_id: int
    state: KillState
    job_state: JobState
    age_s: int


def find_overdue(connection: Connection, now: int) -> list[Overdue]:
    """List the running jobs past the end of their walltime whose kill was not asked for yet."""
    suspended = _suspended_time(now)
    elapsed = now - JobRow.start_time - suspended
    found = connection.execute(
        select(JobRow.job_id, MoldableRow.moldable_walltime, elapsed)
        .join(MoldableRow, MoldableRow.moldable_id == JobRow.assigned_moldable_job)
        .where(
            JobRow.state == JobState.RUNNING,
            JobRow.start_time + MoldableRow.moldable_walltime < now,
            elapsed > MoldableRow.moldable_walltime,
            ~exists().where(KillRow.frag_id_job == JobRow.job_id),
        )
        .order_by(JobRow.job_id)
    )
    return [Overdue(*row) for row in found]


def find_in_passage(connection: Connection, now: int) -> list[InState]:
    """List the jobs that the server itself must bring further: to launch, being launched, being ended."""
    found = connection.execute(
        select(JobRow.job_id, JobRow.state, func.max(JobStateLogRow.date_start))
        .outerjoin(JobStateLogRow, (JobStateLogRow.job_id == JobRow.job_id) & (JobStateLogRow.date_stop == 0))
        .where(JobRow.state.in_((JobState.TO_LAUNCH, JobState.LAUNCHING, JobState.FINISHING)))
        .group_by(JobRow.job_id, JobRow.state)
        .order_by(JobRow.job_id)
    )
    return [InState(job_id, JobState(state), now - (since or now)) for job_id, state, since in found]


def find_open_kills(connection: Connection, now: int) -> list[OpenKill]:
    """List the kills that are not done, oldest first."""
    found = connection.execute(
        select(KillRow.frag_id_job, KillRow.frag_state, JobRow.state, now - KillRow.frag_date)
        .join(JobRow, JobRow.job_id == KillRow.frag_id_job)
        .where(KillRow.frag_state != KillState.DONE)
        .order_by(KillRow.frag_date, KillRow.frag_id_job)
    )
    return [
        OpenKill(job_id, KillState(state), JobState(job_state), age)
        for job_id, state, job_state, age in found
    ]


def has_node_work(connection: Connection) -> bool:
    """Tell whether an event waits to be acted on, or a resource waits for its next state."""
    found = connection.execute(
        select(
            exists().where(EventRow.to_check == "YES") | exists().where(ResourceRow.next_state != UNCHANGED)
        )
    ).scalar_one()
    return bool(found)


def find_running(connection: Connection) -> list[int]:
    """List the jobs that run."""
    found = connection.execute(
        select(JobRow.job_id).where(JobRow.state == JobState.RUNNING).order_by(JobRow.job_id)
    )
    return list(found.scalars())


def read_state(connection: Connection, job_id: int) -> JobState | None:
    """Say in which state a job is; None when there is no such job."""
    state = connection.execute(select(JobRow.state).where(JobRow.job_id == job_id)).scalar_one_or_none()
    return None if state is None else JobState(state)


def _suspended_time(now: int) -> ColumnElement[Any]:
    stop = case((JobStateLogRow.date_stop == 0, now), else_=JobStateLogRow.date_stop)
    total = (
        select(func.coalesce(func.sum(stop - JobStateLogRow.date_start), 0))
        .where(
            JobStateLogRow.job_id == JobRow.job_id,
            JobStateLogRow.job_state.in_((JobState.SUSPENDED, JobState.RESUMING)),
        )
        .correlate(JobRow)
        .scalar_subquery()
    )
    return case((JobRow.suspended == "YES", total), else_=literal(0))
