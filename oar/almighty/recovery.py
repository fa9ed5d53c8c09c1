"""What a server that just started does again: whatever was under way when the last one ended."""

import logging

from sqlalchemy import Connection

from oar.almighty.job_queues import ActionKind, JobAction
from oar.almighty.leon import Leon
from oar.almighty.means import Means
from oar.core.states import JobState
from oar.db.engine import database_now
from oar.db.watch import InState, find_in_passage, find_running
from oar.remote.programs import NodeSignal

log = logging.getLogger(__name__)

ACTIONS = {
    JobState.TO_LAUNCH: ActionKind.LAUNCH,
    JobState.LAUNCHING: ActionKind.LAUNCH,
    JobState.FINISHING: ActionKind.END,
}


async def recover(means: Means, leon: Leon) -> None:
    """Queue what was interrupted, and ask each running job's oarexec for a report that found no server.

    Open kills need nothing here: the first look at the times finds them, and no signal counts as sent.
    """
    jobs, running = await means.database.run(_read)
    for job in jobs:
        log.info("job %d: found in %s, acting on it again", job.job_id, job.state)
        means.act(JobAction(job.job_id, ACTIONS[job.state]))
    for job_id in running:
        leon.signal(job_id, NodeSignal.REPORT_NOW)


def _read(connection: Connection) -> tuple[list[InState], list[int]]:
    return find_in_passage(connection, database_now(connection)), find_running(connection)
