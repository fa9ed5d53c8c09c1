"""Tells the oarsubs that wait what a round decided: OAR 2's server leaves that to its metascheduler."""

import logging

from sqlalchemy import Engine

from oar.core.client_lines import Client, lines_for
from oar.core.events import EventKind
from oar.core.states import JobState
from oar.db.clients import end_without_client, grant_told, read_clients, refusal_told
from oar.db.engine import database_now
from oar.kao.oar2.lines import say_all

log = logging.getLogger(__name__)


def tell_clients(engine: Engine) -> bool:
    """Tell every client what there is to tell, and do what follows; true when jobs are to be ended for it.

    A job in Hold has nothing to say that is new.
    """
    with engine.begin() as connection:
        clients, now = read_clients(connection), database_now(connection)
    lost = [_tell(engine, client, now) for client in clients if client.state is not JobState.HOLD]
    return any(lost)


def _tell(engine: Engine, client: Client, now: int) -> bool:
    reached = client.address is None or say_all(client.address, lines_for(client, now))
    job_id = client.job_id
    with engine.begin() as connection:
        now = database_now(connection)
        if client.state is JobState.TO_ERROR:
            refusal_told(connection, job_id, now)
        elif client.state is JobState.TO_ACK_RESERVATION and reached:
            grant_told(connection, job_id, now)
        elif not reached and client.state in (JobState.TO_ACK_RESERVATION, JobState.WAITING):
            words = f"nobody answers at {client.address}, where the oarsub of job {job_id} should wait"
            kind = EventKind.CANNOT_NOTIFY_OARSUB
            log.warning("job %d: %s", job_id, words)
            return end_without_client(connection, job_id, {client.state}, kind, description=words, now=now)
    return False
