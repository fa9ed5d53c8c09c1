"""Queues whose scheduler is another program: kamelot under another name, and programs that are bad."""

import os
import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sqlalchemy import select

from oar.core.states import JobState, QueueState
from oar.db.queues import add_queue, change_queue, enable_queue, list_queues
from oar.db.tables_admin import EventRow
from oar.db.tables_jobs import JobRow, MoldableRow
from oar.kao.metascheduler import Metascheduler
from oar.settings import SchedulerSettings
from tests.integration.databases import Database
from tests.integration.kao.site import Site, make_site

KAMELOT = Path(sys.executable).with_name("kamelot")


@dataclass(frozen=True)
class ForeignSite(Site):
    """A site whose queue ``default`` has the scheduler ``other``."""

    folder: Path
    database: Database

    def scheduler(self, *lines: str, name: str = "other") -> None:
        """Write the program."""
        file = self.folder / name
        file.write_text("\n".join(["#!/bin/sh", *lines, ""]))
        file.chmod(0o755)

    def sql(self, statement: str) -> str:
        """Give a line of a program that runs a statement."""
        host, name = self.database.settings.host, self.database.settings.name
        code = f"import psycopg2; c = psycopg2.connect(host={host!r}, dbname={name!r}, user='oar');"
        code += f" c.cursor().execute({statement!r}); c.commit()"
        return f"{sys.executable} -c {shlex.quote(code)}"

    def moldable(self, job_id: int) -> int:
        with self.engine.connect() as connection:
            return connection.scalar(
                select(MoldableRow.moldable_id).where(MoldableRow.moldable_job_id == job_id)
            )

    def queue_state(self, name: str = "default") -> QueueState:
        with self.engine.connect() as connection:
            return next(one.state for one in list_queues(connection) if one.name == name)

    def events(self) -> list[tuple[str, str]]:
        with self.engine.connect() as connection:
            rows = connection.execute(select(EventRow.type, EventRow.description).order_by(EventRow.event_id))
            return [(kind, words) for kind, words in rows if kind in ("SCHEDULER_FAILED", "QUEUE_NOT_ACTIVE")]

    def round(self, **changes: object) -> None:
        """Run a round, with other settings if that is wanted."""
        self.metascheduler.settings = replace(self.metascheduler.settings, **changes)
        self.metascheduler.run()


Write = Callable[..., None]


@pytest.fixture
def site(database: Database, tmp_path: Path) -> ForeignSite:
    """Three nodes of two cores; kamelot is installed as ``other``, for the queue ``default``."""
    folder = tmp_path / "schedulers"
    folder.mkdir()
    conf = tmp_path / "oar.conf"
    conf.write_text(
        f'DB_HOSTNAME="{database.settings.host}"\nDB_BASE_NAME="{database.settings.name}"\n'
        f'LOG_FILE="{tmp_path}/log"\n'
    )
    settings = SchedulerSettings(check_plans=True, schedulers_path=str(folder))
    plain = make_site(database, 2, 2, 2, settings=settings)
    scheduler = Metascheduler(database.engine, database.reader, settings, oar_conf=conf)
    site = ForeignSite(plain.engine, scheduler, folder, database)
    (folder / "other").symlink_to(KAMELOT)
    with site.engine.begin() as connection:
        change_queue(connection, "default", policy="other")
    return site


def test_a_job_that_another_program_plans_for_now_is_launched(site: ForeignSite) -> None:
    job = site.job("nodes=1,walltime=1")
    site.round()
    assert site.states()[job] == JobState.TO_LAUNCH
    assert site.held(job) == "1-2"


def test_the_program_plans_around_what_runs_and_what_queues_before_it_have_planned(site: ForeignSite) -> None:
    site.run_job(_start(site, site.job("nodes=1,walltime=1", queue="admin")))
    urgent = site.job("nodes=2,walltime=1", queue="admin")
    late, short = site.job("nodes=3,walltime=1"), site.job("nodes=1,walltime=0:10:0")
    site.round()
    starts = site.starts()
    assert site.states()[urgent] == JobState.TO_LAUNCH
    assert starts[late] == starts[urgent] + 3660
    assert starts[short] > starts[late]


