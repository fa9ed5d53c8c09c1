"""kamelot as a program: called for one queue, as a metascheduler calls it, on a real database."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sqlalchemy import Connection, event, insert, select, text, update

from oar.core.request import parse_request
from oar.core.states import JobState
from oar.db.engine import database_now, open_url
from oar.db.jobs import NewJobs, insert_jobs
from oar.db.locks import lock_resources
from oar.db.queues import disable_queue
from oar.db.resources import add_resource
from oar.db.tables_jobs import JobRow, MoldableRow
from oar.db.tables_resources import PredictionRow, ResourceRow
from oar.kao.metascheduler import Metascheduler
from oar.settings import DatabaseSettings, SchedulerSettings
from tests.integration.databases import Database

PROGRAM = Path(sys.executable).with_name("kamelot")
HOUR = 3600 + 60
"""An hour with the security time."""


@dataclass(frozen=True)
class Site:
    """A database with three nodes of two cores, and the configuration that names it."""

    database: Database
    conf: Path

    def kamelot(self, *words: object, **options) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self.argv(*words), capture_output=True, check=False, **self.options(options))

    @contextmanager
    def started(self, *words: object, **options) -> Iterator[subprocess.Popen[str]]:
        """Start the program, and end it whatever the test makes of it."""
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        with subprocess.Popen(self.argv(*words), **pipes, **self.options(options)) as process:
            try:
                yield process
            finally:
                process.kill()

    def argv(self, *words: object) -> list[str]:
        return [str(PROGRAM), *map(str, words)]

    def options(self, given):
        return {"text": True, "cwd": "/", "env": os.environ | {"OARCONFFILE": str(self.conf)}, **given}

    def submit(self, request, types=(), queue="default", commands=("true",), after=()):
        new = NewJobs(
            user="alice", group="alice", host="front", queue=queue, project="default", name="",
            properties="", types=types, alternatives=[parse_request(request, "network_address")],
            commands=commands, directory="/tmp", stdout="o", stderr="e", hold=False, required_jobs=after,
            initial_request="", message="R=1,W=1:0:0,J=B",
        )  # fmt: skip
        with self.database.engine.begin() as connection:
            return insert_jobs(connection, new, database_now(connection))[0]

    def run_at_once(self, request, **more):
        """Submit a job and give it its resources."""
        job_id = self.submit(request, **more)
        Metascheduler(self.database.engine, self.database.reader, SchedulerSettings()).run()
        assert self.job(job_id, JobRow.state) == JobState.TO_LAUNCH
        return job_id

    def reserve(self, job_id: int, start: int, resources: str) -> None:
        """Accept a job as a reservation, with the rows that OAR 2 would write."""
        with self.database.engine.begin() as connection:
            connection.execute(update(JobRow).where(JobRow.job_id == job_id).values(reservation="Scheduled"))
            moldable = connection.scalar(
                select(MoldableRow.moldable_id).where(MoldableRow.moldable_job_id == job_id)
            )
            connection.execute(insert(PredictionRow).values(moldable_job_id=moldable, start_time=start))
            for one in resources.split():
                connection.execute(
                    text("INSERT INTO gantt_jobs_resources VALUES (:moldable, :resource)"),
                    {"moldable": moldable, "resource": int(one)},
                )

    @property
    def now(self) -> int:
        with self.database.engine.connect() as connection:
            return database_now(connection)

    def plan(self):
        """Give start and resources of each job in the plan."""
        return {job_id: (start, str(resources)) for job_id, start, resources, _ in self._rows()}

    def versions(self):
        """Give what changes whenever a row is written."""
        return [tuple(row) for row in self._rows()]

    def _rows(self):
        rows = (
            select(
                MoldableRow.moldable_job_id,
                PredictionRow.start_time,
                PredictionRow.resources,
                text("gantt_jobs_predictions.xmin::text"),
            )
            .join(PredictionRow, PredictionRow.moldable_job_id == MoldableRow.moldable_id)
            .order_by(MoldableRow.moldable_job_id)
        )
        with self.database.engine.connect() as connection:
            return connection.execute(rows).all()

    def job(self, job_id, column):
        with self.database.engine.connect() as connection:
            return connection.scalar(select(column).where(JobRow.job_id == job_id))

    def query(self, statement: str):
        with self.database.engine.connect() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(statement)]

    @contextmanager
    def locked(self, lock) -> Iterator[Connection]:
        """Hold a lock that kamelot has to wait for."""
        with self.database.engine.begin() as connection:
            lock(connection)
            yield connection

    def wait_until_it_waits(self) -> None:
        """Wait until some session waits for a lock."""
        end = time.monotonic() + 20
        while not self.query("SELECT 1 FROM pg_locks WHERE NOT granted"):
            assert time.monotonic() < end, "nobody waits for a lock"
            time.sleep(0.02)

    def wait_until_alone(self) -> None:
        """Wait until the server has noticed that the program is gone."""
        others = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND state <> 'idle'"
        end = time.monotonic() + 20
        while self.query(f"{others} AND pid <> pg_backend_pid()"):
            assert time.monotonic() < end, "a session is still at work"
            time.sleep(0.02)


def write_conf(file: Path, database: DatabaseSettings, more: str = "") -> Path:
    file.write_text(
        f'DB_HOSTNAME="{database.host}"\nDB_PORT="{database.port}"\nDB_BASE_NAME="{database.name}"\n'
        f'LOG_FILE="{file.with_suffix(".log")}"\nSCHEDULER_CHECK_PLANS="yes"\n{more}'
    )
    return file


@pytest.fixture
def site(database, tmp_path):
    with database.engine.begin() as connection:
        for node in range(3):
            for core in range(2):
                add_resource(connection, f"node{node + 1}", {"cpuset": str(core)}, now=1000)
    return Site(database, write_conf(tmp_path / "oar.conf", database.settings))


def test_a_queue_is_planned_around_what_runs_and_what_another_queue_has_planned(site):
    running = site.run_at_once("nodes=1,walltime=1")
    begin = site.job(running, JobRow.start_time)
    urgent = site.submit("nodes=3,walltime=1", queue="admin")
    assert site.kamelot("admin", begin).returncode == 0
    long, short = site.submit("nodes=2,walltime=2"), site.submit("nodes=2,walltime=0:30:0")
    result = site.kamelot("default", begin)
    assert (result.returncode, result.stderr) == (0, "")
    assert site.plan() == {
        urgent: (begin + HOUR, "1-6"),
        long: (begin + 2 * HOUR, "1-4"),
        short: (begin, "3-6"),
    }


def test_a_reservation_whose_rows_were_written_as_oar_2_writes_them_keeps_them(site):
    now = site.now
    reserved, job = site.submit("nodes=1,walltime=1"), site.submit("nodes=3,walltime=1")
    site.reserve(reserved, now + 100, "1 2")
    site.kamelot("default", now)
    assert site.plan() == {reserved: (now + 100, "1-2"), job: (now + 100 + HOUR, "1-6")}


def test_two_calls_give_the_same_rows_and_the_second_writes_none(site):
    for _ in range(3):
        site.submit("nodes=2,walltime=1")
    now = site.now
    first_lines = site.kamelot("default", now).stdout
    before = site.versions()
    assert site.kamelot("default", now).stdout == first_lines
    assert site.versions() == before
    assert len(before) == 3


def test_old_rows_of_the_queue_are_replaced_and_those_of_others_not_touched(site):
    now = site.now
    other, mine = site.submit("nodes=1,walltime=1", queue="admin"), site.submit("nodes=3,walltime=1")
    site.kamelot("admin", now)
    site.kamelot("default", now)
    row_of_other = site.versions()[0]
    site.kamelot("default", now + 10)
    assert site.versions()[0] == row_of_other
    assert site.plan()[mine] == (now + 10 + HOUR, "1-6")  # the other is late: it starts now at the earliest
    with site.database.engine.begin() as connection:
        connection.execute(update(ResourceRow).values(state="Suspected"))
    site.kamelot("default", now + 10)
    assert site.plan() == {other: (now, "1-2")}


def test_the_views_of_oar_2_show_the_rows(site):
    now = site.now
    site.submit("nodes=1,walltime=1")
    site.submit("nodes=3,walltime=1")
    site.kamelot("default", now)
    first, second = (
        row[0] for row in site.query("SELECT moldable_id FROM moldable_job_descriptions ORDER BY moldable_id")
    )
    resources = [(first, 1), (first, 2), *((second, number) for number in range(1, 7))]
    assert site.query("SELECT * FROM gantt_jobs_resources ORDER BY 1, 2") == resources
    assert site.query("SELECT * FROM gantt_jobs_resources_visu ORDER BY 1, 2") == resources
    dates = "SELECT moldable_job_id, start_time FROM gantt_jobs_predictions_visu ORDER BY 1"
    assert site.query(dates) == [(first, now), (second, now + HOUR)]


def test_jobs_that_can_start_at_once_are_announced_line_by_line(site):
    first, second = site.submit("nodes=2,walltime=1"), site.submit("resource_id=1,walltime=1")
    site.submit("nodes=3,walltime=1")
    moldables = dict(site.query("SELECT moldable_job_id, moldable_id FROM moldable_job_descriptions"))
    now = site.now
    assert site.kamelot("default", now, "2026-11-21 10:00:00").stdout == (
        f"SCHEDRUN JOB_ID={first} MOLDABLE_JOB_ID={moldables[first]} RESOURCES=1,2,3,4\n"
        f"SCHEDRUN JOB_ID={second} MOLDABLE_JOB_ID={moldables[second]} RESOURCES=5\n"
    )
    assert site.job(first, JobRow.state) == JobState.WAITING


def test_a_job_on_a_node_that_is_about_to_leave_is_planned_but_not_announced(site):
    with site.database.engine.begin() as connection:
        connection.execute(update(ResourceRow).values(next_state="Absent"))
    job = site.submit("nodes=1,walltime=1")
    assert (site.kamelot().stdout, list(site.plan())) == ("", [job])


def test_a_job_in_the_place_of_a_besteffort_one_is_planned_now_but_not_announced(site):
    site.run_at_once("nodes=3,walltime=1", queue="besteffort", types=["besteffort"])
    job, now = site.submit("nodes=1,walltime=1"), site.now
    assert (site.kamelot("default", now).stdout, site.plan()[job]) == ("", (now, "1-2"))


def test_the_queue_besteffort_is_planned_after_besteffort_jobs_that_run(site):
    running = site.run_at_once("nodes=3,walltime=1", queue="besteffort", types=["besteffort"])
    job = site.submit("nodes=1,walltime=1", queue="besteffort", types=["besteffort"])
    site.kamelot("besteffort", site.now)
    assert site.plan()[job] == (site.job(running, JobRow.start_time) + HOUR, "1-2")


def test_without_arguments_the_queue_default_is_planned_by_the_clock_of_the_database(site):
    job = site.submit("nodes=1,walltime=1")
    other = site.submit("nodes=1,walltime=1", queue="admin")
    before = site.now
    assert site.kamelot().returncode == 0
    assert before <= site.plan()[job][0] <= site.now
    assert other not in site.plan()


def test_jobs_are_told_when_they_start_or_what_is_missing(site):
    site.submit("nodes=3,walltime=1")
    second, large = site.submit("nodes=1,walltime=1"), site.submit("nodes=4,walltime=1")
    site.kamelot()
    assert site.job(second, JobRow.message) == "R=2,W=1:0:0,J=B"
    assert site.job(second, JobRow.scheduler_info).startswith("starts 20")
    assert "asks for 4 network_address" in site.job(large, JobRow.message)


@pytest.mark.parametrize(
    ("type_", "words"),
    [("expire=2001-01-01", "expire=2001-01-01"), ("inner=99", "does not exist or has ended")],
)
def test_a_job_that_will_never_run_is_refused_and_says_why(site, type_, words):
    job = site.submit("nodes=1,walltime=1", types=[type_])
    assert site.kamelot().stdout == ""
    assert site.job(job, JobRow.state) == JobState.TO_ERROR
    assert words in site.job(job, JobRow.message)


def test_a_job_held_while_the_plan_is_made_is_neither_written_nor_announced(site):
    job = site.submit("nodes=1,walltime=1")
    with site.locked(lock_resources) as connection, site.started() as process:
        site.wait_until_it_waits()
        connection.execute(update(JobRow).values(state=JobState.HOLD))
        connection.commit()
        assert process.communicate(timeout=20)[0] == ""
    assert (process.returncode, site.plan(), site.job(job, JobRow.state)) == (0, {}, JobState.HOLD)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["default", "tomorrow"], "bad date 'tomorrow': seconds since 1970"),
        (["default", "99999999999"], "bad date '99999999999': seconds since 1970"),
        (["default", "1790000000", "soon"], "date 'soon' is not understood"),
        (["default", "1790000000", "2026-11-21", "more"], "unexpected extra argument"),
    ],
)
def test_a_bad_argument_is_told_in_one_line(site, words, told):
    result = site.kamelot(*words)
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert told in result.stderr


def test_a_queue_that_was_removed_since_the_round_began_is_no_error(site):
    """OAR 2 would switch off the queue of that name that an administrator makes instead."""
    result = site.kamelot("none")
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (1, "", 1)
    assert "there is no queue none" in result.stderr


def test_a_queue_that_is_not_active_is_left_alone(site):
    site.submit("nodes=1,walltime=1")
    with site.database.engine.begin() as connection:
        disable_queue(connection, "default")
    result = site.kamelot()
    assert (result.returncode, result.stderr.count("\n"), site.plan()) == (1, 1, {})


def test_a_database_that_does_not_answer_is_told_in_one_line(tmp_path):
    conf = write_conf(tmp_path / "oar.conf", DatabaseSettings(host=str(tmp_path)))
    result = Site(None, conf).kamelot()
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (1, "", 1)
    assert "does not answer" in result.stderr


def test_a_database_without_our_tables_is_told_in_one_line(database, tmp_path):
    conf = write_conf(tmp_path / "oar.conf", replace(database.settings, name="postgres"))
    result = Site(database, conf).kamelot()
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (1, "", 1)


def test_a_bad_configuration_is_told_in_one_line(site):
    write_conf(site.conf, site.database.settings, 'SCHEDULER_JOB_SECURITY_TIME="long"\n')
    result = site.kamelot()
    assert (result.returncode, result.stderr.count("\n")) == (78, 1)
    assert "SCHEDULER_JOB_SECURITY_TIME" in result.stderr


def test_a_program_killed_while_it_writes_leaves_the_old_plan(site):
    now = site.now
    site.submit("nodes=3,walltime=1")
    site.submit("nodes=1,walltime=1")
    site.kamelot("default", now)
    before = site.versions()
    with site.database.engine.begin() as connection:
        connection.execute(update(ResourceRow).where(ResourceRow.resource_id == 6).values(state="Suspected"))

    def lock_last_row(connection):
        connection.execute(
            text("SELECT 1 FROM gantt_jobs_predictions WHERE start_time > :now FOR UPDATE"), {"now": now}
        )

    with site.locked(lock_last_row), site.started("default", now) as process:
        site.wait_until_it_waits()  # the row of the first job is deleted, that of the second is to be changed
        process.kill()
        process.wait()
    site.wait_until_alone()
    assert site.versions() == before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGPIPE])
def test_a_signal_that_the_metascheduler_ignores_is_ignored(site, number):
    job = site.submit("nodes=1,walltime=1")
    ignore = {"restore_signals": False, "preexec_fn": lambda: signal.signal(number, signal.SIG_IGN)}
    with site.locked(lock_resources) as connection, site.started(**ignore) as process:
        site.wait_until_it_waits()
        process.send_signal(number)
        time.sleep(0.2)  # what the signal did would be seen by then; nothing fails if it is too short
        connection.rollback()
        process.communicate(timeout=20)
    assert (process.returncode, list(site.plan())) == (0, [job])


def test_ctrl_c_at_a_terminal_ends_it_at_once_and_changes_nothing(site):
    site.submit("nodes=1,walltime=1")
    with site.locked(lock_resources), site.started() as process:
        site.wait_until_it_waits()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=5) == -signal.SIGINT
    assert site.plan() == {}


def test_a_plan_stands_when_nobody_reads_what_can_start(site):
    job = site.submit("nodes=1,walltime=1")
    with site.started() as process:
        process.stdout.close()
        assert (process.wait(timeout=20), process.stderr.read()) == (0, "")
    assert list(site.plan()) == [job]


def test_giving_way_to_another_transaction_is_no_error(site, database_server):
    """It waits for a row while it holds the right to give out resources, which the other then wants."""
    now = site.now
    site.submit("nodes=3,walltime=1")
    site.kamelot("default", now)
    before = site.versions()
    admin = open_url(database_server.admin.set(database=site.database.settings.name))
    event.listen(admin, "connect", lambda connection, _: _be_patient(connection))
    with admin.begin() as connection, site.started("default", now + 5) as process:
        connection.exec_driver_sql("SELECT 1 FROM gantt_jobs_predictions FOR UPDATE")
        site.wait_until_it_waits()
        lock_resources(connection)
        _, told = process.communicate(timeout=20)
    admin.dispose()
    assert (process.returncode, told.count("\n")) == (1, 1)
    assert "gave way" in told
    assert site.versions() == before


def _be_patient(connection) -> None:
    """Let the other one find the deadlock."""
    with connection.cursor() as cursor:
        cursor.execute("SET deadlock_timeout = '1min'")
    connection.commit()


def test_help_and_bad_arguments_do_not_wait_for_the_database_library():
    seen = "import sys, oar.kao.kamelot_command; sys.exit('sqlalchemy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", seen], check=False).returncode == 0
