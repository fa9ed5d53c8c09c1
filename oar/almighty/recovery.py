"""What a server that just started does again: whatever was under way when the last one ended."""

import logging

from sqlalchemy import Connection

from oar.almighty.job_queues import ActionKind, JobAction
from oar.almighty.leon import Leon
from oar.almighty.means import Means
from oar.core.states import JobState, KillState
from oar.db.engine import database_now
from oar.db.kills import open_kills
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

    A kill that was carried out may not have reached its job: it is told again. The first look at the kills
    finds all others.
    """
    jobs, running, told = await means.database.run(_read)
    for job in jobs:
        log.info("job %d: found in %s, acting on it again", job.job_id, job.state)
        means.act(JobAction(job.job_id, ACTIONS[job.state]))
    for job_id in told:
        leon.signal(job_id)
    for job_id in running:
        leon.signal(job_id, NodeSignal.REPORT_NOW)


def _read(connection: Connection) -> tuple[list[InState], list[int], list[int]]:
    told = [kill.job_id for kill in open_kills(connection) if kill.state is KillState.ARMED]
    return find_in_passage(connection, database_now(connection)), find_running(connection), told
