"""kamelot on a database of OAR 2's shape: the same plan as on ours, written as OAR 2 reads it, and no more.

``tests/peers`` has the real one; here the two are compared, on one situation.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from sqlalchemy import update

from oar.core.job import Assignment
from oar.db.engine import Schema, open_url, schema_of
from oar.db.foreign_plan import show_plan
from oar.db.oar2.round import publish_plan
from oar.db.planning import read_plan, read_running_jobs
from oar.db.resources import add_resource
from oar.db.tables_jobs import JobRow, JobStateLogRow
from oar.kao.metascheduler import Metascheduler
from oar.settings import SchedulerSettings
from tests.integration.databases import opened
from tests.integration.oar2_shape import take_oar2_shape
from tests.integration.test_kamelot_command import Site, write_conf

PLAN = """
    SELECT m.moldable_job_id, p.start_time, array_agg(resource_id ORDER BY resource_id)::text
    FROM gantt_jobs_predictions p JOIN gantt_jobs_resources r ON r.moldable_job_id = p.moldable_job_id
    JOIN moldable_job_descriptions m ON moldable_id = p.moldable_job_id
    JOIN jobs ON job_id = m.moldable_job_id WHERE state = 'Waiting' GROUP BY 1, 2 ORDER BY 1
"""
TOLD = "SELECT job_id, state, message, scheduler_info FROM jobs ORDER BY 1"
REST = (
    "SELECT * FROM assigned_resources ORDER BY 1, 2",
    "SELECT * FROM gantt_jobs_predictions_visu ORDER BY 1",
    "SELECT * FROM gantt_jobs_resources_visu ORDER BY 1, 2",
    "SELECT * FROM event_logs ORDER BY 1",
    "SELECT * FROM resources ORDER BY resource_id",
    "SELECT * FROM frag_jobs ORDER BY 1",
    "SELECT start_time FROM gantt_jobs_predictions WHERE moldable_job_id = 0",
)


@dataclass(frozen=True)
class Twins:
    """The same situation on our database and on one of OAR 2's shape, and a date for both."""

    ours: Site
    oar2: Site
    now: int


@pytest.fixture
def twins(database_server, database, tmp_path) -> Iterator[Twins]:
    ours = Site(database, write_conf(tmp_path / "ours.conf", database.settings))
    now = lay_out(ours)
    for engine in (database.engine, database.reader):
        engine.dispose()
    name = f"{database.settings.name}_as_oar2"
    database_server.copy(name, database.settings.name)
    inside = open_url(database_server.admin.set(database=name))
    with inside.begin() as connection:
        take_oar2_shape(connection)
    inside.dispose()
    with opened(database_server, name) as copy:
        yield Twins(ours, Site(copy, write_conf(tmp_path / "oar2.conf", copy.settings)), now)
    database_server.remove(name)


def lay_out(site: Site) -> int:
    """Build nodes and jobs of all kinds: running, suspended, besteffort, reserved, and many that wait."""
    with site.database.engine.begin() as connection:
        for node in range(6):
            for core in range(2):
                add_resource(connection, f"node{node + 1}", {"cpuset": str(core)}, now=1000)
    site.run_at_once("nodes=1,walltime=1")
    suspended = site.run_at_once("nodes=1,walltime=2")
    container = site.run_at_once("nodes=2,walltime=3", types=["container"])
    site.run_at_once("nodes=1,walltime=1", queue="besteffort", types=["besteffort"])
    now = site.now
    with site.database.engine.begin() as connection:
        change = update(JobRow).where(JobRow.job_id == suspended)
        connection.execute(change.values(state="Suspended", suspended="YES", start_time=now - 5000))
        log = update(JobStateLogRow).where(JobStateLogRow.job_id == suspended, JobStateLogRow.date_stop == 0)
        connection.execute(log.values(job_state="Suspended", date_start=now - 1500))
    reserved = site.submit("nodes=1,walltime=1")
    site.reserve(reserved, now + 7200, "11 12")
    waiting = site.submit("nodes=1,walltime=2")
    site.submit("nodes=3,walltime=1", after=[waiting])
    site.submit("nodes=1,walltime=1", types=[f"inner={container}"])
    site.submit("nodes=9,walltime=1")
    site.submit("nodes=1,walltime=1", types=["expire=2001-01-01"])
    site.submit("{network_address = 'node2'}/resource_id=1,walltime=4")
    site.submit("nodes=2,walltime=1", commands=("true",) * 4)
    for _ in range(2):
        site.submit("resource_id=1,walltime=1", types=["timesharing=*,*"])
    return now


