"""A whole server that asks its nodes whether they answer: from time to time, before jobs and after them."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from oar.core.messages import Hint
from oar.core.states import JobState
from oar.db.kills import SERVER, ask_kill
from oar.db.tables_resources import AssignmentRow, ResourceRow
from oar.remote.runner import Answer
from oar.settings import CheckSettings, FrontendSettings, Settings
from tests.integration.almighty.server import (
    RunningServer,
    add_ready_job,
    events_of,
    report_line,
    running_server,
    server_settings,
)
from tests.integration.life.build import add_node, job_row
from tests.unit.almighty.fakes import FakeRemote

pytestmark = pytest.mark.integration

CHECK = "CHECK"
SILENT = Answer("node2", None, timed_out=True)


def play(
    database, remote: FakeRemote, settings: Settings, scene: Callable[[RunningServer], Awaitable[None]]
) -> None:
    async def run() -> None:
        async with running_server(database.engine, remote, settings) as server:
            await scene(server)

    asyncio.run(run())


def states(connection) -> dict[str, str]:
    return dict(connection.execute(select(ResourceRow.network_address, ResourceRow.state)).all())


def checked_every(seconds: int, **values: object) -> Settings:
    return replace(server_settings(), checks=CheckSettings(frequency_s=seconds, **values))  # type: ignore[arg-type]


def by_program(folder: Path, *bad: str, **values: object) -> CheckSettings:
    """A program of the site that says that some nodes do not answer."""
    file = folder / "check"
    file.write_text(f'#!/bin/sh\necho "$@" >> {file}.asked\necho {" ".join(bad)} >&2\n')
    file.chmod(0o755)
    return CheckSettings(generic=(str(file),), **values)  # type: ignore[arg-type]


def test_a_node_that_does_not_answer_is_suspected_and_comes_back_when_it_does(database):
    with database.engine.begin() as connection:
        add_node(connection, "node1")
        add_node(connection, "node2", 2)
    remote = FakeRemote(bad={(CHECK, "node2"): SILENT})

    async def scene(server: RunningServer) -> None:
        await server.until(lambda connection: states(connection) == {"node1": "Alive", "node2": "Suspected"})
        remote.bad.clear()
        await server.until(lambda connection: states(connection) == {"node1": "Alive", "node2": "Alive"})

    play(database, remote, checked_every(1), scene)


def test_a_node_that_hangs_holds_up_no_kill_and_no_round(database):
    job_id = add_ready_job(database.engine)
    with database.engine.begin() as connection:
        add_node(connection, "node2")
    remote = FakeRemote(silent={(CHECK, "node2")})

    async def scene(server: RunningServer) -> None:
        await server.until_state(job_id, JobState.RUNNING)
        async with asyncio.timeout(10):
            while not any(action == CHECK for action, _, _ in remote.calls):
                await asyncio.sleep(0.02)
        rounds = server.metascheduler.rounds
        server.say(report_line(job_id))
        await server.until_state(job_id, JobState.TERMINATED)
        async with asyncio.timeout(10):
            while server.metascheduler.rounds == rounds:
                await asyncio.sleep(0.02)

    play(database, remote, checked_every(1), scene)


def test_a_program_that_cannot_be_run_suspects_nobody(database, caplog):
    with database.engine.begin() as connection:
        add_node(connection, "node1")

    async def scene(server: RunningServer) -> None:
        await server.send(Hint.CHECK_NODES)
        async with asyncio.timeout(10):
            while "nothing was found out: /nowhere/fping: cannot run" not in caplog.text:
                await asyncio.sleep(0.02)
        assert await server.read(states) == {"node1": "Alive"}

    play(database, FakeRemote(), checked_every(0, fping=("/nowhere/fping",)), scene)


def test_a_program_of_the_site_asks_the_nodes_on_demand(database, tmp_path):
    with database.engine.begin() as connection:
        add_node(connection, "node1")
        add_node(connection, "node2")
    settings = replace(server_settings(), checks=by_program(tmp_path, "node2", frequency_s=0))

    async def scene(server: RunningServer) -> None:
        await server.send(Hint.CHECK_NODES)
        await server.until(lambda connection: states(connection) == {"node1": "Alive", "node2": "Suspected"})

    play(database, FakeRemote(), settings, scene)
    assert (tmp_path / "check.asked").read_text() == "node1 node2\n"


def test_a_job_whose_node_fails_the_check_of_the_site_is_not_started_there(database, tmp_path):
    job_id = add_ready_job(database.engine, nodes=("node1", "node2"))
    settings = replace(server_settings(), checks=by_program(tmp_path, "node2"))

    async def scene(server: RunningServer) -> None:
        await server.until_state(job_id, JobState.ERROR)
        assert await server.read(states) == {"node1": "Alive", "node2": "Suspected"}

    remote = FakeRemote()
    play(database, remote, settings, scene)
    assert remote.actions(job_id) == ["init", "clean"]
    with database.engine.begin() as connection:
        assert "PING_CHECKER_NODE_SUSPECTED" in events_of(connection, job_id)


def test_the_nodes_of_a_job_are_checked_at_its_end_where_the_site_wants_that(database, tmp_path):
    job_id = add_ready_job(database.engine, nodes=("node1", "node2"))
    remote = FakeRemote(bad={(CHECK, "node2"): SILENT})

    async def scene(server: RunningServer) -> None:
        await server.until_state(job_id, JobState.RUNNING)
        server.say(report_line(job_id))
        await server.until_state(job_id, JobState.TERMINATED)
        assert await server.read(states) == {"node1": "Alive", "node2": "Suspected"}

    play(database, remote, checked_every(0, at_job_end=True), scene)


# ---- reservations that lose nodes at launch


def test_a_reservation_starts_without_the_node_that_fails(database):
    job_id = add_ready_job(
        database.engine, nodes=("node1", "node2"), reservation="Scheduled", message="R=4,W=1:0:0,J=R"
    )
    remote = FakeRemote(bad={("init", "node2"): Answer("node2", None, timed_out=True)})

    async def scene(server: RunningServer) -> None:
        await server.until_state(job_id, JobState.RUNNING)
        await server.until(lambda connection: states(connection) == {"node1": "Alive", "node2": "Suspected"})

    play(database, remote, server_settings(), scene)
    inits = [nodes for action, _, nodes in remote.calls if action == "init"]
    assert inits == [("node1", "node2"), ("node1",)]
    with database.engine.begin() as connection:
        rows = select(AssignmentRow.assigned_resource_index, AssignmentRow.resources)
        kept = {index: str(resources) for index, resources in connection.execute(rows)}
        assert (kept, job_row(connection, job_id).message) == (
            {"CURRENT": "1-2", "LOG": "3-4"},
            "R=2,W=1:0:0,J=R",
        )


def test_a_reservation_of_which_no_node_is_left_ends_in_error(database):
    job_id = add_ready_job(database.engine, nodes=("node1",), reservation="Scheduled")
    remote = FakeRemote(bad={("init", "node1"): Answer("node1", 4, errors="no cgroup")})

    async def scene(server: RunningServer) -> None:
        await server.until_state(job_id, JobState.ERROR)
        await server.until(lambda connection: states(connection) == {"node1": "Suspected"})

    play(database, remote, server_settings(), scene)
    with database.engine.begin() as connection:
        assert "RESERVATION_NO_NODE" in events_of(connection, job_id)


# ---- jobs on frontends


FRONTENDS = FrontendSettings(deploy="deployer", cosystem="front")


@pytest.mark.parametrize(
    ("word", "host"), [("deploy", "deployer"), ("deploy=standby", "deployer"), ("cosystem", "front")]
)
def test_m27_the_command_of_a_job_that_leaves_its_nodes_alone_is_on_a_frontend(database, word, host):
    job_id = add_ready_job(database.engine, nodes=("node1", "node2"), types=(word,))
    remote = FakeRemote()

    async def scene(server: RunningServer) -> None:
        await server.until_state(job_id, JobState.RUNNING)
        server.say(report_line(job_id))
        await server.until_state(job_id, JobState.TERMINATED)

    play(database, remote, replace(server_settings(), frontends=FRONTENDS), scene)
    assert remote.calls == [("start", job_id, (host,))]


@pytest.mark.parametrize("word", ["deploy", "cosystem"])
def test_a_frontend_that_fails_suspects_no_node(database, word):
    job_id = add_ready_job(database.engine, types=(word,))
    hosts = ("deployer", "front")
    remote = FakeRemote(bad={("start", host): Answer(host, 255, errors="refused") for host in hosts})

    async def scene(server: RunningServer) -> None:
        await server.until_state(job_id, JobState.ERROR)
        assert await server.read(states) == {"node1": "Alive"}

    play(database, remote, replace(server_settings(), frontends=FRONTENDS), scene)
    assert (remote.actions(job_id), "RESUBMIT_JOB_AUTOMATICALLY" in _events(database, job_id)) == (
        ["start"],
        False,
    )


def test_a_job_of_licences_runs_on_the_frontend_for_that(database):
    job_id = add_ready_job(database.engine, nodes=("",))
    with database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE resources SET type = 'licence'")
    remote = FakeRemote()

    async def scene(server: RunningServer) -> None:
        await server.until_state(job_id, JobState.RUNNING)

    play(database, remote, replace(server_settings(), frontends=FRONTENDS), scene)
    assert remote.calls == [("start", job_id, ("front",))]


def _events(database, job_id: int) -> list[str]:
    with database.engine.begin() as connection:
        return events_of(connection, job_id)


def test_the_programs_of_the_server_run_around_a_noop_job_too(database, tmp_path):
    job_id = add_ready_job(database.engine, types=("noop",))
    script = tmp_path / "script"
    script.write_text(f'#!/bin/sh\necho "$# $1 $(pwd)" >> {tmp_path}/called\n')
    script.chmod(0o755)
    settings = server_settings()
    nodes = replace(settings.nodes, server_prologue=str(script), server_epilogue=str(script))
    called = tmp_path / "called"

    def calls() -> list[str]:
        return called.read_text().splitlines() if called.exists() else []

    async def until_calls(count: int) -> None:
        async with asyncio.timeout(10):
            while len(calls()) < count:
                await asyncio.sleep(0.02)

    async def scene(server: RunningServer) -> None:
        await until_calls(1)
        await server.read(lambda connection: ask_kill(connection, job_id, SERVER, 1))
        await server.send(Hint.KILL_ASKED)
        await server.until_state(job_id, JobState.TERMINATED)
        await until_calls(2)

    remote = FakeRemote()
    play(database, remote, replace(settings, nodes=nodes), scene)
    assert (calls(), remote.calls) == ([f"1 {job_id} /"] * 2, [])
