"""oardel, oarhold and oarresume on jobs that wait in a real database, through their command lines."""

import socket
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import insert, select, update

from oar.cli.app import Context, OarCommand
from oar.cli.caller import Caller
from oar.cli.oardel import oardel
from oar.cli.oarhold import oarhold, oarresume
from oar.core.job import Alternative, Group, Level, Request
from oar.core.job_life import JobSignal
from oar.db.jobs import NewJobs, insert_jobs
from oar.db.moves import move_job
from oar.db.tables_admin import EventRow
from oar.db.tables_jobs import JobRow, JobTypeRow, KillRow
from oar.settings import ServerSettings, Settings
from tests.integration.conftest import Database

pytestmark = pytest.mark.integration

ALICE = Caller("alice", 12345, is_admin=False)
ADMIN = Caller("carol", 12347, is_admin=True)
Run = Callable[..., Result]


@pytest.fixture
def jobs(database: Database) -> Database:
    """Job 1 of alice, an array of jobs 2 and 3 of alice, job 4 of bob; all wait."""
    with database.engine.begin() as connection:
        for user, commands in (("alice", 1), ("alice", 2), ("bob", 1)):
            insert_jobs(connection, new_jobs(user, commands), now=100)
    return database


def new_jobs(user: str, count: int) -> NewJobs:
    return NewJobs(
        user=user,
        group="users",
        host="front",
        queue="default",
        project="default",
        name="",
        properties="",
        types=(),
        alternatives=(Alternative(Request((Group("", (Level("resource_id", 1),)),)), 60),),
        commands=("true",) * count,
        directory="/",
        stdout="out",
        stderr="err",
        hold=False,
        required_jobs=(),
        initial_request="oarsub true",
        message="",
    )


@pytest.fixture
def run(jobs: Database) -> Run:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    server = ServerSettings(hostname="127.0.0.1", message_port=port)
    settings = Settings(database=jobs.settings, server=server)

    def invoke(caller: Caller, command: OarCommand, *arguments: str) -> Result:
        context = Context(settings=settings, caller=caller, engine=jobs.engine, reader=jobs.reader)
        return CliRunner().invoke(command, list(arguments), obj=context)

    return invoke


def read(database: Database, statement: Any) -> list[Any]:
    with database.engine.connect() as connection:
        return list(connection.execute(statement).scalars())


def asked(database: Database) -> list[int]:
    return read(database, select(KillRow.frag_id_job).order_by(KillRow.frag_id_job))


def states(database: Database) -> Sequence[str]:
    return read(database, select(JobRow.state).order_by(JobRow.job_id))


def end(database: Database, job_id: int) -> None:
    with database.engine.begin() as connection:
        assert move_job(connection, job_id, JobSignal.KILL, now=200) is not None


def test_deleting_prints_what_oar_2_prints(run: Run) -> None:
    assert run(ALICE, oardel, "1", "2").stdout == (
        "Deleting the job = 1 ...REGISTERED.\n"
        "Deleting the job = 2 ...REGISTERED.\n"
        "The job(s) [ 1 2 ] will be deleted in the near future.\n"
    )


def test_deleting_asks_for_the_end_of_the_jobs(run: Run, jobs: Database) -> None:
    run(ALICE, oardel, "1", "3")
    assert asked(jobs) == [1, 3]


def test_deleting_without_the_server_warns_and_succeeds(run: Run) -> None:
    result = run(ALICE, oardel, "1")
    assert (result.exit_code, "does not answer" in result.stderr) == (0, True)


def test_an_administrator_deletes_any_job(run: Run, jobs: Database) -> None:
    run(ADMIN, oardel, "4")
    assert asked(jobs) == [4]


def test_an_array_is_deleted_whole(run: Run, jobs: Database) -> None:
    run(ALICE, oardel, "--array", "2")
    assert asked(jobs) == [2, 3]


def test_of_an_array_the_ended_jobs_are_left_alone(run: Run, jobs: Database) -> None:
    end(jobs, 2)
    run(ALICE, oardel, "--array", "2")
    assert asked(jobs) == [3]


