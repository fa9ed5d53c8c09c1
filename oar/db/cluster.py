"""Writes the difference between a cluster file and the resources: few statements, however many resources."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, String, cast, column, func, insert, literal, select, table, text

from oar.core.cluster_difference import Difference, NewResource
from oar.core.job import LevelValue, Resource
from oar.core.states import NodeState
from oar.db.locks import lock_resources
from oar.db.properties import LOCK_TIMEOUT_S, add_property, list_properties
from oar.db.resources import load_resources, request_state, set_properties
from oar.db.sets import among
from oar.db.tables_resources import ResourceLogRow, ResourceRow

TEXT = "text"


def read_cluster(connection: Connection) -> tuple[tuple[Resource, ...], Mapping[str, bool]]:
    """Read all resources, and for each property whether it holds text."""
    kinds = {name: kind == TEXT for name, kind in list_properties(connection).items()}
    return load_resources(connection, "resource_id"), kinds


def lock_cluster(connection: Connection, new_properties: bool) -> None:
    """Let nobody else change resources until the transaction ends; nor read them when properties are made.

    A new property needs the whole table to itself; to take it only then could be a deadlock.
    """
    mode = "ACCESS EXCLUSIVE" if new_properties else "EXCLUSIVE"
    connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_S}s'"))
    lock_resources(connection)
    connection.execute(text(f"LOCK TABLE resources IN {mode} MODE"))


def write_difference(connection: Connection, difference: Difference, remove: bool, now: int) -> None:
    """Make the properties, add and change resources, and ask for Dead where ``remove`` says so."""
    for new in difference.properties:
        add_property(connection, new.name, new.text)
    _add(connection, difference.additions, now)
    same: dict[tuple[str, LevelValue], list[int]] = defaultdict(list)
    for change in difference.changes:
        for name, value in change.after.items():
            same[name, value].append(change.resource_id)
    for (name, value), ids in same.items():
        set_properties(connection, ids, {name: value}, now)
    if remove:
        leftovers = [number for rest in difference.leftovers for number in rest.resources]
        if leftovers:
            request_state(connection, leftovers, NodeState.DEAD, now)


def _add(connection: Connection, additions: Sequence[NewResource], now: int) -> None:
    """Add resources and begin their histories, property by property."""
    if not additions:
        return
    first = connection.execute(select(func.coalesce(func.max(ResourceRow.resource_id), 0))).scalar_one()
    names = sorted({name for new in additions for name in new.values})
    state = NodeState.ALIVE
    rows = [
        {
            **{name: new.values.get(name) for name in names},
            "network_address": new.node,
            "state": state.value,
            "state_num": state.rank,
        }
        for new in additions
    ]
    columns: list[Any] = [column(name) for name in rows[0]]
    connection.execute(insert(table("resources", *columns)), rows)
    added = list(
        connection.execute(select(ResourceRow.resource_id).where(ResourceRow.resource_id > first)).scalars()
    )
    log = ResourceLogRow
    for name in ["state", *names]:
        value = func.left(func.coalesce(cast(column(name), String), "<unset>"), 255)
        logged = select(ResourceRow.resource_id, literal(name), value, literal(now))
        connection.execute(
            insert(log).from_select(
                [log.resource_id, log.attribute, log.value, log.date_start],
                logged.where(among(ResourceRow.resource_id, added)),
            )
        )
