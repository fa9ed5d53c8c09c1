"""The resources that a request could ever be given, with no more of each than a check needs."""

from collections.abc import Collection

from sqlalchemy import Connection, column, select, table

from oar.core.job import Resource, ResourceId
from oar.core.states import UNCHANGED, NodeState


def load_candidates(connection: Connection, levels: Collection[str]) -> tuple[Resource, ...]:
    """Read the resources that are not Dead, as if Alive and free for ever, with their values at ``levels``.

    The levels are properties that exist; any of the resources may be back when a job is planned.
    """
    wanted = sorted({"resource_id", "network_address", "type", *levels})
    resources = table("resources", column("state"), *(column(name) for name in wanted))
    rows = connection.execute(
        select(*(resources.c[name] for name in wanted))
        .where(resources.c.state != NodeState.DEAD)
        .order_by(resources.c.resource_id)
    ).mappings()
    return tuple(
        Resource(
            resource_id=ResourceId(row["resource_id"]),
            node=row["network_address"],
            type=row["type"],
            state=NodeState.ALIVE,
            next_state=UNCHANGED,
            available_upto=0,
            properties=dict(row),
        )
        for row in rows
    )
