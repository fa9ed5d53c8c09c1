"""The order of jobs on a real database: past use from accounting, karma kept and shown."""

import json
from dataclasses import dataclass

import pytest
from sqlalchemy import event, insert, select, text, update

from oar.core.fair_share import PastUse
from oar.core.request import parse_request
from oar.db.engine import database_now
from oar.db.fair_share import RECENT_JOBS, read_last_karma, read_past_use
from oar.db.jobs import NewJobs, insert_jobs
from oar.db.listing import JobChoice, read_job_details
from oar.db.queues import change_queue
from oar.db.resources import add_resource
from oar.db.tables_admin import AccountingRow
from oar.db.tables_jobs import JobRow, MoldableRow
from oar.db.tables_resources import PredictionRow
from oar.kao.metascheduler import Metascheduler
from oar.kao.order_source import OrderSource
from oar.kao.queue_scheduler import schedule_queue
from oar.setting_kinds import JsonObject
from oar.settings import OrderSettings, SchedulerSettings

DAY_S = 86400
USERS = ("eve", "dan", "cleo", "bob", "alice")
"""From the one who used most to the one who used least."""


@dataclass(frozen=True)
class Site:
    """A database with five resources, in which five users have used ever less."""

    database: object

    @property
    def engine(self):
        return self.database.engine

    def submit(self, user, types=()):
        asked = [parse_request("resource_id=4,walltime=1", "network_address")]
        new = NewJobs(
            user=user, group=user, host="front", queue="default", project="default", name="",
            properties="", types=types, alternatives=asked, commands=("true",), directory="/tmp",
            stdout="o", stderr="e", hold=False, required_jobs=(), initial_request="",
            message="R=4,W=1:0:0,J=B",
        )  # fmt: skip
        with self.engine.begin() as connection:
            return insert_jobs(connection, new, database_now(connection))[0]

    def used(self, user, seconds, *, days_ago=1, queue="default", kinds=("USED", "ASKED"), project="default"):
        with self.engine.begin() as connection:
            begin = database_now(connection) // DAY_S * DAY_S - days_ago * DAY_S
            for kind in kinds:
                connection.execute(
                    insert(AccountingRow).values(
                        window_start=begin, window_stop=begin + DAY_S - 1, accounting_user=user,
                        accounting_project=project, queue_name=queue, consumption_type=kind,
                        consumption=seconds,
                    )
                )  # fmt: skip

    def metascheduler(self, **values):
        return Metascheduler(
            self.engine,
            self.database.reader,
            SchedulerSettings(check_plans=True),
            order=OrderSource(OrderSettings(**values)),
        )

    def order_of_starts(self, launched):
        with self.engine.connect() as connection:
            planned = connection.scalars(
                select(MoldableRow.moldable_job_id)
                .join(PredictionRow, PredictionRow.moldable_job_id == MoldableRow.moldable_id)
                .order_by(PredictionRow.start_time)
            )
            return [*launched, *planned]

    def row(self, job_id):
        with self.engine.connect() as connection:
            columns = select(JobRow.message, JobRow.last_karma, JobRow.scheduler_info)
            return connection.execute(columns.where(JobRow.job_id == job_id)).one()


@pytest.fixture
def site(database):
    with database.engine.begin() as connection:
        for core in range(5):
            add_resource(connection, "node1", {"cpuset": str(core)}, now=1000)
    made = Site(database)
    for number, user in enumerate(USERS):
        made.used(user, 100 * (5 - number))
    return made


@pytest.fixture
def weights(tmp_path):
    file = tmp_path / "priority.json"
    file.write_text('{"karma_weight": 1.0}')
    return str(file)


def test_r19_with_fair_share_who_used_less_starts_earlier(site):
    jobs = [site.submit(user) for user in USERS]
    applied = site.metascheduler(priority="FAIRSHARE").run()
    assert applied.to_launch == (jobs[-1],)
    assert site.order_of_starts(applied.to_launch) == jobs[::-1]


