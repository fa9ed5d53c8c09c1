"""The plan as the scheduler of a queue finds it that is another program, with the protocol of OAR 2.

It reads and writes rows itself, in ``gantt_jobs_predictions`` and ``gantt_jobs_resources``. So what runs has
rows too while it works; the next writing of a round takes them away.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, text

from oar.core.job import Assignment
from oar.db.sets import format_multirange


def show_plan(connection: Connection, rows: Sequence[Assignment]) -> None:
    """Let the plan consist of these rows and no others; two statements, however many there are."""
    ids = [one.moldable_id for one in rows]
    connection.execute(
        text("DELETE FROM gantt_jobs_predictions WHERE moldable_job_id <> ALL(CAST(:ids AS integer[]))"),
        {"ids": ids},
    )
    connection.execute(
        text(
            "INSERT INTO gantt_jobs_predictions (moldable_job_id, start_time, walltime, resources)"
            " SELECT new.moldable_id, new.start_time, new.walltime, CAST(new.resources AS int4multirange)"
            " FROM unnest(CAST(:ids AS integer[]), CAST(:starts AS integer[]), CAST(:walltimes AS integer[]),"
            " CAST(:resources AS text[])) AS new(moldable_id, start_time, walltime, resources)"
            " JOIN moldable_job_descriptions USING (moldable_id)"
            " ON CONFLICT (moldable_job_id) DO UPDATE SET start_time = excluded.start_time,"
            " walltime = excluded.walltime, resources = excluded.resources"
        ),
        {
            "ids": ids,
            "starts": [one.start_time for one in rows],
            "walltimes": [one.walltime_s for one in rows],
            "resources": [format_multirange(one.resources) for one in rows],
        },
    )
