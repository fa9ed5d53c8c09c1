"""Completes the end of a job that is Finishing: epilogue, cleaning, and the final state."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection

from oar.almighty.begin_end import Incident, record_all
from oar.almighty.means import Means
from oar.almighty.node_programs import clean, describe
from oar.almighty.nodes_ready import silent_nodes
from oar.almighty.server_script import run_server_script
from oar.core.events import EventKind
from oar.core.job_life import JobSignal
from oar.core.kill_life import KillSignal
from oar.core.messages import Hint
from oar.core.states import JobState, KillState, NodeState
from oar.db.consequences import apply_event
from oar.db.engine import database_now
from oar.db.kills import SERVER, ask_kill, exterminated
from oar.db.launch import JobOnNodes, read_job, read_kill
from oar.db.locks import lock_resources
from oar.db.moves import move_job, move_kill
from oar.db.node_moves import NodeChange
from oar.db.watch import pending_of, read_state

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of a job that was ended, of nodes that are suspected, of queues that an event stops."""

    state: JobState | None
    suspected: tuple[NodeChange, ...] = ()
    stopped_queues: tuple[str, ...] = ()


async def complete_end(means: Means, job_id: int, *, silent: frozenset[str] = frozenset()) -> None:
    """Bring a job from Finishing to its final state; may be repeated.

    A job that is final already only has its nodes cleaned. Nodes in ``silent`` are known not to answer.
    """
    job = await means.database.run(partial(read_job, job_id=job_id))
    if job is None or not (job.state is JobState.FINISHING or job.state.is_final):
        return
    incidents = []
    if job.state is JobState.FINISHING or job.is_noop:
        incidents += await _run_epilogue(means, job)
    incidents += await _clean_all(means, job, silent)
    if job.state is JobState.FINISHING and means.settings.checks.at_job_end and job.works_on_nodes:
        incidents += await _check_nodes(means, job)
    settled = await means.database.run(
        partial(_settle, job_id=job_id, incidents=incidents, with_cgroups=means.has_cgroups)
    )
    _tell(job, settled)
    means.hear(Hint.JOB_ENDED)
    means.hear(Hint.KILL_ASKED)


def _tell(job: JobOnNodes, settled: Settled) -> None:
    if settled.state is not job.state:
        log.info("job %d: %s", job.job_id, settled.state)
    for node in sorted({change.node for change in settled.suspected}):
        words = "job %d: %s is Suspected now; look at it, then: oarnodesetting -s Alive -h %s"
        log.warning(words, job.job_id, node, node)
    for kind in settled.stopped_queues:
        log.error("job %d: %s stops all queues; enable them with oarnotify -e", job.job_id, kind)


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
    told = ", ".join(f"{answer.node} ({describe(answer)})" for answer in bad)
    log.warning("job %d: cannot clean %s", job.job_id, told)
    names = tuple(answer.node for answer in bad)
    return [Incident(EventKind.CPUSET_CLEAN_ERROR, f"cannot clean job {job.job_id} on {told}", names)]


async def _check_nodes(means: Means, job: JobOnNodes) -> list[Incident]:
    silent = await silent_nodes(means, job.nodes)
    if not silent:
        return []
    told = ", ".join(f"{node} ({why})" for node, why in silent.items())
    words = f"after job {job.job_id}: no answer to the check from {told}"
    return [Incident(EventKind.PING_CHECKER_NODE_SUSPECTED_END_JOB, words, tuple(silent))]


def _settle(
    connection: Connection, job_id: int, incidents: Sequence[Incident], with_cgroups: bool
) -> Settled:
    """Record what the cleaning showed, and apply all that is known about the end."""
    now = database_now(connection)
    kill = read_kill(connection, job_id)
    events = pending_of(connection, job_id)
    if incidents or len(events) > 1 or kill is KillState.TO_EXTERMINATE:
        # All in one step: a node that could not be cleaned must not be free and usable in between.
        lock_resources(connection)
        if kill is KillState.TO_EXTERMINATE:
            exterminated(connection, job_id, now)
        record_all(connection, job_id, incidents, now)
        events = pending_of(connection, job_id)
    done = [apply_event(connection, event, now, with_cgroups=with_cgroups) for event in events]
    for applied in done:
        for other in applied.nodes.jobs_to_kill:
            ask_kill(connection, other, SERVER, now)
    if read_state(connection, job_id) is JobState.FINISHING:
        # No event ended it: an incident that spares reservations, or a Finishing that is not our work.
        move_job(connection, job_id, JobSignal.FAIL, now=now)
    if kill is not None:
        move_kill(connection, job_id, KillSignal.JOB_ENDED)
    return Settled(
        read_state(connection, job_id),
        tuple(change for applied in done for change in applied.nodes.of_state(NodeState.SUSPECTED)),
        tuple(applied.event.kind for applied in done if applied.queues_stopped),
    )
