"""Resources: read them in scheduling order, add them, set their properties, ask for another state.

Only ``db.moves`` changes ``resources.state``; here a state is asked for (``next_state``).
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from procset import ProcSet
from sqlalchemy import (
    ColumnElement,
    Connection,
    column,
    insert,
    literal,
    table,
    update,
)
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from oar.core.job import LevelValue, Resource, ResourceId
from oar.core.states import NodeState
from oar.db.conditions import BadFilter, matching_ids, words_of
from oar.db.known import Known
from oar.db.locks import lock_resource_rows, lock_resources
from oar.db.properties import PropertyError, ProtectedProperty, UnknownProperty, list_properties
from oar.db.sets import among
from oar.db.tables_resources import ResourceLogRow, ResourceRow
from oar.errors import ConfigurationError, OarError

__all__ = [
    "BadFilter",
    "BadPropertyValue",
    "KnownResources",
    "UnknownNode",
    "UnknownResource",
    "add_resource",
    "load_resources",
    "matching_resources",
    "request_state",
    "set_properties",
]

LIFE = frozenset(
    {"resource_id", "state", "state_num", "next_state", "finaud_decision", "next_finaud_decision"}
)
"""Columns that are never set as properties: they tell and move a resource's life."""


class BadPropertyValue(PropertyError):
    """A value that the property cannot have."""

    def __init__(self, name: str, value: LevelValue, reason: str) -> None:
        super().__init__(name, f"'{value}' cannot be its value: {reason}")
        self.value = value


class UnknownResource(OarError):
    """Some resource ids do not exist."""

    def __init__(self, ids: Iterable[int]) -> None:
        self.ids = sorted(ids)
        super().__init__(f"there is no resource {', '.join(map(str, self.ids))}; oarnodes lists them")


class UnknownNode(OarError):
    """No resource has this network address."""

    def __init__(self, node: str) -> None:
        super().__init__(f"there is no node {node}; oarnodes -l lists them")
        self.node = node


class KnownResources:
    """The resources that were read last, as long as they have the same columns."""

    def __init__(self) -> None:
        self._names: tuple[str, ...] = ()
        self._known: Known[tuple[Any, ...], Resource] = Known()

    def all(self, names: tuple[str, ...], rows: Iterable[Sequence[Any]]) -> tuple[Resource, ...]:
        """Make a resource of each row of these columns, anew where the row changed."""
        if names != self._names:
            self._names, self._known = names, Known()
        number = names.index("resource_id")
        numbered = ((row[number], tuple(row)) for row in rows)
        return self._known.all(numbered, lambda row: _resource(dict(zip(names, row, strict=True))))


def load_resources(
    connection: Connection, order: str, known: KnownResources | None = None
) -> tuple[Resource, ...]:
    """Read all resources, sorted by the SQL ``order``; raises ConfigurationError when that is no order.

    What is ``known`` is not made again.
    """
    query = f"SELECT * FROM resources ORDER BY {order}"  # noqa: S608 - the administrator's own SQL
    try:
        with connection.begin_nested():
            found = connection.exec_driver_sql(query, execution_options={"no_parameters": True})
            names, rows = tuple(found.keys()), found.all()
    except DBAPIError as error:
        raise ConfigurationError(f'SCHEDULER_RESOURCE_ORDER="{order}": {words_of(error)}') from None
    return (known or KnownResources()).all(names, rows)


def ordered_ids(connection: Connection, order: str) -> list[ResourceId]:
    """Give all resources by the SQL ``order`` for reservations; raises ConfigurationError."""
    query = f"SELECT resource_id FROM resources ORDER BY {order}"  # noqa: S608 - the administrator's own SQL
    try:
        with connection.begin_nested():
            found = connection.exec_driver_sql(query, execution_options={"no_parameters": True})
            return list(found.scalars())
    except DBAPIError as error:
        name = "SCHEDULER_RESOURCE_ORDER_ADV_RESERVATIONS"
        raise ConfigurationError(f'{name}="{order}": {words_of(error)}') from None


def add_resource(
    connection: Connection,
    node: str,
    properties: Mapping[str, LevelValue],
    state: NodeState = NodeState.ALIVE,
    *,
    now: int,
) -> int:
    """Add one resource of a node and begin its history; returns its id.

    Raises UnknownProperty, ProtectedProperty or BadPropertyValue.
    """
    _check_names(connection, properties)
    values = {"network_address": node, **properties, "state": state.value, "state_num": state.rank}
    row = _only(
        connection,
        insert(_resources(values))
        .values({name: _text(value) for name, value in values.items()})
        .returning(column("resource_id")),
        ", ".join(properties) or "network_address",
        ", ".join(str(value) for value in properties.values()) or node,
    )
    resource_id = int(row[0][0])
    logged = {"state": state.value, **properties}
    _open_logs(connection, [(resource_id, name, value) for name, value in logged.items()], now)
    return resource_id


