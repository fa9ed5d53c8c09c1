"""An oarsub that waits: what it believes, on a real database and with real sockets, without any server."""

import socket
import threading
from collections.abc import Callable
from dataclasses import replace

import pytest
import zmq
from click.exceptions import Exit
from sqlalchemy import update

from oar.cli.app import Context
from oar.cli.caller import Caller
from oar.cli.ear import Ear
from oar.cli.foreground import CannotRun
from oar.cli.waiting import answers, be_in_session, wait_for_answers
from oar.core.messages import Hint, parse_json
from oar.core.states import JobState, JobType, ReservationState
from oar.db.tables_jobs import JobRow, KillRow
from oar.settings import NodeSettings, ServerSettings, Settings, SubmissionSettings
from tests.integration.conftest import Database
from tests.integration.life.build import add_job, add_node, job_state
from tests.ports import free_ports

pytestmark = pytest.mark.integration

OWNER = Caller("ann", 1000, is_admin=False)


@pytest.fixture
def context(database: Database) -> Context:
    server = ServerSettings(hostname="127.0.0.1", message_port=free_ports(1)[0])
    settings = Settings(database=database.settings, server=server)
    return Context(settings, OWNER, database.engine, database.reader)


def add(database: Database, state: JobState, **values: object) -> int:
    with database.engine.begin() as connection:
        return add_job(connection, state, **values)


def reserve(database: Database, state: JobState, reservation: ReservationState, message: str = "") -> int:
    return add(database, state, reservation=reservation, message=message)


def change(database: Database, job_id: int, **values: object) -> None:
    with database.engine.begin() as connection:
        connection.execute(update(JobRow).where(JobRow.job_id == job_id).values(**values))


def state(database: Database, job_id: int) -> JobState:
    with database.engine.begin() as connection:
        return job_state(connection, job_id)


def say(ear: Ear, *lines: str) -> None:
    for line in lines:
        with socket.create_connection(("127.0.0.1", ear.port), 5) as caller:
            caller.sendall(line.encode())


def waiting(wait: Callable[[Ear], int], *lines: str) -> int:
    """Wait with these lines said already; returns the exit code."""
    with Ear() as ear:
        say(ear, *lines)
        return wait(ear)


def test_a_reservation_that_is_granted_is_acknowledged_by_who_waits_for_it(database, context, capsys):
    job = reserve(database, JobState.TO_ACK_RESERVATION, ReservationState.SCHEDULED)
    code = waiting(lambda ear: wait_for_answers(context, ear, [job]), "GOOD RESERVATION\n")
    assert (code, state(database, job)) == (0, JobState.WAITING)
    assert capsys.readouterr().out == (
        "# Advance reservation request: waiting for validation...\n# Reservation valid --> OK\n"
    )


def test_a_reservation_that_the_server_has_acknowledged_already_is_valid(database, context):
    job = reserve(database, JobState.WAITING, ReservationState.SCHEDULED)
    assert waiting(lambda ear: wait_for_answers(context, ear, [job]), "") == 0


def test_a_reservation_that_is_refused_tells_why_and_ends_with_10(database, context, capsys):
    job = reserve(database, JobState.TO_ERROR, ReservationState.SCHEDULED, "This reservation cannot run")
    code = waiting(lambda ear: wait_for_answers(context, ear, [job]), "This reservation cannot run\n")
    assert code == 10
    assert "# Reservation not valid --> KO (This reservation cannot run)\n" in capsys.readouterr().out


def test_each_reservation_of_an_array_is_answered(database, context, capsys):
    good = reserve(database, JobState.TO_ACK_RESERVATION, ReservationState.SCHEDULED)
    bad = reserve(database, JobState.ERROR, ReservationState.SCHEDULED, "Reservation too old")
    code = waiting(lambda ear: wait_for_answers(context, ear, [good, bad]), "GOOD RESERVATION\n")
    assert code == 10
    assert capsys.readouterr().out.splitlines()[1:] == [
        "# Reservation valid --> OK",
        "# Reservation not valid --> KO (Reservation too old)",
    ]


def test_what_a_stranger_says_is_not_believed(database, context, capsys):
    job = reserve(database, JobState.WAITING, ReservationState.TO_SCHEDULE)
    codes = []
    with Ear() as ear:
        say(ear, "GOOD RESERVATION\n", "You lose\n", "x" * 5000, "\x1b[2J\n")
        thread = threading.Thread(target=lambda: codes.append(answers(context, ear, [job])))
        thread.start()
        thread.join(0.5)
        assert codes == []
        change(database, job, state=JobState.TO_ERROR, message="no")
        say(ear, "")
        thread.join(20)
    assert codes == [10]
    assert "valid --> OK" not in capsys.readouterr().out


def test_an_interactive_job_that_ends_before_it_starts_ends_oarsub_with_11(database, context, capsys):
    job = add(database, JobState.ERROR, job_type=JobType.INTERACTIVE)
    lines = (
        "[2026-11-21 00:23:04] Start prediction: 2026-11-21 00:28:59 (R=2)\n",
        "[2026-11-21 00:23:09] Start prediction: 2026-11-21 00:28:59 (R=2)\n",
        "JOB KILLED\n",
    )
    assert waiting(lambda ear: be_in_session(context, ear, job), *lines) == 11
    assert capsys.readouterr().out.splitlines() == [
        "# Interactive mode: waiting...",
        "# [2026-11-21 00:23:04] Start prediction: 2026-11-21 00:28:59 (R=2)",
        "# JOB KILLED",
    ]


