"""The worker of energy saving: reads the open orders, sends them, records what became of them.

It only waits for the database; each window of commands has a task of its own. What it knows besides the
database may be lost: an order that is open when the server starts is sent again.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection

from oar.almighty.energy.commands import feed
from oar.almighty.energy.desk import Desk, Findings, Manners, Order
from oar.almighty.means import Means
from oar.core.energy import NodesOrders, OrderKind
from oar.core.messages import Hint
from oar.db.energy import close_orders, mark_sent, open_orders, read_node_orders, suspect_sleepers
from oar.db.engine import database_now
from oar.db.locks import lock_resources
from oar.settings import EnergySettings

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Sight:
    """What one look found."""

    now: int
    orders: tuple[Order, ...]
    nodes: NodesOrders


class EnergySaving:
    """Carries out orders with the commands of the settings; orders that have no command wait for one."""

    def __init__(self, means: Means) -> None:
        self._means = means
        settings = means.settings.energy
        self._commands = {OrderKind.HALT: settings.halts_with, OrderKind.WAKE: settings.wakes_with}
        self._timeout_s = float(means.settings.scheduler.filter_timeout_s)
        if settings.internal:
            self._timeout_s = float(settings.window_timeout_s)
        self._one_by_one = settings.internal and not settings.all_at_once
        self._halt_s = settings.halt_s
        self._desk = Desk(manners_of(settings))
        self._tasks: set[asyncio.Task[None]] = set()

    async def settle(self) -> None:
        """Look at all open orders once, and see to it that each is sent, or is over."""
        if not any(self._commands.values()):
            return
        sight = await self._means.database.run(partial(_look, halt_s=self._halt_s))
        orders = [order for order in sight.orders if self._commands[order.kind]]
        halted_at = {node: one.halted_at for node, one in sight.nodes.items() if one.halted_at is not None}
        findings = self._desk.look(orders, halted_at, sight.now)
        if findings:
            await self._means.database.run(partial(_record, findings=findings))
            self._tell(findings)
        for window in self._desk.take(sight.now):
            task = asyncio.get_running_loop().create_task(self._send(window))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """End the commands that run; the next server sends their orders again."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _send(self, window: Sequence[Order]) -> None:
        """Send the orders of a window, all of one kind."""
        trouble = "broken off"
        try:
            await self._means.database.run(partial(_mark_sent, orders=window))
            log.info("energy saving: %s sent to %s", window[0].kind, ", ".join(one.node for one in window))
            if self._one_by_one:
                await asyncio.gather(*(self._run([order]) for order in window))
            else:
                await self._run(window)
            trouble = ""
        except Exception:
            # What breaks our code for one window must not go unheard, nor keep the next one from being sent.
            log.exception("energy saving: %s failed", window[0].kind)
        finally:
            if trouble:
                self._hear_of(window, trouble)
            self._means.hear(Hint.CHECK_ENERGY)

    async def _run(self, orders: Sequence[Order]) -> None:
        command = self._commands[orders[0].kind]
        trouble = await feed(command, [order.node for order in orders], self._timeout_s)
        if trouble:
            log.error("energy saving: %s: %s", ", ".join(one.node for one in orders), trouble)
        self._hear_of(orders, trouble)

    def _hear_of(self, orders: Sequence[Order], trouble: str) -> None:
        for order in orders:
            self._desk.done(order, trouble)

    def _tell(self, findings: Findings) -> None:
        for node, why in findings.suspect.items():
            log.error("energy saving: %s: %s", node, why)
        if findings.suspect:
            self._means.hear(Hint.STATE_CHANGED)
        self._means.hear(Hint.SCHEDULE)


def manners_of(settings: EnergySettings) -> Manners:
    """Say how orders are carried out: without the internal module, one command gets all names at once."""
    size = None
    if settings.internal and not settings.all_at_once:
        size = settings.window_size_oar3 or settings.window_size
    return Manners(
        size, settings.window_s, settings.internal, settings.halt_s, settings.retries, settings.wakeup_timeout
    )


def _look(connection: Connection, halt_s: int) -> _Sight:
    now = database_now(connection)
    orders = tuple(Order(one.event_id, one.kind, one.node, one.sleeps) for one in open_orders(connection))
    nodes = read_node_orders(connection, now - halt_s) if orders else {}
    return _Sight(now, orders, nodes)


def _mark_sent(connection: Connection, orders: Sequence[Order]) -> None:
    mark_sent(connection, [order.event_id for order in orders], database_now(connection))


def _record(connection: Connection, findings: Findings) -> None:
    if findings.suspect:
        lock_resources(connection)
    close_orders(connection, findings.close)
    suspect_sleepers(connection, findings.suspect, database_now(connection))