def test_the_shape_is_told_from_what_is_there(twins):
    for site, schema in ((twins.ours, Schema.NATIVE), (twins.oar2, Schema.OAR2)):
        with site.database.engine.connect() as connection:
            assert schema_of(connection) is schema


def test_both_databases_get_the_same_plan(twins):
    ours, theirs = (site.kamelot("default", twins.now) for site in (twins.ours, twins.oar2))
    assert (ours.returncode, theirs.returncode, theirs.stderr) == (0, 0, "")
    assert ours.stdout == theirs.stdout != ""
    assert twins.oar2.query(PLAN) == twins.ours.query(PLAN)
    assert len(twins.oar2.query(PLAN)) > 10


def test_both_tell_their_users_the_same(twins):
    for site in (twins.ours, twins.oar2):
        site.kamelot("default", twins.now)
    assert twins.oar2.query(TOLD) == twins.ours.query(TOLD)


def test_nothing_else_is_written(twins):
    before = [twins.oar2.query(rows) for rows in REST]
    twins.oar2.kamelot("default", twins.now)
    assert [twins.oar2.query(rows) for rows in REST] == before


def test_a_second_call_replaces_the_rows_of_the_first(twins):
    twins.oar2.kamelot("default", twins.now)
    before = twins.oar2.query(PLAN)
    assert twins.oar2.kamelot("default", twins.now).returncode == 0
    assert twins.oar2.query(PLAN) == before


def test_a_scheduler_of_a_site_finds_the_plan_that_kao_shows_it(twins):
    """What runs has rows there too, and the date of the last round stays."""
    with twins.oar2.database.engine.begin() as connection:
        jobs = read_running_jobs(connection, twins.now)
        shown = tuple(
            Assignment(job.job_id, job.moldable_id, twins.now, job.walltime_s, job.resources) for job in jobs
        )
        show_plan(connection, shown)
        assert read_plan(connection) == shown != ()
    assert twins.oar2.query(REST[-1]) == [(1000,)]


def test_jobs_that_kao_launches_get_their_rows(twins):
    scheduler = Metascheduler(
        twins.oar2.database.engine, twins.oar2.database.reader, SchedulerSettings(rounds_kept=0)
    )
    launched = scheduler.run().to_launch
    with twins.oar2.database.engine.begin() as connection:
        publish_plan(connection, twins.now)
    rows = (
        "SELECT m.moldable_job_id, count(*) FROM {} r JOIN moldable_job_descriptions m"
        " ON moldable_id = r.moldable_job_id JOIN jobs ON job_id = m.moldable_job_id"
        " WHERE state IN ('toLaunch', 'Suspended') GROUP BY 1 ORDER BY 1"
    )
    assigned = twins.oar2.query(rows.format("assigned_resources"))
    assert len(launched) > 3
    assert {job_id for job_id, _ in assigned} >= set(launched)
    assert twins.oar2.query(rows.format("gantt_jobs_resources")) == assigned
    assert twins.oar2.query(rows.format("gantt_jobs_resources_visu")) == assigned
    assert twins.oar2.query(REST[-1]) == [(twins.now,)]


def test_a_fair_share_queue_that_keeps_no_karma_is_planned(twins):
    twins.oar2.conf.write_text(twins.oar2.conf.read_text() + 'JOB_PRIORITY="FAIRSHARE"\n')
    assert twins.oar2.kamelot("default", twins.now).returncode == 0
    assert len(twins.oar2.query(PLAN)) > 10
