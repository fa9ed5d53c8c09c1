"""Jobs that take any walltime between two, from the command line to the rows of their launch."""

import os
import pwd
import socket
from dataclasses import dataclass, replace
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import func, select, true, update

from oar.cli.app import Context
from oar.cli.caller import Caller
from oar.cli.job_details import wanted_resources
from oar.cli.oarsub import oarsub
from oar.core.durations import format_duration
from oar.core.job import JobId
from oar.core.job_life import JobSignal
from oar.core.listings import JobDetails
from oar.db.engine import database_now
from oar.db.launch import read_job
from oar.db.listing import JobChoice, read_job_details
from oar.db.listing_gantt import read_occupants
from oar.db.moves import move_job
from oar.db.planning import read_plan, read_running_jobs
from oar.db.resources import add_resource
from oar.db.resubmit import resubmit
from oar.db.tables_jobs import JobRow, MoldableRow
from oar.db.tables_resources import PredictionRow
from oar.kao.metascheduler import Metascheduler
from oar.settings import SchedulerSettings, ServerSettings, Settings, SubmissionSettings
from oar.submit.admission import Author, Draft
from oar.submit.parameters import Wishes, check
from oar.submit.submit import submit
from tests.integration.conftest import Database

pytestmark = pytest.mark.integration

OWN = pwd.getpwuid(os.geteuid())
HOUR = 3600
HOLE = "{type = 'default'}/nodes=1,walltime=0:10-4"
RANGE = "{type = 'default'}/nodes=2,walltime=1-4"


@dataclass(frozen=True)
class Site:
    """Two nodes of one core, oarsub, and a metascheduler."""

    database: Database
    context: Context
    metascheduler: Metascheduler

    def submit(self, *arguments: str) -> Result:
        return CliRunner().invoke(oarsub, [*arguments, "true"], obj=self.context)

    def round(self) -> tuple[int, ...]:
        """Run a round and say which jobs wait for the launcher."""
        return tuple(self.metascheduler.run().to_launch)

    def value(self, column: Any, condition: Any) -> Any:
        with self.database.engine.connect() as connection:
            return connection.execute(select(column).where(condition)).scalar_one()

    def walltime(self, job_id: int) -> int:
        return int(self.value(MoldableRow.moldable_walltime, MoldableRow.moldable_job_id == job_id))

    def details(self, job_id: int) -> JobDetails:
        with self.database.engine.connect() as connection:
            (job,) = read_job_details(connection, JobChoice(jobs=(job_id,)))
        return job

    def start_long_ago(self, job_id: int, seconds: int) -> None:
        """Let a job that was launched have run for some time."""
        with self.database.engine.begin() as connection:
            now = database_now(connection)
            for signal in (JobSignal.LAUNCH, JobSignal.START):
                move_job(connection, job_id, signal, now=now)
            connection.execute(update(JobRow).where(JobRow.job_id == job_id).values(start_time=now - seconds))


@pytest.fixture
def site(database: Database) -> Site:
    with database.engine.begin() as connection:
        for node in ("node1", "node2"):
            add_resource(connection, node, {}, now=1000)
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    settings = Settings(
        database=database.settings, server=ServerSettings(hostname="127.0.0.1", message_port=port)
    )
    context = Context(
        settings=settings,
        caller=Caller(OWN.pw_name, OWN.pw_uid, is_admin=False),
        engine=database.engine,
        reader=database.reader,
    )
    scheduler = SchedulerSettings(check_plans=True, security_time_s=60)
    return Site(database, context, Metascheduler(database.engine, database.reader, scheduler))


@pytest.fixture
def queued(site: Site) -> Site:
    """Job 1 holds node1 for an hour more, job 2 takes between one and four hours of both nodes after it."""
    site.submit("-l", "{type = 'default'}/nodes=1,walltime=2")
    site.round()
    site.start_long_ago(1, HOUR)
    site.submit("-l", RANGE)
    site.round()
    return site


def test_both_walltimes_are_kept(site: Site) -> None:
    assert site.submit("-l", RANGE).stdout == "OAR_JOB_ID=1\n"
    with site.database.engine.connect() as connection:
        row = connection.execute(
            select(MoldableRow.moldable_walltime, MoldableRow.least_walltime, MoldableRow.most_walltime)
        ).one()
    assert tuple(row) == (4 * HOUR, HOUR, 4 * HOUR)


def test_a_plain_walltime_has_nothing_beside_it(site: Site) -> None:
    site.submit("-l", "nodes=1,walltime=2")
    with site.database.engine.connect() as connection:
        row = connection.execute(select(MoldableRow.least_walltime, MoldableRow.most_walltime)).one()
    assert tuple(row) == (None, None)


def test_a_submission_says_the_most(site: Site) -> None:
    site.submit("-l", RANGE)
    assert site.details(1).line.message == "R=2,W=4:0:0,J=B"


def test_a_rule_that_lowers_the_walltime_to_the_least_leaves_a_plain_one(site: Site) -> None:
    asked = Wishes(resources=("nodes=1,walltime=1-4",))
    submission = check(asked, "true", None, SubmissionSettings(), directory="/", initial_request="")
    (alternative,) = submission.alternatives
    lowered = replace(submission, alternatives=(replace(alternative, walltime_s=HOUR),))
    draft = Draft(lowered, Author("alice"), SubmissionSettings())
    submit(site.database.engine, site.database.reader, draft, "front")
    (moldable,) = site.details(1).moldables
    assert (moldable.least_walltime_s, moldable.walltime_s) == (None, HOUR)