def test_r19_the_message_ends_with_the_karma_which_is_kept_too(site):
    jobs = [site.submit(user) for user in USERS]
    site.metascheduler(priority="FAIRSHARE").run()
    assert [site.row(one)[:2] for one in jobs] == [
        ("R=4,W=1:0:0,J=B (Karma=1.000)", 1.0),
        ("R=4,W=1:0:0,J=B (Karma=0.800)", 0.8),
        ("R=4,W=1:0:0,J=B (Karma=0.600)", 0.6),
        ("R=4,W=1:0:0,J=B (Karma=0.400)", 0.4),
        ("R=4,W=1:0:0,J=B (Karma=0.200)", 0.2),
    ]


def test_r20_with_karma_as_the_only_factor_the_order_is_the_same(site, weights):
    jobs = [site.submit(user) for user in USERS]
    applied = site.metascheduler(priority="MULTIFACTOR", priority_file=weights).run()
    assert site.order_of_starts(applied.to_launch) == jobs[::-1]


def test_g7_ten_jobs_start_by_falling_priority(site):
    jobs = [site.submit("alice", (f"priority=0.{n}",)) for n in range(10)]
    config = JsonObject(json.dumps({"waiting_time_weight": 0}))
    metascheduler = site.metascheduler(priority="CUSTOM", custom="simple_priority", custom_config=config)
    assert site.order_of_starts(metascheduler.run().to_launch) == jobs[::-1]


def test_a_queue_with_a_fair_policy_of_oar_2_has_fair_share_where_nothing_is_set(site):
    with site.engine.begin() as connection:
        change_queue(connection, "default", policy="oar_sched_gantt_with_timesharing_and_fairsharing")
    jobs = [site.submit(user) for user in USERS]
    applied = site.metascheduler().run()
    assert site.order_of_starts(applied.to_launch) == jobs[::-1]


def test_an_unknown_order_of_a_site_is_logged_and_jobs_go_by_their_id(site, caplog):
    jobs = [site.submit(user) for user in USERS]
    applied = site.metascheduler(priority="CUSTOM", custom="fastest").run()
    assert site.order_of_starts(applied.to_launch) == jobs
    assert [one.levelname for one in caplog.records].count("ERROR") == 1


def test_an_order_of_a_site_that_fails_is_logged_and_jobs_go_by_their_id(site, caplog):
    jobs = [site.submit(user) for user in USERS]
    bad = JsonObject('{"weight": 1}')
    metascheduler = site.metascheduler(priority="CUSTOM", custom="simple_priority", custom_config=bad)
    assert site.order_of_starts(metascheduler.run().to_launch) == jobs
    errors = [one.getMessage() for one in caplog.records if one.levelname == "ERROR"]
    assert len(errors) == 1
    assert "BadConfig: unknown key weight" in errors[0]


def test_a_job_beyond_the_bound_of_its_user_waits_and_is_told_so(site):
    jobs = [site.submit("alice") for _ in range(3)]
    site.metascheduler(priority="FAIRSHARE", jobs_per_user=2).run()
    assert site.row(jobs[2]).scheduler_info == (
        "one round plans no more than 2 jobs of alice, the oldest ones"
    )


def statements_of(engine, run, *words):
    seen = []

    def note(_connection, _cursor, statement, *_rest):
        if any(word in statement for word in words):
            seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    run()
    event.remove(engine, "before_cursor_execute", note)
    return seen


def test_a_second_round_with_nothing_new_writes_no_karma_and_no_message(site):
    for user in USERS:
        site.submit(user)
    metascheduler = site.metascheduler(priority="FAIRSHARE")
    metascheduler.run()
    # The job that was launched takes its resources from now on, which moves nobody.
    written = statements_of(site.engine, metascheduler.run, "UPDATE", "INSERT", "DELETE")
    assert [one for one in written if "rounds" not in one] == []


def test_karma_that_changed_is_written_in_one_statement_and_told(site):
    jobs = [site.submit(user) for user in USERS]
    metascheduler = site.metascheduler(priority="FAIRSHARE")
    metascheduler.run()
    site.used("eve", 1500, days_ago=2)
    assert len(statements_of(site.engine, metascheduler.run, "last_karma = ")) == 1
    assert site.row(jobs[0])[:2] == ("R=4,W=1:0:0,J=B (Karma=2.000)", 2.0)
    assert site.row(jobs[4])[:2] == ("R=4,W=1:0:0,J=B (Karma=0.200)", pytest.approx(0.2))