def test_ctrl_c_asks_for_the_end_of_the_jobs_without_a_server(database, context, capsys):
    job = reserve(database, JobState.WAITING, ReservationState.TO_SCHEDULE)

    class Pressed(Ear):
        def hear(self, timeout_s: float) -> str:
            if timeout_s > 10:
                raise KeyboardInterrupt
            return ""

    with Pressed() as ear, pytest.raises(Exit) as end:
        wait_for_answers(context, ear, [job])
    assert end.value.exit_code == 1
    with database.engine.begin() as connection:
        assert connection.execute(KillRow.__table__.select()).one().frag_id_job == job
    told = capsys.readouterr().err
    assert f"\n\n# Caught Interrupt (^C), Deleting the job {job}...\n" in told
    assert told.endswith("The job(s) will be deleted in the near future.\n")


# ---- a port that anybody can reach, and a job that others can change


class Told(Ear):
    """An ear that hears these lines, one each time, then nothing; ``between`` happens before the second."""

    def __init__(self, *lines: str, between: Callable[[], None] = lambda: None) -> None:
        super().__init__()
        self.lines = list(lines)
        self.between = between
        self.count = 0

    def hear(self, timeout_s: float) -> str:
        self.count += 1
        if self.count == 2:
            self.between()
        assert self.count < 100, "nobody looks into the database"
        return self.lines.pop(0) if self.lines else ""


def test_a_stranger_who_talks_on_and_on_does_not_keep_us_from_looking(database, context):
    job = add(database, JobState.ERROR, job_type=JobType.INTERACTIVE)
    with Told(*(f"noise {number}" for number in range(200))) as ear:
        assert be_in_session(context, ear, job, look_every_s=0.0) == 11


def test_a_job_that_is_suspended_before_its_terminal_came_to_it_is_waited_for(database, context):
    job = add(database, JobState.SUSPENDED, job_type=JobType.INTERACTIVE)
    with Told(between=lambda: change(database, job, state=JobState.ERROR)) as ear:
        assert be_in_session(context, ear, job) == 11
    assert ear.count == 2


def test_an_interactive_job_ends_when_there_is_no_ssh_to_enter_it(database, context):
    with database.engine.begin() as connection:
        ids = add_node(connection, "node1")
        job = add_job(connection, JobState.RUNNING, resources=ids, job_type=JobType.INTERACTIVE)
    context.settings = replace(context.settings, nodes=NodeSettings(ssh=("/no/ssh",)))
    with Told() as ear, pytest.raises(CannotRun, match="/no/ssh"):
        be_in_session(context, ear, job)
    with database.engine.begin() as connection:
        assert connection.execute(KillRow.__table__.select()).one().frag_id_job == job


def test_a_reservation_that_we_found_granted_is_told_to_the_server_for_it_may_start_now(database, context):
    job = reserve(database, JobState.TO_ACK_RESERVATION, ReservationState.SCHEDULED)
    with zmq.Context() as zeromq, zeromq.socket(zmq.PULL) as server:
        server.linger = 0
        server.bind(f"tcp://127.0.0.1:{context.settings.server.message_port}")
        assert waiting(lambda ear: wait_for_answers(context, ear, [job]), "") == 0
        assert server.poll(5000), "the server heard nothing"
        assert parse_json(server.recv()) is Hint.SCHEDULE


# ---- the program of the site that is told of answers


def with_hook(context: Context, folder, script: str) -> Context:
    file = folder / "hook"
    file.write_text(f'#!/bin/sh\necho "$@" >> {folder}/heard\n{script}\n')
    file.chmod(0o755)
    context.settings = replace(context.settings, submission=SubmissionSettings(reservation_hook=str(file)))
    return context


def test_the_program_of_the_site_is_told_of_each_answer(database, context, tmp_path):
    good = reserve(database, JobState.TO_ACK_RESERVATION, ReservationState.SCHEDULED)
    bad = reserve(database, JobState.ERROR, ReservationState.SCHEDULED, "Reservation too old")
    told = with_hook(context, tmp_path, "exit 0")
    assert waiting(lambda ear: wait_for_answers(told, ear, [good, bad]), "") == 10
    assert (tmp_path / "heard").read_text().splitlines() == [f"{good} 1", f"{bad} 0"]


def test_a_program_of_the_site_that_fails_keeps_no_answer_from_the_user(database, context, tmp_path, capsys):
    jobs = [reserve(database, JobState.TO_ACK_RESERVATION, ReservationState.SCHEDULED) for _ in range(2)]
    told = with_hook(context, tmp_path, f"exit $(($1 == {jobs[0]}))")
    assert waiting(lambda ear: wait_for_answers(told, ear, jobs), "") == 1
    said = capsys.readouterr()
    assert said.out.count("# Reservation valid --> OK\n") == 2
    assert said.err.count("hook ended with 1") == 1
    assert [state(database, job) for job in jobs] == [JobState.WAITING] * 2
