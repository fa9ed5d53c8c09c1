"""The containers there are: jobs that hold other jobs, and that have not ended."""

from sqlalchemy import Connection, or_, select

from oar.core.job import Container, JobId
from oar.core.states import FINAL_STATES, JobState, ReservationState, RowIndex
from oar.db.tables_jobs import JobRow, JobTypeRow

_LIVE = sorted(state for state in JobState if state not in FINAL_STATES)


def read_containers(connection: Connection) -> tuple[Container, ...]:
    """Give the containers that have not ended, by job id; one without a name is named by its job id."""
    kind = JobTypeRow.type
    rows = connection.execute(
        select(JobRow.job_id, kind, JobRow.queue_name, JobRow.state, JobRow.reservation)
        .join(JobTypeRow, JobTypeRow.job_id == JobRow.job_id)
        .where(
            or_(kind == "container", kind.startswith("container=")),
            JobTypeRow.types_index == RowIndex.CURRENT,
            JobRow.state.in_(_LIVE),
        )
        .order_by(JobRow.job_id)
    )
    return tuple(
        Container(
            JobId(job_id),
            spelled.partition("=")[2] or str(job_id),
            queue,
            JobState(state),
            reservation != ReservationState.NONE,
        )
        for job_id, spelled, queue, state, reservation in rows
    )
