"""What happens now reads rows of live jobs, however many have ended and whatever PostgreSQL knows of them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection, Engine, event, select, text

from oar.core.energy import EnergyOrders
from oar.core.events import EventKind
from oar.core.job_life import JobSignal
from oar.core.states import JobState, NodeState
from oar.db.accounting import account_ended_jobs
from oar.db.clients import granted_without_client, read_client, read_clients, refused_without_client
from oar.db.consequences import apply_event
from oar.db.energy import give_orders, open_orders, read_node_orders
from oar.db.engine import open_url
from oar.db.events import pending, record
from oar.db.fair_share import read_past_use
from oar.db.holds import hold_job
from oar.db.job_choice import live_jobs_meeting
from oar.db.kills import ask_kill, kill_overdue, open_kills
from oar.db.launch import read_job
from oar.db.listing import JobChoice, read_job_lines
from oar.db.listing_resources import ResourceChoice, read_resource_lines
from oar.db.lost_nodes import lose_nodes
from oar.db.moves import move_job
from oar.db.node_checks import nodes_to_check, order_dead, write_check
from oar.db.node_moves import apply_node_requests
from oar.db.notices import open_notices, sick_resources
from oar.db.queues import remove_queue
from oar.db.resources import request_state
from oar.db.resubmit import resubmit
from oar.db.resumptions import read_resumed
from oar.db.tables_jobs import JobRow
from oar.db.walltime_changes import read_job_with_walltime, read_requests
from oar.db.watch import find_in_passage, find_running, has_node_work
from oar.kao.metascheduler import Metascheduler
from oar.kao.order_source import OrderSource
from oar.settings import OrderSettings, SchedulerSettings, WalltimeSettings
from oar.submit.inner import with_container
from tests.integration.databases import cloned
from tests.integration.life.build import add_job, add_node

ENDED = 10_000
NOW = 2_000_000_000
MANY = ENDED // 10
"""More rows than anything here has to read; less than history has in any table."""

PAST = """
INSERT INTO jobs (job_id, array_id, state, job_user, queue_name, launching_directory, checkpoint_signal,
                  start_time, stop_time, accounted, suspended, assigned_moldable_job)
SELECT j, j, 'Terminated', 'ann', 'default', '/home/ann', 12, 1000 + j, 2000 + j, 'YES', 'YES', j
FROM generate_series(1, :ended) AS j;
INSERT INTO moldable_job_descriptions SELECT j, j, 3600, 'LOG' FROM generate_series(1, :ended) AS j;
INSERT INTO job_resource_groups SELECT j, j, '', 'LOG' FROM generate_series(1, :ended) AS j;
INSERT INTO job_resource_descriptions SELECT j, 'core', 1, 0, 'LOG' FROM generate_series(1, :ended) AS j;
INSERT INTO job_types (job_id, type, types_index)
SELECT j, t, 'LOG'
FROM generate_series(1, :ended) AS j, (VALUES ('container'), ('container=box')) AS types (t);
INSERT INTO job_dependencies SELECT j, j - 1, 'LOG' FROM generate_series(2, :ended) AS j;
INSERT INTO assignments SELECT j, '{[1,2]}', 'LOG' FROM generate_series(1, :ended) AS j;
INSERT INTO frag_jobs SELECT j, 1, 'FRAGGED' FROM generate_series(1, :ended) AS j;
INSERT INTO challenges SELECT j, '1', '', '' FROM generate_series(1, :ended) AS j;
INSERT INTO job_state_logs (job_id, job_state, date_start, date_stop)
SELECT j, s, 1, 0
FROM generate_series(1, :ended) AS j, (VALUES ('Running'), ('Suspended'), ('Terminated')) AS states (s);
INSERT INTO event_logs (type, job_id, to_check)
SELECT 'SWITCH_INTO_TERMINATE_STATE', j, 'NO' FROM generate_series(1, :ended) AS j;
INSERT INTO event_logs (event_id, type, job_id, date, to_check)
SELECT 1000000 + j, 'HALT_NODE', 0, 1000 + j, 'NO' FROM generate_series(1, :ended) AS j;
INSERT INTO event_log_hostnames SELECT 1000000 + j, 'n1' FROM generate_series(1, :ended) AS j;
INSERT INTO event_logs (type, job_id, date, to_check)
SELECT t, j, 1000 + j, 'NO'
FROM generate_series(1, :ended) AS j, (VALUES ('WALLTIME_REQUEST'), ('RESUME_GRANTED')) AS types (t);
INSERT INTO walltime_change (job_id, pending) SELECT j, 60 FROM generate_series(1, :ended) AS j;
INSERT INTO resource_logs (resource_id, attribute, date_start, date_stop)
SELECT 1, 'state', j, j + 1 FROM generate_series(1, :ended) AS j;
INSERT INTO accounting SELECT 86400 * j, 86400 * j + 86399, 'ann', 'default', 'default', t, 10
FROM generate_series(1, :ended) AS j, (VALUES ('ASKED'), ('USED')) AS types (t);
SELECT setval('jobs_job_id_seq', :ended), setval('moldable_job_descriptions_moldable_id_seq', :ended),
       setval('job_resource_groups_res_group_id_seq', :ended)
