"""The connection breaks after each commit, before its answer: all is done again, and harms nobody."""

import asyncio

import pytest

from oar.core.states import JobState
from oar.db.kills import SERVER, ask_kill
from oar.remote.runner import Answer
from tests.integration.almighty.forgetful import ForgetfulEngine
from tests.integration.almighty.server import (
    add_ready_job,
    events_of,
    report_line,
    running_server,
    states_of,
)
from tests.integration.life.build import job_row
from tests.unit.almighty.fakes import FakeRemote

pytestmark = pytest.mark.integration


def forgetful_server(database, remote: FakeRemote):
    return running_server(database.engine, remote, way=ForgetfulEngine(database.engine))  # type: ignore[arg-type]


def test_a_job_that_has_just_started_is_left_alone(database):
    job_id = add_ready_job(database.engine)
    remote = FakeRemote()

    async def scene() -> None:
        async with forgetful_server(database, remote) as server:
            await server.until_state(job_id, JobState.RUNNING)
            await asyncio.sleep(0.5)

    asyncio.run(scene())
    assert remote.actions(job_id) == ["init", "start"]


def test_a_reported_end_is_completed(database):
    job_id = add_ready_job(database.engine, JobState.RUNNING)
    remote = FakeRemote()

    async def scene() -> None:
        async with forgetful_server(database, remote) as server:
            server.say(report_line(job_id, 0, 256))
            await server.until_state(job_id, JobState.TERMINATED)

    asyncio.run(scene())
    assert remote.actions(job_id)[-1] == "clean"
    with database.engine.begin() as connection:
        assert states_of(connection, job_id) == ["Running", "Finishing", "Terminated"]
        assert job_row(connection, job_id).exit_code == 256
        assert events_of(connection, job_id) == ["SWITCH_INTO_TERMINATE_STATE"]


def test_a_failed_launch_is_told_once(database):
    job_id = add_ready_job(database.engine)
    remote = FakeRemote(bad={("init", "node1"): Answer("node1", 5, "", "no group")})

    async def scene() -> None:
        async with forgetful_server(database, remote) as server:
            await server.until_state(job_id, JobState.ERROR)

    asyncio.run(scene())
    with database.engine.begin() as connection:
        assert events_of(connection, job_id).count("CPUSET_ERROR") == 1


def test_a_killed_job_ends_once(database):
    job_id = add_ready_job(database.engine, JobState.RUNNING)
    with database.engine.begin() as connection:
        ask_kill(connection, job_id, SERVER, job_row(connection, job_id).start_time)

    async def scene() -> None:
        async with forgetful_server(database, FakeRemote()) as server:
            await server.until_called("signal TERM", job_id)
            server.say(report_line(job_id, 3, None))
            await server.until_state(job_id, JobState.ERROR)

    asyncio.run(scene())
    with database.engine.begin() as connection:
        assert states_of(connection, job_id) == ["Running", "Finishing", "Error"]