def test_queues_behind_it_are_planned_around_what_the_program_planned(site: ForeignSite) -> None:
    with site.engine.begin() as connection:
        add_queue(connection, "low", 1)
    job, behind = site.job("nodes=3,walltime=1"), site.job("nodes=1,walltime=1", queue="low")
    site.round()
    assert site.starts()[behind] == site.starts()[job] + 3660


def test_when_nothing_changes_a_second_round_gives_the_same_plan(site: ForeignSite) -> None:
    site.job("nodes=3,walltime=1")
    later = site.job("nodes=3,walltime=1")
    site.round()
    before = site.plan()
    site.round()
    assert site.plan() == before
    assert list(before) == [later]


def test_rows_of_jobs_that_run_are_only_there_while_the_program_works(site: ForeignSite) -> None:
    seen = site.folder.parent / "seen"
    site.run_job(_start(site, site.job("nodes=1,walltime=1", queue="admin")))
    site.scheduler(
        f"{sys.executable} - <<'END' > {seen}",
        "import psycopg2",
        f"c = psycopg2.connect(host={site.database.settings.host!r}, "
        f"dbname={site.database.settings.name!r}, user='oar').cursor()",
        "c.execute('SELECT resource_id FROM gantt_jobs_resources JOIN gantt_jobs_predictions"
        " USING (moldable_job_id) ORDER BY 1')",
        "print([row[0] for row in c])",
        "END",
        name="curious",
    )
    with site.engine.begin() as connection:
        change_queue(connection, "default", policy="curious")
    site.job("nodes=1,walltime=1")
    site.round()
    assert seen.read_text() == "[1, 2]\n"
    assert site.plan() == {}


def test_the_program_gets_queue_date_and_configuration_in_a_session_of_its_own(site: ForeignSite) -> None:
    said = site.folder.parent / "said"
    (site.folder / "other").unlink()
    site.scheduler(f'echo "$1|$2|$3|$#|$OARCONFFILE|$(pwd)|$(cat)" > {said}')
    site.job("nodes=1,walltime=1")
    site.round()
    queue, now, date, number, conf, folder, stdin = said.read_text().strip().split("|")
    assert (queue, number, conf, folder, stdin) == (
        "default",
        "3",
        str(site.metascheduler.oar_conf),
        "/",
        "",
    )
    assert now.isdigit()
    assert len(date) == len("2026-11-21 10:00:00")


def test_a_line_schedrun_without_rows_starts_the_job_there(site: ForeignSite) -> None:
    job = site.job("nodes=1,walltime=1")
    (site.folder / "other").unlink()
    site.scheduler(f"echo SCHEDRUN JOB_ID={job} MOLDABLE_JOB_ID={site.moldable(job)} RESOURCES=3,4")
    site.round()
    assert site.held(job) == "3-4"


def test_messages_of_the_program_stay_and_the_reason_names_it(site: ForeignSite) -> None:
    job = site.job("nodes=1,walltime=1")
    (site.folder / "other").unlink()
    site.scheduler(site.sql("UPDATE jobs SET message = 'not today'"))
    site.round()
    assert site.column(job, JobRow.message) == "not today"
    assert site.column(job, JobRow.scheduler_info) == "the scheduler other gave it no place"


def test_a_job_that_the_program_refuses_ends_in_error(site: ForeignSite) -> None:
    job = site.job("nodes=1,walltime=1")
    (site.folder / "other").unlink()
    site.scheduler(site.sql("UPDATE jobs SET state = 'toError'"))
    site.round()
    assert site.states()[job] == JobState.ERROR


def test_what_the_program_gives_twice_is_not_started(site: ForeignSite) -> None:
    site.run_job(_start(site, site.job("nodes=1,walltime=1", queue="admin")))
    job = site.job("nodes=1,walltime=1")
    (site.folder / "other").unlink()
    site.scheduler(f"echo SCHEDRUN JOB_ID={job} MOLDABLE_JOB_ID={site.moldable(job)} RESOURCES=1,2")
    site.round()
    assert site.states()[job] == JobState.WAITING
    assert "gave it resources that are taken at" in site.column(job, JobRow.scheduler_info)


