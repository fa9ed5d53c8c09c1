"""Reads the world for a round: two short transactions, a fixed small number of queries.

What seldom changes between rounds is kept: the platform, as long as no resource and no property changed,
with it the resources that each condition of a user selects, and whatever was made of rows that are the same.
"""

import logging
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, field

from procset import ProcSet
from sqlalchemy import Connection, Engine

from oar.core.energy import NO_ENERGY_SAVING, EnergyRules
from oar.core.job import Assignment, Resource, RunningJob, WaitingJob
from oar.core.states import JobState, QueueState, ReservationState
from oar.db.containers import read_containers
from oar.db.energy import read_node_orders
from oar.db.engine import database_now, one_moment
from oar.db.fair_share import read_karma, read_past_use
from oar.db.planning import (
    KnownPlan,
    read_plan,
    read_required_jobs,
    read_running_jobs,
    read_texts,
)
from oar.db.queues import list_queues
from oar.db.resources import BadFilter, KnownResources, load_resources, matching_resources, ordered_ids
from oar.db.waiting import KnownJobs, read_waiting_jobs
from oar.errors import ConfigurationError
from oar.kamelot import Platform
from oar.kao.model import QueueView, World
from oar.kao.order import BY_POLICY, Orders
from oar.kao.plugins import ResourceOrder
from oar.kao.quota_source import QuotaSource

log = logging.getLogger(__name__)


_FILTERS_TO_FORGET = 1000
"""How many conditions that no waiting job has any more may be remembered."""


@dataclass(slots=True)
class Kept:
    """What one round leaves for the next; most of it while ``resources`` do not change.

    The platform reads ``filters``, so conditions may be added. ``broken`` are conditions that the database
    refused: to ask again would hold up each round, by the time-out of a slow one.
    """

    resources: tuple[Resource, ...] = ()
    filters: dict[str, ProcSet] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    ordered: tuple[Resource, ...] = ()
    platform: Platform | None = None
    known_jobs: KnownJobs = field(default_factory=KnownJobs)
    known_plan: KnownPlan = field(default_factory=KnownPlan)
    known_resources: KnownResources = field(default_factory=KnownResources)
    ahead: tuple[tuple[Resource, ...], Platform] | None = None


@dataclass(frozen=True, slots=True)
class OrderAhead:
    """The ``order`` of resources, in SQL, for reservations that begin later than ``after_s`` from now."""

    order: str
    after_s: int

    def is_wanted(self, waiting: Iterable[WaitingJob], plan: Iterable[Assignment], now: int) -> bool:
        """Tell whether some reservation may get a place so far ahead."""
        asking = {
            job.job_id
            for job in waiting
            if job.reservation is not ReservationState.NONE and job.start_time > now + self.after_s
        }
        return bool(asking) and not asking <= {one.job_id for one in plan}


def load_world(
    engine: Engine,
    reader: Engine,
    resource_order: str,
    kept: Kept,
    apart: Sequence[JobState] = (),
    *,
    orders: Orders = BY_POLICY,
    reorder: ResourceOrder | None = None,
    quotas: QuotaSource | None = None,
    ahead: OrderAhead | None = None,
    energy: EnergyRules = NO_ENERGY_SAVING,
) -> World:
    """Read everything a round needs; conditions of users are evaluated with the rights of ``reader``.

    ``apart`` are states of other jobs that have not started, to be read as well; the past use is read when
    ``orders`` want it. ``ahead`` is the order of resources for reservations, ``energy`` says which nodes
    sleep. No connection waits for the
    other: only the reader's touches the table of resources, which ``oarproperty`` may want for itself.
    """
    with one_moment(engine) as connection:
        now = database_now(connection)
        waiting = read_waiting_jobs(connection, known=kept.known_jobs)
        queues = tuple(
            QueueView(queue.name, queue.priority, queue.state is QueueState.ACTIVE, queue.policy)
            for queue in list_queues(connection)
        )
        running = read_running_jobs(connection, now)
        required = read_required_jobs(connection)
        plan = read_plan(connection, kept.known_plan)
        told = read_texts(connection)
        containers = read_containers(connection)
        others = read_waiting_jobs(connection, apart) if apart else ()
        window_s = orders.past_window_s(queues) if waiting else 0
        past_use = read_past_use(connection, now, window_s) if window_s else {}
        karma = read_karma(connection) if window_s else {}
        asked = read_node_orders(connection, now - energy.memory_s) if energy.is_on else {}
    with one_moment(reader) as connection:
        _read_resources(connection, resource_order, conditions_of(waiting) | energy.conditions, kept)
        platform_ahead = None
        if ahead is not None and ahead.is_wanted(waiting, plan, now):
            platform_ahead = _platform_ahead(connection, ahead, kept)
    platform = _platform(kept, reorder, running)
    return World(
        now=now,
        platform=platform,
        queues=queues,
        running=running,
        waiting=waiting,
        required=required,
        plan=plan,
        told=told,
        apart=others,
        containers=containers,
        past_use=past_use,
        karma=karma,
        quotas=None if quotas is None else quotas.quotas(queues, kept.resources),
        platform_ahead=platform_ahead,
        orders=asked,
    )


def _platform_ahead(reader: Connection, ahead: OrderAhead, kept: Kept) -> Platform | None:
    """Give the platform in the order for reservations; None, and a line in the log, when that is no order."""
    try:
        ids = ordered_ids(reader, ahead.order)
    except ConfigurationError as error:
        log.error("%s; reservations get their resources in the usual order", error)
        return None
    known = {one.resource_id: one for one in kept.resources}
    resources = tuple(known[number] for number in ids if number in known)
    if kept.ahead is None or kept.ahead[0] != resources:
        kept.ahead = resources, Platform(resources, kept.filters)
    return kept.ahead[1]


def _read_resources(reader: Connection, order: str, wanted: Set[str], kept: Kept) -> None:
    resources = load_resources(reader, order, kept.known_resources)
    if resources != kept.resources or len(kept.filters) > len(wanted) + _FILTERS_TO_FORGET:
        kept.resources, kept.filters, kept.broken, kept.platform = resources, {}, set(), None
        kept.ahead = None
    for text in sorted(wanted - kept.filters.keys() - kept.broken):
        try:
            kept.filters[text] = matching_resources(reader, text)
        except BadFilter as error:
            kept.broken.add(text)
            log.warning("condition %r cannot be evaluated: %s", text, error)


def _platform(kept: Kept, reorder: ResourceOrder | None, running: Sequence[RunningJob]) -> Platform:
    """Give the platform of the last round, as long as resources and their order are the same."""
    ordered = kept.resources
    if reorder is not None:
        ordered = reorder.apply(ordered, ProcSet().union(*(job.resources for job in running)))
    if kept.platform is None or ordered != kept.ordered:
        kept.ordered, kept.platform = ordered, Platform(ordered, kept.filters)
    return kept.platform


def conditions_of(waiting: Iterable[WaitingJob]) -> set[str]:
    """Give every condition that the requests of some jobs have."""
    conditions = set()
    for job in waiting:
        conditions.add(job.properties)
        conditions.update(group.filter for one in job.moldables for group in one.request.groups)
    return conditions - {""}
