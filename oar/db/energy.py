"""Orders to nodes to sleep and to wake up: kept as events, so that no crash loses one.

An order is an event HALT_NODE or WAKEUP_NODE that names one node. It is open (``to_check`` YES) until it was
carried out or given up; its date is when it was given, later when it was sent. One that was sent and is open
after a crash is sent again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from procset import ProcSet
from sqlalchemy import ARRAY, ColumnElement, Connection, Text, any_, func, literal, or_, select, text, update

from oar.core.energy import NO_ORDERS, EnergyOrders, NodeOrders, NodesOrders, OrderKind
from oar.core.events import EventKind
from oar.core.states import UNCHANGED, NodeState
from oar.db.events import IS_ENERGY, record
from oar.db.holders import holders
from oar.db.locks import lock_resource_rows, lock_resources
from oar.db.sets import among, set_of_ids
from oar.db.tables_admin import EventHostnameRow, EventRow
from oar.db.tables_resources import AssignmentRow, ResourceRow

IN_MAINTENANCE = 0
"""The ``available_upto`` of a resource that an administrator works on, or that never sleeps."""

_IS_OPEN = EventRow.to_check == "YES"
_IS_LEAVING = or_(ResourceRow.state == NodeState.ABSENT, ResourceRow.next_state == NodeState.ABSENT)
_GIVE_ORDERS = text(
    "WITH new AS (SELECT nextval(pg_get_serial_sequence('event_logs', 'event_id')) AS id, node"
    " FROM unnest(CAST(:nodes AS text[])) AS node),"
    " made AS (INSERT INTO event_logs (event_id, type, job_id, date, description, to_check)"
    " SELECT id, :kind, 0, :now, :words, 'YES' FROM new)"
    " INSERT INTO event_log_hostnames (event_id, hostname) SELECT id, node FROM new"
)
_WORDS = {OrderKind.HALT: "idle node is put to sleep", OrderKind.WAKE: "sleeping node is woken up"}


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """An order that was not carried out yet.

    ``sleeps`` tells whether the node is, or will be, Absent; one in maintenance is no longer ours to move.
    """

    event_id: int
    kind: OrderKind
    node: str
    date: int
    sleeps: bool


def read_node_orders(connection: Connection, since: int) -> NodesOrders:
    """Give the last orders of each node that has open ones, or was given some since that date."""
    rows = connection.execute(
        select(EventHostnameRow.hostname, EventRow.type, func.max(EventRow.date), func.bool_or(_IS_OPEN))
        .join(EventHostnameRow, EventHostnameRow.event_id == EventRow.event_id)
        .where(IS_ENERGY, or_(_IS_OPEN, EventRow.date >= since))
        .group_by(EventHostnameRow.hostname, EventRow.type)
    )
    found: dict[str, NodeOrders] = {}
    for node, kind, date, is_open in rows:
        before = found.get(node, NO_ORDERS)
        if kind == OrderKind.HALT:
            found[node] = NodeOrders(date, before.woken_at, is_open, before.is_waking)
        else:
            found[node] = NodeOrders(before.halted_at, date, before.is_halting, is_open)
    return found


def give_orders(connection: Connection, orders: EnergyOrders, now: int) -> dict[OrderKind, tuple[str, ...]]:
    """Record orders, and ask for the state Absent of nodes to halt; tells which nodes were given one.

    Nodes that were given to a job, or changed, since it was decided are left alone.
    """
    if not orders:
        return {}
    lock_resources(connection)
    given = {
        OrderKind.HALT: _free_and_alive(connection, orders.halt) if orders.halt else (),
        OrderKind.WAKE: _asleep(connection, orders.wake) if orders.wake else (),
    }
    if given[OrderKind.HALT]:
        connection.execute(
            update(ResourceRow)
            .where(_of_nodes(given[OrderKind.HALT]), ResourceRow.state != NodeState.DEAD)
            .values(next_state=NodeState.ABSENT, next_finaud_decision="NO")
        )
    for kind, nodes in given.items():
        if nodes:
            values = {"nodes": list(nodes), "kind": kind.value, "now": now, "words": _WORDS[kind]}
            connection.execute(_GIVE_ORDERS, values)
    return {kind: nodes for kind, nodes in given.items() if nodes}


def open_orders(connection: Connection) -> list[OpenOrder]:
    """List the orders that were not carried out yet, oldest first."""
    sleeps = (
        select(func.bool_or(_IS_LEAVING & (ResourceRow.available_upto != IN_MAINTENANCE)))
        .where(ResourceRow.network_address == EventHostnameRow.hostname, ResourceRow.type == "default")
        .scalar_subquery()
    )
    rows = connection.execute(
        select(EventRow.event_id, EventRow.type, EventHostnameRow.hostname, EventRow.date, sleeps)
        .join(EventHostnameRow, EventHostnameRow.event_id == EventRow.event_id)
        .where(IS_ENERGY, _IS_OPEN)
        .order_by(EventRow.event_id)
    )
    return [
        OpenOrder(event_id, OrderKind(kind), node, date, bool(asleep))
        for event_id, kind, node, date, asleep in rows
    ]


def mark_sent(connection: Connection, event_ids: Iterable[int], now: int) -> None:
    """Let orders date from now on."""
    connection.execute(update(EventRow).where(among(EventRow.event_id, event_ids), _IS_OPEN).values(date=now))


def close_orders(connection: Connection, event_ids: Sequence[int]) -> None:
    """Note that nothing more is to be done about orders."""
    if event_ids:
        connection.execute(
            update(EventRow).where(among(EventRow.event_id, event_ids), _IS_OPEN).values(to_check="NO")
        )


def suspect_sleepers(connection: Connection, words: Mapping[str, str], now: int) -> None:
    """Ask for the state Suspected of nodes that sleep, and record why.

    Nodes that came back, or went into maintenance, are spared.
    """
    if not words:
        return
    lock_resources(connection)
    condition = _of_nodes(words) & _IS_LEAVING & (ResourceRow.available_upto != IN_MAINTENANCE)
    lock_resource_rows(connection, condition)
    rows = connection.execute(
        update(ResourceRow)
        .where(condition)
        .values(next_state=NodeState.SUSPECTED, next_finaud_decision="NO")
        .returning(ResourceRow.network_address)
    )
    suspected = set(rows.scalars())
    for why in dict.fromkeys(words.values()):
        nodes = [node for node in words if words[node] == why and node in suspected]
        if nodes:
            record(connection, EventKind.LOG_SUSPECTED, description=why, nodes=nodes, now=now)


def _free_and_alive(connection: Connection, nodes: Sequence[str]) -> tuple[str, ...]:
    """Choose the nodes that nobody uses and that are as a round saw them."""
    lock_resource_rows(connection, _of_nodes(nodes))
    rows = connection.execute(
        select(
            ResourceRow.resource_id,
            ResourceRow.network_address,
            ResourceRow.type,
            ResourceRow.state,
            ResourceRow.next_state,
        )
        .where(_of_nodes(nodes), ResourceRow.state != NodeState.DEAD)
        .order_by(ResourceRow.resource_id)
    ).all()
    ids = set_of_ids([row.resource_id for row in rows])
    held = ProcSet()
    for _, resources in connection.execute(holders(ids).add_columns(AssignmentRow.resources)):
        held |= resources
    spoilt = {
        row.network_address
        for row in rows
        if row.resource_id in held
        or (row.type == "default" and (row.state != NodeState.ALIVE or row.next_state != UNCHANGED))
    }
    there = {row.network_address for row in rows}
    return tuple(node for node in nodes if node in there - spoilt)


def _asleep(connection: Connection, nodes: Sequence[str]) -> tuple[str, ...]:
    rows = connection.execute(
        select(ResourceRow.network_address)
        .distinct()
        .where(_of_nodes(nodes), ResourceRow.state == NodeState.ABSENT, ResourceRow.next_state == UNCHANGED)
    )
    asleep = set(rows.scalars())
    return tuple(node for node in nodes if node in asleep)


def _of_nodes(nodes: Iterable[str]) -> ColumnElement[bool]:
    return ResourceRow.network_address == any_(literal(list(nodes), ARRAY(Text)))
