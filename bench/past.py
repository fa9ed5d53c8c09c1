"""Databases to measure on: the same live jobs and resources, with a past of any length."""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, select, text

from oar.core.job import Assignment, JobId, MoldableId
from oar.core.job_life import JobSignal
from oar.core.request import parse_request
from oar.db.engine import database_now, open_engine, open_reader, open_url
from oar.db.install import create, initialise
from oar.db.jobs import NewJobs, insert_jobs
from oar.db.moves import assign_jobs, move_job
from oar.db.sets import set_of_ids
from oar.db.tables_jobs import MoldableRow
from oar.dev.postgresql import SUPERUSER, PrivatePostgresql
from oar.settings import DatabaseSettings

RESOURCES, RUNNING, WAITING = 400, 200, 2000
NODES = "network_address"
REQUESTS = ("resource_id=1,walltime=1", "nodes=1,walltime=2", "nodes=2/resource_id=4,walltime=3")

PAST = """
INSERT INTO jobs (job_id, array_id, job_name, state, message, scheduler_info, job_user, project, job_group,
    command, exit_code, queue_name, properties, launching_directory, submission_time, start_time, stop_time,
    accounted, assigned_moldable_job, checkpoint_signal, stdout_file, stderr_file, initial_request)
SELECT j, j, 'job' || j, CASE WHEN j % 20 = 0 THEN 'Error' ELSE 'Terminated' END, 'R=4,W=1:0:0,J=B,P=default',
    'starts when node12 is free', 'user' || j % 50, 'default', 'users', './run.sh --case ' || j, 0,
    'default', '', '/home/user' || j % 50, t, t + 60, t + 3660, 'YES', j, 12,
    'OAR.%jobid%.stdout', 'OAR.%jobid%.stderr', 'oarsub -l core=4 ./run.sh'
FROM past;
INSERT INTO moldable_job_descriptions SELECT j, j, 3600, 'LOG' FROM past;
INSERT INTO job_resource_groups SELECT j, j, 'type = ''default''', 'LOG' FROM past;
INSERT INTO job_resource_descriptions
SELECT j, l, 1, o, 'LOG' FROM past, (VALUES ('network_address', 0), ('resource_id', 1)) AS levels (l, o);
INSERT INTO job_types (job_id, type, types_index) SELECT j, 'idempotent', 'LOG' FROM past WHERE j % 2 = 0;
INSERT INTO job_dependencies SELECT j, j - 1, 'LOG' FROM past WHERE j % 10 = 0;
INSERT INTO challenges SELECT j, '123456789012345678', '', '' FROM past;
INSERT INTO frag_jobs SELECT j, t, 'FRAGGED' FROM past WHERE j % 5 = 0;
INSERT INTO job_state_logs (job_id, job_state, date_start, date_stop)
SELECT j, s, t + o, CASE WHEN s = 'Terminated' THEN 0 ELSE t + o + 1 END FROM past,
    (VALUES ('Waiting', 0), ('toLaunch', 60), ('Launching', 61), ('Running', 62), ('Finishing', 3660),
            ('Terminated', 3661)) AS states (s, o);
INSERT INTO assignments SELECT j, int4multirange(int4range(1 + j % 396, 5 + j % 396)), 'LOG' FROM past;
INSERT INTO event_logs (type, job_id, date, description, to_check)
SELECT 'SWITCH_INTO_TERMINATE_STATE', j, t, 'oarexec of job ' || j || ' ended', 'NO' FROM past;
INSERT INTO event_log_hostnames SELECT j, 'node' || j % 25 FROM past WHERE j % 20 = 0;
INSERT INTO resource_logs (resource_id, attribute, value, date_start, date_stop)
SELECT 1 + j % 400, 'state', 'Suspected', t, t + 300 FROM past WHERE j % 2 = 0;
INSERT INTO accounting SELECT 86400 * w, 86400 * w + 86399, 'user' || u, 'default', 'default', k, 1000
FROM (SELECT DISTINCT t / 86400 AS w FROM past) AS days, generate_series(0, 49) AS u,
    (VALUES ('ASKED'), ('USED')) AS kinds (k);
SELECT setval('jobs_job_id_seq', max(j)), setval('moldable_job_descriptions_moldable_id_seq', max(j)),
    setval('job_resource_groups_res_group_id_seq', max(j)) FROM past;
"""


