"""Read models of oarnodes, and of the commands that name resources: a few queries for a whole listing."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from procset import ProcSet
from sqlalchemy import ColumnClause, Connection, column, select, table

from oar.core.job import JobId, Resource
from oar.core.listings import EventLine, ResourceLine
from oar.core.states import HOLDING_STATES, RowIndex
from oar.db.resources import load_resources, matching_resources
from oar.db.tables_admin import EventHostnameRow, EventRow
from oar.db.tables_jobs import JobRow
from oar.db.tables_resources import AssignmentRow

EVENTS_SHOWN = 30
"""How many events of nodes are shown when no date says since when."""


@dataclass(frozen=True, slots=True)
class ResourceChoice:
    """Which resources are listed: those that meet all that is given.

    ``condition`` is SQL of a person on the columns of ``resources``.
    """

    nodes: tuple[str, ...] = ()
    resources: tuple[int, ...] = ()
    condition: str = ""


def read_resources(connection: Connection, choice: ResourceChoice) -> tuple[Resource, ...]:
    """Read the chosen resources with all their columns, by id; those that do not exist are absent.

    ``connection`` is read-only, it carries a condition that a person wrote. Raises BadFilter.
    """
    ids = set(choice.resources)
    if choice.condition:
        matching = set(matching_resources(connection, choice.condition))
        ids = ids & matching if ids else matching
    named = bool(choice.resources or choice.condition)
    return tuple(
        resource
        for resource in load_resources(connection, "resource_id")
        if (not named or resource.resource_id in ids) and (not choice.nodes or resource.node in choice.nodes)
    )


def read_resource_lines(connection: Connection, choice: ResourceChoice) -> tuple[ResourceLine, ...]:
    """Read the chosen resources and the jobs on them: two queries. Raises BadFilter."""
    resources = read_resources(connection, choice)
    chosen = {resource.resource_id for resource in resources}
    on_resource: dict[int, list[JobId]] = defaultdict(list)
    for job_id, held in read_holders(connection).items():
        for number in held:
            if number in chosen:
                on_resource[number].append(job_id)
    return tuple(ResourceLine(resource, tuple(on_resource[resource.resource_id])) for resource in resources)


def read_holders(connection: Connection) -> Mapping[JobId, ProcSet]:
    """Read which jobs hold resources now, and which."""
    query = (
        select(JobRow.job_id, AssignmentRow.resources)
        .join(AssignmentRow, AssignmentRow.moldable_job_id == JobRow.assigned_moldable_job)
        .where(
            JobRow.state.in_(sorted(HOLDING_STATES)),
            AssignmentRow.assigned_resource_index == RowIndex.CURRENT,
        )
        .order_by(JobRow.job_id)
    )
    return {JobId(job_id): resources for job_id, resources in connection.execute(query)}


def jobs_on(connection: Connection, resources: Iterable[int]) -> tuple[JobId, ...]:
    """Say which jobs hold any of some resources now."""
    wanted = set(resources)
    return tuple(job_id for job_id, held in read_holders(connection).items() if not wanted.isdisjoint(held))


def greatest_value(connection: Connection, name: str) -> str | int | None:
    """Read the greatest value of a property that exists; None when no resource has one."""
    value: ColumnClause[Any] = column(name)
    query = select(value).select_from(table("resources", value)).where(value.is_not(None))
    found: str | int | None = connection.execute(query.order_by(value.desc()).limit(1)).scalar()
    return found


def read_node_events(
    connection: Connection, nodes: Sequence[str], since: int | None
) -> tuple[EventLine, ...]:
    """Read the events of nodes, newest first: all since a date, or the last ones when it is None."""
    event, host = EventRow, EventHostnameRow
    query = (
        select(
            event.event_id,
            event.date,
            event.job_id,
            event.type,
            event.description,
            event.to_check,
            host.hostname,
        )
        .join(host, host.event_id == event.event_id)
        .order_by(event.event_id.desc(), host.hostname)
    )
    if nodes:
        query = query.where(host.hostname.in_(nodes))
    query = query.limit(EVENTS_SHOWN) if since is None else query.where(event.date >= since)
    return tuple(
        EventLine(
            row.event_id, row.date, row.job_id, row.type, row.description, row.to_check == "YES", row.hostname
        )
        for row in connection.execute(query)
    )
