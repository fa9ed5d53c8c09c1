"""What oarnodesetting does: finds its targets, writes all its changes at once, waits for the jobs."""

import re
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
from sqlalchemy import Connection

from oar import bus
from oar.cli.admin import NOT_ADMINISTRATOR
from oar.cli.app import Context, fail, warn
from oar.cli.caller import read_as
from oar.core.job import LevelValue, ResourceId
from oar.core.messages import Hint
from oar.core.node_names import BadNodeName, check_name
from oar.core.properties import SERVER_PROPERTIES
from oar.core.states import NodeState
from oar.db.engine import database_now
from oar.db.listing_resources import ResourceChoice, greatest_value, jobs_on, read_resources
from oar.db.maintenance import begin_maintenance, end_maintenance
from oar.db.properties import PropertyError, UnknownProperty, list_properties
from oar.db.resources import add_resource, request_state, set_properties
from oar.errors import OarError

JOBS_TIMEOUT_S = 30
POLL_S = 0.3
JOB_REMAINS = 11

Values = Mapping[str, LevelValue]
_PROPERTY = re.compile(r"(\w+)(?:=(.*)|(!))", re.ASCII | re.DOTALL)


class Refused(OarError):
    """A wish that cannot be carried out, with oarnodesetting's own exit code."""

    def __init__(self, exit_code: int, text: str) -> None:
        super().__init__(text)
        self.exit_code = exit_code


@dataclass(frozen=True, slots=True)
class Wish:
    """What the options ask for; see the help of each."""

    add: bool
    hosts: tuple[str, ...]
    file: str | None
    resources: tuple[int, ...]
    condition: str
    state: str | None
    maintenance: str | None
    drain: str | None
    properties: tuple[str, ...]
    no_wait: bool
    last_property_value: str | None


@dataclass(frozen=True, slots=True)
class Targets:
    """The resources to change; ``nodes`` when they were named by their nodes."""

    nodes: tuple[str, ...]
    ids: tuple[int, ...]

    def words(self) -> list[str]:
        """Name them as OAR 2 does: node by node, or all ids in parentheses."""
        return list(self.nodes) or [f"({','.join(map(str, self.ids))})"]


def carry_out(context: Context, wish: Wish) -> None:
    """Do what the options ask for, in one transaction, then tell the server and wait for the jobs."""
    if wish.last_property_value is not None:
        _print_last_value(context, wish.last_property_value)
        return
    _check(wish)
    values = _values(wish)
    hosts = _hosts(context, wish)
    with context.engine.begin() as connection:
        now = database_now(connection)
        if wish.add:
            targets = Targets((), ())
            said = _add(connection, hosts, wish.state, values, now)
        else:
            targets = _targets(context, wish, hosts)
            said = _change(connection, targets, wish, values, now)
    for line in said:
        click.echo(line)
    _tell_server(context, wish)
    leaving = wish.maintenance == "on" or wish.state in (NodeState.ABSENT, NodeState.DEAD)
    if leaving and not wish.no_wait and not wish.add:
        _wait_for_jobs(context, targets)


def _check(wish: Wish) -> None:
    if not (wish.add or wish.state or wish.maintenance or wish.drain or wish.properties):
        raise click.UsageError("give --add, --state, --maintenance, --drain or --property")
    if wish.add and (wish.resources or wish.condition):
        raise click.UsageError(
            "--add makes new resources; it goes with --hostname, not with --resource or --sql"
        )
    if wish.state and wish.maintenance:
        raise click.UsageError("--maintenance decides on the state; leave out --state")
    if wish.add and wish.maintenance:
        raise click.UsageError("--add makes new resources; set --maintenance on them afterwards")


def _values(wish: Wish) -> Values:
    values: dict[str, LevelValue] = {}
    for text in wish.properties:
        found = _PROPERTY.fullmatch(text)
        if found is None:
            raise Refused(10, f"--property: '{text}' is not NAME=VALUE or NAME!")
        name, value = found[1].lower(), found[2]
        if name in SERVER_PROPERTIES:
            raise Refused(NOT_ADMINISTRATOR, f"--property: {name} belongs to OAR and cannot be set")
        if name == "network_address":
            _check_node(value or "", "--property")
        values[name] = None if found[3] else value
    if wish.drain:
        values["drain"] = "YES" if wish.drain == "on" else "NO"
    return values


def _check_node(name: str, option: str) -> None:
    """Refuse what cannot name a node; resources of no node, such as licences, have an empty name."""
    try:
        if name:
            check_name(name)
    except BadNodeName as error:
        raise Refused(9, f"{option}: {error}") from None


def _hosts(context: Context, wish: Wish) -> tuple[str, ...]:
    hosts = list(wish.hosts)
    if wish.file is not None:
        try:
            text = read_as(context.caller, Path(wish.file))
        except OarError as error:
            raise Refused(13, f"--file: {error}") from None
        hosts += [line.strip() for line in text.splitlines() if line.strip()]
        if not hosts:
            raise Refused(2, f"--file: {wish.file} lists no node")
    if not hosts and not wish.resources and not wish.condition:
        hosts = [socket.gethostname()]
    return tuple(dict.fromkeys(hosts))