"""
ROWS_READ = """
    SELECT coalesce(sum(seq_tup_read + coalesce(idx_tup_fetch, 0)), 0)
    FROM pg_stat_xact_user_tables
"""
"""It may count transactions before this one too."""


@contextmanager
def rows_read(*engines: Engine) -> Iterator[list[int]]:
    """Note at the end of each transaction how many rows it read."""
    before: dict[object, int] = {}
    counts: list[int] = []

    def look(connection: Connection) -> int:
        with connection.connection.cursor() as cursor:
            cursor.execute(ROWS_READ)
            return int(cursor.fetchone()[0])

    def begin(connection: Connection) -> None:
        before[connection] = look(connection)

    def end(connection: Connection) -> None:
        counts.append(look(connection) - before.pop(connection))

    listeners = {"begin": begin, "commit": end, "rollback": end}
    for engine in engines:
        for name, listener in listeners.items():
            event.listen(engine, name, listener)
    yield counts
    for engine in engines:
        for name, listener in listeners.items():
            event.remove(engine, name, listener)


@pytest.fixture(scope="module", params=["unknown", "analyzed"])
def past(request, database_server):
    """A database with a long history, jobs in each live part of life, and two nodes."""
    name = f"oar_history_{request.param}"
    with cloned(database_server, name) as database:
        with database.engine.begin() as connection:
            ids = add_node(connection, "n1", 4) + add_node(connection, "n2", 4)
        administrator = open_url(database_server.admin.set(database=name))
        with administrator.begin() as connection:
            # rows that are known to fit need no triggers
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            for statement in filter(str.strip, PAST.split(";")):
                connection.execute(text(statement), {"ended": ENDED})
        with database.engine.begin() as connection:
            for number in ids[:4]:
                add_job(
                    connection, JobState.RUNNING, resources=[number], start_time=NOW, types=("idempotent",)
                )
            for _ in range(3):
                add_job(connection, types=("idempotent",))
            sharing = {"types": ("timesharing=*,*",), "start_time": NOW}
            frozen = add_job(connection, JobState.RUNNING, resources=[ids[5]], **sharing)
            move_job(connection, frozen, JobSignal.SUSPEND, now=NOW)
            add_job(
                connection, JobState.RUNNING, resources=ids[6:7], types=("container=cage",), start_time=NOW
            )
            for word in ("timesharing=*,*", "inner=cage", "inner=gone", "expire=2001-01-01"):
                add_job(connection, types=(word,))
            add_job(connection, JobState.TO_LAUNCH, resources=ids[4:5])
        if request.param == "analyzed":
            with administrator.begin() as connection:
                connection.execute(text("ANALYZE"))
        administrator.dispose()
        yield database


def first(connection: Connection, state: JobState) -> int:
    job_id: int = connection.scalars(select(JobRow.job_id).where(JobRow.state == state)).first()
    return job_id


def end_of_a_job(connection: Connection) -> None:
    job_id = first(connection, JobState.RUNNING)
    move_job(connection, job_id, JobSignal.FINISH, now=NOW, exit_code=0)
    record(connection, EventKind.SWITCH_INTO_TERMINATE_STATE, job_id=job_id, now=NOW)
    for one in pending(connection):
        apply_event(connection, one, NOW)
    account_ended_jobs(connection, 86400)


def absence_of_a_node(connection: Connection) -> None:
    request_state(connection, "n1", NodeState.ABSENT, NOW)
    apply_node_requests(connection, NOW)


ACTIONS: dict[str, Callable[[Connection], object]] = {
    "oarstat": lambda connection: read_job_lines(connection, JobChoice()),
    "oarstat -u": lambda connection: read_job_lines(connection, JobChoice(user="ann")),
    "oarnodes": lambda connection: read_resource_lines(connection, ResourceChoice()),
    "oardel": lambda connection: ask_kill(connection, first(connection, JobState.RUNNING), "ann", NOW),
    "oardel --sql": lambda connection: live_jobs_meeting(connection, "job_user = 'ann'"),
    "oarhold": lambda connection: hold_job(
        connection, first(connection, JobState.WAITING), "ann", NOW, is_admin=False
    ),
    "oarqueue --remove": lambda connection: remove_queue(connection, "admin"),
    "overdue jobs": lambda connection: kill_overdue(connection, NOW + 3600),
    "open kills": open_kills,
    "jobs in passage": lambda connection: find_in_passage(connection, NOW),
    "running jobs": find_running,
    "node work": has_node_work,
    "pending events": pending,
    "launch": lambda connection: read_job(connection, first(connection, JobState.TO_LAUNCH)),
    "end of a job": end_of_a_job,
    "end of a waiting job": lambda connection: move_job(
        connection, first(connection, JobState.WAITING), JobSignal.KILL, now=NOW
    ),
    "resubmission": lambda connection: resubmit(
        connection, first(connection, JobState.RUNNING), NOW, after_failure=True
    ),
    "absence of a node": absence_of_a_node,
    "suspension": lambda connection: move_job(
        connection, first(connection, JobState.RUNNING), JobSignal.SUSPEND, now=NOW
    ),
    "oarsub -t inner": lambda connection: with_container(connection, ("inner=cage",)),
    "orders of nodes to sleep": lambda connection: read_node_orders(connection, NOW - 600),
    "open orders of nodes to sleep": open_orders,
    "a node put to sleep": lambda connection: give_orders(connection, EnergyOrders(halt=("n1", "n2")), NOW),
    "requests for walltimes": read_requests,
    "jobs that are being resumed": read_resumed,
    "oarwalltime": lambda connection: read_job_with_walltime(connection, first(connection, JobState.RUNNING)),
    "waiting clients": read_clients,
    "one client": lambda connection: read_client(connection, first(connection, JobState.WAITING)),
    "refused jobs without client": refused_without_client,
    "granted jobs without client": granted_without_client,
    "nodes to check": lambda connection: nodes_to_check(connection, with_jobs=False, repair=True),
    "a node that does not answer": lambda connection: write_check(connection, {"n1": "no answer"}, [], NOW),
    "nodes that are dead": lambda connection: order_dead(connection, 60, NOW, absent_too=True),
    "what is to be told": open_notices,
    "nodes to heal": lambda connection: sick_resources(connection, ["n1"]),
    "nodes lost at launch": lambda connection: lose_nodes(
        connection, first(connection, JobState.TO_LAUNCH), ["n1"]
    ),
    "past use": lambda connection: read_past_use(connection, NOW, 2592000),
}


@pytest.mark.parametrize("name", ACTIONS)
def test_an_action_reads_no_history(past, name):
    with rows_read(past.engine) as counts, past.engine.connect() as connection:
        ACTIONS[name](connection)
        connection.rollback()
    assert max(counts) < MANY


def test_a_round_reads_no_history(past):
    order = OrderSource(OrderSettings(priority="FAIRSHARE"))
    walltimes = WalltimeSettings(enabled=True)
    metascheduler = Metascheduler(
        past.engine, past.reader, SchedulerSettings(), order=order, walltimes=walltimes
    )
    with rows_read(past.engine, past.reader) as counts:
        metascheduler.run()
    assert max(counts) < MANY