def test_past_use_is_one_query_and_only_when_the_order_wants_it(site):
    for user in USERS:
        site.submit(user)
    counts = {
        priority: len(
            statements_of(site.engine, site.metascheduler(priority=priority).run, "FROM accounting")
        )
        for priority in ("FIFO", "FAIRSHARE")
    }
    assert counts == {"FIFO": 0, "FAIRSHARE": 1}


def test_past_use_is_told_by_queue_user_and_project(site):
    site.used("eve", 7, queue="admin", project="sky")
    site.used("eve", 3, queue="admin", project="sea", kinds=("USED",))
    site.used("dan", 2, queue="admin", kinds=("ASKED",))
    with site.engine.connect() as connection:
        past = read_past_use(connection, database_now(connection), 30 * DAY_S)
    assert past["admin"] == PastUse({"eve": 10}, {"sky": 7, "sea": 3}, {"eve": 7, "dan": 2})
    assert past["default"].used == 1500


def test_windows_count_that_began_within_the_seconds_asked_for(site):
    with site.engine.begin() as connection:
        connection.execute(text("DELETE FROM accounting"))
        for begin in (899, 900, 999, 1000):
            connection.execute(
                insert(AccountingRow).values(
                    window_start=begin, window_stop=begin + 99, accounting_user=f"u{begin}",
                    accounting_project="", queue_name="default", consumption_type="USED", consumption=1,
                )
            )  # fmt: skip
        past = read_past_use(connection, 1000, 100)
    assert dict(past["default"].used_by_user) == {"u900": 1, "u999": 1}


OLD_WINDOWS = """
INSERT INTO accounting (window_start, window_stop, accounting_user, accounting_project, queue_name,
                        consumption_type, consumption)
SELECT w * 86400, w * 86400 + 86399, 'u' || u, 'default', 'default', 'USED', 100
FROM generate_series(1, 3000) AS w, generate_series(1, 10) AS u
"""


def test_past_use_reads_no_window_older_than_was_asked_for(site):
    """With statistics as autovacuum keeps them; from old ones PostgreSQL may once choose to read it all."""
    with site.engine.begin() as connection:
        connection.execute(text(OLD_WINDOWS))
        connection.execute(text("ANALYZE accounting"))
    with site.engine.connect() as connection:
        now = database_now(connection)
        read_past_use(connection, now, 30 * DAY_S)
        rows = connection.execute(
            text("SELECT seq_tup_read + coalesce(idx_tup_fetch, 0) FROM pg_stat_xact_user_tables"
                 " WHERE relname = 'accounting'")
        ).scalar_one()  # fmt: skip
    assert rows < 100


def test_the_scheduler_of_one_queue_keeps_the_order_too(site):
    jobs = [site.submit(user) for user in USERS]
    ready = schedule_queue(site.metascheduler(priority="FAIRSHARE"), "default")
    assert [one.job_id for one in ready] == [jobs[-1]]
    assert site.order_of_starts(()) == jobs[::-1]
    assert site.row(jobs[-1])[:2] == ("R=4,W=1:0:0,J=B (Karma=0.200)", pytest.approx(0.2))


def test_oarstat_reads_the_last_karma(site):
    job_id = site.submit("eve")
    site.metascheduler(priority="FAIRSHARE").run()
    with site.engine.connect() as connection:
        (details,) = read_job_details(connection, JobChoice(jobs=(job_id,)))
    assert details.last_karma == 1.0


def test_the_last_karma_of_a_user_is_that_of_the_newest_job_of_each_project(site):
    for karma in (0.25, 0.5, None):
        job_id = site.submit("eve")
        with site.engine.begin() as connection:
            connection.execute(update(JobRow).where(JobRow.job_id == job_id).values(last_karma=karma))
    with site.engine.connect() as connection:
        assert read_last_karma(connection, "eve") == {"default": 0.5}
        assert read_last_karma(connection, "adam") == {}


def test_the_last_karma_is_looked_for_among_the_newest_jobs_only(site):
    job_id = site.submit("eve")
    with site.engine.begin() as connection:
        connection.execute(update(JobRow).where(JobRow.job_id == job_id).values(last_karma=0.5))
        connection.execute(text(f"ALTER SEQUENCE jobs_job_id_seq RESTART WITH {job_id + RECENT_JOBS}"))
    site.submit("adam")
    with site.engine.connect() as connection:
        assert read_last_karma(connection, "eve") == {}
