"""Signals that a server sends to the commands of running jobs, and what it does when it cannot."""

import asyncio
import time

import pytest
from sqlalchemy import Connection, select

from oar.core.events import EventKind, signal_event
from oar.core.states import JobState
from oar.db.events import record
from oar.db.kills import SERVER, ask_kill
from oar.db.signals import signal_orders
from oar.db.tables_jobs import JobRow, JobTypeRow, KillRow
from oar.remote.runner import Answer
from tests.integration.almighty.server import (
    add_ready_job,
    events_of,
    report_line,
    running_server,
    server_settings,
)
from tests.integration.life.build import add_job, add_node
from tests.unit.almighty.fakes import FakeRemote

pytestmark = pytest.mark.integration

CHECKPOINT_SENT = "signal USR2"
USER_SIGNAL_SENT = "signal URG"


def order(database, job_id: int, *kinds: str) -> None:
    with database.engine.begin() as connection:
        for kind in kinds:
            record(connection, kind, job_id=job_id, now=1000)


def nothing_is_ordered(connection: Connection) -> bool:
    return not signal_orders(connection)


def signals_of(remote: FakeRemote, job_id: int) -> list[str]:
    return [action for action in remote.actions(job_id) if action in (CHECKPOINT_SENT, USER_SIGNAL_SENT)]


def kinds_of(database, job_id: int) -> list[str]:
    with database.engine.begin() as connection:
        return events_of(connection, job_id)


def until_done(database, remote: FakeRemote) -> None:
    async def scene() -> None:
        async with running_server(database.engine, remote) as server:
            await server.until(nothing_is_ordered)

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("kind", "sent", "answer"),
    [
        (EventKind.CHECKPOINT, CHECKPOINT_SENT, EventKind.CHECKPOINT_SUCCESSFULL),
        (signal_event(10), USER_SIGNAL_SENT, EventKind.SIG_SUCCESS),
    ],
)
def test_an_order_is_sent_to_the_node_and_answered(database, kind: str, sent: str, answer: str):
    job_id, remote = add_ready_job(database.engine, JobState.RUNNING), FakeRemote()
    order(database, job_id, kind)
    until_done(database, remote)
    assert (signals_of(remote, job_id), kinds_of(database, job_id)) == ([sent], [kind, answer])


def test_orders_of_one_job_are_sent_one_after_the_other(database):
    job_id, remote = add_ready_job(database.engine, JobState.RUNNING), FakeRemote()
    order(database, job_id, EventKind.CHECKPOINT, signal_event(10), signal_event(12))
    until_done(database, remote)
    assert signals_of(remote, job_id) == [CHECKPOINT_SENT, USER_SIGNAL_SENT, USER_SIGNAL_SENT]


def test_a_node_that_does_not_answer_is_told_as_an_error(database):
    job_id = add_ready_job(database.engine, JobState.RUNNING)
    remote = FakeRemote(bad={("signal", "node1"): Answer("node1", 255, errors="no route to host")})
    order(database, job_id, EventKind.CHECKPOINT)
    until_done(database, remote)
    assert kinds_of(database, job_id) == [EventKind.CHECKPOINT, EventKind.CHECKPOINT_ERROR]


def test_a_silent_node_holds_up_no_other_job(database):
    first = add_ready_job(database.engine, JobState.RUNNING, ("node1",))
    other = add_ready_job(database.engine, JobState.RUNNING, ("node2",))
    order(database, first, EventKind.CHECKPOINT)
    order(database, other, EventKind.CHECKPOINT)

    async def scene() -> None:
        async with running_server(database.engine, FakeRemote(silent={("signal", "node1")})) as server:
            await server.until(
                lambda connection: EventKind.CHECKPOINT_SUCCESSFULL in events_of(connection, other)
            )

    asyncio.run(scene())
    assert kinds_of(database, first) == [EventKind.CHECKPOINT]


def test_an_order_that_a_dead_server_left_is_sent_by_the_next_one(database):
    job_id = add_ready_job(database.engine, JobState.RUNNING)
    order(database, job_id, EventKind.CHECKPOINT)

    async def scene() -> None:
        remote = FakeRemote(silent={("signal", "node1")})
        async with running_server(database.engine, remote) as server:
            await server.until_called(CHECKPOINT_SENT, job_id)

    asyncio.run(scene())
    remote = FakeRemote()
    until_done(database, remote)
    assert signals_of(remote, job_id) == [CHECKPOINT_SENT]


def test_a_job_that_does_not_run_is_not_signalled(database):
    job_id, remote = add_ready_job(database.engine, JobState.SUSPENDED), FakeRemote()
    order(database, job_id, EventKind.CHECKPOINT)
    until_done(database, remote)
    assert signals_of(remote, job_id) == []
    assert kinds_of(database, job_id)[-1] == EventKind.CHECKPOINT_ERROR


def test_a_job_is_told_once_when_its_walltime_ends_soon(database):
    start = int(time.time()) - 50
    job_id = add_ready_job(database.engine, JobState.RUNNING, start_time=start, checkpoint=30)
    remote = FakeRemote()

    async def scene() -> None:
        async with running_server(database.engine, remote) as server:
            await server.until(
                lambda connection: EventKind.CHECKPOINT_SUCCESSFULL in events_of(connection, job_id)
            )
            server.say(report_line(job_id, 40))
            await server.until_state(job_id, JobState.TERMINATED)

    asyncio.run(scene())
    assert signals_of(remote, job_id) == [CHECKPOINT_SENT]


def test_a_besteffort_job_that_is_evicted_before_it_is_launched_comes_back(database):
    with database.engine.begin() as connection:
        job_id = add_job(
            connection,
            JobState.TO_LAUNCH,
            resources=add_node(connection, "node1", 2),
            types=("besteffort", "idempotent"),
        )
        ask_kill(connection, job_id, SERVER, 1000)
        record(connection, EventKind.BESTEFFORT_KILL, job_id=job_id, now=1000)

    async def scene() -> None:
        # No place for its init: it stays in toLaunch, or Launching, until it is killed.
        async with running_server(database.engine, FakeRemote(silent={("init", "node1")})) as server:
            await server.until(
                lambda connection: (
                    connection.scalar(select(JobRow.state).where(JobRow.resubmit_job_id == job_id))
                    == JobState.WAITING
                )
            )

    asyncio.run(scene())


@pytest.mark.parametrize("kills", [True, False])
def test_the_jobs_inside_a_container_are_killed_with_it_where_the_site_says_so(database, kills: bool):
    container = add_ready_job(database.engine, JobState.RUNNING)
    with database.engine.begin() as connection:
        connection.execute(JobTypeRow.__table__.insert().values(job_id=container, type="container"))
        inner = add_job(connection, types=(f"inner={container}",))
        ask_kill(connection, container, SERVER, 1000)

    async def scene() -> None:
        settings = server_settings(kills_inner_jobs=kills)
        async with running_server(database.engine, FakeRemote(), settings) as server:
            await server.until_called("signal TERM", container)

    asyncio.run(scene())
    with database.engine.begin() as connection:
        asked = connection.scalars(select(KillRow.frag_id_job).order_by(KillRow.frag_id_job)).all()
    assert asked == ([container, inner] if kills else [container])
