"""What a server does again when the last one ended in the middle, and how it lives through an outage."""

import asyncio

import pytest
from sqlalchemy import func, select, text

from oar.core.events import EventKind
from oar.core.states import JobState, NodeState
from oar.db.events import record
from oar.db.kills import SERVER, ask_kill
from oar.db.tables_jobs import KillRow
from oar.db.tables_resources import ResourceRow
from oar.remote.runner import Answer
from tests.integration.almighty.server import (
    add_ready_job,
    events_of,
    report_line,
    running_server,
    server_settings,
    states_of,
)
from tests.integration.life.build import job_row
from tests.unit.almighty.fakes import FakeRemote

pytestmark = pytest.mark.integration

WHOLE_LIFE = ["toLaunch", "Launching", "Running", "Finishing", "Terminated"]


def life_of(database, job_id: int) -> list[str]:
    with database.engine.begin() as connection:
        return states_of(connection, job_id)


@pytest.mark.parametrize("step", ["init", "start"])
def test_a_launch_that_was_cut_off_is_done_again(database, step: str):
    job_id = add_ready_job(database.engine)

    async def scene() -> None:
        async with running_server(database.engine, FakeRemote(silent={(step, "node1")})) as first:
            await first.until_called(step, job_id)
        remote = FakeRemote()
        async with running_server(database.engine, remote) as second:
            await second.until_state(job_id, JobState.RUNNING)
            second.say(report_line(job_id))
            await second.until_state(job_id, JobState.TERMINATED)
        assert remote.actions(job_id) == ["init", "start", "clean"]

    asyncio.run(scene())
    assert life_of(database, job_id) == WHOLE_LIFE


def test_an_end_that_was_cut_off_before_the_cleaning_keeps_its_exit_code(database):
    job_id = add_ready_job(database.engine)

    async def scene() -> None:
        async with running_server(database.engine, FakeRemote(silent={("clean", "node1")})) as first:
            await first.until_state(job_id, JobState.RUNNING)
            first.say(report_line(job_id, 0, 768))
            await first.until_called("clean", job_id)
        async with running_server(database.engine, FakeRemote()) as second:
            await second.until_state(job_id, JobState.TERMINATED)

    asyncio.run(scene())
    assert life_of(database, job_id) == WHOLE_LIFE
    with database.engine.begin() as connection:
        assert job_row(connection, job_id).exit_code == 768
        assert events_of(connection, job_id) == ["SWITCH_INTO_TERMINATE_STATE"]


def test_an_extermination_that_was_cut_off_is_completed(database):
    job_id = add_ready_job(database.engine, JobState.RUNNING)
    with database.engine.begin() as connection:
        ask_kill(connection, job_id, SERVER, 1000)
        connection.execute(KillRow.__table__.update().values(frag_state="LEON_EXTERMINATE"))

    async def scene() -> None:
        async with running_server(database.engine, FakeRemote(silent={("clean", "node1")})) as first:
            await first.until_called("clean", job_id)
        async with running_server(database.engine, FakeRemote()) as second:
            await second.until_state(job_id, JobState.ERROR)

    asyncio.run(scene())
    assert life_of(database, job_id) == ["Running", "Finishing", "Error"]


def test_the_oarexec_of_a_running_job_is_asked_for_its_report_at_the_start(database):
    job_id = add_ready_job(database.engine, JobState.RUNNING)

    async def scene() -> None:
        async with running_server(database.engine, FakeRemote()) as server:
            await server.until_called("signal HUP", job_id)

    asyncio.run(scene())


def test_a_kill_whose_signal_was_not_sent_is_sent_at_the_start(database):
    job_id = add_ready_job(database.engine, JobState.RUNNING)
    with database.engine.begin() as connection:
        ask_kill(connection, job_id, SERVER, job_row(connection, job_id).start_time)

    async def scene() -> None:
        async with running_server(database.engine, FakeRemote()) as server:
            await server.until_called("signal TERM", job_id)

    asyncio.run(scene())


