"""Jobs and resources in the database, in few words, for the tests of life cycles."""

from procset import ProcSet
from sqlalchemy import Connection, func, insert, select

from oar.core.job import Assignment, JobId, MoldableId
from oar.core.states import JobState, NodeState, RowIndex
from oar.db.moves import assign_jobs
from oar.db.tables_jobs import (
    ChallengeRow,
    DependencyRow,
    GroupRow,
    JobRow,
    JobStateLogRow,
    JobTypeRow,
    LevelRow,
    MoldableRow,
)
from oar.db.tables_resources import AssignmentRow, ResourceLogRow, ResourceRow

SUBMITTED = 1000


def add_node(connection: Connection, name: str, resources: int = 1, **values: object) -> list[int]:
    """Add a node of so many resources; return their ids."""
    rows = [{"network_address": name, "state_num": 1, **values} for _ in range(resources)]
    ids = [
        connection.execute(insert(ResourceRow).values(row).returning(ResourceRow.resource_id)).scalar_one()
        for row in rows
    ]
    state = str(values.get("state", NodeState.ALIVE))
    connection.execute(
        insert(ResourceLogRow),
        [{"resource_id": id_, "attribute": "state", "value": state, "date_start": 1} for id_ in ids],
    )
    return ids


def add_job(
    connection: Connection,
    state: JobState = JobState.WAITING,
    *,
    resources: list[int] | None = None,
    types: tuple[str, ...] = (),
    walltime_s: int = 60,
    **values: object,
) -> int:
    """Add a job with one moldable; one that is given ``resources`` holds them, as after its assignment."""
    columns = {
        "state": state,
        "job_user": "ann",
        "queue_name": "default",
        "command": "true",
        "launching_directory": "/home/ann",
        "checkpoint_signal": 12,
        "submission_time": SUBMITTED,
        **values,
    }
    job_id: int = connection.execute(insert(JobRow).values(columns).returning(JobRow.job_id)).scalar_one()
    connection.execute(insert(JobStateLogRow).values(job_id=job_id, job_state=state, date_start=SUBMITTED))
    connection.execute(insert(ChallengeRow).values(job_id=job_id, challenge="123", ssh_private_key="secret"))
    moldable_id = connection.execute(
        insert(MoldableRow)
        .values(moldable_job_id=job_id, moldable_walltime=walltime_s)
        .returning(MoldableRow.moldable_id)
    ).scalar_one()
    group_id = connection.execute(
        insert(GroupRow)
        .values(res_group_moldable_id=moldable_id, res_group_property="type = 'default'")
        .returning(GroupRow.res_group_id)
    ).scalar_one()
    connection.execute(
        insert(LevelRow).values(
            res_job_group_id=group_id, res_job_resource_type="resource_id", res_job_value=1
        )
    )
    for word in types:
        connection.execute(insert(JobTypeRow).values(job_id=job_id, type=word))
    if resources is not None:
        connection.execute(
            insert(AssignmentRow).values(moldable_job_id=moldable_id, resources=ProcSet(*resources))
        )
        connection.execute(
            JobRow.__table__.update()
            .where(JobRow.job_id == job_id)
            .values(assigned_moldable_job=moldable_id, start_time=values.get("start_time", SUBMITTED + 10))
        )
    return job_id


def add_dependency(connection: Connection, job_id: int, required: int) -> None:
    """Let one job wait for the end of another."""
    connection.execute(insert(DependencyRow).values(job_id=job_id, job_id_required=required))


def assignment_of(
    connection: Connection, job_id: int, resources: list[int], walltime_s: int = 60
) -> Assignment:
    """Plan a job on resources."""
    moldable_id = connection.execute(
        select(MoldableRow.moldable_id).where(MoldableRow.moldable_job_id == job_id)
    ).scalar_one()
    return Assignment(JobId(job_id), MoldableId(moldable_id), 0, walltime_s, ProcSet(*resources))


def assign_job(connection: Connection, assignment: Assignment, *, now: int, message: str) -> bool:
    """Give one job its resources; tell whether it got them."""
    return assign_jobs(connection, [(assignment, message)], now=now) == {assignment.job_id}


def job_row(connection: Connection, job_id: int):
    """Read all columns of a job."""
    return connection.execute(select(*JobRow.__table__.columns).where(JobRow.job_id == job_id)).one()


def job_state(connection: Connection, job_id: int) -> JobState:
    """Read the state of a job."""
    return JobState(job_row(connection, job_id).state)


def open_logs(connection: Connection, job_id: int) -> list[str]:
    """List the states of a job's open log rows: there must be exactly one, the present one."""
    rows = select(JobStateLogRow.job_state).where(
        JobStateLogRow.job_id == job_id, JobStateLogRow.date_stop == 0
    )
    return list(connection.execute(rows).scalars())


def current_rows(connection: Connection, job_id: int) -> dict[str, int]:
    """Count the rows of a job that are not history, by table; tables without any are left out."""
    moldables = select(MoldableRow.moldable_id).where(MoldableRow.moldable_job_id == job_id)
    groups = select(GroupRow.res_group_id).where(GroupRow.res_group_moldable_id.in_(moldables))
    tables = {
        "moldables": (MoldableRow.moldable_job_id == job_id, MoldableRow.moldable_index),
        "groups": (GroupRow.res_group_moldable_id.in_(moldables), GroupRow.res_group_index),
        "levels": (LevelRow.res_job_group_id.in_(groups), LevelRow.res_job_index),
        "types": (JobTypeRow.job_id == job_id, JobTypeRow.types_index),
        "dependencies": (DependencyRow.job_id == job_id, DependencyRow.job_dependency_index),
        "assignments": (AssignmentRow.moldable_job_id.in_(moldables), AssignmentRow.assigned_resource_index),
    }
    counts = {
        name: connection.execute(select(func.count()).where(condition, mark == RowIndex.CURRENT)).scalar_one()
        for name, (condition, mark) in tables.items()
    }
    return {name: count for name, count in counts.items() if count}


def resource_row(connection: Connection, resource_id: int):
    """Read all declared columns of a resource."""
    return connection.execute(
        select(*ResourceRow.__table__.columns).where(ResourceRow.resource_id == resource_id)
    ).one()


def state_history(connection: Connection, resource_id: int) -> list[tuple[str, int, int]]:
    """List the states a resource was in: value, from, until (0 for the present one)."""
    rows = connection.execute(
        select(ResourceLogRow.value, ResourceLogRow.date_start, ResourceLogRow.date_stop)
        .where(ResourceLogRow.resource_id == resource_id, ResourceLogRow.attribute == "state")
        .order_by(ResourceLogRow.resource_log_id)
    )
    return [tuple(row) for row in rows]
