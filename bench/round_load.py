"""The live part of a database to run rounds on: resources, jobs that run, and mixed requests that wait."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import replace

from procset import ProcSet
from sqlalchemy import Connection, delete, insert, select, text, update

from bench.kamelot.mixed import random_users
from bench.kamelot.realistic import CORES, CPUS, realistic
from bench.past import Site
from oar.core.job import Group, Level, Moldable, Request, WaitingJob
from oar.core.job_life import JobSignal
from oar.core.states import JobState
from oar.db.engine import database_now
from oar.db.moves import move_job
from oar.db.properties import add_property
from oar.db.tables_jobs import DependencyRow, GroupRow, JobRow, JobTypeRow, LevelRow, MoldableRow
from oar.db.tables_resources import AssignmentRow

RUNNING = 500
TYPED, DEPENDENT = 0.3, 0.1
"""The shares of waiting jobs that have a type, and that depend on the job before them."""
NAMES = {"node": "network_address", "cpu": "cpu", "core": "core"}
CORES_OF_NODE = CPUS * CORES
COLUMNS = {"cpu": False, "core": False, "gpu": True, "memory": False, "network": True}

ADD_RESOURCES = f"""
INSERT INTO resources (network_address, cpuset, state_num, cpu, core, gpu, memory, network)
SELECT 'node' || i / {CORES_OF_NODE}, i % {CORES_OF_NODE}, 1, i / {CORES}, i,
    CASE WHEN i / {CORES_OF_NODE} % 10 = 0 THEN 'YES' ELSE 'NO' END,
    CASE WHEN i / {CORES_OF_NODE} % 2 = 0 THEN 256 ELSE 128 END,
    CASE WHEN i / {CORES_OF_NODE} % 4 = 0 THEN 'ib' ELSE 'eth' END