def test_an_array_that_has_ended_is_told(run: Run, jobs: Database) -> None:
    end(jobs, 1)
    result = run(ALICE, oardel, "--array", "1")
    assert (result.exit_code, asked(jobs)) == (0, [])
    assert result.stderr == "oardel: all jobs of array 1 have ended; nothing is done about it\n"


def test_jobs_are_deleted_by_a_condition(run: Run, jobs: Database) -> None:
    run(ADMIN, oardel, "--sql", "job_user = 'alice' AND array_index = 1 OR job_id = 4")
    assert asked(jobs) == [1, 2, 4]


def test_a_condition_does_not_reach_ended_jobs(run: Run, jobs: Database) -> None:
    end(jobs, 1)
    run(ADMIN, oardel, "--sql", "true")
    assert asked(jobs) == [2, 3, 4]


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["4"], 1, "Cannot frag 4 ; You are not the right user."),
        (["77"], 4, "Cannot frag 77 ; This job does not exist."),
        (["--array", "77"], 4, "oardel: there is no array 77"),
        (["x"], 4, 'oardel: "x" is not a valid job identifier'),
        (["1.5"], 4, "is not a valid job identifier"),
        (["9" * 5000], 4, "is not a valid job identifier"),
        (["1", "x"], 4, 'oardel: "x" is not a valid job identifier'),
        ([], 1, "oardel: the id of a job is missing"),
        (["--sql", "nothing = 1"], 1, 'column "nothing" does not exist'),
        (["--sql", "1=1; DELETE FROM jobs"], 1, "';' is not allowed"),
        (["--sql", " "], 1, "it is empty"),
        (["--sql", "1 = 0"], 4, "oardel: --sql: no job that has not ended meets 1 = 0"),
        (["--sql", "nothing = 1"], 1, 'oardel: bad condition "nothing = 1": column'),
    ],
)
def test_a_deletion_that_cannot_be_is_told_in_one_line(
    run: Run, jobs: Database, arguments: list[str], code: int, told: str
) -> None:
    result = run(ALICE, oardel, *arguments)
    outcome = (result.exit_code, told in result.stderr, result.stderr.count("\n"), asked(jobs))
    assert outcome == (code, True, 1, []), result.stderr


def test_deleting_twice_is_told(run: Run) -> None:
    run(ALICE, oardel, "1")
    result = run(ALICE, oardel, "1")
    assert (result.exit_code, result.stderr) == (6, "Cannot frag 1 ; This job was already killed.\n")


def test_different_failures_have_a_code_of_their_own(run: Run) -> None:
    assert run(ALICE, oardel, "4", "77").exit_code == 15


def test_one_failure_does_not_stop_the_others(run: Run, jobs: Database) -> None:
    run(ALICE, oardel, "4", "1")
    assert asked(jobs) == [1]


def test_holding_prints_what_oar_2_prints(run: Run) -> None:
    assert run(ALICE, oarhold, "1").stdout == "[1] Hold request was sent to the OAR server.\n"


def test_a_held_job_is_in_hold_at_once(run: Run, jobs: Database) -> None:
    run(ALICE, oarhold, "--array", "2")
    assert states(jobs) == ["Waiting", "Hold", "Hold", "Waiting"]


def test_resuming_prints_what_oar_2_prints(run: Run) -> None:
    run(ALICE, oarhold, "1")
    assert run(ALICE, oarresume, "1").stdout == "[1] Resume request was sent to the OAR server.\n"


def test_a_resumed_job_waits_again(run: Run, jobs: Database) -> None:
    run(ALICE, oarhold, "1")
    run(ALICE, oarresume, "1")
    assert states(jobs)[0] == "Waiting"


def test_who_held_a_job_is_recorded(run: Run, jobs: Database) -> None:
    run(ADMIN, oarhold, "1")
    recorded = select(EventRow.description).where(EventRow.type == "HOLD_WAITING_JOB")
    assert read(jobs, recorded) == ["User carol launched oarhold on the job 1"]


def test_a_hold_that_is_done_is_no_order_for_the_server(run: Run, jobs: Database) -> None:
    run(ALICE, oarhold, "1")
    assert set(read(jobs, select(EventRow.to_check))) == {"NO"}


