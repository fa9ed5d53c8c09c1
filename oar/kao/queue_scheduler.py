"""Plans one queue on the database: reads, decides, and writes in one transaction."""

import logging
from dataclasses import replace

from sqlalchemy import Connection

from oar.core.job import Assignment
from oar.core.states import JobState
from oar.db.engine import database_now
from oar.db.planning import read_jobs_in
from oar.db.queues import UnknownQueue
from oar.errors import OarError
from oar.kao.apply import write_outcomes
from oar.kao.metascheduler import Metascheduler
from oar.kao.model import Decisions, World
from oar.kao.queue_world import world_of_queue
from oar.kao.tokens import wanted_tokens

log = logging.getLogger(__name__)


class QueueNotActive(OarError):
    """The queue's waiting jobs are to be left alone."""

    def __init__(self, name: str) -> None:
        super().__init__(f"queue {name} is not active; oarqueue -e {name} makes it so")
        self.name = name


def schedule_queue(scheduler: Metascheduler, name: str, now: int | None = None) -> tuple[Assignment, ...]:
    """Plan the waiting jobs of the queue, as of ``now`` or the database's clock; give those that can start.

    Raises UnknownQueue, QueueNotActive, FlawedPlan, and what the database raises; then nothing was written.
    """
    world, orders = scheduler.look((JobState.TO_ACK_RESERVATION,))
    world = world if now is None else replace(world, now=now)
    queue = next((one for one in world.queues if one.name == name), None)
    if queue is None:
        raise UnknownQueue(name)
    if not queue.active:
        raise QueueNotActive(name)
    world = world_of_queue(world, queue)
    world = replace(world, tokens=scheduler.tokens(wanted_tokens(world, of_foreign_queues=True)))
    decisions = scheduler.decide(world, orders)
    with scheduler.engine.begin() as connection:
        ready = _write(connection, world, decisions)
    log.info(
        "queue %s: %d placed, %d to start now, %d refused",
        name,
        len(decisions.plan),
        len(ready),
        len(decisions.refused),
    )
    return ready


def _write(connection: Connection, world: World, decisions: Decisions) -> tuple[Assignment, ...]:
    """Write what changed; give the jobs that can start now, without those that were held or killed meanwhile.

    Nothing is dated ``world.now``, which lies ahead when OAR 2 calls.
    """
    write_outcomes(connection, world, decisions, decisions.plan, database_now(connection))
    waiting = set(read_jobs_in(connection, JobState.WAITING))
    return tuple(one for one in decisions.launches if one.job_id in waiting)
