"""The locks of a transaction, always taken in one order, so that nobody waits for each other in a circle.

1. the right to give resources out, to take them away and to change them (``lock_resources``), before any
   row and any whole table: what ends a job and then suspects nodes comes back to lower ids
2. events, then jobs by id, then what belongs to a job: logs, request, assignment, kill
3. resources by id (``lock_resource_rows``), then their logs

Only submissions want the reservations of a user (``lock_reservations``), before anything else.

A command that follows it is never the victim of a deadlock. The server tries again when it is one.
"""

from sqlalchemy import ColumnElement, Connection, Select, func, select

from oar.db.tables_resources import ResourceRow

LOCK_RESOURCES = 0x0A12
"""Key of the advisory lock under which resources are given out, suspected and taken away.

Without it two assignments could not see each other, and a node could leave while it is given away.
"""


LOCK_ROUNDS = 0x0A14
"""Key of the advisory lock that a round holds from its reading to its writing.

Two rounds at one time would not see what the other decides: one grants a reservation over which the other
starts a job.
"""

LOCK_RESERVATIONS = 0x0A13
"""First key of the advisory locks under which the reservations of a user are counted and added to."""


def lock_resources(connection: Connection) -> None:
    """Wait until no other transaction gives out or takes away resources; held until the commit."""
    connection.execute(select(func.pg_advisory_xact_lock(LOCK_RESOURCES)))


def take_round(connection: Connection) -> bool:
    """Make the round of this transaction the only one until its end; False when there is another one."""
    return bool(connection.scalar(select(func.pg_try_advisory_xact_lock(LOCK_ROUNDS))))


def lock_reservations(connection: Connection, user: str) -> None:
    """Wait until no other transaction adds to the reservations of a user; held until the commit."""
    connection.execute(select(func.pg_advisory_xact_lock(LOCK_RESERVATIONS, func.hashtext(user))))


def lock_resource_rows(connection: Connection, condition: ColumnElement[bool]) -> list[int]:
    """Let nobody else change some resources until the commit; returns their ids."""
    return list(connection.scalars(locking_resource_rows(condition)))


def locking_resource_rows(condition: ColumnElement[bool]) -> Select[int]:
    """Select some resources and lock their rows: a part for the statement that changes them."""
    ids = select(ResourceRow.resource_id).where(condition).order_by(ResourceRow.resource_id)
    return ids.with_for_update(key_share=True)