def test_a_kill_that_was_carried_out_is_signalled_at_once_by_the_next_server(database):
    job_id = add_ready_job(database.engine, JobState.RUNNING)
    with database.engine.begin() as connection:
        ask_kill(connection, job_id, SERVER, job_row(connection, job_id).start_time)
        connection.execute(KillRow.__table__.update().values(frag_state="TIMER_ARMED"))

    async def scene() -> None:
        patient = server_settings(kill_repeat_s=60, kill_give_up_s=120)
        async with running_server(database.engine, FakeRemote(), patient) as server:
            await server.until_called("signal TERM", job_id, within_s=2)

    asyncio.run(scene())


def test_a_job_that_an_event_condemns_is_cleaned_by_the_next_server(database):
    job_id = add_ready_job(database.engine, JobState.RUNNING)
    with database.engine.begin() as connection:
        record(
            connection,
            EventKind.EXIT_VALUE_OAREXEC,
            job_id=job_id,
            now=job_row(connection, job_id).start_time,
        )

    async def scene() -> None:
        async with running_server(database.engine, FakeRemote(silent={("clean", "node1")})) as first:
            await first.until_called("clean", job_id)
        remote = FakeRemote()
        async with running_server(database.engine, remote) as second:
            await second.until_state(job_id, JobState.ERROR)
        assert remote.actions(job_id) == ["clean"]

    asyncio.run(scene())
    assert life_of(database, job_id) == ["Running", "Finishing", "Error"]


def test_a_failed_preparation_that_was_cut_off_still_suspects_its_node(database):
    job_id = add_ready_job(database.engine, nodes=("node1", "node2"))
    broken = FakeRemote(bad={("init", "node2"): Answer("node2", 255)}, silent={("clean", "node1")})

    async def scene() -> None:
        async with running_server(database.engine, broken) as first:
            await first.until_called("clean", job_id)
        async with running_server(database.engine, FakeRemote()) as second:
            await second.until_state(job_id, JobState.ERROR)

    asyncio.run(scene())
    with database.engine.begin() as connection:
        suspected = select(ResourceRow.network_address).where(ResourceRow.state == NodeState.SUSPECTED)
        assert set(connection.execute(suspected).scalars()) == {"node2"}


def test_a_job_ends_well_although_the_database_drops_every_connection_meanwhile(database, database_server):
    job_id = add_ready_job(database.engine)
    name = database.settings.name
    drop = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"  # noqa: S608

    async def scene() -> None:
        remote = FakeRemote()
        async with running_server(database.engine, remote) as server:
            await asyncio.to_thread(database_server.run, drop)
            await server.until_called("start", job_id)
            await asyncio.to_thread(database_server.run, drop)
            server.say(report_line(job_id))
            await asyncio.sleep(0.1)
            await asyncio.to_thread(database_server.run, drop)
            while True:
                try:
                    await server.until_state(job_id, JobState.TERMINATED)
                    return
                except TimeoutError:
                    raise
                except Exception:  # noqa: BLE001 - the test's own connection was dropped too
                    await asyncio.sleep(0.1)

    asyncio.run(scene())
    assert life_of(database, job_id) == WHOLE_LIFE


def test_two_hundred_jobs_end_exactly_once(database):
    jobs = [add_ready_job(database.engine, nodes=(f"node{number}",)) for number in range(200)]

    async def scene() -> None:
        remote = FakeRemote()
        async with running_server(database.engine, remote) as server:
            remote.on_start = lambda job: server.say(report_line(job))
            ended = text("SELECT count(*) = 200 FROM jobs WHERE state = 'Terminated'")
            await server.until(lambda connection: connection.execute(ended).scalar_one(), within_s=60)

    asyncio.run(scene())
    with database.engine.begin() as connection:
        logged = connection.execute(
            text("SELECT job_state, count(*) FROM job_state_logs GROUP BY job_state")
        ).all()
        assert dict(logged) == dict.fromkeys(WHOLE_LIFE, len(jobs))
        assert connection.execute(select(func.count()).select_from(KillRow)).scalar_one() == 0
