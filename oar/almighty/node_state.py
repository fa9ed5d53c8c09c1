"""Carries out what recorded events condemn, and the states that were asked for resources."""

import logging
from functools import partial

from sqlalchemy import Connection

from oar.almighty.begin_end import begin_condemned_end
from oar.almighty.job_queues import ActionKind, JobAction
from oar.almighty.means import Means
from oar.core.effects import Effect
from oar.core.events import Event
from oar.core.messages import Hint
from oar.db.consequences import Applied, apply_event
from oar.db.engine import database_now
from oar.db.events import pending
from oar.db.kills import SERVER, ask_kill
from oar.db.node_moves import NodeChanges, apply_node_requests

log = logging.getLogger(__name__)

ON_NODES = {Effect.FREEZE_NODES: ActionKind.SUSPEND, Effect.THAW_NODES: ActionKind.RESUME}
"""Events with these effects stay pending until the action is done."""


class NodeStates:
    """The worker of events; an event that breaks our code is logged and left alone until the next start."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._broken: set[int] = set()

    async def settle(self) -> None:
        """Carry out all pending events, then all requests for states."""
        for event in await self._means.database.run(pending):
            # The end of a job that is being worked on is applied when its nodes are clean.
            if event.event_id not in self._broken and not self._means.is_busy(event.job_id):
                await self._apply(event)
        changes = await self._means.database.run(_apply_requests)
        self._tell(changes)

    async def _apply(self, event: Event) -> None:
        try:
            if await self._means.database.run(partial(begin_condemned_end, event=event)):
                log.info("job %d: condemned by %s, cleaning its nodes", event.job_id, event.kind)
                self._means.act(JobAction(event.job_id, ActionKind.END))
                return
            applied = await self._means.database.run(
                partial(_apply_event, event=event, with_cgroups=self._means.has_cgroups)
            )
        except Exception:
            # One bad event must not stop the others.
            self._broken.add(event.event_id)
            log.exception("job %d: event %d (%s) failed", event.job_id, event.event_id, event.kind)
            return
        for effect in applied.effects:
            if effect in ON_NODES:
                self._means.act(JobAction(event.job_id, ON_NODES[effect]))
                return
        log.debug("job %d: event %s carried out", event.job_id, event.kind)
        if applied.queues_stopped:
            log.error("job %d: %s stops all queues; enable them with oarnotify -e", event.job_id, event.kind)
        if Effect.TELL_CLIENT in applied.effects:
            self._means.clients.tell(event.job_id)
        if Effect.CLEAN_NODES in applied.effects:
            self._means.act(JobAction(event.job_id, ActionKind.END))
        if Effect.WAKE_SCHEDULER in applied.effects:
            self._means.hear(Hint.SCHEDULE)
        self._tell(applied.nodes)

    def _tell(self, changes: NodeChanges) -> None:
        for change in changes.changes:
            log.info("resource %d of %s: %s", change.resource_id, change.node, change.state)
        if changes.changes:
            self._means.hear(Hint.SCHEDULE)
        if changes.jobs_to_kill:
            self._means.hear(Hint.KILL_ASKED)


def _apply_event(connection: Connection, event: Event, with_cgroups: bool) -> Applied:
    now = database_now(connection)
    applied = apply_event(connection, event, now, with_cgroups=with_cgroups)
    _kill_all(connection, applied.nodes, now)
    return applied


def _apply_requests(connection: Connection) -> NodeChanges:
    now = database_now(connection)
    changes = apply_node_requests(connection, now)
    _kill_all(connection, changes, now)
    return changes


def _kill_all(connection: Connection, changes: NodeChanges, now: int) -> None:
    for job_id in changes.jobs_to_kill:
        ask_kill(connection, job_id, SERVER, now)