def set_properties(
    connection: Connection, ids: Iterable[int], values: Mapping[str, LevelValue], now: int
) -> int:
    """Give properties to resources (None takes a value away); returns how many resources really changed.

    Raises UnknownProperty, ProtectedProperty or BadPropertyValue.
    """
    _check_names(connection, values)
    wanted = sorted(set(ids))
    lock_resources(connection)
    lock_resource_rows(connection, among(ResourceRow.resource_id, wanted))
    changed: set[int] = set()
    for name, value in values.items():
        changed |= _set_property(connection, wanted, name, value, now)
    return len(changed)


def request_state(
    connection: Connection, target: Sequence[int] | str, state: NodeState, now: int
) -> list[int]:
    """Ask for another state of some resources, or of all of a node; the server carries it out.

    Returns the ids. Raises UnknownResource or UnknownNode, and then asks for nothing. ``now`` is the
    date of the wish; the history of a resource tells its states by the date they began, so it is not stored.
    """
    chosen = _chosen(target)
    lock_resources(connection)
    found = lock_resource_rows(connection, chosen)
    if isinstance(target, str) and not found:
        raise UnknownNode(target)
    if not isinstance(target, str) and (unknown := set(target) - set(found)):
        raise UnknownResource(unknown)
    connection.execute(
        update(ResourceRow).where(chosen).values(next_state=state.value, next_finaud_decision="NO")
    )
    return found


def matching_resources(reader: Connection, condition: str) -> ProcSet:
    """Return the resources that meet a user's SQL condition, all for an empty one; raises BadFilter.

    ``reader`` comes from ``open_reader``; it stays usable after BadFilter.
    """
    return matching_ids(reader, "resources", "resource_id", condition)


def matching_changed_resources(
    reader: Connection, condition: str, changes: Mapping[int, Mapping[str, LevelValue]]
) -> ProcSet:
    """Return what would meet a condition if some resources had other values; raises BadFilter.

    ``changes`` gives values of properties, by the id of the resource.
    """
    if not changes:
        return matching_resources(reader, condition)
    values = json.dumps({str(number): dict(one) for number, one in changes.items()}).replace("'", "''")
    ids = ", ".join(str(int(number)) for number in changes)
    table_ = (
        f"(SELECT * FROM resources WHERE resource_id NOT IN ({ids})"  # noqa: S608 - numbers, and quoted JSON
        " UNION ALL SELECT changed.* FROM resources AS stored"
        f" JOIN jsonb_each(CAST('{values}' AS jsonb)) AS new ON new.key = CAST(stored.resource_id AS text),"
        " LATERAL jsonb_populate_record(stored, new.value) AS changed) AS resources"
    )
    return matching_ids(reader, table_, "resource_id", condition)


def _resource(values: dict[str, Any]) -> Resource:
    return Resource(
        resource_id=ResourceId(values["resource_id"]),
        node=values["network_address"],
        type=values["type"],
        state=NodeState(values["state"]),
        next_state=values["next_state"],
        available_upto=values["available_upto"],
        properties=values,
    )


def _resources(names: Iterable[str]) -> Any:
    return table(
        "resources", column("resource_id"), *(column(name) for name in names if name != "resource_id")
    )


def _check_names(connection: Connection, names: Iterable[str]) -> None:
    known = list_properties(connection)
    for name in names:
        if name in LIFE:
            raise ProtectedProperty(name, "it tells the life of a resource and cannot be set")
        if name not in known:
            raise UnknownProperty(name)


def _set_property(connection: Connection, ids: list[int], name: str, value: LevelValue, now: int) -> set[int]:
    target = _resources([name])
    new = literal(_text(value))
    change = (
        update(target)
        .where(among(target.c.resource_id, ids), target.c[name].is_distinct_from(new))
        .values({name: new})
        .returning(target.c.resource_id)
    )
    changed = [int(row[0]) for row in _only(connection, change, name, value)]
    connection.execute(
        update(ResourceLogRow)
        .where(
            among(ResourceLogRow.resource_id, changed),
            ResourceLogRow.attribute == name,
            ResourceLogRow.date_stop == 0,
        )
        .values(date_stop=now)
    )
    _open_logs(connection, [(resource_id, name, value) for resource_id in changed], now)
    return set(changed)


def _only(connection: Connection, statement: Any, name: str, value: LevelValue) -> Sequence[Any]:
    try:
        with connection.begin_nested():
            return connection.execute(statement).all()
    except (DataError, IntegrityError) as error:
        raise BadPropertyValue(name, value, words_of(error)) from None


def _open_logs(connection: Connection, rows: Sequence[tuple[int, str, LevelValue]], now: int) -> None:
    if rows:
        connection.execute(
            insert(ResourceLogRow),
            [
                {"resource_id": resource_id, "attribute": name, "value": _logged(value), "date_start": now}
                for resource_id, name, value in rows
            ],
        )


def _chosen(target: Sequence[int] | str) -> ColumnElement[bool]:
    if isinstance(target, str):
        return ResourceRow.network_address == target
    return among(ResourceRow.resource_id, target)


def _text(value: LevelValue) -> str | None:
    return None if value is None else str(value)


def _logged(value: LevelValue) -> str:
    return "<unset>" if value is None else str(value)[:255]
