"""Has besteffort jobs make room: told to save their work, or killed."""

import logging

from sqlalchemy import Connection

from oar.core.events import EventKind
from oar.core.job import JobId
from oar.db.events import record_for_jobs
from oar.db.kills import SERVER, ask_kills, jobs_asked_to_end
from oar.db.signals import order_checkpoints
from oar.kao.evict import Evictions

log = logging.getLogger(__name__)


def make_room(connection: Connection, leaving: Evictions, now: int) -> frozenset[JobId]:
    """Order the signals and ask for the kills; say for which jobs that is new, and so for the server to do.

    A job that somebody has asked to kill leaves anyway.
    """
    asked = jobs_asked_to_end(connection, (*leaving.kills, *leaving.checkpoints))
    told: dict[int, str] = {one: _why(leaving, one) for one in leaving.checkpoints if one not in asked}
    order_checkpoints(connection, told, now)
    killed = ask_kills(connection, [one for one in leaving.kills if one not in asked], SERVER, now)
    late: dict[int, str] = {
        one: "has not ended in its checkpoint seconds" for one in leaving.late if one in killed
    }
    record_for_jobs(connection, EventKind.CHECKPOINT_TIMEOUT, late, now=now)
    words: dict[int, str] = {one: _why(leaving, one) for one in leaving.kills if one in killed}
    record_for_jobs(connection, EventKind.BESTEFFORT_KILL, words, now=now)
    for job_id, why in told.items():
        log.info("job %d: besteffort, told to save its work, %s", job_id, why)
    for job_id, why in words.items():
        log.info("job %d: besteffort, killed, %s", job_id, why)
    return frozenset(JobId(one) for one in (*told, *killed))


def _why(leaving: Evictions, job_id: JobId) -> str:
    return f"room for job {leaving.room_for[job_id]}"