@pytest.mark.parametrize(
    ("walltime", "told"),
    [
        ("4-1", "'walltime=4-1': the least walltime comes first, then the most, as in 1-4"),
        ("-1", "walltime '-1' is not understood; write one, or least-most as in 1:0-4:30"),
        ("1-", "walltime '1-' is not understood; write one, or least-most as in 1:0-4:30"),
    ],
)
def test_what_is_no_pair_of_walltimes_is_refused_in_one_line(site: Site, walltime: str, told: str) -> None:
    result = site.submit("-l", f"nodes=1,walltime={walltime}")
    assert result.exit_code == 18
    assert [line for line in result.stderr.splitlines() if told in line] == result.stderr.splitlines()
    assert site.value(func.count(JobRow.job_id), true()) == 0


def test_with_room_for_the_most_the_job_is_launched_for_the_most(site: Site) -> None:
    site.submit("-l", RANGE)
    assert site.round() == (1,)
    assert site.walltime(1) == 4 * HOUR


def test_a_job_is_launched_for_what_the_hole_leaves(queued: Site) -> None:
    """Job 2 comes when job 1 has ended; job 3 goes before it on node2 and may last until then."""
    queued.submit("-l", HOLE)
    assert queued.round() == (3,)
    assert HOUR - 60 <= queued.walltime(3) <= HOUR
    assert queued.details(3).line.message == f"R=1,W={format_duration(queued.walltime(3))},J=B"


def test_everything_that_knows_a_launched_job_knows_the_walltime_it_was_granted(queued: Site) -> None:
    queued.submit("-l", HOLE)
    queued.round()
    granted = queued.walltime(3)
    with queued.database.engine.connect() as connection:
        on_nodes = read_job(connection, 3)
        now = database_now(connection)
        running = {job.job_id: job.walltime_s for job in read_running_jobs(connection, now)}
        bars = {job.job_id: job.end - job.begin for job in read_occupants(connection, now, now + 9 * HOUR)}
    assert on_nodes is not None
    assert on_nodes.walltime_s == running[3] == bars[3] == queued.details(3).walltime_s == granted


def test_a_launched_job_still_shows_what_it_asked_for(queued: Site) -> None:
    queued.submit("-l", HOLE)
    queued.round()
    shown = "-l \"{type = 'default'}/network_address=1,walltime=0:10:0-4:0:0\" "
    assert wanted_resources(queued.details(3)) == shown


def test_a_job_that_waits_shows_the_walltime_it_is_planned_for(queued: Site) -> None:
    """Job 4 comes on node2 after job 3, which runs for 20 minutes, and before job 2."""
    queued.submit("-l", "{type = 'default'}/nodes=1,walltime=0:20")
    queued.submit("-l", HOLE)
    assert queued.round() == (3,)
    job = queued.details(4)
    assert job.walltime_s is not None
    assert 38 * 60 <= job.walltime_s <= 40 * 60
    assert job.line.message == f"R=1,W={format_duration(job.walltime_s)},J=B"
    with queued.database.engine.connect() as connection:
        now = database_now(connection)
        bars = {one.job_id: one for one in read_occupants(connection, now, now + 9 * HOUR)}
        plan = {one.job_id: one.walltime_s for one in read_plan(connection)}
    assert (bars[JobId(4)].end - bars[JobId(4)].begin, plan[JobId(4)]) == (job.walltime_s, job.walltime_s)


def test_a_second_round_changes_nothing_of_the_prediction(queued: Site) -> None:
    with queued.database.engine.connect() as connection:
        before = read_plan(connection)
    queued.round()
    with queued.database.engine.connect() as connection:
        assert read_plan(connection) == before


def test_a_prediction_of_a_program_that_knows_no_walltimes_has_that_of_its_moldable(queued: Site) -> None:
    with queued.database.engine.begin() as connection:
        connection.execute(update(PredictionRow).values(walltime=None))
        now = database_now(connection)
        bars = {job.job_id: job.end - job.begin for job in read_occupants(connection, now, now + 9 * HOUR)}
    assert bars[2] == queued.details(2).walltime_s == 4 * HOUR


def test_a_copy_of_a_job_asks_for_what_the_original_asked_for(queued: Site) -> None:
    queued.submit("-l", HOLE)
    queued.round()
    with queued.database.engine.begin() as connection:
        copy = resubmit(connection, 3, database_now(connection), after_failure=False)
    assert copy is not None
    (moldable,) = queued.details(copy).moldables
    assert (moldable.least_walltime_s, moldable.walltime_s) == (600, 4 * HOUR)
    assert queued.walltime(copy) == 4 * HOUR


@pytest.mark.parametrize("least", [0, 4 * HOUR, 5 * HOUR])
def test_a_least_walltime_that_is_not_less_is_forgotten_and_holds_nobody_up(queued: Site, least: int) -> None:
    with queued.database.engine.begin() as connection:
        connection.execute(
            update(MoldableRow).where(MoldableRow.moldable_job_id == 2).values(least_walltime=least)
        )
    queued.round()
    with queued.database.engine.connect() as connection:
        assert {one.job_id: one.walltime_s for one in read_plan(connection)}[JobId(2)] == 4 * HOUR
