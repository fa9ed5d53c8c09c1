"""Suspends a job that runs, and lets it go on: the processes on its nodes, the site's programs, the states.

The event that asks for it stays pending until all is done, so that a server that is killed in between does it
again at its next start. Freezing what is frozen, and thawing what goes on, changes nothing.
"""

import logging
from collections.abc import Sequence
from functools import partial

from sqlalchemy import Connection

from oar.almighty.begin_end import Incident, record_all
from oar.almighty.means import Means
from oar.almighty.node_programs import describe, freeze, thaw
from oar.almighty.server_script import run_server_script
from oar.core.events import EventKind
from oar.core.job_life import JobSignal
from oar.core.messages import Hint
from oar.core.states import JobState
from oar.db.engine import database_now
from oar.db.kills import SERVER, ask_kill
from oar.db.launch import JobOnNodes, read_job
from oar.db.moves import move_job
from oar.db.resumptions import close_orders, has_open
from oar.db.watch import read_state
from oar.errors import ConfigurationError
from oar.remote.runner import Answer

log = logging.getLogger(__name__)

LIVES = frozenset({JobState.RUNNING, JobState.SUSPENDED, JobState.RESUMING})
"""States of a job that nobody has begun to end."""


async def suspend(means: Means, job_id: int) -> None:
    """Stop the processes of a job, and tell the site."""
    job = await means.database.run(partial(read_job, job_id=job_id))
    if job is None or not _may_be_suspended(job):
        await _close(means, job_id, EventKind.HOLD_RUNNING_JOB)
        return
    log.info("job %d: suspending on %s", job_id, ", ".join(job.nodes))
    try:
        bad = await freeze(means, job)
    except ConfigurationError as error:
        incident = Incident(EventKind.SUSPEND_RESUME_MANAGER_FILE, str(error))
        await means.database.run(partial(_not_suspended, job_id=job_id, incident=incident))
        log.error("job %d: not suspended: %s", job_id, error)
        return
    if bad:
        incident = _bad_nodes(EventKind.SUSPEND_ERROR, "suspend", job, bad)
        await _give_up(means, job_id, EventKind.HOLD_RUNNING_JOB, incident)
        return
    if not await means.database.run(partial(_enter_suspended, job_id=job_id)):
        log.info("job %d: ended while it was being suspended", job_id)
        await _close(means, job_id, EventKind.HOLD_RUNNING_JOB)
        return
    log.info("job %d: suspended", job_id)
    means.hear(Hint.SCHEDULE)
    await _after_suspend(means, job_id)


async def resume(means: Means, job_id: int) -> None:
    """Tell the site, and let the processes of a job go on."""
    job = await means.database.run(partial(_read_granted, job_id=job_id))
    if job is None:
        await _close(means, job_id, EventKind.RESUME_GRANTED)
        return
    kind = EventKind.RESUME_SCRIPT_ERROR
    trouble = await _run_script(means, means.settings.suspend.before_resume, job_id, kind)
    if trouble is not None:
        await _give_up(means, job_id, EventKind.RESUME_GRANTED, trouble)
        return
    log.info("job %d: resuming on %s", job_id, ", ".join(job.nodes))
    try:
        bad = await thaw(means, job)
    except ConfigurationError as error:
        incident = Incident(EventKind.SUSPEND_RESUME_MANAGER_FILE, str(error))
        await means.database.run(partial(_not_resumed, job_id=job_id, incident=incident))
        log.error("job %d: not resumed, it stays suspended: %s", job_id, error)
        return
    if bad:
        incident = _bad_nodes(EventKind.RESUME_ERROR, "resume", job, bad)
        await _give_up(means, job_id, EventKind.RESUME_GRANTED, incident)
        return
    await means.database.run(partial(_enter_running, job_id=job_id))
    log.info("job %d: goes on", job_id)
    means.hear(Hint.SCHEDULE)


def _may_be_suspended(job: JobOnNodes) -> bool:
    is_there = job.state in (JobState.RUNNING, JobState.SUSPENDED) and job.works_on_nodes
    return is_there and not job.kill_is_open


