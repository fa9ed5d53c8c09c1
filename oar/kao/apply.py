"""Carries out a round's decisions in one write transaction."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from oar.core.energy import EnergyOrders, OrderKind
from oar.core.job import Assignment, JobId
from oar.core.states import JobState
from oar.db.clients import refused_without_client
from oar.db.energy import give_orders
from oar.db.fair_share import write_karma
from oar.db.holders import Companions
from oar.db.locks import lock_resources
from oar.db.moves import assign_jobs, end_refused_jobs, refuse_jobs
from oar.db.planning import read_jobs_in, write_plan, write_texts
from oar.db.resumptions import grant_resumptions
from oar.kao.apply_reservations import apply_reservations, record_late_starts
from oar.kao.make_room import make_room
from oar.kao.model import Decisions, World
from oar.kao.tell import QUOTA_OK, message_of

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of the decisions: the jobs that wait for the launcher, and those that leave since now.

    The besteffort jobs ``leaving`` are killed or told to save their work; the server has to see to it.
    ``again`` asks for another round: jobs ended in this one, and others may wait for that. ``again_in_s``
    asks for one after so many seconds. ``energy`` tells that nodes are to sleep or to wake up.
    """

    to_launch: tuple[JobId, ...]
    leaving: frozenset[JobId] = frozenset()
    again: bool = False
    again_in_s: int | None = None
    energy: bool = False

    @property
    def killed(self) -> bool:
        """Tell whether the server has something to do about jobs that leave."""
        return bool(self.leaving)


def apply(connection: Connection, world: World, decisions: Decisions) -> Applied:
    """Write what changed; a job that was killed or held meanwhile is left alone."""
    # First: a job that gets its resources leaves the plan. One that does not keeps its place there, which
    # for a reservation is the only one it has.
    launched = _launch(connection, world, decisions)
    after = [one for one in decisions.plan if one.job_id not in launched]
    write_outcomes(connection, world, decisions, after, world.now)
    again = apply_reservations(connection, decisions, world.now)
    record_late_starts(connection, decisions, launched, world.now)
    grant_resumptions(connection, decisions.resumptions, now=world.now)
    leaving = make_room(connection, decisions.leaving, world.now)
    ordered = _order_nodes(connection, decisions.energy, world.now)
    # The others are ended when their oarsub, which waits for the answer, was told.
    refused = refused_without_client(connection)
    ended = end_refused_jobs(connection, refused, now=world.now) if refused else ()
    return Applied(
        read_jobs_in(connection, JobState.TO_LAUNCH),
        leaving,
        again=again or bool(ended),
        again_in_s=None if decisions.next_date is None else max(decisions.next_date - world.now, 1),
        energy=ordered,
    )


def write_outcomes(
    connection: Connection, world: World, decisions: Decisions, plan: Iterable[Assignment], now: int
) -> None:
    """Refuse jobs, store the ``plan`` and tell the users, where that changed.

    From here to the commit nobody else gives resources out.
    """
    lock_resources(connection)
    if decisions.refused:
        for job_id in sorted(refuse_jobs(connection, decisions.refused, now=now)):
            log.info("job %d: refused, %s", job_id, decisions.refused[job_id])
    _replace_rows(connection, world.plan, plan)
    write_texts(connection, decisions.told)
    write_karma(
        connection, {one: karma for one, karma in decisions.karma.items() if world.karma.get(one) != karma}
    )


def _replace_rows(connection: Connection, before: Iterable[Assignment], after: Iterable[Assignment]) -> None:
    old = {one.moldable_id: one for one in before}
    new = {one.moldable_id: one for one in after}
    removed = [moldable_id for moldable_id in old if moldable_id not in new]
    write_plan(connection, removed, [one for key, one in new.items() if old.get(key) != one])


def _launch(connection: Connection, world: World, decisions: Decisions) -> frozenset[JobId]:
    """Give the jobs that start their resources; say which of them got them."""
    waiting = {job.job_id: job for job in world.waiting}
    karma = decisions.karma
    quota = "" if world.quotas is None else QUOTA_OK
    wanted = [
        (one, message_of(waiting[one.job_id], one, "", karma.get(one.job_id), quota))
        for one in decisions.launches
    ]
    if not wanted:
        return frozenset()
    assigned = assign_jobs(
        connection,
        wanted,
        now=world.now,
        beside=_companions(world, decisions),
        in_any_state=decisions.in_any_state,
    )
    for one in decisions.launches:
        if one.job_id in assigned:
            log.info("job %d: assigned resources %s", one.job_id, one.resources)
        else:
            log.info("job %d: not assigned, it or its resources changed meanwhile", one.job_id)
    return assigned


def _order_nodes(connection: Connection, orders: EnergyOrders, now: int) -> bool:
    given = give_orders(connection, orders, now)
    for kind, nodes in given.items():
        log.info("energy saving: %s %s", "halt" if kind is OrderKind.HALT else "wake up", ", ".join(nodes))
    return bool(given)


def _companions(world: World, decisions: Decisions) -> Mapping[JobId, Companions]:
    """Name the jobs that launches may be beside, with the state of those that have to stay as they were.

    One that was suspended may run again meanwhile, and a container may have ended.
    """
    settled = {
        job.job_id: job.state
        for job in world.running
        if job.state is JobState.SUSPENDED or "container" in job.types
    }
    return {
        job_id: {other: settled.get(other) for other in others} for job_id, others in decisions.beside.items()
    }
