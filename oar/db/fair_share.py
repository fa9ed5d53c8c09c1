"""What was asked and used lately, queue by queue, from the windows of accounting."""

from collections import Counter, defaultdict
from collections.abc import Mapping

from sqlalchemy import BigInteger, Connection, cast, func, select, text

from oar.core.fair_share import PastUse
from oar.core.job import JobId
from oar.core.states import JobState
from oar.db.store import store_of
from oar.db.tables_admin import AccountingRow
from oar.db.tables_jobs import JobRow

USED = "USED"

RECENT_JOBS = 20_000
"""So many of the newest jobs are looked at for the last karma of a user, however many there were."""


def read_past_use(connection: Connection, now: int, window_s: int) -> Mapping[str, PastUse]:
    """Give the past use of each queue, from the windows that began in the last ``window_s`` seconds.

    One query, which reads the rows of these windows alone: the primary key begins with their date.
    """
    row = AccountingRow
    consumption = cast(func.sum(row.consumption), BigInteger)
    whom = (row.queue_name, row.consumption_type, row.accounting_user, row.accounting_project)
    found = connection.execute(
        select(*whom, consumption)
        .where(row.window_start >= now - window_s, row.window_start < now)
        .group_by(*whom)
    )
    used_by_user: dict[str, Counter[str]] = defaultdict(Counter)
    used_by_project: dict[str, Counter[str]] = defaultdict(Counter)
    asked_by_user: dict[str, Counter[str]] = defaultdict(Counter)
    for queue, kind, user, project, seconds in found:
        if kind == USED:
            used_by_user[queue][user] += seconds
            used_by_project[queue][project] += seconds
        else:
            asked_by_user[queue][user] += seconds
    return {
        queue: PastUse(used_by_user[queue], used_by_project[queue], asked_by_user[queue])
        for queue in sorted(used_by_user.keys() | asked_by_user.keys())
    }


def read_karma(connection: Connection) -> Mapping[JobId, float]:
    """Give the last karma of each waiting job that has one; none where the database does not keep it."""
    if not store_of(connection).keeps_karma:
        return {}
    rows = connection.execute(
        select(JobRow.job_id, JobRow.last_karma).where(JobRow.state == JobState.WAITING)
    )
    return {JobId(job_id): karma for job_id, karma in rows if karma is not None}


def read_last_karma(connection: Connection, user: str) -> Mapping[str, float]:
    """Give for each project of a user the karma of the newest job that has one, among the newest of all."""
    if not store_of(connection).keeps_karma:
        return {}
    rows = connection.execute(
        text(
            "SELECT DISTINCT ON (project) project, last_karma FROM jobs"
            " WHERE job_id > (SELECT coalesce(max(job_id), 0) - :recent FROM jobs)"
            " AND job_user = :user AND last_karma IS NOT NULL"
            " ORDER BY project, job_id DESC"
        ),
        {"recent": RECENT_JOBS, "user": user},
    )
    return {str(project): float(karma) for project, karma in rows}


def write_karma(connection: Connection, karma: Mapping[JobId, float]) -> None:
    """Keep the karma of jobs that wait or were launched just now; one statement for all, none for none.

    A job that somebody moves at this moment is left alone.
    """
    if not karma or not store_of(connection).keeps_karma:
        return
    connection.execute(
        text(
            "WITH planned AS MATERIALIZED ("
            " SELECT job_id FROM jobs WHERE job_id = ANY(CAST(:ids AS bigint[]))"
            " AND state IN ('Waiting', 'toLaunch') FOR NO KEY UPDATE SKIP LOCKED)"
            " UPDATE jobs SET last_karma = new.karma"
            " FROM planned JOIN unnest(CAST(:ids AS bigint[]), CAST(:karma AS real[])) AS new(job_id, karma)"
            " USING (job_id)"
            " WHERE jobs.job_id = planned.job_id AND jobs.state IN ('Waiting', 'toLaunch')"
        ),
        {"ids": list(karma), "karma": list(karma.values())},
    )
