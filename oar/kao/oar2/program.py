"""One round for OAR 2's server, which goes on after the exit codes 0, 1 and 2, and stops after any other."""

import logging
import os
from enum import IntEnum

from oar.core.client_lines import Address
from oar.core.messages import Hint, LaunchJob
from oar.db.oar2.round import publish_plan
from oar.kao.apply import Applied
from oar.kao.metascheduler import Metascheduler
from oar.kao.oar2.checkpoints import send_checkpoints
from oar.kao.oar2.clients import tell_clients
from oar.kao.oar2.lines import say
from oar.settings import ServerSettings

log = logging.getLogger(__name__)


class RoundExit(IntEnum):
    """How OAR 2's server goes on: it waits, calls again, or ends the jobs of which the end is asked for."""

    DONE = 0
    AGAIN = 1
    JOBS_TO_KILL = 2


def run_for_oar2(scheduler: Metascheduler, server: ServerSettings) -> RoundExit:
    """Run a round, and say to all who wait for it what it decided; raises what a round raises."""
    applied = scheduler.run()
    with scheduler.engine.begin() as connection:
        publish_plan(connection, scheduler.last_date)
    _tell_server(server, applied)
    send_checkpoints(scheduler.engine, applied.leaving, os.environ.get("OARDIR"))
    lost = tell_clients(scheduler.engine)
    if applied.leaving or lost:
        return RoundExit.JOBS_TO_KILL
    return RoundExit.AGAIN if applied.again else RoundExit.DONE


def _tell_server(server: ServerSettings, applied: Applied) -> None:
    """Have jobs launched; a line that does not arrive is said again after the next round."""
    lines = [LaunchJob(job_id).to_line() for job_id in applied.to_launch]
    if applied.leaving:
        lines.append(Hint.STATE_CHANGED)
    address = Address(server.hostname, server.text_port)
    for line in lines:
        if not say(address, line):
            log.error("the server does not take %s at %s", line, address)
