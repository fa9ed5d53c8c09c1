"""Starts one job: prepares its nodes, starts oarexec on the first. Every step may be repeated."""

import logging
from functools import partial

from sqlalchemy import Connection

from oar.almighty.begin_end import Incident, begin_end, take_report
from oar.almighty.clients import WHAT_THE_STATE_SAYS
from oar.almighty.finish import complete_end
from oar.almighty.means import Means
from oar.almighty.node_programs import clean, code_of, describe, is_ready, start_oarexec
from oar.almighty.nodes_ready import Unready, make_nodes_ready
from oar.almighty.server_script import run_server_script
from oar.core.client_lines import (
    FIRST_NODE_FAILED,
    JOB_KILLED,
    NODES_SILENT,
    PROLOGUE_FAILED,
    PROLOGUE_TIMED_OUT,
)
from oar.core.events import EventKind, events_of_oarexec_code
from oar.core.job_life import JobSignal
from oar.core.messages import Hint, JobReport
from oar.core.states import JobState, JobType
from oar.db.engine import database_now
from oar.db.launch import JobOnNodes, find_killed, read_job
from oar.db.moves import move_job
from oar.db.watch import read_state
from oar.errors import ConfigurationError
from oar.remote.runner import Answer

log = logging.getLogger(__name__)

ENDED_BY_KILL = 3
"""oarexec's code for a job that something else than its command has ended."""
KILLED_EARLY = "Job killed while it was being launched"


async def launch(means: Means, job_id: int) -> bool:
    """Bring a job from toLaunch, or from a Launching that was interrupted, to Running.

    True when the job runs and somebody has asked for its end meanwhile: oarexec must be told now.
    """
    job = await means.database.run(partial(_enter_launching, job_id=job_id))
    if job is None:
        log.info("job %d: not to be launched any more", job_id)
        return False
    if job.is_noop:
        log.info("job %d: noop, holds its resources", job_id)
        _let_inner_jobs_start(means, job)
        await _run_prologue(means, job)
        return False
    log.info("job %d: launching on %s", job_id, ", ".join(_places(means, job)))
    _tell_client(means, job)
    try:
        ready = await _make_ready(means, job)
        if ready is None:
            return False
        job = ready
        answer = await start_oarexec(means, job)
    except ConfigurationError as error:
        await _give_up(means, job, _site_file_missing(error), str(error), FIRST_NODE_FAILED)
        return False
    if not is_ready(answer):
        await _not_started(means, job, answer)
        return False
    return await _started(means, job)


async def ask_for_report(means: Means, job_id: int) -> None:
    """Have a running job reported whose oarexec is not alive: its node may still know how the job ended."""
    job = await means.database.run(partial(read_job, job_id=job_id))
    if job is None or job.state is not JobState.RUNNING or job.is_noop:
        return
    host = job.host(means.settings.frontends)
    log.warning("job %d: no oarexec of it is alive on %s", job_id, host)
    if means.settings.nodes.oarexec_file:
        # A site's own program might start the job a second time.
        if await take_report(means, JobReport(job_id, ENDED_BY_KILL, None, "")):
            await complete_end(means, job_id)
        return
    answer = await start_oarexec(means, job, may_start=False)
    if not is_ready(answer):
        why = describe(answer)
        log.warning("job %d: %s cannot tell how the job ended: %s", job_id, host, why)


def _enter_launching(connection: Connection, job_id: int) -> JobOnNodes | None:
    now = database_now(connection)
    moved = move_job(connection, job_id, JobSignal.LAUNCH, now=now)
    job = read_job(connection, job_id)
    if moved is not None and (job is None or not job.resources):
        move_job(connection, job_id, JobSignal.FAIL, now=now, message="Job was given no resource to run on")
        return None
    if job is None or (moved is None and job.state is not JobState.LAUNCHING):
        return None
    if job.is_noop:
        move_job(connection, job_id, JobSignal.START, now=now)
    return job


def _places(means: Means, job: JobOnNodes) -> tuple[str, ...]:
    return job.nodes if job.works_on_nodes else (job.host(means.settings.frontends),)