@dataclass(frozen=True)
class Site:
    """A database with live jobs; ``administrator`` may do anything to it."""

    engine: Engine
    reader: Engine
    administrator: Engine

    def close(self) -> None:
        """Close all connections."""
        for engine in (self.engine, self.reader, self.administrator):
            engine.dispose()

    def analyze(self) -> None:
        """Let PostgreSQL look at all tables."""
        with self.administrator.begin() as connection:
            connection.execute(text("ANALYZE"))


def start_server(directory: Path) -> PrivatePostgresql:
    """Start a PostgreSQL that does nothing by itself."""
    server = PrivatePostgresql(directory)
    server.start()
    administrator = open_url(_url(server, "postgres"))
    with administrator.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ALTER SYSTEM SET autovacuum = off"))
        connection.execute(text("SELECT pg_reload_conf()"))
    administrator.dispose()
    return server


def build(server: PrivatePostgresql, name: str, ended: int) -> Site:
    """Make a database where so many jobs have ended, in the last three years, before the live ones came."""
    settings = DatabaseSettings(host=str(server.socket_directory), name=name)
    create(_url(server, "postgres"), settings, say=lambda _line: None)
    site = Site(open_engine(settings), open_reader(settings), open_url(_url(server, name)))
    initialise(site.engine, settings, say=lambda _line: None)
    with site.administrator.begin() as connection:
        add_resources(connection)
        if ended:
            add_past(connection, ended)
    with site.engine.begin() as connection:
        add_live_jobs(connection)
    return site


def add_resources(connection: Connection) -> None:
    """Add nodes of 16 resources."""
    connection.execute(
        text(
            "INSERT INTO resources (network_address, cpuset, state_num)"
            " SELECT 'node' || i / 16, i % 16, 1 FROM generate_series(0, :last) AS i"
        ),
        {"last": RESOURCES - 1},
    )


def add_past(connection: Connection, ended: int) -> None:
    """Write what ended jobs leave behind; the rows are known to fit together, so no trigger looks at them."""
    connection.execute(text("SET LOCAL session_replication_role = replica"))
    connection.execute(
        text(
            "CREATE TEMPORARY TABLE past ON COMMIT DROP AS"
            " SELECT j, (extract(epoch FROM now()) - 94608000 * (1 - j::float / :ended))::int - 3700 AS t"
            " FROM generate_series(1, :ended) AS j"
        ),
        {"ended": ended},
    )
    for statement in filter(str.strip, PAST.split(";\n")):
        connection.exec_driver_sql(statement, execution_options={"no_parameters": True})


def add_live_jobs(connection: Connection) -> None:
    """Add the jobs that run, and those that wait."""
    now = database_now(connection)
    ids = insert_jobs(connection, new_jobs("resource_id=1,walltime=2", RUNNING), now - 600)
    moldable = dict(
        connection.execute(
            select(MoldableRow.moldable_job_id, MoldableRow.moldable_id).where(
                MoldableRow.moldable_job_id.in_(ids)
            )
        ).all()
    )
    places = [
        (Assignment(JobId(job), MoldableId(moldable[job]), now - 600, 7200, set_of_ids([number])), "")
        for number, job in enumerate(ids, start=1)
    ]
    assign_jobs(connection, places, now=now - 600)
    for job in ids:
        for signal in (JobSignal.LAUNCH, JobSignal.START):
            move_job(connection, job, signal, now=now - 599)
    for number in range(WAITING // 50):
        insert_jobs(connection, new_jobs(REQUESTS[number % len(REQUESTS)], 50), now - 300)


def new_jobs(request: str, count: int = 1) -> NewJobs:
    """Ask for so many jobs."""
    return NewJobs(
        user="user1", group="users", host="front", queue="default", project="default", name="bench",
        properties="", types=("idempotent",), alternatives=[parse_request(request, NODES)],
        commands=["./run.sh"] * count, directory="/home/user1", stdout="o", stderr="e", hold=False,
        required_jobs=(), initial_request="oarsub", message="",
    )  # fmt: skip


def _url(server: PrivatePostgresql, name: str) -> URL:
    return URL.create(
        "postgresql+psycopg2", username=SUPERUSER, host=str(server.socket_directory), database=name
    )
