"""Makes the nodes of a job ready, and asks them as the site wants; a reservation goes on with those left."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from sqlalchemy import Connection

from oar.almighty.begin_end import Incident, record_all
from oar.almighty.finaud.methods import NoVerdict
from oar.almighty.finaud.probe import Prober
from oar.almighty.means import Means
from oar.almighty.node_programs import clean, describe, is_silent, prepare
from oar.core.events import EventKind
from oar.core.messages import Hint
from oar.core.states import ReservationState
from oar.db.engine import database_now
from oar.db.launch import JobOnNodes, read_job
from oar.db.lost_nodes import lose_nodes

log = logging.getLogger(__name__)

NODES_BAD = "One or several nodes are not responding correctly"


@dataclass(frozen=True, slots=True)
class Unready:
    """Why a job cannot start; ``silent`` nodes do not answer at all."""

    incidents: tuple[Incident, ...]
    message: str
    silent: frozenset[str] = frozenset()

    @property
    def nodes(self) -> frozenset[str]:
        """The nodes that are at fault."""
        return frozenset(node for incident in self.incidents for node in incident.nodes)


async def make_nodes_ready(means: Means, job: JobOnNodes) -> JobOnNodes | Unready:
    """Prepare all nodes of a job; returns the job as it goes on, or why it cannot.

    A reservation is made ready again without the nodes that failed, as long as any is left.
    """
    while True:
        trouble = await _find_trouble(means, job)
        if trouble is None or job.reservation == ReservationState.NONE:
            return trouble or job
        if trouble.nodes.issuperset(job.nodes):
            none_left = Incident(EventKind.RESERVATION_NO_NODE, f"job {job.job_id}: no node of it is left")
            return replace(trouble, incidents=(*trouble.incidents, none_left))
        log.warning("job %d: the reservation starts without %s", job.job_id, ", ".join(sorted(trouble.nodes)))
        await clean(means, job, sorted(trouble.nodes - trouble.silent))
        left = await means.database.run(partial(_go_on_without, job_id=job.job_id, trouble=trouble))
        means.hear(Hint.STATE_CHANGED)
        if left is None:
            return trouble
        job = left


async def silent_nodes(means: Means, nodes: Sequence[str]) -> dict[str, str]:
    """Ask nodes whether they answer; a check that fails itself finds none that does not."""
    try:
        return dict(await Prober(means.remote, means.settings).find_silent(nodes))
    except NoVerdict as error:
        log.error("node check: nothing was found out: %s", error)
        return {}


async def _find_trouble(means: Means, job: JobOnNodes) -> Unready | None:
    bad = await prepare(means, job)
    if bad:
        silent = frozenset(answer.node for answer in bad if is_silent(answer))
        return _unready(job, EventKind.CPUSET_ERROR, {one.node: describe(one) for one in bad}, silent)
    if not (job.works_on_nodes and Prober(means.remote, means.settings).method.is_of_site):
        return None  # what prepared the nodes has reached them by ssh
    silent_ones = await silent_nodes(means, job.nodes)
    if not silent_ones:
        return None
    return _unready(job, EventKind.PING_CHECKER_NODE_SUSPECTED, silent_ones, frozenset())


def _unready(job: JobOnNodes, kind: EventKind, words: dict[str, str], silent: frozenset[str]) -> Unready:
    told = ", ".join(f"{node} ({why})" for node, why in words.items())
    log.warning("job %d: cannot prepare %s", job.job_id, told)
    incident = Incident(kind, f"cannot prepare job {job.job_id} on {told}", tuple(words))
    return Unready((incident,), f"{NODES_BAD}: {told}", silent)


def _go_on_without(connection: Connection, job_id: int, trouble: Unready) -> JobOnNodes | None:
    if not lose_nodes(connection, job_id, trouble.nodes):
        return None
    record_all(connection, job_id, trouble.incidents, database_now(connection))
    return read_job(connection, job_id)
