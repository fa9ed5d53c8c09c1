"""oardel -c, -s and -b on jobs of a real database, through the command line."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import zmq
from click.testing import CliRunner, Result
from sqlalchemy import select

from oar.cli.app import Context
from oar.cli.caller import Caller
from oar.cli.oardel import oardel
from oar.core.states import JobState, JobType
from oar.db.signals import answer_signal, signal_orders
from oar.db.tables_admin import EventRow
from oar.db.tables_jobs import JobTypeRow
from oar.settings import ServerSettings, Settings
from tests.integration.databases import Database
from tests.integration.life.build import add_job, add_node
from tests.ports import free_ports

pytestmark = pytest.mark.integration

ANN = Caller("ann", 12345, is_admin=False)
BOB = Caller("bob", 12346, is_admin=False)
ADMIN = Caller("carol", 12347, is_admin=True)
PORT = free_ports(1)[0]
Run = Callable[..., Result]


@pytest.fixture
def running(database: Database) -> int:
    """A job of ann that runs on node1."""
    with database.engine.begin() as connection:
        return add_job(connection, JobState.RUNNING, resources=add_node(connection, "node1", 2))


@pytest.fixture
def run(database: Database) -> Run:
    server = ServerSettings(hostname="127.0.0.1", message_port=PORT)
    settings = Settings(database=database.settings, server=server)

    def invoke(caller: Caller, *arguments: str) -> Result:
        context = Context(settings=settings, caller=caller, engine=database.engine, reader=database.reader)
        return CliRunner().invoke(oardel, list(arguments), obj=context)

    return invoke


def events(database: Database) -> list[str]:
    with database.engine.connect() as connection:
        return list(connection.scalars(select(EventRow.type).order_by(EventRow.event_id)))


def types(database: Database, job_id: int) -> list[str]:
    with database.engine.connect() as connection:
        return list(connection.scalars(select(JobTypeRow.type).where(JobTypeRow.job_id == job_id)))


@contextmanager
def server(database: Database, trouble: str = "") -> Iterator[None]:
    """A server that answers every order as soon as it hears of it."""
    socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.PULL)
    socket.bind(f"tcp://127.0.0.1:{PORT}")

    def serve() -> None:
        assert socket.poll(10_000)
        with database.engine.begin() as connection:
            for order in signal_orders(connection):
                answer_signal(connection, order, trouble, "sent", 1000)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        thread.join()
        socket.close(linger=0)


def test_a_checkpoint_is_told_as_oar_2_does(run: Run, database: Database, running: int):
    with server(database):
        result = run(ANN, "-c", str(running))
    assert (result.exit_code, result.stdout) == (
        0,
        f"Checkpointing the job {running} ...DONE.\n"
        f"The job {running} was notified to checkpoint itself on node1.\n",
    )
    assert events(database) == ["CHECKPOINT", "CHECKPOINT_SUCCESSFULL"]


@pytest.mark.parametrize("word", ["USR1", "SIGUSR1", "10"])
def test_a_signal_is_told_as_oar_2_does(run: Run, database: Database, running: int, word: str):
    with server(database):
        result = run(ANN, "-s", word, str(running))
    assert (result.exit_code, result.stdout) == (
        0,
        f"Signaling the job {running} with {word} signal.\nDONE.\n"
        f"The job {running} was notified to signal itself with {word} on node1.\n",
    )
    assert events(database) == ["SIGNAL_10", "SIG_SUCCESS"]


def test_a_node_that_cannot_be_told_is_code_3(run: Run, database: Database, running: int):
    with server(database, trouble="node1: no answer in time"):
        result = run(ANN, "-c", str(running))
    assert (result.exit_code, result.stdout) == (3, f"Checkpointing the job {running} ...ERROR.\n")
    assert "node1: no answer in time" in result.stderr


def test_without_the_server_the_order_is_registered(run: Run, database: Database, running: int):
    result = run(ANN, "-c", str(running))
    assert (result.exit_code, result.stdout) == (0, f"Checkpointing the job {running} ...REGISTERED.\n")
    assert "does not answer" in result.stderr
    with database.engine.connect() as connection:
        assert [order.job_id for order in signal_orders(connection)] == [running]


def test_the_job_of_somebody_else_is_code_1(run: Run, database: Database, running: int):
    assert run(BOB, "-c", str(running)).exit_code == 1
    assert events(database) == []


def test_a_job_that_is_not_there_is_code_4(run: Run):
    assert run(ANN, "-c", "77").exit_code == 4


def test_a_job_that_waits_is_code_5(run: Run, database: Database):
    with database.engine.begin() as connection:
        job_id = add_job(connection)
    assert run(ANN, "-s", "USR1", str(job_id)).exit_code == 5


def test_an_interactive_job_is_code_7(run: Run, database: Database):
    with database.engine.begin() as connection:
        job_id = add_job(connection, JobState.RUNNING, job_type=JobType.INTERACTIVE)
    assert run(ANN, "-c", str(job_id)).exit_code == 7


def test_what_is_no_signal_is_refused_with_what_would_be_one(run: Run, running: int):
    result = run(ANN, "-s", "USR7", str(running))
    assert (result.exit_code, "-s: 'USR7' is no signal; use a number from 1 to 64" in result.stderr) == (
        1,
        True,
    )


def test_the_options_exclude_each_other(run: Run, running: int):
    assert run(ANN, "-c", "-s", "USR1", str(running)).exit_code == 1


def test_an_administrator_makes_a_running_job_besteffort_and_ordinary_again(
    run: Run, database: Database, running: int
):
    assert run(ADMIN, "-b", str(running)).stdout == f"Add besteffort type for the job {running}.\n"
    assert types(database, running) == ["besteffort"]
    assert run(ADMIN, "-b", str(running)).stdout == f"Remove besteffort type for the job {running}.\n"
    assert types(database, running) == []
    assert events(database) == ["ADD_BESTEFFORT_JOB_TYPE", "DELETE_BESTEFFORT_JOB_TYPE"]


def test_only_administrators_change_the_type(run: Run, database: Database, running: int):
    assert run(ANN, "-b", str(running)).exit_code == 8
    assert types(database, running) == []


def test_only_the_type_of_running_jobs_is_changed(run: Run, database: Database):
    with database.engine.begin() as connection:
        job_id = add_job(connection)
    assert run(ADMIN, "-b", str(job_id)).exit_code == 9
