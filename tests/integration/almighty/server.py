"""A whole Almighty on a real database, with nodes and scheduler passed in."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import zmq.asyncio
from sqlalchemy import Connection, Engine, select

from oar.almighty.loop import Almighty, World
from oar.bus import send
from oar.core.messages import JobReport, Message
from oar.core.states import JobState
from oar.db.tables_admin import EventRow
from oar.db.tables_jobs import JobStateLogRow
from oar.remote.runner import Remote
from oar.settings import NodeSettings, ServerSettings, Settings
from tests.integration.life.build import add_job, add_node, job_state
from tests.ports import free_ports
from tests.unit.almighty.fakes import FakeMetaScheduler, FakeRemote

T = TypeVar("T")

CHALLENGE = "123"


def server_settings(**values: Any) -> Settings:
    """Say where a test's server listens; short times, so that tests are short."""
    text_port, message_port = free_ports(2)
    server = ServerSettings(
        hostname="127.0.0.1",
        text_port=text_port,
        message_port=message_port,
        kill_repeat_s=1,
        kill_give_up_s=4,
    )
    return Settings(server=replace(server, **values), nodes=NodeSettings(ssh_timeout_s=5))


@dataclass
class RunningServer:
    """A server that runs, and the ways of a test to it."""

    engine: Engine
    settings: Settings
    remote: FakeRemote
    metascheduler: FakeMetaScheduler
    almighty: Almighty

    def say(self, line: str) -> None:
        """Send one line to the text port."""
        with socket.create_connection(("127.0.0.1", self.settings.server.text_port), 5) as client:
            client.sendall(line.encode() + b"\n")

    async def send(self, *messages: Message) -> None:
        assert await asyncio.to_thread(send, self.settings.server, *messages)

    async def read(self, work: Callable[[Connection], T]) -> T:
        def transact() -> T:
            with self.engine.begin() as connection:
                return work(connection)

        return await asyncio.to_thread(transact)

    async def until(self, holds: Callable[[Connection], bool], within_s: float = 10.0) -> None:
        """Wait until something holds in the database."""
        async with asyncio.timeout(within_s):
            while not await self.read(holds):
                await asyncio.sleep(0.02)

    async def until_state(self, job_id: int, state: JobState, within_s: float = 10.0) -> None:
        await self.until(lambda connection: job_state(connection, job_id) is state, within_s)

    async def until_called(self, action: str, job_id: int, within_s: float = 10.0) -> None:
        async with asyncio.timeout(within_s):
            while action not in self.remote.actions(job_id):
                await asyncio.sleep(0.02)


@asynccontextmanager
async def running_server(
    engine: Engine, remote: Remote, settings: Settings | None = None, way: Engine | None = None
) -> AsyncIterator[RunningServer]:
    """Run a server; leaving ends it in the middle of whatever it does.

    ``way`` is the server's own way to the database; the test always uses ``engine``.
    """
    settings = settings or server_settings()
    context = zmq.asyncio.Context()
    metascheduler = FakeMetaScheduler()
    almighty = Almighty(settings, World(way or engine, remote, metascheduler, context), grace_s=0)
    task = asyncio.create_task(almighty.run())
    try:
        await _ready(almighty, task)
        yield RunningServer(engine, settings, remote, metascheduler, almighty)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        context.destroy(linger=0)


async def _ready(almighty: Almighty, task: asyncio.Task[None]) -> None:
    """Wait until the server has begun to work; raises what ended it before."""
    waiting = asyncio.create_task(almighty.ready.wait())
    done, _ = await asyncio.wait({waiting, task}, timeout=10, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if task in done:
        task.result()
    assert waiting in done, "the server is not ready after 10 s"


def report_line(job_id: int, code: int = 0, status: int | None = 0, challenge: str = CHALLENGE) -> str:
    """Spell what oarexec says at the end of a job."""
    return JobReport(job_id, code, status, challenge).to_line()


def add_ready_job(
    engine: Engine, state: JobState = JobState.TO_LAUNCH, nodes: tuple[str, ...] = ("node1",), **values: Any
) -> int:
    """Add a job that was given whole nodes of its own, just now."""
    now = int(time.time())
    with engine.begin() as connection:
        resources = [id_ for node in nodes for id_ in add_node(connection, node, 2)]
        return add_job(connection, state, resources=resources, **{"start_time": now, **values})


def states_of(connection: Connection, job_id: int) -> list[str]:
    """List the states that a job came through."""
    rows = select(JobStateLogRow.job_state).where(JobStateLogRow.job_id == job_id)
    return list(connection.execute(rows.order_by(JobStateLogRow.job_state_log_id)).scalars())


def events_of(connection: Connection, job_id: int) -> list[str]:
    """List the kinds of the events of a job, in order."""
    rows = select(EventRow.type).where(EventRow.job_id == job_id).order_by(EventRow.event_id)
    return list(connection.execute(rows).scalars())
