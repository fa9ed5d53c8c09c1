"""Which nodes are to be checked, and what is written of those that answer, or do not."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, and_, func, or_, select, update

from oar.core.events import EventKind
from oar.core.node_life import NodeSignal
from oar.core.states import UNCHANGED, NodeState
from oar.db.energy import IN_MAINTENANCE
from oar.db.events import IS_ENERGY, record
from oar.db.holders import holders
from oar.db.locks import lock_resource_rows, lock_resources
from oar.db.node_moves import NodeChanges, move_nodes
from oar.db.sets import among, set_of_ids
from oar.db.tables_admin import EventHostnameRow, EventRow
from oar.db.tables_resources import AssignmentRow, ResourceLogRow, ResourceRow

_IS_SUSPECTED_BY_CHECKER = and_(
    ResourceRow.state == NodeState.SUSPECTED, ResourceRow.finaud_decision == "YES"
)


@dataclass(frozen=True, slots=True)
class ToCheck:
    """A node that is worth asking; ``is_suspected`` when it did not answer the last time."""

    node: str
    is_suspected: bool


def nodes_to_check(connection: Connection, *, with_jobs: bool, repair: bool) -> list[ToCheck]:
    """List the nodes that are Alive, with ``repair`` also those that only a check has suspected.

    Left out: nodes whose state is about to change, nodes that energy saving has orders for, desktop machines,
    and nodes with jobs on them unless ``with_jobs``.
    """
    wanted = ResourceRow.state == NodeState.ALIVE
    rows = connection.execute(
        select(
            ResourceRow.network_address,
            func.array_agg(ResourceRow.resource_id),
            func.bool_or(_IS_SUSPECTED_BY_CHECKER),
        )
        .where(
            or_(wanted, _IS_SUSPECTED_BY_CHECKER) if repair else wanted,
            ResourceRow.type == "default",
            ResourceRow.network_address != "",
            ResourceRow.next_state == UNCHANGED,
            ResourceRow.desktop_computing == "NO",
        )
        .group_by(ResourceRow.network_address)
        .order_by(ResourceRow.network_address)
    ).all()
    ordered = _with_energy_orders(connection)
    held = frozenset() if with_jobs else _held(connection, sorted(one for _, ids, _ in rows for one in ids))
    return [
        ToCheck(node, is_suspected)
        for node, ids, is_suspected in rows
        if node not in ordered and held.isdisjoint(ids)
    ]


def write_check(
    connection: Connection, silent: Mapping[str, str], answering: Collection[str], now: int
) -> NodeChanges:
    """Suspect nodes that do not answer, each with the words why, and take back those that answer again.

    What happened since they were asked counts: nodes whose state is to change, or that energy saving has
    meanwhile given orders to, are left alone, and so is a suspicion that has another reason.
    """
    lock_resources(connection)
    left_alone = _with_energy_orders(connection)
    failed = {node: why for node, why in silent.items() if node not in left_alone}
    passed = [node for node in answering if node not in left_alone]
    lost = move_nodes(connection, failed, NodeSignal.CHECK_FAILED, now)
    back = move_nodes(connection, passed, NodeSignal.CHECK_PASSED, now)
    suspected = sorted({change.node for change in lost.changes})
    for why in dict.fromkeys(failed[node] for node in suspected):
        nodes = [node for node in suspected if failed[node] == why]
        words = f"does not answer the check: {why}"
        record(connection, EventKind.FINAUD_ERROR, description=words, nodes=nodes, now=now)
    recovered = sorted({change.node for change in back.changes})
    if recovered:
        words = "answers the check again"
        record(connection, EventKind.FINAUD_RECOVER, description=words, nodes=recovered, now=now)
    return NodeChanges((*lost.changes, *back.changes))


def order_dead(connection: Connection, after_s: int, now: int, *, absent_too: bool) -> list[str]:
    """Ask for the state Dead of resources that were Suspected for so long; name their nodes.

    ``absent_too`` counts those that are Absent and not in maintenance as well.
    """
    gone = ResourceRow.state == NodeState.SUSPECTED
    if absent_too:
        is_lost = and_(ResourceRow.state == NodeState.ABSENT, ResourceRow.available_upto != IN_MAINTENANCE)
        gone = or_(gone, is_lost)
    since = (
        select(ResourceLogRow.date_start)
        .where(
            ResourceLogRow.resource_id == ResourceRow.resource_id,
            ResourceLogRow.date_stop == 0,
            ResourceLogRow.attribute == "state",
            ResourceLogRow.value == ResourceRow.state,
            ResourceLogRow.date_start < now - after_s,
        )
        .exists()
    )
    condition = and_(gone, ResourceRow.next_state == UNCHANGED, since)
    if not connection.scalars(select(ResourceRow.resource_id).where(condition).limit(1)).first():
        return []
    lock_resources(connection)
    ids = lock_resource_rows(connection, condition)
    nodes = connection.scalars(
        update(ResourceRow)
        .where(among(ResourceRow.resource_id, ids))
        .values(next_state=NodeState.DEAD, next_finaud_decision="NO")
        .returning(ResourceRow.network_address)
    )
    return sorted(set(nodes))


def _with_energy_orders(connection: Connection) -> frozenset[str]:
    rows = select(EventHostnameRow.hostname).join(EventRow, EventRow.event_id == EventHostnameRow.event_id)
    return frozenset(connection.scalars(rows.where(IS_ENERGY, EventRow.to_check == "YES")))


def _held(connection: Connection, ids: list[int]) -> frozenset[int]:
    rows = connection.execute(holders(set_of_ids(ids)).add_columns(AssignmentRow.resources))
    return frozenset(one for _, resources in rows for one in resources)