async def _make_ready(means: Means, job: JobOnNodes) -> JobOnNodes | None:
    """Prepare nodes and server; give the job as it goes on, None when it was ended instead."""
    if job.kill_is_open:
        await _end_killed(means, job)
        return None
    ready = await make_nodes_ready(means, job)
    if isinstance(ready, Unready):
        await _give_up(means, job, [*ready.incidents], ready.message, NODES_SILENT, silent=ready.silent)
        return None
    if not await _run_prologue(means, ready):
        return None
    if await means.database.run_together(find_killed, job.job_id):
        await _end_killed(means, ready)
        return None
    return ready


async def _started(means: Means, job: JobOnNodes) -> bool:
    runs, is_killed = await means.database.run(partial(_enter_running, job_id=job.job_id))
    if not runs:
        log.warning("job %d: ended while it was being launched, cleaning its nodes", job.job_id)
        await clean(means, job, job.nodes)
        return False
    log.info("job %d: running, oarexec is on %s", job.job_id, job.host(means.settings.frontends))
    _let_inner_jobs_start(means, job)
    _tell_client(means, job)
    return is_killed


def _tell_client(means: Means, job: JobOnNodes, line: str = WHAT_THE_STATE_SAYS) -> None:
    """Tell the terminal that waits for an interactive job how its launch stands."""
    if job.mode is JobType.INTERACTIVE:
        means.clients.tell(job.job_id, line)


def _let_inner_jobs_start(means: Means, job: JobOnNodes) -> None:
    """Have a round run: the inner jobs of a container start when it runs."""
    if "container" in job.types:
        means.hear(Hint.SCHEDULE)


def _enter_running(connection: Connection, job_id: int) -> tuple[bool, bool]:
    moved = move_job(connection, job_id, JobSignal.START, now=database_now(connection))
    # Nobody but us starts the job: if it runs, the answer to our own commit was lost.
    runs = moved is not None or read_state(connection, job_id) is JobState.RUNNING
    return runs, find_killed(connection, [job_id])[job_id]


async def _run_prologue(means: Means, job: JobOnNodes) -> bool:
    nodes = means.settings.nodes
    trouble = await run_server_script(
        nodes.server_prologue,
        job.job_id,
        nodes.server_prologue_timeout_s,
        EventKind.SERVER_PROLOGUE_EXIT_CODE_ERROR,
        EventKind.SERVER_PROLOGUE_TIMEOUT,
    )
    if trouble is None:
        return True
    kind, description = trouble
    log.warning("job %d: %s", job.job_id, description)
    line = PROLOGUE_TIMED_OUT if kind is EventKind.SERVER_PROLOGUE_TIMEOUT else PROLOGUE_FAILED
    await _give_up(means, job, [Incident(kind, description)], "Server prologue failed", line)
    return False


async def _not_started(means: Means, job: JobOnNodes, answer: Answer) -> None:
    code = code_of(answer)
    told = f"oarexec did not start on {answer.node}: {describe(answer)}"
    log.warning("job %d: %s (code %d)", job.job_id, told, code)
    incidents = [Incident(kind, f"job {job.job_id}: {told}") for kind in events_of_oarexec_code(code)]
    await _give_up(means, job, incidents, f"Job could not be started: {told}", FIRST_NODE_FAILED)


async def _end_killed(means: Means, job: JobOnNodes) -> None:
    log.info("job %d: killed while it was being launched", job.job_id)
    incident = Incident(EventKind.SWITCH_INTO_ERROR_STATE, KILLED_EARLY)
    await _give_up(means, job, [incident], KILLED_EARLY, JOB_KILLED)


async def _give_up(
    means: Means,
    job: JobOnNodes,
    incidents: list[Incident],
    message: str,
    line: str,
    *,
    silent: frozenset[str] = frozenset(),
) -> None:
    """End a job that cannot be launched; ``line`` is for its terminal, ``silent`` nodes are not cleaned."""
    await means.database.run(partial(begin_end, job_id=job.job_id, incidents=incidents, message=message))
    _tell_client(means, job, line)
    await complete_end(means, job.job_id, silent=silent)
    means.hear(Hint.STATE_CHANGED)


def _site_file_missing(error: ConfigurationError) -> list[Incident]:
    return [
        Incident(EventKind.CPUSET_MANAGER_FILE, str(error)),
        Incident(EventKind.SWITCH_INTO_ERROR_STATE, str(error)),
    ]