FROM generate_series(CAST(:first AS integer), :last) AS i
"""  # noqa: S608 - constants


def prepare(site: Site) -> None:
    """Give the resources the properties that the requests name."""
    with site.administrator.begin() as connection:
        connection.execute(text("DELETE FROM resource_logs"))
        connection.execute(text("DELETE FROM resources"))
        connection.execute(text("ALTER SEQUENCE resources_resource_id_seq RESTART"))
    with site.engine.begin() as connection:
        for name, is_text in COLUMNS.items():
            add_property(connection, name, text=is_text)


def set_load(site: Site, ended: int, resources: int, waiting: int) -> None:
    """Replace the live jobs: so many resources there are then at least, nine of ten in use, and jobs wait."""
    with site.administrator.begin() as connection:
        connection.execute(delete(JobRow).where(JobRow.job_id > ended))
        there = connection.execute(text("SELECT count(*) FROM resources")).scalar_one()
        connection.execute(text(ADD_RESOURCES), {"first": there, "last": resources - 1})
        now = database_now(connection)
        _add_running(connection, ended, resources, now)
        add_waiting(connection, ended + RUNNING, fitting(waiting, resources, now), now)
    _clean(site)


def fitting(count: int, resources: int, now: int) -> list[WaitingJob]:
    """Draw jobs as a site of this size sees them: none asks for more than a third of the nodes."""
    rng = random.Random(1)  # noqa: S311 - draws a workload, keeps no secret
    most = max(1, resources // CORES_OF_NODE // 3)
    owners = random_users(rng, count)
    jobs = realistic(count, 1, now).waiting
    return [
        replace(job, user=user, moldables=tuple(_within(one, most) for one in job.moldables))
        for job, user in zip(jobs, owners, strict=True)
    ]


def _within(moldable: Moldable, most: int) -> Moldable:
    def level(one: Level) -> Level:
        return Level(NAMES[one.name], min(one.count, most) if one.name == "node" else one.count)

    groups = [Group(one.filter, tuple(map(level, one.levels))) for one in moldable.request.groups]
    return replace(moldable, request=Request(tuple(groups)))


def add_waiting(connection: Connection, after: int, jobs: Sequence[WaitingJob], now: int) -> list[int]:
    """Write jobs with all that belongs to them, numbered from ``after`` on; all their numbers are equal."""
    rng = random.Random(2)  # noqa: S311 - draws a workload, keeps no secret
    ids = list(range(after + 1, after + 1 + len(jobs)))
    connection.execute(
        insert(JobRow), [_job_row(one, job, now - 600) for one, job in zip(ids, jobs, strict=True)]
    )
    wanted = [(one, job.moldables[0]) for one, job in zip(ids, jobs, strict=True)]
    _add_requests(connection, wanted)
    typed = [{"job_id": one, "type": "idempotent"} for one in ids if rng.random() < TYPED]
    later = [{"job_id": one, "job_id_required": one - 1} for one in ids[1:] if rng.random() < DEPENDENT]
    for table, rows in ((JobTypeRow, typed), (DependencyRow, later)):
        if rows:
            connection.execute(insert(table), rows)
    _log(connection, ids, JobState.WAITING, now - 600)
    return ids


def _add_requests(connection: Connection, wanted: Iterable[tuple[int, Moldable]]) -> None:
    moldables, groups, levels = [], [], []
    for number, one in wanted:
        group = one.request.groups[0]
        moldables.append(
            {"moldable_id": number, "moldable_job_id": number, "moldable_walltime": one.walltime_s}
        )
        groups.append(
            {
                "res_group_id": number,
                "res_group_moldable_id": number,
                "res_group_property": group.filter or "type = 'default'",
            }
        )
        levels += [
            {
                "res_job_group_id": number,
                "res_job_resource_type": level.name,
                "res_job_value": level.count,
                "res_job_order": order,
            }
            for order, level in enumerate(group.levels)
        ]
    for table, rows in ((MoldableRow, moldables), (GroupRow, groups), (LevelRow, levels)):
        connection.execute(insert(table), rows)


def _job_row(number: int, job: WaitingJob, submitted: int) -> dict[str, object]:
    return {
        "job_id": number, "array_id": number, "job_name": f"case {number}", "job_user": job.user,
        "project": job.project, "job_group": "users", "command": "./run.sh", "queue_name": job.queue,
        "properties": job.properties, "launching_directory": f"/home/{job.user}",
        "submission_time": submitted, "checkpoint_signal": 12, "stdout_file": "OAR.%jobid%.stdout",
        "stderr_file": "OAR.%jobid%.stderr", "initial_request": "oarsub -l ... ./run.sh",
        "message": "R=1,W=1:0:0,J=B,P=default",
    }  # fmt: skip


def _add_running(connection: Connection, after: int, resources: int, now: int) -> None:
    """Let each running job have a run of resources; together they have nine of ten."""
    rng = random.Random(3)  # noqa: S311 - draws a workload, keeps no secret
    used = resources * 9 // 10
    borders = [0, *sorted(rng.sample(range(1, used), RUNNING - 1)), used]
    jobs = [replace(job, user="user0", properties="") for job in realistic(RUNNING, 4, now).waiting]
    ids = add_waiting(connection, after, jobs, now)
    connection.execute(
        update(JobRow)
        .where(JobRow.job_id.in_(ids))
        .values(state=JobState.RUNNING, start_time=now - 60, assigned_moldable_job=JobRow.job_id)
    )
    connection.execute(
        insert(AssignmentRow),
        [
            {"moldable_job_id": one, "resources": ProcSet((first + 1, after_last))}
            for one, first, after_last in zip(ids, borders, borders[1:], strict=False)
        ],
    )


def _log(connection: Connection, ids: Sequence[int], state: JobState, date: int) -> None:
    connection.execute(
        text(
            "INSERT INTO job_state_logs (job_id, job_state, date_start)"
            " SELECT unnest(CAST(:ids AS bigint[])), :state, :date"
        ),
        {"ids": ids, "state": state, "date": date},
    )


def let_time_pass(site: Site, after: int, resources: int) -> None:
    """What happens between two rounds of a busy site: jobs came to run, a few ended, a few came."""
    with site.engine.begin() as connection:
        now = database_now(connection)
        for one in _ids(connection, JobState.TO_LAUNCH):
            move_job(connection, one, JobSignal.LAUNCH, now=now)
            move_job(connection, one, JobSignal.START, now=now)
        for one in _ids(connection, JobState.RUNNING)[::150]:
            move_job(connection, one, JobSignal.FINISH, now=now, exit_code=0)
            move_job(connection, one, JobSignal.TERMINATE, now=now)
        add_waiting(connection, after, fitting(5, resources, now), now)


def _ids(connection: Connection, state: JobState) -> list[int]:
    query = select(JobRow.job_id).where(JobRow.state == state).order_by(JobRow.job_id)
    return list(connection.scalars(query))


def _clean(site: Site) -> None:
    with site.administrator.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
