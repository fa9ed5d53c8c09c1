"""Maintenance of resources: keeps them from being woken, and remembers until when they were there before."""

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, insert, literal, select, update

from oar.db.locks import lock_resource_rows, lock_resources
from oar.db.sets import among
from oar.db.tables_resources import ResourceLogRow, ResourceRow

ATTRIBUTE = "maintenance"


def begin_maintenance(connection: Connection, ids: Sequence[int], now: int) -> None:
    """Mark resources as in maintenance; those that are already stay as they are."""
    lock_resources(connection)
    lock_resource_rows(connection, among(ResourceRow.resource_id, ids))
    connection.execute(
        update(ResourceRow)
        .where(among(ResourceRow.resource_id, ids), ResourceRow.available_upto != 0)
        .values(last_available_upto=ResourceRow.available_upto, available_upto=0)
    )
    marked = select(ResourceLogRow.resource_id).where(
        ResourceLogRow.attribute == ATTRIBUTE, ResourceLogRow.date_stop == 0
    )
    row = ResourceLogRow
    connection.execute(
        insert(row).from_select(
            [row.resource_id, row.attribute, row.value, row.date_start],
            select(ResourceRow.resource_id, literal(ATTRIBUTE), literal("on"), bindparam("now", now))
            .where(among(ResourceRow.resource_id, ids), ResourceRow.resource_id.not_in(marked)),
        )
    )  # fmt: skip


def end_maintenance(connection: Connection, ids: Sequence[int], now: int) -> None:
    """End the maintenance of resources; those that are not in maintenance stay as they are."""
    lock_resources(connection)
    lock_resource_rows(connection, among(ResourceRow.resource_id, ids))
    connection.execute(
        update(ResourceRow)
        .where(
            among(ResourceRow.resource_id, ids),
            ResourceRow.available_upto == 0,
            ResourceRow.last_available_upto != 0,
        )
        .values(available_upto=ResourceRow.last_available_upto)
    )
    connection.execute(
        update(ResourceLogRow)
        .where(
            among(ResourceLogRow.resource_id, ids),
            ResourceLogRow.attribute == ATTRIBUTE,
            ResourceLogRow.date_stop == 0,
        )
        .values(date_stop=now)
    )
