"""What oarnodes does for each of its options: read a view, write it."""

from collections.abc import Sequence

import click
from sqlalchemy import Connection

from oar.cli.app import Context, fail, warn
from oar.cli.asked import LAST, NodesAsked
from oar.cli.node_views import NodeEvents, NodeJobs, NodeNames, ResourceBlocks, ResourceStates
from oar.cli.output import write
from oar.cli.render import View
from oar.core.durations import parse_date
from oar.core.job import Resource
from oar.core.listings import ResourceLine
from oar.db.engine import database_now, one_moment
from oar.db.listing import JobChoice, read_job_details
from oar.db.listing_resources import ResourceChoice, read_node_events, read_resource_lines
from oar.errors import BadRequest, ExitCode


def show(context: Context, asked: NodesAsked) -> None:
    """Write what the options ask for; ends with a code when something asked for does not exist."""
    choice = ResourceChoice(asked.hosts, asked.resources, asked.condition)
    with one_moment(context.reader) as connection:
        lines = read_resource_lines(connection, choice)
        write(_view(connection, asked, lines))
    _tell_missing(asked, [line.resource for line in lines])


def _view(connection: Connection, asked: NodesAsked, lines: Sequence[ResourceLine]) -> View:
    resources = [line.resource for line in lines]
    if asked.events is not None:
        since = None if asked.events == LAST else _date(asked.events)
        return NodeEvents(read_node_events(connection, asked.hosts, since))
    if asked.listing:
        return NodeNames(list(dict.fromkeys(resource.node for resource in resources if resource.node)))
    if asked.jobs:
        ids = tuple(dict.fromkeys(job for line in lines for job in line.jobs))
        jobs = read_job_details(connection, JobChoice(jobs=ids)) if ids else ()
        return NodeJobs(lines, {job.line.job_id: job for job in jobs})
    now = database_now(connection)
    if asked.state:
        return ResourceStates(resources, now, by_node=not (asked.resources or asked.condition))
    return ResourceBlocks(lines, now)


def _date(text: str) -> int:
    try:
        return parse_date(text)
    except BadRequest as error:
        raise click.UsageError(f"--events: {error}") from None


def _tell_missing(asked: NodesAsked, found: Sequence[Resource]) -> None:
    nodes, ids = {one.node for one in found}, {one.resource_id for one in found}
    missing = [f"node {host}" for host in asked.hosts if host not in nodes]
    if not asked.condition:
        missing += [f"resource {number}" for number in asked.resources if number not in ids]
    for what in missing:
        warn(f"there is no {what}; oarnodes -s lists all")
    if missing:
        fail(ExitCode.FAILURE)
