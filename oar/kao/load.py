"""Reads the world for a round: one read transaction, a fixed small number of queries.

What seldom changes between rounds is kept: the platform, as long as no resource and no property changed,
and with it the resources that each condition of a user selects.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field

from procset import ProcSet
from sqlalchemy import Connection, Engine

from oar.core.job import Resource, WaitingJob
from oar.core.states import QueueState
from oar.db.engine import database_now
from oar.db.planning import (
    read_plan,
    read_required_jobs,
    read_running_jobs,
    read_texts,
    read_waiting_jobs,
)
from oar.db.queues import list_queues
from oar.db.resources import BadFilter, load_resources, matching_resources
from oar.kamelot import Platform
from oar.kao.model import QueueView, World

log = logging.getLogger(__name__)


_FILTERS_TO_FORGET = 1000
"""How many conditions that no waiting job has any more may be remembered."""


@dataclass(slots=True)
class Kept:
    """What one round leaves for the next.

    ``filters`` holds while ``resources`` do not change; the platform reads it, so conditions may be added.
    """

    resources: tuple[Resource, ...] = ()
    filters: dict[str, ProcSet] = field(default_factory=dict)
    platform: Platform | None = None


def load_world(engine: Engine, reader: Engine, resource_order: str, kept: Kept) -> World:
    """Read everything a round needs; conditions of users are evaluated with the rights of ``reader``."""
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        now = database_now(connection)
        waiting = read_waiting_jobs(connection)
        return World(
            now=now,
            platform=_platform(connection, reader, resource_order, waiting, kept),
            queues=tuple(
                QueueView(queue.name, queue.priority, queue.state is QueueState.ACTIVE)
                for queue in list_queues(connection)
            ),
            running=read_running_jobs(connection),
            waiting=waiting,
            required=read_required_jobs(connection),
            plan=read_plan(connection),
            told=read_texts(connection),
        )


def _platform(
    connection: Connection, reader: Engine, order: str, waiting: Iterable[WaitingJob], kept: Kept
) -> Platform:
    resources = load_resources(connection, order)
    wanted = _conditions(waiting)
    if resources != kept.resources or len(kept.filters) > len(wanted) + _FILTERS_TO_FORGET:
        kept.resources, kept.filters, kept.platform = resources, {}, None
    kept.filters |= _evaluate(reader, wanted - kept.filters.keys())
    if kept.platform is None:
        kept.platform = Platform(resources, kept.filters)
    return kept.platform


def _conditions(waiting: Iterable[WaitingJob]) -> set[str]:
    conditions = set()
    for job in waiting:
        conditions.add(job.properties)
        conditions.update(group.filter for one in job.moldables for group in one.request.groups)
    return conditions - {""}


def _evaluate(reader: Engine, conditions: Iterable[str]) -> dict[str, ProcSet]:
    """Ask the database which resources each condition selects; a broken one gets no answer.

    It is asked again each round: the property it misses may be added.
    """
    selected = {}
    for text in sorted(conditions):
        with reader.connect() as connection:
            try:
                selected[text] = matching_resources(connection, text)
            except BadFilter as error:
                log.warning("condition %r cannot be evaluated: %s", text, error)
    return selected
