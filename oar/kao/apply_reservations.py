"""Writes what a round decided about reservations, in the transaction of the round."""

import logging
from collections import defaultdict

from sqlalchemy import Connection

from oar.core.events import EventKind
from oar.core.job import JobId
from oar.db.clients import granted_without_client
from oar.db.events import record_for_jobs
from oar.db.moves import acknowledge_reservations, expire_reservations, grant_reservations
from oar.db.planning import write_texts
from oar.kao.model import Decisions

log = logging.getLogger(__name__)


def apply_reservations(connection: Connection, decisions: Decisions, now: int) -> bool:
    """Grant and expire reservations and record what happened; the plan has their rows already.

    A granted one goes on to wait for its date, unless its oarsub has to be told first. True when another
    round has something to do at once: a reservation that can start now, or jobs that waited for one that is
    gone.
    """
    _record(connection, decisions, now)
    expired = expire_reservations(connection, decisions.expired, now=now) if decisions.expired else ()
    for job_id in sorted(expired):
        log.info("job %d: reservation expired", job_id)
    if not decisions.granted:
        return bool(expired)
    messages = {job_id: told.message for job_id, told in decisions.granted.items()}
    granted = grant_reservations(connection, messages, now=now)
    ready = [one for one in granted_without_client(connection) if one in granted]
    acknowledge_reservations(connection, ready, now=now)
    write_texts(connection, {one: decisions.granted[one] for one in ready})
    starts = {one.job_id: one.start_time for one in decisions.plan}
    for job_id in sorted(granted):
        log.info("job %d: reservation granted", job_id)
    return bool(expired) or any(starts[one] <= now for one in ready)


def record_late_starts(
    connection: Connection, decisions: Decisions, assigned: frozenset[JobId], now: int
) -> None:
    """Record of the reservations that got their resources late by how much they are shorter."""
    late = {int(one): words for one, words in decisions.shortened.items() if one in assigned}
    record_for_jobs(connection, EventKind.REDUCE_RESERVATION_WALLTIME, late, now=now)


def _record(connection: Connection, decisions: Decisions, now: int) -> None:
    by_kind: dict[EventKind, dict[int, str]] = defaultdict(dict)
    for one in decisions.incidents:
        by_kind[one.kind][one.job_id] = one.text
        log.info("job %d: %s", one.job_id, one.text)
    for kind, texts in by_kind.items():
        record_for_jobs(connection, kind, texts, now=now)