def test_r17_a_queue_whose_scheduler_is_missing_is_made_not_active_after_failures_in_a_row(
    site: ForeignSite,
) -> None:
    job = site.job("nodes=1,walltime=1")
    (site.folder / "other").unlink()
    site.round(failures_allowed=3)
    assert site.queue_state() == QueueState.ACTIVE
    site.round()
    assert site.queue_state() == QueueState.ACTIVE
    site.round()
    assert site.queue_state() == QueueState.INACTIVE
    assert [kind for kind, _ in site.events()] == ["SCHEDULER_FAILED", "QUEUE_NOT_ACTIVE"]
    assert "cannot be run" in site.events()[0][1]
    assert "oarqueue -e default" in site.events()[1][1]
    site.round()
    assert site.column(job, JobRow.scheduler_info) == "its queue default is not active"


def test_r17_one_failure_costs_one_round_and_is_forgotten_after_a_success(site: ForeignSite) -> None:
    job = site.job("nodes=1,walltime=1")
    (site.folder / "other").rename(site.folder / "gone")
    site.round(failures_allowed=2)
    assert "the scheduler other of its queue cannot be run" in site.column(job, JobRow.scheduler_info)
    (site.folder / "gone").rename(site.folder / "other")
    site.round()
    assert site.states()[job] == JobState.TO_LAUNCH
    (site.folder / "other").rename(site.folder / "gone")
    site.job("nodes=1,walltime=1")
    site.round()
    assert site.queue_state() == QueueState.ACTIVE


def test_r17_a_queue_that_was_made_active_again_has_all_its_failures_before_it(site: ForeignSite) -> None:
    site.job("nodes=1,walltime=1")
    (site.folder / "other").unlink()
    site.round(failures_allowed=2)
    site.round()
    with site.engine.begin() as connection:
        enable_queue(connection, "default")
    site.round()
    assert site.queue_state() == QueueState.ACTIVE


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["exit 2"], "ended with exit code 2"),
        (["kill -9 $$"], "was killed by signal 9"),
        (["head -c 3000000 /dev/urandom; yes garbage | head -n 5000; exit 70"], "ended with exit code 70"),
    ],
)
def test_a_program_that_fails_harms_no_other_queue(site: ForeignSite, lines: list[str], words: str) -> None:
    (site.folder / "other").unlink()
    site.scheduler(*lines)
    job = site.job("nodes=1,walltime=1")
    other = site.job("nodes=1,walltime=1", queue="besteffort", types=["besteffort"])
    site.round()
    assert words in site.column(job, JobRow.scheduler_info)
    assert site.states()[other] == JobState.TO_LAUNCH


def test_exit_code_1_is_no_failure(site: ForeignSite) -> None:
    (site.folder / "other").unlink()
    site.scheduler("exit 1")
    site.job("nodes=1,walltime=1")
    site.round(failures_allowed=1)
    assert site.queue_state() == QueueState.ACTIVE


def test_a_program_that_hangs_is_killed_with_its_children(site: ForeignSite) -> None:
    children = site.folder.parent / "children"
    (site.folder / "other").unlink()
    site.scheduler(f"sleep 600 & echo $! $$ > {children}; wait")
    job = site.job("nodes=1,walltime=1")
    site.round(filter_timeout_s=1)
    assert "did not end within 3 s and was killed" in site.column(job, JobRow.scheduler_info)
    assert [one for one in children.read_text().split() if _is_alive(int(one))] == []


def test_a_child_that_outlives_the_program_holds_up_nobody(site: ForeignSite) -> None:
    children = site.folder.parent / "children"
    (site.folder / "other").unlink()
    site.scheduler(f"sleep 600 & echo $! > {children}")
    site.job("nodes=1,walltime=1")
    site.round(filter_timeout_s=300)
    assert not _is_alive(int(children.read_text()))


def _start(site: Site, job: int) -> int:
    site.metascheduler.run()
    assert site.states()[job] == JobState.TO_LAUNCH
    return job


def _is_alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z" and os.getpgid(process) > 0
