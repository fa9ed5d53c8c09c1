"""A whole server that puts nodes to sleep and wakes them with real commands."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection, select, text

from oar.core.energy import EnergyOrders
from oar.core.states import NodeState
from oar.db.energy import give_orders, suspect_sleepers
from oar.db.engine import database_now
from oar.db.resources import request_state
from oar.db.tables_admin import EventRow
from oar.db.tables_resources import ResourceRow
from oar.setting_kinds import Patience
from oar.settings import EnergySettings, Settings
from tests.integration.almighty.server import RunningServer, running_server, server_settings
from tests.integration.life.build import add_node
from tests.unit.almighty.fakes import FakeRemote

pytestmark = pytest.mark.integration


class Commands:
    """A command that puts nodes to sleep and one that wakes them; they write down what they read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.sleep = self._make("sleep")
        self.wake = self._make("wake")

    def _make(self, name: str, more: str = "") -> tuple[str, ...]:
        file = self._folder / name
        file.write_text(f'#!/bin/sh\nnames=$(cat | tr "\\n" " ")\n{more}\necho "$names" >> {file}.read\n')
        file.chmod(0o755)
        return (str(file),)

    def let(self, name: str, script: str) -> None:
        """Let a command do something more before it writes."""
        self._make(name, script)

    def read(self, name: str) -> list[str]:
        """Give the names that a command has read, each time that it ran."""
        file = self._folder / f"{name}.read"
        return sorted(line.strip() for line in file.read_text().splitlines()) if file.exists() else []

    def simple(self, **values: object) -> Settings:
        """Settings with one command for all nodes."""
        energy = EnergySettings(sleep_command=self.sleep, wake_command=self.wake, halt_s=0)
        return replace(server_settings(), energy=replace(energy, **values))  # type: ignore[arg-type]

    def internal(self, **values: object) -> Settings:
        """Settings with a command for each node."""
        energy = EnergySettings(
            internal=True,
            internal_sleep_command=self.sleep,
            internal_wake_command=self.wake,
            halt_s=0,
            window_s=0,
        )
        return replace(server_settings(), energy=replace(energy, **values))  # type: ignore[arg-type]


@pytest.fixture
def commands(tmp_path: Path) -> Iterator[Commands]:
    return Commands(tmp_path)


def order(database, **orders: tuple[str, ...]) -> None:
    with database.engine.begin() as connection:
        given = give_orders(connection, EnergyOrders(**orders), database_now(connection))
        assert sum(map(len, given.values())) == sum(map(len, orders.values()))


def add_nodes(database, *names: str, state: NodeState = NodeState.ABSENT) -> None:
    with database.engine.begin() as connection:
        for name in names:
            add_node(connection, name, 2, state=state, state_num=state.rank)


def states(connection: Connection, node: str) -> set[str]:
    rows = select(ResourceRow.state).where(ResourceRow.network_address == node)
    return set(connection.execute(rows).scalars())


def kinds(connection: Connection, to_check: str = "NO") -> list[str]:
    rows = select(EventRow.type).where(EventRow.to_check == to_check).order_by(EventRow.event_id)
    return list(connection.execute(rows).scalars())


async def until_over(server: RunningServer) -> None:
    await server.until(lambda connection: not kinds(connection, "YES"))


async def come_back(server: RunningServer, *nodes: str) -> None:
    """Let nodes say that they are there, as they do when they have booted."""

    def say(connection: Connection) -> None:
        for node in nodes:
            request_state(connection, node, NodeState.ALIVE, 0)

    await server.read(say)
    server.say("ChState")


def test_r15_one_command_reads_the_nodes_to_wake_and_the_order_lasts_until_they_are_back(database, commands):
    add_nodes(database, "node1", "node2")
    order(database, wake=("node1", "node2"))

    async def scene() -> None:
        async with running_server(database.engine, FakeRemote(), commands.simple()) as server:
            await server.until(lambda _: commands.read("wake") == ["node1 node2"])
            await come_back(server, "node1", "node2")
            await until_over(server)
            assert await server.read(kinds) == ["WAKEUP_NODE", "WAKEUP_NODE"]

    asyncio.run(scene())


def test_r16_one_command_reads_the_nodes_to_halt_and_they_become_absent(database, commands):
    add_nodes(database, "node1", "node2", state=NodeState.ALIVE)
    order(database, halt=("node1", "node2"))

    async def scene() -> None:
        async with running_server(database.engine, FakeRemote(), commands.simple()) as server:
            await until_over(server)
            await server.until(lambda connection: states(connection, "node2") == {"Absent"})
            assert await server.read(kinds) == ["HALT_NODE", "HALT_NODE"]

    asyncio.run(scene())
    assert commands.read("sleep") == ["node1 node2"]


def test_the_internal_module_runs_a_command_for_each_node(database, commands):
    add_nodes(database, "node1", "node2", "node3", state=NodeState.ALIVE)
    order(database, halt=("node1", "node2", "node3"))

    async def scene() -> None:
        settings = commands.internal(window_size=2)
        async with running_server(database.engine, FakeRemote(), settings) as server:
            await until_over(server)

    asyncio.run(scene())
    assert commands.read("sleep") == ["node1", "node2", "node3"]


