"""What the server looks for every second; each query is bounded by live states and uses their indexes."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, exists, func, select

from oar.core.events import Event
from oar.core.states import UNCHANGED, JobState
from oar.db.events import IS_ENERGY, IS_NOTICE, IS_SIGNAL
from oar.db.sets import among
from oar.db.tables_admin import EventHostnameRow, EventRow
from oar.db.tables_jobs import ChallengeRow, JobRow, JobStateLogRow
from oar.db.tables_resources import ResourceRow

_NODES = (
    select(func.array_agg(EventHostnameRow.hostname))
    .where(EventHostnameRow.event_id == EventRow.event_id)
    .scalar_subquery()
)
_PENDING_OF = (
    select(EventRow.event_id, EventRow.type, EventRow.date, EventRow.description, _NODES)
    .where(EventRow.job_id == bindparam("job"), EventRow.to_check == "YES", ~IS_NOTICE)
    .order_by(EventRow.event_id)
)


@dataclass(frozen=True, slots=True)
class InState:
    """A job on its way, and for how long it has been in its state."""

    job_id: int
    state: JobState
    since_s: int


def find_in_passage(connection: Connection, now: int) -> list[InState]:
    """List the jobs that the server itself must bring further: to launch, being launched, being ended."""
    since = (
        select(func.max(JobStateLogRow.date_start))
        .where(JobStateLogRow.job_id == JobRow.job_id, JobStateLogRow.date_stop == 0)
        .scalar_subquery()
    )
    found = connection.execute(
        select(JobRow.job_id, JobRow.state, since)
        .where(JobRow.state.in_((JobState.TO_LAUNCH, JobState.LAUNCHING, JobState.FINISHING)))
        .order_by(JobRow.job_id)
    )
    return [InState(job_id, JobState(state), now - (since or now)) for job_id, state, since in found]


def has_node_work(connection: Connection) -> bool:
    """Tell whether an event waits to be acted on, or a resource waits for its next state."""
    found = connection.execute(
        select(
            exists().where(EventRow.to_check == "YES", ~IS_SIGNAL, ~IS_ENERGY, ~IS_NOTICE)
            | exists().where(ResourceRow.next_state != UNCHANGED)
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


def pending_of(connection: Connection, job_id: int) -> list[Event]:
    """List the orders about one job that nobody carried out yet, oldest first."""
    rows = connection.execute(_PENDING_OF, {"job": job_id})
    return [Event(row[0], row[1], job_id, row[2], row[3], tuple(sorted(row[4] or ()))) for row in rows]


def read_challenges(connection: Connection, job_ids: Sequence[int]) -> dict[int, tuple[str, JobState] | None]:
    """Give the secret of each job and the job's state; None where there is no such job."""
    rows = connection.execute(
        select(ChallengeRow.job_id, ChallengeRow.challenge, JobRow.state)
        .join(JobRow, JobRow.job_id == ChallengeRow.job_id)
        .where(among(ChallengeRow.job_id, job_ids))
    )
    found = {job_id: (challenge, JobState(state)) for job_id, challenge, state in rows}
    return {job_id: found.get(job_id) for job_id in job_ids}
