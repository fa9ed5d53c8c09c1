"""The only writer of ``resources.state``.

A move takes the rows' locks and does all that belongs to it in the caller's transaction: logs, dates, what
the jobs on the node have to suffer.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields

from sqlalchemy import ColumnElement, Connection, func, insert, literal, select, update

from oar.core.effects import Effect
from oar.core.node_life import (
    NODE_MOVES,
    NodeMove,
    NodeSignal,
    Standing,
    request_signal,
    standing_of,
)
from oar.core.states import UNCHANGED, NodeState, RowIndex
from oar.db.holders import holders
from oar.db.locks import lock_resources
from oar.db.notices import note_suspected
from oar.db.sets import among, set_of_ids
from oar.db.tables_jobs import JobRow, JobTypeRow
from oar.db.tables_resources import ResourceLogRow, ResourceRow


@dataclass(frozen=True, slots=True)
class _LockedResource:
    resource_id: int
    network_address: str
    state: str
    finaud_decision: str
    next_state: str
    next_finaud_decision: str

    @property
    def standing(self) -> Standing:
        return standing_of(NodeState(self.state), self.finaud_decision == "YES")


@dataclass(frozen=True, slots=True)
class NodeChange:
    """One resource that came into another state."""

    resource_id: int
    node: str
    state: NodeState


@dataclass(frozen=True, slots=True)
class NodeChanges:
    """What happened to resources, and which jobs cannot stay on them: their kill must be asked for."""

    changes: tuple[NodeChange, ...] = ()
    jobs_to_kill: tuple[int, ...] = ()

    def of_state(self, state: NodeState) -> tuple[NodeChange, ...]:
        """List the resources that came into ``state``; Suspected ones are offered to the healing program."""
        return tuple(change for change in self.changes if change.state is state)


def apply_node_requests(connection: Connection, now: int) -> NodeChanges:
    """Carry out every ``next_state``; what the table of moves does not allow is dropped."""
    lock_resources(connection)
    rows = _lock_resource_rows(connection, ResourceRow.next_state != UNCHANGED)
    if not rows:
        return NodeChanges()
    connection.execute(
        update(ResourceRow)
        .where(among(ResourceRow.resource_id, [row.resource_id for row in rows]))
        .values(next_state=UNCHANGED, next_finaud_decision="NO")
    )
    wanted = [
        (row, request_signal(NodeState(row.next_state), row.next_finaud_decision == "YES")) for row in rows
    ]
    return _move_resources(connection, wanted, now)


def suspect_nodes(connection: Connection, nodes: Sequence[str], by_checker: bool, now: int) -> NodeChanges:
    """Suspect all usable resources of the nodes; ``by_checker`` lets the node checker lift it again."""
    lock_resources(connection)
    signal = NodeSignal.CHECK_FAILED if by_checker else NodeSignal.JOB_TROUBLE
    rows = _lock_resource_rows(connection, ResourceRow.network_address.in_(sorted(set(nodes))))
    return _move_resources(connection, [(row, signal) for row in rows], now)


def move_nodes(connection: Connection, nodes: Collection[str], signal: NodeSignal, now: int) -> NodeChanges:
    """Carry a signal to all resources of the nodes, but to those that are about to change their state."""
    lock_resources(connection)
    settled = ResourceRow.network_address.in_(sorted(nodes)) & (ResourceRow.next_state == UNCHANGED)
    rows = _lock_resource_rows(connection, settled) if nodes else []
    return _move_resources(connection, [(row, signal) for row in rows], now)


def _lock_resource_rows(connection: Connection, condition: ColumnElement[bool]) -> list[_LockedResource]:
    rows = connection.execute(
        select(*(getattr(ResourceRow, field.name) for field in fields(_LockedResource)))
        .where(condition)
        .order_by(ResourceRow.resource_id)
        .with_for_update(key_share=True)
    )
    return [_LockedResource(*row) for row in rows]


def _move_resources(
    connection: Connection, wanted: Sequence[tuple[_LockedResource, NodeSignal]], now: int
) -> NodeChanges:
    moves: list[tuple[_LockedResource, NodeMove]] = []
    for row, signal in wanted:
        move = NODE_MOVES.get((row.standing, signal))
        if move is not None:
            moves.append((row, move))
    for target in Standing:
        ids = [row.resource_id for row, move in moves if move.to is target]
        if ids:
            _enter_standing(connection, ids, target, now)
    sick = {row.network_address for row, move in moves if Effect.HEAL_NODE in move.effects}
    if sick:
        note_suspected(connection, sorted(sick), now)
    taken = [row.resource_id for row, move in moves if Effect.FREE_JOBS in move.effects]
    return NodeChanges(
        tuple(NodeChange(row.resource_id, row.network_address, move.to.state) for row, move in moves),
        _jobs_that_cannot_stay(connection, taken) if taken else (),
    )


def _enter_standing(connection: Connection, ids: Sequence[int], to: Standing, now: int) -> None:
    decision = "YES" if to.by_checker else "NO"
    connection.execute(
        update(ResourceRow)
        .where(among(ResourceRow.resource_id, ids))
        .values(state=to.state, state_num=to.state.rank, finaud_decision=decision)
    )
    connection.execute(
        update(ResourceLogRow)
        .where(
            among(ResourceLogRow.resource_id, ids),
            ResourceLogRow.date_stop == 0,
            ResourceLogRow.attribute == "state",
        )
        .values(date_stop=now)
    )
    connection.execute(
        insert(ResourceLogRow),
        [
            {
                "resource_id": resource_id,
                "attribute": "state",
                "value": to.state,
                "date_start": now,
                "finaud_decision": decision,
            }
            for resource_id in ids
        ],
    )


def _jobs_that_cannot_stay(connection: Connection, ids: Sequence[int]) -> tuple[int, ...]:
    """List the live jobs that hold one of the resources; cosystem and noop jobs use nothing of them."""
    stays = (
        select(literal(1))
        .where(
            JobTypeRow.job_id == JobRow.job_id,
            JobTypeRow.types_index == RowIndex.CURRENT,
            func.split_part(JobTypeRow.type, "=", 1).in_(("cosystem", "noop")),
        )
        .exists()
    )
    held = holders(set_of_ids(ids)).where(~stays).order_by(JobRow.job_id)
    return tuple(connection.execute(held).scalars())