def test_a_node_that_does_not_come_back_is_suspected(database, commands):
    add_nodes(database, "node1", "node2")
    order(database, wake=("node1", "node2"))

    async def scene() -> None:
        settings = commands.internal(wakeup_timeout=Patience(((1, 2),)))
        async with running_server(database.engine, FakeRemote(), settings) as server:
            await server.until(lambda _: commands.read("wake") == ["node1", "node2"])
            await come_back(server, "node1")
            await server.until(lambda connection: states(connection, "node2") == {"Suspected"})
            assert await server.read(lambda connection: states(connection, "node1")) == {"Alive"}
            assert "LOG_SUSPECTED" in await server.read(kinds)

    asyncio.run(scene())


def test_a_node_whose_halt_fails_is_suspected(database, commands):
    commands.let("sleep", '[ "$names" = "node1 " ] && { echo no power >&2; exit 3; }')
    add_nodes(database, "node1", "node2", "node3", state=NodeState.ALIVE)
    order(database, halt=("node3",))

    async def scene() -> None:
        async with running_server(database.engine, FakeRemote(), commands.internal()) as server:
            await server.until(lambda _: commands.read("sleep") == ["node3"])  # now it has looked once
            await asyncio.to_thread(order, database, halt=("node1", "node2"))
            server.say("CHECK")
            await server.until(lambda connection: states(connection, "node1") == {"Suspected"})
            await server.until(lambda connection: states(connection, "node2") == {"Absent"})

    asyncio.run(scene())


def test_a_wake_up_command_that_fails_suspects_its_node_and_the_event_says_why(database, commands):
    commands.let("wake", '[ "$names" = "node1 " ] && { echo no power >&2; exit 3; }')
    add_nodes(database, "node1", "node2")
    order(database, wake=("node1", "node2"))

    async def scene() -> None:
        async with running_server(database.engine, FakeRemote(), commands.internal()) as server:
            await server.until(lambda connection: states(connection, "node1") == {"Suspected"})
            assert await server.read(lambda connection: states(connection, "node2")) == {"Absent"}

    asyncio.run(scene())
    with database.engine.connect() as connection:
        why = connection.scalar(select(EventRow.description).where(EventRow.type == "LOG_SUSPECTED"))
    assert why.endswith("ended with status 3: no power")


def test_a_server_that_was_killed_sends_open_orders_again(database, commands):
    add_nodes(database, "node1")
    order(database, wake=("node1",))

    async def scene() -> None:
        async with running_server(database.engine, FakeRemote(), commands.internal()) as first:
            await first.until(lambda _: commands.read("wake") == ["node1"])
        async with running_server(database.engine, FakeRemote(), commands.internal()) as second:
            await second.until(lambda _: commands.read("wake") == ["node1", "node1"])
            await come_back(second, "node1")
            await until_over(second)

    asyncio.run(scene())


def test_a_command_that_hangs_holds_up_nothing_else(database, commands):
    commands.let("wake", "sleep 600")
    add_nodes(database, "node1")
    add_nodes(database, "node2", state=NodeState.ALIVE)
    order(database, wake=("node1",), halt=("node2",))

    async def scene() -> None:
        async with running_server(database.engine, FakeRemote(), commands.simple()) as server:
            await server.until(lambda connection: states(connection, "node2") == {"Absent"})
            await server.until(lambda connection: kinds(connection) == ["HALT_NODE"])
            rounds = server.metascheduler.rounds
            server.say("Scheduling")
            async with asyncio.timeout(10):
                while server.metascheduler.rounds == rounds:
                    await asyncio.sleep(0.02)

    asyncio.run(scene())


def test_orders_are_no_work_for_who_applies_events(database, commands):
    add_nodes(database, "node1")
    order(database, wake=("node1",))

    async def scene() -> None:
        async with running_server(database.engine, FakeRemote()) as server:
            server.say("ChState")
            await server.until(lambda _: server.metascheduler.rounds > 0)

    asyncio.run(scene())
    with database.engine.connect() as connection:
        assert kinds(connection, "YES") == ["WAKEUP_NODE"]
        assert connection.execute(text("SELECT count(*) FROM event_log_hostnames")).scalar_one() == 1


def test_a_node_that_goes_into_maintenance_while_it_wakes_up_is_left_alone(database, commands):
    add_nodes(database, "node1")
    order(database, wake=("node1",))

    def maintain(connection: Connection) -> None:
        connection.execute(text("UPDATE resources SET available_upto = 0"))

    async def scene() -> None:
        async with running_server(database.engine, FakeRemote(), commands.internal()) as server:
            await server.until(lambda _: commands.read("wake") == ["node1"])
            await server.read(maintain)
            await until_over(server)
            assert await server.read(kinds) == ["WAKEUP_NODE"]

    asyncio.run(scene())


def test_a_node_that_went_into_maintenance_since_we_looked_is_not_suspected(database):
    add_nodes(database, "node1", "node2")
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE resources SET available_upto = 0 WHERE network_address = 'node1'"))
        suspect_sleepers(connection, {"node1": "late", "node2": "late"}, database_now(connection))
        asked = text("SELECT DISTINCT network_address FROM resources WHERE next_state = 'Suspected'")
        assert connection.scalars(asked).all() == ["node2"]