@pytest.mark.parametrize(
    ("command", "arguments", "told"),
    [
        (oarhold, ["4"], "/!\\ Cannot hold 4: you are not its owner\n"),
        (oarhold, ["77"], "/!\\ Cannot hold 77: there is no such job\n"),
        (oarresume, ["1"], "/!\\ Cannot resume 1: it is not in state Hold or Suspended\n"),
        (oarresume, ["4"], "/!\\ Cannot resume 4: you are not its owner\n"),
        (oarhold, [], "oarhold: the id of a job is missing; see oarhold --help\n"),
    ],
)
def test_a_hold_that_cannot_be_is_told_in_one_line(
    run: Run, command: OarCommand, arguments: list[str], told: str
) -> None:
    result = run(ALICE, command, *arguments)
    assert (result.exit_code, result.stderr) == (1, told)


def test_a_job_that_was_held_already_is_not_held_again(run: Run) -> None:
    run(ALICE, oarhold, "1")
    assert run(ALICE, oarhold, "1").stderr == "/!\\ Cannot hold 1: it is not in state Waiting or Resuming\n"


@pytest.mark.parametrize("arguments", [["x"], ["0"], ["--array", "77"], ["--sql", "1 = 0"]])
def test_an_operand_that_names_no_job_ends_a_hold_with_2_as_in_oar_2(run: Run, arguments: list[str]) -> None:
    result = run(ALICE, oarhold, *arguments)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)


def started(database: Database, *signals: JobSignal) -> None:
    """Let job 1 be in the state that the signals lead to."""
    with database.engine.begin() as connection:
        connection.execute(update(JobRow).where(JobRow.job_id == 1).values(state="toLaunch"))
        for signal in signals:
            assert move_job(connection, 1, signal, now=200) is not None


RUN = (JobSignal.LAUNCH, JobSignal.START)


def orders(database: Database) -> list[str]:
    return read(database, select(EventRow.type).where(EventRow.to_check == "YES"))


@pytest.mark.parametrize("signals", [(), (JobSignal.LAUNCH,), RUN])
def test_an_administrator_has_a_job_that_was_started_suspended_by_the_server(
    run: Run, jobs: Database, signals: tuple[JobSignal, ...]
) -> None:
    started(jobs, *signals)
    assert run(ADMIN, oarhold, "-r", "1").stdout == "[1] Hold request was sent to the OAR server.\n"
    assert orders(jobs) == ["HOLD_RUNNING_JOB"]


def test_an_owner_does_not_suspend_unless_the_site_says_so(run: Run, jobs: Database) -> None:
    started(jobs, *RUN)
    result = run(ALICE, oarhold, "--running", "1")
    told = "/!\\ Cannot hold 1: only administrators may use -r\n"
    assert (result.exit_code, result.stderr, orders(jobs)) == (1, told, [])


def test_without_r_a_running_job_is_not_held(run: Run, jobs: Database) -> None:
    started(jobs, *RUN)
    result = run(ADMIN, oarhold, "1")
    assert (result.exit_code, "not in state Waiting or Resuming" in result.stderr) == (1, True)


def test_jobs_on_a_frontend_are_not_suspended(run: Run, jobs: Database) -> None:
    started(jobs, *RUN)
    with jobs.engine.begin() as connection:
        connection.execute(insert(JobTypeRow).values(job_id=1, type="deploy=standby"))
    result = run(ADMIN, oarhold, "-r", "1")
    assert (result.exit_code, "deploy or cosystem" in result.stderr, orders(jobs)) == (2, True, [])


def test_a_suspended_job_is_resumed_by_administrators_only(run: Run, jobs: Database) -> None:
    started(jobs, *RUN, JobSignal.SUSPEND)
    result = run(ALICE, oarresume, "1")
    told = "/!\\ Cannot resume 1: only administrators may resume jobs that are suspended\n"
    assert (result.exit_code, result.stderr, states(jobs)[0]) == (1, told, "Suspended")
    run(ADMIN, oarresume, "1")
    assert states(jobs)[0] == "Resuming"


def test_a_job_that_waits_to_go_on_is_held_at_once(run: Run, jobs: Database) -> None:
    started(jobs, *RUN, JobSignal.SUSPEND, JobSignal.RESUME)
    run(ALICE, oarhold, "1")
    assert (states(jobs)[0], orders(jobs)) == ("Suspended", [])
