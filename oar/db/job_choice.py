"""Which jobs a person means: by array, or by a condition on ``jobs``."""

from sqlalchemy import Connection, select

from oar.core.condition import check_condition
from oar.core.states import FINAL_STATES
from oar.db.conditions import matching_ids
from oar.db.tables_jobs import LIVE, JobRow
from oar.errors import OarError


class UnknownArray(OarError):
    """No job belongs to the array."""

    exit_code = 4

    def __init__(self, array_id: int) -> None:
        super().__init__(f"there is no array {array_id}; the arrays of jobs are shown by oarstat --array")
        self.array_id = array_id


def live_jobs_of_array(connection: Connection, array_id: int) -> list[int]:
    """Return the jobs of an array that have not ended, by id; raises :class:`UnknownArray`."""
    rows = connection.execute(
        select(JobRow.job_id, JobRow.state).where(JobRow.array_id == array_id).order_by(JobRow.job_id)
    ).all()
    if not rows:
        raise UnknownArray(array_id)
    return [job_id for job_id, state in rows if state not in FINAL_STATES]


def live_jobs_meeting(reader: Connection, condition: str) -> list[int]:
    """Return the jobs that have not ended and meet a user's SQL condition on ``jobs``, by id.

    ``reader`` is read-only. Raises BadFilter.
    """
    check_condition(condition)
    meeting = matching_ids(reader, "jobs", "job_id", f"{LIVE.text} AND ({condition}\n)")
    return [int(job_id) for job_id in meeting]
