"""The keys of jobs in the database."""

from sqlalchemy import Connection, select

from oar.core.job_key import KeyInUse
from oar.core.states import FINAL_STATES, JobState
from oar.db.tables_jobs import ChallengeRow, JobRow

_LIVE = [state for state in JobState if state not in FINAL_STATES]


def check_key_is_free(connection: Connection, public: str, user: str) -> None:
    """Raise :class:`KeyInUse` when the key opens a living job of another user."""
    found = (
        select(JobRow.job_id)
        .join(ChallengeRow, ChallengeRow.job_id == JobRow.job_id)
        .where(JobRow.state.in_(_LIVE), JobRow.job_user != user, ChallengeRow.ssh_public_key == public)
        .limit(1)
    )
    if connection.execute(found).first() is not None:
        raise KeyInUse("the job key is that of a job of another user; take another key")
