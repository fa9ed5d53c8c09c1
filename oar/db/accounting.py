"""Fills the windows of accounting from jobs that have ended. Units: resource-seconds.

A job counts with its resources of type ``default``: USED from its start to its stop, ASKED from its start
for its walltime, each cut at the borders of the windows.
"""

from sqlalchemy import Connection, delete, select, text, update

from oar.db.sets import among
from oar.db.tables_admin import AccountingRow
from oar.db.tables_jobs import TO_ACCOUNT, JobRow

JOBS_AT_ONCE = 10_000

_COUNT = text("""
WITH computing AS (
    SELECT range_agg(int4range(resource_id::int, resource_id::int, '[]')) AS ids
    FROM resources WHERE type = 'default'
), run AS (
    SELECT j.job_user, j.project, j.queue_name, j.start_time, j.stop_time,
           j.start_time + m.moldable_walltime AS last_time,
           (SELECT coalesce(sum(upper(part) - lower(part)), 0)
            FROM assignments a, computing c, unnest(a.resources * c.ids) AS part
            WHERE a.moldable_job_id = m.moldable_id) AS resources
    FROM jobs j JOIN moldable_job_descriptions m ON m.moldable_id = j.assigned_moldable_job
    WHERE j.job_id = ANY(:jobs) AND j.start_time > 1 AND j.stop_time >= j.start_time
), span AS (
    SELECT job_user, project, queue_name, resources, 'USED' AS kind, start_time AS b, stop_time AS e FROM run
    UNION ALL
    SELECT job_user, project, queue_name, resources, 'ASKED', start_time, last_time FROM run
)
INSERT INTO accounting AS old (window_start, window_stop, accounting_user, accounting_project, queue_name,
                               consumption_type, consumption)
SELECT w * :size, (w + 1) * :size - 1, job_user, project, queue_name, kind,
       sum(resources * (least(e, (w + 1) * :size) - greatest(b, w * :size)))
FROM span, generate_series(b / :size, (e - 1) / :size) AS w
WHERE e > b AND resources > 0
GROUP BY w, job_user, project, queue_name, kind
ORDER BY w, job_user, project, queue_name, kind
ON CONFLICT (window_start, window_stop, accounting_user, accounting_project, queue_name, consumption_type)
DO UPDATE SET consumption = old.consumption + excluded.consumption
""")


def account_ended_jobs(connection: Connection, window_s: int, limit: int = JOBS_AT_ONCE) -> int:
    """Count some of the jobs that have ended and were not counted yet; returns how many, 0 when none is left.

    Jobs that never ran are marked as counted too, so that nobody reads them again. Two callers at one time
    never count a job twice: each takes other jobs.
    """
    jobs = list(
        connection.execute(
            select(JobRow.job_id)
            .where(TO_ACCOUNT)
            .order_by(JobRow.job_id)
            .limit(limit)
            .with_for_update(skip_locked=True, key_share=True)
        ).scalars()
    )
    if jobs:
        connection.execute(_COUNT, {"jobs": jobs, "size": window_s})
        connection.execute(update(JobRow).where(among(JobRow.job_id, jobs)).values(accounted="YES"))
    return len(jobs)


def forget_accounting(connection: Connection) -> int:
    """Empty the table and mark all jobs as not counted; returns how many jobs were."""
    _lock(connection)
    connection.execute(delete(AccountingRow))
    return connection.execute(update(JobRow).where(JobRow.accounted == "YES").values(accounted="NO")).rowcount


def delete_windows_before(connection: Connection, date: int) -> int:
    """Delete the windows that ended before a date; returns how many rows went."""
    _lock(connection)
    return connection.execute(delete(AccountingRow).where(AccountingRow.window_stop < date)).rowcount


def _lock(connection: Connection) -> None:
    """Let nobody else write the windows until the commit; to read them stays possible."""
    connection.execute(text("LOCK TABLE accounting IN SHARE ROW EXCLUSIVE MODE"))
