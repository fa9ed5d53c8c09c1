"""Begins the end of a job: stored as Finishing, with all that is known about it.

The events that say how the job ends are recorded together with Finishing, so a server that is killed in
between ends the job the same way when it comes back. They are applied once the nodes are clean.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection

from oar.almighty.means import Means
from oar.core.events import CONSEQUENCES, Event, EventKind, events_of_oarexec_code, is_order
from oar.core.job_life import JobSignal
from oar.core.messages import JobReport
from oar.core.states import JobState, ReservationState
from oar.db.engine import database_now
from oar.db.events import has_event, record
from oar.db.launch import read_job, read_kill
from oar.db.moves import JobValues, move_job
from oar.db.watch import read_state
from oar.settings import FrontendSettings

log = logging.getLogger(__name__)

LARGEST_STATUS = 0xFFFF
REASONS = {
    7: "{node} does not let oar become {user}: no such account there, or no sudo rule",
    10: "cannot enter the working directory {directory} on {node}",
    20: "cannot open the output files {stdout} and {stderr} in {directory} on {node}",
}
"""Why oarexec could not run a command, by its exit code; told to the user and kept with the event."""
EPILOGUE_FAILED_TOO = {12: 10, 22: 20}
ENDS = frozenset({JobSignal.FAIL, JobSignal.TERMINATE})
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
    record_all(connection, job_id, incidents, now)
    return True


def begin_reported_end(
    connection: Connection, report: JobReport, frontends: FrontendSettings | None = None
) -> bool:
    """Bring a job into Finishing as its oarexec reports it; False when that was done before."""
    kinds = events_of_oarexec_code(report.oarexec_code)
    description = f"oarexec of job {report.job_id} ended with {report.oarexec_code}"
    message = _why_not_run(connection, report, frontends or FrontendSettings())
    if message:
        description = f"{description}: {message}"
    elif report.oarexec_code in KILLED_BY_OAREXEC:
        message = _why_killed(connection, report.job_id)
    return begin_end(
        connection,
        report.job_id,
        [Incident(kind, description) for kind in kinds],
        exit_code=report.script_status if is_wait_status(report.script_status) else None,
        message=message,
    )


def begin_condemned_end(connection: Connection, event: Event) -> bool:
    """Bring a job that an event condemns into Finishing; False when it is not on its nodes, or is spared.

    The event stays, to be applied when the nodes are clean: a server that is killed before that cleans them.
    """
    consequence = CONSEQUENCES.get(EventKind(event.kind)) if is_order(event.kind) else None
    if consequence is None or consequence.job_signal not in ENDS:
        return False
    job = read_job(connection, event.job_id)
    if job is None or job.is_noop or job.state is JobState.FINISHING:
        return False
    if consequence.spares_reservations and job.reservation != ReservationState.NONE:
        return False
    return begin_end(connection, event.job_id, [])


def _why_not_run(connection: Connection, report: JobReport, frontends: FrontendSettings) -> str:
    """Say in words why the command could not be run, "" when it was."""
    code = EPILOGUE_FAILED_TOO.get(report.oarexec_code, report.oarexec_code)
    job = read_job(connection, report.job_id) if code in REASONS else None
    if job is None:
        return ""
    return REASONS[code].format(
        node=job.host(frontends),
        user=job.user,
        directory=job.launching_directory,
        stdout=job.stdout_file,
        stderr=job.stderr_file,
    )


def _why_killed(connection: Connection, job_id: int) -> str:
    if read_kill(connection, job_id) is None:
        return "Job lost: oarexec, or its node, died while the job ran"
    if has_event(connection, job_id, EventKind.WALLTIME):
        return "Job killed: its walltime was over"
    return "Job killed on request"


async def take_report(means: Means, report: JobReport) -> bool:
    """Store the end that oarexec reports; False when there is nothing left to do about it."""
    frontends = means.settings.frontends
    begun = await means.database.run(partial(begin_reported_end, report=report, frontends=frontends))
    if begun:
        told = describe_status(report.script_status)
        log.info("job %d: ended, %s (oarexec code %d)", report.job_id, told, report.oarexec_code)
    else:
        log.info("job %d: its end was reported again, nothing to do", report.job_id)
    return begun


def is_wait_status(status: int | None) -> bool:
    """Tell whether a number can be what a process ended with; a site's own oarexec may say anything."""
    return status is not None and 0 <= status <= LARGEST_STATUS


def describe_status(status: int | None) -> str:
    """Say in words how a command ended; ``status`` is a raw wait status."""
    if status is None or not is_wait_status(status):
        return "no exit code"
    return f"killed by signal {status & 127}" if status & 127 else f"exit code {status >> 8}"


def record_all(connection: Connection, job_id: int, incidents: Sequence[Incident], now: int) -> None:
    """Record what happened to a job."""
    for incident in incidents:
        record(
            connection,
            incident.kind,
            job_id=job_id,
            description=incident.description,
            nodes=incident.nodes,
            now=now,
        )
