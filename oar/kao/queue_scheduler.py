"""Plans one queue on the database: reads, decides, and writes in one transaction."""

import logging
from dataclasses import replace

from sqlalchemy import Connection, Engine

from oar.core.job import Assignment
from oar.core.job_life import JobSignal
from oar.core.states import JobState
from oar.db.engine import database_now
from oar.db.locks import lock_resources
from oar.db.moves import move_job
from oar.db.planning import read_jobs_in, write_texts
from oar.db.queues import UnknownQueue
from oar.errors import OarError
from oar.kao.apply import write_changes
from oar.kao.load import Kept, load_world
from oar.kao.metascheduler import FlawedPlan, rules_of
from oar.kao.queue_plan import QueuePlan, plan_queue
from oar.settings import SchedulerSettings

log = logging.getLogger(__name__)


class QueueNotActive(OarError):
    """The queue's waiting jobs are to be left alone."""

    def __init__(self, name: str) -> None:
        super().__init__(f"queue {name} is not active; oarqueue -e {name} makes it so")
        self.name = name


def schedule_queue(
    engine: Engine, reader: Engine, settings: SchedulerSettings, name: str, now: int | None = None
) -> tuple[Assignment, ...]:
    """Plan the waiting jobs of the queue, as of ``now`` or the database's clock; give those that can start.

    Raises UnknownQueue, QueueNotActive, FlawedPlan, and what the database raises; then nothing was written.
    """
    world = load_world(engine, reader, settings.resource_order, Kept(), (JobState.TO_ACK_RESERVATION,))
    world = world if now is None else replace(world, now=now)
    queue = next((one for one in world.queues if one.name == name), None)
    if queue is None:
        raise UnknownQueue(name)
    if not queue.active:
        raise QueueNotActive(name)
    rules = rules_of(settings)
    decided = plan_queue(
        world, queue, rules, most_jobs=settings.jobs_per_round, check_plan=settings.check_plans
    )
    if decided.flaws:
        raise FlawedPlan(decided.flaws)
    with engine.begin() as connection:
        ready = _write(connection, decided)
    log.info(
        "queue %s: %d placed, %d to start now, %d refused",
        name,
        len(decided.after),
        len(ready),
        len(decided.refused),
    )
    return ready


def _write(connection: Connection, decided: QueuePlan) -> tuple[Assignment, ...]:
    """Write what changed; give the jobs to start now, without those that were held or killed meanwhile."""
    lock_resources(connection)
    now = database_now(connection)  # not the date of the plan: OAR 2 gives one that lies ahead
    for job_id, message in sorted(decided.refused.items()):
        if move_job(connection, job_id, JobSignal.REFUSE, now=now, message=message):
            log.info("job %d: refused, %s", job_id, message)
    write_changes(connection, decided.before, decided.after)
    write_texts(connection, decided.told)
    waiting = set(read_jobs_in(connection, JobState.WAITING))
    return tuple(one for one in decided.ready if one.job_id in waiting)