def _targets(context: Context, wish: Wish, hosts: Sequence[str]) -> Targets:
    found: dict[ResourceId, str] = {}
    with context.reader.connect() as reader:
        choices = [ResourceChoice(nodes=tuple(hosts))] if hosts else []
        choices += [ResourceChoice(resources=wish.resources)] if wish.resources else []
        choices += [ResourceChoice(condition=wish.condition)] if wish.condition else []
        for choice in choices:
            chosen = {one.resource_id: one.node for one in read_resources(reader, choice)}
            if choice.condition and not chosen:
                raise Refused(12, f"--sql: no resource meets {wish.condition}")
            found |= chosen
    unknown = [str(number) for number in wish.resources if number not in found]
    if unknown:
        raise Refused(3, f"--resource: there is no resource {', '.join(unknown)}; oarnodes -s lists them")
    for host in hosts:
        if host not in found.values():
            raise Refused(4, f"--hostname: there is no node {host}; oarnodes -l lists them")
    by_node = bool(hosts) and not (wish.resources or wish.condition)
    return Targets(tuple(hosts) if by_node else (), tuple(sorted(found)))


def _add(
    connection: Connection, hosts: Sequence[str], state: str | None, values: Values, now: int
) -> list[str]:
    for host in hosts:
        _check_node(host, "--hostname")
        try:
            add_resource(connection, host, values, NodeState(state or NodeState.ALIVE), now=now)
        except PropertyError as error:
            raise Refused(9, f"--property: {error}") from None
    return [f"New resource added:  {host}" for host in hosts]


def _change(connection: Connection, targets: Targets, wish: Wish, values: Values, now: int) -> list[str]:
    said = [_set(connection, targets, name, value, now) for name, value in values.items()]
    if wish.maintenance:
        said += _maintain(connection, targets, wish.maintenance, now)
    elif wish.state:
        request_state(connection, targets.ids, NodeState(wish.state), now)
        said += [f"{words} --> {wish.state}" for words in targets.words()]
        said += ["Done"] if wish.state == NodeState.ALIVE and not targets.nodes else []
    return said


def _set(connection: Connection, targets: Targets, name: str, value: LevelValue, now: int) -> str:
    try:
        count = set_properties(connection, targets.ids, {name: value}, now)
    except PropertyError as error:
        raise Refused(9, f"--property: {error}") from None
    done = f"Unset property {name}" if value is None else f"Set property {name} to '{value}'"
    return f"{done}... {count} resource(s) updated."


def _maintain(connection: Connection, targets: Targets, word: str, now: int) -> list[str]:
    if word == "on":
        begin_maintenance(connection, targets.ids, now)
        request_state(connection, targets.ids, NodeState.ABSENT, now)
    else:
        end_maintenance(connection, targets.ids, now)
        request_state(connection, targets.ids, NodeState.ALIVE, now)
    return [f'Maintenance mode set to "{word.upper()}" on resource {number}' for number in targets.ids]


def _tell_server(context: Context, wish: Wish) -> None:
    hints = [Hint.STATE_CHANGED] if wish.add or wish.state or wish.maintenance else []
    hints += [Hint.TERM] if wish.add or wish.properties or wish.drain else []
    if not bus.send(context.settings.server, *hints) and (wish.state or wish.maintenance) and not wish.add:
        warn("the server does not answer; it will change the states when it runs")


def _wait_for_jobs(context: Context, targets: Targets) -> None:
    """Wait until no job is left on the resources; the server kills them. Ends with a code when one stays."""
    where = (
        f"node {', '.join(targets.nodes)}"
        if targets.nodes
        else f"resource {', '.join(map(str, targets.ids))}"
    )
    click.echo(f"Check jobs to delete on {where}:")
    deadline = time.monotonic() + JOBS_TIMEOUT_S
    with context.engine.connect() as connection:
        there = first = jobs_on(connection, targets.ids)
        while there and time.monotonic() < deadline:
            time.sleep(POLL_S)
            connection.rollback()
            there = jobs_on(connection, targets.ids)
    for job in first:
        click.echo(f"\t{job} {'Timeout' if job in there else 'Deleted'}")
    if there:
        warn(f"job {', '.join(map(str, there))} is still there after {JOBS_TIMEOUT_S} s")
        fail(JOB_REMAINS)
    click.echo("Check done")


def _print_last_value(context: Context, name: str) -> None:
    with context.reader.connect() as connection:
        if name not in list_properties(connection):
            raise Refused(9, f"--last-property-value: {UnknownProperty(name)}")
        found = greatest_value(connection, name)
    if found is not None:
        click.echo(found)
