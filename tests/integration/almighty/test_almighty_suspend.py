"""Jobs that the server suspends and resumes, on a real database, with nodes passed in."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from oar.core.events import EventKind
from oar.core.states import JobState
from oar.db.events import pending, record
from oar.db.holds import hold_job, resume_job
from oar.db.kills import SERVER, ask_kill
from oar.db.tables_jobs import KillRow
from oar.db.tables_resources import ResourceRow
from oar.remote.runner import Answer
from oar.settings import Settings
from tests.integration.almighty.server import (
    RunningServer,
    add_ready_job,
    events_of,
    running_server,
    server_settings,
    states_of,
)
from tests.unit.almighty.fakes import FakeRemote

NODES = ("node1", "node2")
BAD = Answer("node2", 4, errors="the processes do not stop")


def play(
    database,
    remote: FakeRemote,
    scene: Callable[[RunningServer], Awaitable[None]],
    **suspend: object,
) -> None:
    """Run a scene on a server of its own; ``suspend`` are settings."""
    settings = server_settings()
    settings = replace(settings, suspend=replace(Settings().suspend, **suspend))

    async def run() -> None:
        async with running_server(database.engine, remote, settings) as server:
            await scene(server)

    asyncio.run(run())


def order(database, job_id: int, kind: EventKind) -> None:
    with database.engine.begin() as connection:
        record(connection, kind, job_id=job_id, now=2000)


def hold(database, job_id: int, **wishes: bool) -> None:
    with database.engine.begin() as connection:
        hold_job(connection, job_id, "ann", 2000, is_admin=True, **wishes)


def life(database, job_id: int) -> list[str]:
    with database.engine.begin() as connection:
        return states_of(connection, job_id)


def happened(database, job_id: int) -> list[str]:
    with database.engine.begin() as connection:
        return events_of(connection, job_id)


def killed(database) -> list[int]:
    with database.engine.begin() as connection:
        return list(connection.scalars(select(KillRow.frag_id_job)))


async def until_settled(server: RunningServer) -> None:
    await server.until(lambda connection: not pending(connection))


def script(folder: Path, text: str) -> str:
    path = folder / "script"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_a_running_job_is_suspended_on_all_its_nodes(database):
    job, remote = add_ready_job(database.engine, JobState.RUNNING, NODES), FakeRemote()
    hold(database, job, running=True)

    async def scene(server: RunningServer) -> None:
        await server.until_state(job, JobState.SUSPENDED)
        await until_settled(server)

    play(database, remote, scene)
    assert ("suspend", job, NODES) in remote.calls
    with database.engine.begin() as connection:
        assert set(connection.scalars(select(ResourceRow.suspended_jobs))) == {"YES"}


def test_a_job_is_suspended_as_soon_as_it_runs(database):
    job, remote = add_ready_job(database.engine), FakeRemote()
    hold(database, job, running=True)
    play(database, remote, lambda server: server.until_state(job, JobState.SUSPENDED))
    assert life(database, job) == ["toLaunch", "Launching", "Running", "Suspended"]


def test_a_job_that_has_leave_goes_on_on_all_its_nodes(database):
    job, remote = add_ready_job(database.engine, JobState.RESUMING, NODES), FakeRemote()
    order(database, job, EventKind.RESUME_GRANTED)

    async def scene(server: RunningServer) -> None:
        await server.until_state(job, JobState.RUNNING)
        await until_settled(server)

    play(database, remote, scene)
    assert ("resume", job, NODES) in remote.calls


def test_a_job_without_leave_stays_resuming(database):
    job, remote = add_ready_job(database.engine, JobState.RESUMING, NODES), FakeRemote()
    other = add_ready_job(database.engine, JobState.RUNNING, ("node3",))
    hold(database, other, running=True)
    play(database, remote, lambda server: server.until_state(other, JobState.SUSPENDED))
    assert (remote.actions(job), life(database, job)) == ([], ["Resuming"])


def test_a_server_that_was_killed_while_nodes_were_told_tells_them_again(database):
    job = add_ready_job(database.engine, JobState.RUNNING, NODES)
    resuming = add_ready_job(database.engine, JobState.RESUMING, ("node3",))
    hold(database, job, running=True)
    order(database, resuming, EventKind.RESUME_GRANTED)
    stuck = FakeRemote(silent={("suspend", "node1"), ("resume", "node3")})

    async def first(server: RunningServer) -> None:
        await server.until_called("suspend", job)
        await server.until_called("resume", resuming)

    play(database, stuck, first)
    assert (life(database, job), life(database, resuming)) == (["Running"], ["Resuming"])

    async def second(server: RunningServer) -> None:
        await server.until_state(job, JobState.SUSPENDED)
        await server.until_state(resuming, JobState.RUNNING)

    play(database, FakeRemote(), second)


def test_a_job_that_nodes_do_not_suspend_is_killed_and_they_are_suspected(database):
    job = add_ready_job(database.engine, JobState.RUNNING, NODES)
    remote = FakeRemote(bad={("suspend", "node2"): BAD})
    hold(database, job, running=True)

    async def scene(server: RunningServer) -> None:
        await server.until_called("signal TERM", job)
        await until_settled(server)

    play(database, remote, scene)
    assert (killed(database), life(database, job)[:1]) == ([job], ["Running"])
    assert "SUSPEND_ERROR" in happened(database, job)
    assert suspected(database) == {"node2"}


def test_a_job_that_nodes_do_not_resume_is_killed_and_they_are_suspected(database):
    job = add_ready_job(database.engine, JobState.RESUMING, NODES)
    remote = FakeRemote(bad={("resume", "node2"): BAD})
    order(database, job, EventKind.RESUME_GRANTED)

    async def scene(server: RunningServer) -> None:
        await server.until_called("signal TERM", job)
        await until_settled(server)

    play(database, remote, scene)
    assert ("RESUME_ERROR" in happened(database, job), suspected(database)) == (True, {"node2"})


@pytest.mark.parametrize(
    ("action", "state", "kind"),
    [
        ("suspend", JobState.RUNNING, EventKind.HOLD_RUNNING_JOB),
        ("resume", JobState.RESUMING, EventKind.RESUME_GRANTED),
    ],
)
def test_nodes_are_not_to_blame_for_a_job_that_somebody_ends_meanwhile(database, action, state, kind):
    job = add_ready_job(database.engine, state, NODES)
    order(database, job, kind)

    class Interrupted(FakeRemote):
        async def _answer(self, asked: str, node: str) -> Answer:
            if asked != action:
                return await super()._answer(asked, node)
            with database.engine.begin() as connection:
                ask_kill(connection, job, "ann", 2000)
            return replace(BAD, node=node)

    async def scene(server: RunningServer) -> None:
        await server.until_called("signal TERM", job)
        await until_settled(server)

    play(database, Interrupted(), scene)
    assert [one for one in happened(database, job) if one.endswith("_ERROR")] == []
    assert suspected(database) == set()


def suspected(database) -> set[str]:
    with database.engine.begin() as connection:
        bad = select(ResourceRow.network_address).where(ResourceRow.state == "Suspected")
        return set(connection.scalars(bad))


def test_the_site_is_told_after_a_job_was_suspended_and_before_it_is_resumed(database, tmp_path):
    job = add_ready_job(database.engine, JobState.RUNNING, NODES)
    file, told = script(tmp_path, f'echo "$@" >> {tmp_path}/told'), tmp_path / "told"
    hold(database, job, running=True)

    async def scene(server: RunningServer) -> None:
        await server.until_state(job, JobState.SUSPENDED)
        await until_settled(server)
        await server.read(lambda connection: resume_job(connection, job, "ann", 2001, is_admin=True))
        await server.read(
            lambda connection: record(connection, EventKind.RESUME_GRANTED, job_id=job, now=2001)
        )
        await server.until_state(job, JobState.RUNNING)

    play(database, FakeRemote(), scene, after_suspend=file, before_resume=file)
    assert told.read_text() == f"{job}\n{job}\n"


def test_a_site_that_fails_after_a_job_was_suspended_has_it_resumed(database, tmp_path):
    job = add_ready_job(database.engine, JobState.RUNNING, NODES)
    hold(database, job, running=True)
    play(
        database,
        FakeRemote(),
        lambda server: server.until_state(job, JobState.RESUMING),
        after_suspend=script(tmp_path, "exit 3"),
    )
    assert ("SUSPEND_SCRIPT_ERROR" in happened(database, job), killed(database)) == (True, [])


def test_a_site_that_fails_before_a_job_is_resumed_has_it_killed(database, tmp_path):
    job, remote = add_ready_job(database.engine, JobState.RESUMING, NODES), FakeRemote()
    order(database, job, EventKind.RESUME_GRANTED)
    play(
        database,
        remote,
        lambda server: server.until_called("signal TERM", job),
        before_resume=script(tmp_path, "exit 3"),
    )
    assert ("RESUME_SCRIPT_ERROR" in happened(database, job), killed(database)) == (True, [job])
    assert "resume" not in remote.actions(job)


def test_a_job_stays_as_it_is_where_the_program_of_the_site_is_missing(database):
    running = add_ready_job(database.engine, JobState.RUNNING, NODES)
    resuming = add_ready_job(database.engine, JobState.RESUMING, ("node3",))
    hold(database, running, running=True)
    order(database, resuming, EventKind.RESUME_GRANTED)
    play(database, FakeRemote(), until_settled, node_file="/nowhere/at/all")
    assert (life(database, running), life(database, resuming)) == (["Running"], ["Resuming", "Suspended"])
    for job in (running, resuming):
        assert "SUSPEND_RESUME_MANAGER_FILE" in happened(database, job)


def test_a_job_that_is_held_while_it_goes_on_is_suspended_again(database):
    job, remote = add_ready_job(database.engine, JobState.RESUMING, NODES), FakeRemote()
    order(database, job, EventKind.RESUME_GRANTED)
    hold(database, job)
    play(database, remote, lambda server: server.until_state(job, JobState.SUSPENDED))
    assert remote.actions(job) == ["resume", "suspend"]
    assert life(database, job) == ["Resuming", "Running", "Suspended"]


def test_a_job_that_is_to_end_is_not_suspended_any_more(database):
    job, remote = add_ready_job(database.engine, JobState.RUNNING, NODES), FakeRemote()
    hold(database, job, running=True)
    with database.engine.begin() as connection:
        ask_kill(connection, job, SERVER, 2000)

    async def scene(server: RunningServer) -> None:
        await server.until_called("signal TERM", job)
        await until_settled(server)

    play(database, remote, scene)
    assert "suspend" not in remote.actions(job)
