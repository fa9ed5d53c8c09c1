"""What the server says to waiting oarsubs, over real sockets, and what it does about those that are gone."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import insert, update

from oar.almighty.clients import Clients, NameUnknownNow, send_line
from oar.almighty.database import Database as ServersDatabase
from oar.core.client_lines import Address
from oar.core.events import EventKind
from oar.core.messages import Hint
from oar.core.states import JobState, JobType, ReservationState
from oar.db.events import record
from oar.db.kills import SERVER, ask_kill
from oar.db.tables_jobs import JobRow
from oar.db.tables_resources import PredictionRow
from oar.remote.runner import Answer
from tests.integration.almighty.server import (
    RunningServer,
    add_ready_job,
    events_of,
    running_server,
    states_of,
)
from tests.integration.life.build import add_job, assignment_of, job_row, job_state
from tests.ports import free_ports
from tests.unit.almighty.fakes import FakeRemote

pytestmark = pytest.mark.integration

PATIENCE_S = 20.0


class Ear:
    """Listens as an oarsub does, and keeps what it is told; ``knocks`` counts all connections."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.knocks = 0
        self.info_type = ""

    async def until_told(self, count: int) -> list[str]:
        async with asyncio.timeout(PATIENCE_S):
            while len(self.lines) < count:
                await asyncio.sleep(0.02)
        return self.lines

    async def hear(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.knocks += 1
        self.lines += [line.rstrip("\n") for line in (await reader.read()).decode().splitlines(True)]
        writer.close()


@asynccontextmanager
async def listening() -> AsyncIterator[Ear]:
    ear = Ear()
    server = await asyncio.start_server(ear.hear, "127.0.0.1", 0)
    ear.info_type = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield ear
    finally:
        server.close()


def nobody() -> str:
    """Where nobody listens any more."""
    return f"127.0.0.1:{free_ports(1)[0]}"


def add(database, state: JobState = JobState.WAITING, **values) -> int:
    with database.engine.begin() as connection:
        return add_job(connection, state, **values)


def add_interactive(database, info_type: str, state: JobState = JobState.WAITING) -> int:
    return add(database, state, info_type=info_type, job_type=JobType.INTERACTIVE, message="R=1,W=0:1:0,J=I")


def add_reservation(database, info_type: str, state: JobState = JobState.TO_ACK_RESERVATION) -> int:
    values = {"message": "This reservation cannot run", "reservation": ReservationState.SCHEDULED}
    return add(database, state, info_type=info_type, **values)


def plan(database, job_id: int, start: int) -> None:
    with database.engine.begin() as connection:
        one = assignment_of(connection, job_id, [1])
        connection.execute(
            insert(PredictionRow).values(
                moldable_job_id=one.moldable_id, start_time=start, walltime=60, resources=one.resources
            )
        )


def move_plan(database, start: int) -> None:
    with database.engine.begin() as connection:
        connection.execute(update(PredictionRow).values(start_time=start))


def play(database, scene: Callable[[RunningServer], Awaitable[None]]) -> None:
    async def run() -> None:
        async with running_server(database.engine, FakeRemote()) as server:
            await scene(server)

    asyncio.run(run())


def states(database, job_id: int) -> list[str]:
    with database.engine.begin() as connection:
        return states_of(connection, job_id)


def incidents(database, job_id: int) -> list[str]:
    with database.engine.begin() as connection:
        return events_of(connection, job_id)


async def a_round(server: RunningServer) -> None:
    """Have one more round run to its end."""
    before = server.metascheduler.rounds
    await server.send(Hint.SCHEDULE)
    async with asyncio.timeout(PATIENCE_S):
        while server.metascheduler.rounds == before:
            await asyncio.sleep(0.02)


def test_a_granted_reservation_waits_for_its_date_once_its_oarsub_was_told(database):
    async def run() -> None:
        async with listening() as ear:
            job_id = add_reservation(database, ear.info_type)
            async with running_server(database.engine, FakeRemote()) as server:
                await server.until_state(job_id, JobState.WAITING)
                await ear.until_told(1)
        assert ear.lines == ["GOOD RESERVATION"]
        assert states(database, job_id) == ["toAckReservation", "Waiting"]
        assert incidents(database, job_id) == []

    asyncio.run(run())


def test_a_granted_reservation_that_nobody_waits_for_needs_no_oarsub(database):
    job_id = add_reservation(database, "front:")

    async def scene(server: RunningServer) -> None:
        await server.until_state(job_id, JobState.WAITING)

    play(database, scene)
    assert incidents(database, job_id) == []


def test_a_granted_reservation_whose_oarsub_is_gone_is_ended(database):
    job_id = add_reservation(database, nobody())

    async def scene(server: RunningServer) -> None:
        await server.until_state(job_id, JobState.ERROR, PATIENCE_S)

    play(database, scene)
    assert states(database, job_id) == ["toAckReservation", "Error"]
    assert "CANNOT_NOTIFY_OARSUB" in incidents(database, job_id)


def test_an_oarsub_that_never_answers_keeps_no_other_waiting(database):
    async def run() -> None:
        async with listening() as ear:
            # Addresses of a network that is there for documentation: nobody ever answers.
            deaf = [add_reservation(database, f"192.0.2.{number}:9") for number in range(1, 80)]
            good = add_reservation(database, ear.info_type)
            async with running_server(database.engine, FakeRemote()) as server:
                await server.until_state(good, JobState.WAITING, PATIENCE_S)
                await ear.until_told(1)
                still = await server.read(lambda one: [job_state(one, job_id) for job_id in deaf])
        assert ear.lines == ["GOOD RESERVATION"]
        assert JobState.WAITING not in still

    asyncio.run(run())


def test_a_refused_job_is_told_before_it_ends(database):
    async def run() -> None:
        async with listening() as ear:
            job_id = add_reservation(database, ear.info_type, JobState.TO_ERROR)
            async with running_server(database.engine, FakeRemote()) as server:
                await server.until_state(job_id, JobState.ERROR)
                await ear.until_told(2)
        assert ear.lines == ["This reservation cannot run", "BAD JOB"]

    asyncio.run(run())


def test_a_refused_job_ends_all_the_same_when_its_oarsub_is_gone(database):
    job_id = add_reservation(database, nobody(), JobState.TO_ERROR)

    async def scene(server: RunningServer) -> None:
        await server.until_state(job_id, JobState.ERROR, PATIENCE_S)

    play(database, scene)
    assert incidents(database, job_id) == []


def test_r14_an_interactive_job_is_told_its_prediction_after_the_round_when_it_changed(database):
    async def run() -> None:
        async with listening() as ear:
            job_id = add_interactive(database, ear.info_type)
            plan(database, job_id, 2_000_000_000)
            async with running_server(database.engine, FakeRemote()) as server:
                (first,) = await ear.until_told(1)
                assert "Start prediction: 2033-05-18" in first
                assert first.endswith(" (R=1,W=0:1:0,J=I)")
                await a_round(server)
                await a_round(server)
                move_plan(database, 2_100_000_000)
                await a_round(server)
                second = (await ear.until_told(2))[1]
                assert "Start prediction: 2036-07-18" in second
                assert job_state_now(database, job_id) is JobState.WAITING
        assert len(ear.lines) == 2

    asyncio.run(run())


def job_state_now(database, job_id: int) -> JobState:
    with database.engine.begin() as connection:
        return job_state(connection, job_id)


def test_a_held_interactive_job_is_told_so(database):
    async def run() -> None:
        async with listening() as ear:
            job_id = add_interactive(database, ear.info_type)
            async with running_server(database.engine, FakeRemote()) as server:
                with database.engine.begin() as connection:
                    record(connection, EventKind.HOLD_WAITING_JOB, job_id=job_id, now=1)
                await server.send(Hint.STATE_CHANGED)
                await ear.until_told(1)
        assert ear.lines == ["Start prediction: undefined (Hold)"]

    asyncio.run(run())


def test_an_interactive_job_that_is_killed_while_it_waits_is_told_so(database):
    async def run() -> None:
        async with listening() as ear:
            job_id = add_interactive(database, ear.info_type)
            async with running_server(database.engine, FakeRemote()) as server:
                with database.engine.begin() as connection:
                    ask_kill(connection, job_id, SERVER, 1)
                await server.send(Hint.KILL_ASKED)
                await server.until_state(job_id, JobState.ERROR)
                await ear.until_told(1)
        assert ear.lines == ["JOB KILLED"]

    asyncio.run(run())


def test_an_interactive_job_whose_terminal_is_gone_is_ended_and_not_planned_for_ever(database):
    job_id = add_interactive(database, nobody())
    plan(database, job_id, 2_000_000_000)

    async def scene(server: RunningServer) -> None:
        await server.until_state(job_id, JobState.ERROR, PATIENCE_S)

    play(database, scene)
    assert "LOST_SESSION" in incidents(database, job_id)


def test_a_terminal_without_news_is_looked_for_from_time_to_time(database):
    async def run() -> None:
        heard: list[Hint] = []
        async with listening() as ear:
            job_id = add_interactive(database, ear.info_type)
            way = ServersDatabase(database.engine)
            clients = Clients(way, heard.append, send_line, pauses_s=(0.01,), probe_after_s=0.0)
            await clients.look()
            async with asyncio.timeout(PATIENCE_S):
                while not ear.knocks:
                    await asyncio.sleep(0.02)
            assert (ear.lines, heard) == ([], [])
            with database.engine.begin() as connection:
                info_type = update(JobRow).where(JobRow.job_id == job_id).values(info_type=nobody())
                connection.execute(info_type)
            await clients.look()
            async with asyncio.timeout(PATIENCE_S):
                while Hint.KILL_ASKED not in heard:
                    await asyncio.sleep(0.02)
            await clients.close()
            way.close()
        assert "LOST_SESSION" in incidents(database, job_id)

    asyncio.run(run())


def test_one_failure_does_not_make_a_client_lost(database):
    tries: list[str] = []

    async def fails_once(_address: Address, line: str) -> bool:
        tries.append(line)
        return len(tries) > 1

    async def run() -> None:
        job_id = add_reservation(database, "front:4000")
        way = ServersDatabase(database.engine)
        clients = Clients(way, lambda _hint: None, fails_once, pauses_s=(0.01,))
        await clients.look()
        async with asyncio.timeout(PATIENCE_S):
            while job_state_now(database, job_id) is not JobState.WAITING:
                await asyncio.sleep(0.02)
        await clients.close()
        way.close()

    asyncio.run(run())
    assert tries == ["GOOD RESERVATION"] * 2


def test_no_job_is_ended_because_name_servers_do_not_answer(database):
    asked: list[str] = []

    async def nobody_knows(_address: Address, line: str) -> bool:
        asked.append(line)
        raise NameUnknownNow("no name server answers for front")

    async def run() -> None:
        add_reservation(database, "front:4000")
        add_interactive(database, "front:4001")
        way = ServersDatabase(database.engine)
        heard: list[Hint] = []
        clients = Clients(way, heard.append, nobody_knows, pauses_s=(0.01,))
        for count in (2, 4):
            await clients.look()
            async with asyncio.timeout(PATIENCE_S):
                while len(asked) < count or clients.are_talking:
                    await asyncio.sleep(0.02)
        await clients.close()
        way.close()
        assert heard == []

    asyncio.run(run())


@pytest.mark.parametrize("host", ["no such host", "a..b", "x" * 300, "x\0y", "no-such-host.invalid"])
def test_nobody_listens_where_there_is_no_host(host):
    assert asyncio.run(send_line(Address(host, 4000), "GOOD JOB", 5.0)) is False


@pytest.mark.parametrize("manner", ["mute", "talkative"])
def test_a_client_that_reads_nothing_holds_nobody_up(manner):
    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while manner == "talkative":
                writer.write(b"x" * 65536)
                await writer.drain()
            await asyncio.sleep(PATIENCE_S)

    async def run() -> bool:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with asyncio.timeout(PATIENCE_S / 2):
            return await send_line(Address("127.0.0.1", port), "GOOD JOB")

    assert asyncio.run(run())


def test_a_job_without_a_client_is_left_alone(database):
    job_id = add_interactive(database, "front:")

    async def scene(server: RunningServer) -> None:
        await a_round(server)
        await a_round(server)

    play(database, scene)
    with database.engine.begin() as connection:
        assert job_row(connection, job_id).state == JobState.WAITING


def add_due(database, info_type: str) -> int:
    """Add an interactive job that was given a node, and is to be launched."""
    values = {"job_type": JobType.INTERACTIVE, "info_type": info_type, "message": "R=2,W=0:1:0,J=I"}
    return add_ready_job(database.engine, **values)


def test_an_interactive_job_that_runs_is_told_to_its_oarsub(database):
    async def run() -> None:
        async with listening() as ear:
            job_id = add_due(database, ear.info_type)
            async with running_server(database.engine, FakeRemote()) as server:
                await server.until_state(job_id, JobState.RUNNING)
                while "GOOD JOB" not in ear.lines:
                    await ear.until_told(len(ear.lines) + 1)
        assert ear.lines in (["Starting...", "GOOD JOB"], ["GOOD JOB"])

    asyncio.run(run())


@pytest.mark.parametrize(
    ("action", "line"),
    [
        ("init", "ERROR: some resources did not respond"),
        ("start", "ERROR: an error occured on the first job node"),
    ],
)
def test_an_interactive_job_that_cannot_be_launched_is_told_why(database, action: str, line: str):
    async def run() -> None:
        remote = FakeRemote(bad={(action, "node1"): Answer("node1", None, timed_out=True)})
        async with listening() as ear:
            job_id = add_due(database, ear.info_type)
            async with running_server(database.engine, remote) as server:
                await server.until_state(job_id, JobState.ERROR)
                while line not in ear.lines:
                    await ear.until_told(len(ear.lines) + 1)
        assert "GOOD JOB" not in ear.lines

    asyncio.run(run())


def test_an_interactive_job_that_runs_for_an_oarsub_that_is_gone_is_ended(database):
    job_id = add_due(database, nobody())

    async def scene(server: RunningServer) -> None:
        await server.until(lambda one: "LOST_SESSION" in events_of(one, job_id), PATIENCE_S)
        await server.until(lambda one: "SEND_KILL_JOB" in events_of(one, job_id), PATIENCE_S)

    play(database, scene)


def test_a_passive_job_is_launched_without_a_word(database):
    async def run() -> None:
        async with listening() as ear:
            job_id = add_ready_job(database.engine, info_type=ear.info_type)
            async with running_server(database.engine, FakeRemote()) as server:
                await server.until_state(job_id, JobState.RUNNING)
        assert ear.knocks == 0

    asyncio.run(run())