def _enter_suspended(connection: Connection, job_id: int) -> bool:
    moved = move_job(connection, job_id, JobSignal.SUSPEND, now=database_now(connection))
    # It may have been suspended before the server was killed, or by us, when the answer to a commit was lost.
    return moved is not None or read_state(connection, job_id) is JobState.SUSPENDED


async def _after_suspend(means: Means, job_id: int) -> None:
    kind = EventKind.SUSPEND_SCRIPT_ERROR
    trouble = await _run_script(means, means.settings.suspend.after_suspend, job_id, kind)
    if trouble is None:
        await _close(means, job_id, EventKind.HOLD_RUNNING_JOB)
        return
    log.error("job %d: %s; it is resumed", job_id, trouble.description)
    await means.database.run(partial(_take_back, job_id=job_id, incident=trouble))
    means.hear(Hint.RESUMED)


async def _run_script(means: Means, file: str, job_id: int, kind: EventKind) -> Incident | None:
    timeout_s = means.settings.suspend.script_timeout_s
    trouble = await run_server_script(file, job_id, timeout_s, kind, kind)
    return None if trouble is None else Incident(*trouble)


async def _give_up(means: Means, job_id: int, order: EventKind, incident: Incident) -> None:
    """End a job that can neither stay as it is nor become what it should be, unless it is ending already."""
    if not await means.database.run(partial(_kill, job_id=job_id, order=order, incident=incident)):
        log.info("job %d: %s; it is being ended anyway", job_id, incident.description)
        return
    log.error("job %d: %s; it is killed", job_id, incident.description)
    means.hear(Hint.KILL_ASKED)
    means.hear(Hint.STATE_CHANGED)


def _bad_nodes(kind: EventKind, word: str, job: JobOnNodes, bad: Sequence[Answer]) -> Incident:
    told = ", ".join(f"{answer.node} ({describe(answer)})" for answer in bad)
    names = tuple(answer.node for answer in bad)
    return Incident(kind, f"cannot {word} job {job.job_id} on {told}", names)


async def _close(means: Means, job_id: int, kind: EventKind) -> None:
    await means.database.run(partial(close_orders, job_id=job_id, kind=kind))


def _read_granted(connection: Connection, job_id: int) -> JobOnNodes | None:
    """Give a job that waits to go on and has leave to; None for any other."""
    job = read_job(connection, job_id)
    if job is None or job.state is not JobState.RESUMING or job.kill_is_open:
        return None
    return job if has_open(connection, job_id, EventKind.RESUME_GRANTED) else None


def _enter_running(connection: Connection, job_id: int) -> None:
    close_orders(connection, job_id, EventKind.RESUME_GRANTED)
    move_job(connection, job_id, JobSignal.RESUMED, now=database_now(connection))


def _kill(connection: Connection, job_id: int, order: EventKind, incident: Incident) -> bool:
    """Record what went wrong and ask for the end of the job; False for one that ends: nobody is to blame."""
    now = database_now(connection)
    close_orders(connection, job_id, order)
    job = read_job(connection, job_id)
    if job is None or job.kill_is_open or job.state not in LIVES:
        return False
    record_all(connection, job_id, [incident], now)
    ask_kill(connection, job_id, SERVER, now)
    return True


def _not_suspended(connection: Connection, job_id: int, incident: Incident) -> None:
    close_orders(connection, job_id, EventKind.HOLD_RUNNING_JOB)
    record_all(connection, job_id, [incident], database_now(connection))


def _not_resumed(connection: Connection, job_id: int, incident: Incident) -> None:
    now = database_now(connection)
    close_orders(connection, job_id, EventKind.RESUME_GRANTED)
    move_job(connection, job_id, JobSignal.HOLD, now=now)
    record_all(connection, job_id, [incident], now)


def _take_back(connection: Connection, job_id: int, incident: Incident) -> None:
    now = database_now(connection)
    close_orders(connection, job_id, EventKind.HOLD_RUNNING_JOB)
    move_job(connection, job_id, JobSignal.RESUME, now=now)
    record_all(connection, job_id, [incident], now)
