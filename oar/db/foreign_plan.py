"""The plan as the scheduler of a queue finds it that is another program, with the protocol of OAR 2.

It reads and writes rows itself, in ``gantt_jobs_predictions`` and ``gantt_jobs_resources``. So what runs has
rows too while it works; the next writing of a round takes them away.
"""

from collections.abc import Sequence

from sqlalchemy import Connection

from oar.core.job import Assignment
from oar.db.store import store_of


def show_plan(connection: Connection, rows: Sequence[Assignment]) -> None:
    """Let the plan consist of these rows and no others; a few statements, however many there are."""
    store_of(connection).show_plan(connection, rows)
