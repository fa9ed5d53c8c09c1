"""Ends a job: stored as Finishing with what is known, then epilogue, cleaning, and the final state.

The events that say how the job ends are recorded together with Finishing, so a server that is killed in
between ends the job the same way when it comes back. They are applied once the nodes are clean.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection

from oar.almighty.means import Means
from oar.almighty.node_programs import clean
from oar.almighty.server_script import run_server_script
from oar.core.events import EventKind, events_of_oarexec_code
from oar.core.job_life import JobSignal
from oar.core.kill_life import KillSignal
from oar.core.messages import Hint, JobReport
from oar.core.states import JobState, KillState
from oar.db.consequences import apply_event
from oar.db.engine import database_now
from oar.db.events import has_event, record
from oar.db.kills import SERVER, ask_kill, exterminated
from oar.db.launch import JobOnNodes, read_job, read_kill
from oar.db.moves import JobValues, lock_resources, move_job, move_kill
from oar.db.watch import pending_of, read_state

log = logging.getLogger(__name__)

KILLED_BY_OAREXEC = frozenset({3, 4})
"""Exit codes of oarexec that mean: I ended the job because I was told to."""


@dataclass(frozen=True, slots=True)
class Incident:
    """An event that is still to be recorded."""

    kind: EventKind
    description: str
    nodes: tuple[str, ...] = ()


def begin_end(
    connection: Connection,
    job_id: int,
    incidents: Sequence[Incident],
    *,
    exit_code: int | None = None,
    message: str = "",
) -> bool:
    """Bring a job into Finishing and record why; False when it is not on its nodes (any more).

    True, with nothing recorded, for a job that is Finishing: it may have been this very call that brought it
    there, and lost the answer to its commit. Completing an end may be repeated.
    """
    now = database_now(connection)
    values: JobValues = {}
    if exit_code is not None:
        values["exit_code"] = exit_code
    if message:
        values["message"] = message
    if move_job(connection, job_id, JobSignal.FINISH, now=now, **values) is None:
        return read_state(connection, job_id) is JobState.FINISHING
    _record(connection, job_id, incidents, now)
    return True


def begin_reported_end(connection: Connection, report: JobReport) -> bool:
    """Bring a job into Finishing as its oarexec reports it; False when that was done before."""
    kinds = events_of_oarexec_code(report.oarexec_code)
    description = f"oarexec of job {report.job_id} ended with {report.oarexec_code}"
    message = ""
    if report.oarexec_code in KILLED_BY_OAREXEC:
        message = _why_killed(connection, report.job_id)
    return begin_end(
        connection,
        report.job_id,
        [Incident(kind, description) for kind in kinds],
        exit_code=report.script_status,
        message=message,
    )


def _why_killed(connection: Connection, job_id: int) -> str:
    if read_kill(connection, job_id) is None:
        return "Job lost: oarexec, or its node, died while the job ran"
    if has_event(connection, job_id, EventKind.WALLTIME):
        return "Job killed: its walltime was over"
    return "Job killed on request"


async def take_report(means: Means, report: JobReport) -> bool:
    """Store the end that oarexec reports; False when there is nothing left to do about it."""
    begun = await means.database.run(partial(begin_reported_end, report=report))
    if begun:
        log.info(
            "job %d: ended with oarexec code %d, status %s",
            report.job_id,
            report.oarexec_code,
            report.script_status,
        )
    else:
        log.info("job %d: its end was reported again, nothing to do", report.job_id)
    return begun


async def complete_end(means: Means, job_id: int, *, silent: frozenset[str] = frozenset()) -> None:
    """Bring a job from Finishing to its final state; may be repeated.

    A job that is final already only has its nodes cleaned. Nodes in ``silent`` are known not to answer.
    """
    job = await means.database.run(partial(read_job, job_id=job_id))
    if job is None or not (job.state is JobState.FINISHING or job.state.is_final):
        return
    incidents = []
    if job.state is JobState.FINISHING:
        incidents += await _run_epilogue(means, job)
    incidents += await _clean_all(means, job, silent)
    settled = await means.database.run(
        partial(_settle, job_id=job_id, incidents=incidents, with_cgroups=means.has_cgroups)
    )
    log.info("job %d: %s", job_id, settled)
    means.hear(Hint.JOB_ENDED)
    means.hear(Hint.KILL_ASKED)


async def _run_epilogue(means: Means, job: JobOnNodes) -> list[Incident]:
    nodes = means.settings.nodes
    trouble = await run_server_script(
        nodes.server_epilogue,
        job.job_id,
        nodes.server_prologue_timeout_s,
        EventKind.SERVER_EPILOGUE_EXIT_CODE_ERROR,
        EventKind.SERVER_EPILOGUE_TIMEOUT,
    )
    return [] if trouble is None else [Incident(*trouble)]


async def _clean_all(means: Means, job: JobOnNodes, silent: frozenset[str]) -> list[Incident]:
    bad = await clean(means, job, [node for node in job.nodes if node not in silent])
    if not bad:
        return []
    names = tuple(answer.node for answer in bad)
    log.warning("job %d: cannot clean %s", job.job_id, ", ".join(names))
    description = f"cannot clean job {job.job_id} on {', '.join(names)}"
    return [Incident(EventKind.CPUSET_CLEAN_ERROR, description, names)]


def _settle(
    connection: Connection, job_id: int, incidents: Sequence[Incident], with_cgroups: bool
) -> JobState | None:
    """Record what the cleaning showed, apply all that is known about the end, and say the final state."""
    now = database_now(connection)
    kill = read_kill(connection, job_id)
    events = pending_of(connection, job_id)
    if incidents or len(events) > 1 or kill is KillState.TO_EXTERMINATE:
        # All in one step: a node that could not be cleaned must not be free and usable in between.
        lock_resources(connection)
        if kill is KillState.TO_EXTERMINATE:
            exterminated(connection, job_id, now)
        _record(connection, job_id, incidents, now)
        events = pending_of(connection, job_id)
    for event in events:
        applied = apply_event(connection, event, now, with_cgroups=with_cgroups)
        for other in applied.nodes.jobs_to_kill:
            ask_kill(connection, other, SERVER, now)
    if read_state(connection, job_id) is JobState.FINISHING:
        # No event ended it: an incident that spares reservations, or a Finishing that is not our work.
        move_job(connection, job_id, JobSignal.FAIL, now=now)
    if kill is not None:
        move_kill(connection, job_id, KillSignal.JOB_ENDED)
    return read_state(connection, job_id)


def _record(connection: Connection, job_id: int, incidents: Sequence[Incident], now: int) -> None:
    for incident in incidents:
        record(
            connection,
            incident.kind,
            job_id=job_id,
            description=incident.description,
            nodes=incident.nodes,
            now=now,
        )
