"""What a scheduling round reads and writes: live jobs, their requests, the plan.

Every query is bounded by a live state or by the plan, never by history. The CURRENT marks say nothing that
the states do not say: they let the database use the indexes of live rows, whatever it knows of the tables.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, delete, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import aliased

from oar.core.job import (
    Assignment,
    Group,
    JobId,
    Level,
    Moldable,
    MoldableId,
    Request,
    RequiredJob,
    RunningJob,
    Told,
    WaitingJob,
)
from oar.core.states import HOLDING_STATES, JobState, JobType, ReservationState, RowIndex
from oar.db.sets import among
from oar.db.tables_jobs import (
    DependencyRow,
    GroupRow,
    JobRow,
    JobStateLogRow,
    JobTypeRow,
    LevelRow,
    MoldableRow,
)
from oar.db.tables_resources import AssignmentRow, PredictionRow

_HOLDING = sorted(HOLDING_STATES)
_IS_CURRENT_DEPENDENCY = DependencyRow.job_dependency_index == RowIndex.CURRENT


def read_waiting_jobs(
    connection: Connection, states: Sequence[JobState] = (JobState.WAITING,)
) -> tuple[WaitingJob, ...]:
    """Give every waiting job with its moldables, types and dependencies, by job id.

    ``states`` may name other states of jobs that have not started.
    """
    rows = connection.execute(
        select(
            JobRow.job_id,
            JobRow.queue_name,
            JobRow.job_user,
            JobRow.project,
            JobRow.job_name,
            JobRow.properties,
            JobRow.reservation,
            JobRow.start_time,
            JobRow.submission_time,
            JobRow.job_type,
        )
        .where(JobRow.state.in_(states))
        .order_by(JobRow.job_id)
    ).all()
    if not rows:
        return ()
    moldables = _read_moldables(connection, states)
    types = read_types(connection, states)
    required = defaultdict(list)
    for job_id, required_id in connection.execute(
        select(DependencyRow.job_id, DependencyRow.job_id_required)
        .join(JobRow, JobRow.job_id == DependencyRow.job_id)
        .where(JobRow.state.in_(states), _IS_CURRENT_DEPENDENCY)
        .order_by(DependencyRow.job_id, DependencyRow.job_id_required)
    ):
        required[job_id].append(JobId(required_id))
    return tuple(
        WaitingJob(
            job_id=JobId(row.job_id),
            queue=row.queue_name,
            user=row.job_user,
            project=row.project,
            name=row.job_name or "",
            properties=row.properties or "",
            moldables=tuple(moldables.get(row.job_id, ())),
            types=types.get(row.job_id, {}),
            reservation=ReservationState(row.reservation),
            start_time=row.start_time,
            submission_time=row.submission_time,
            dependencies=tuple(required.get(row.job_id, ())),
            interactive=row.job_type == JobType.INTERACTIVE,
        )
        for row in rows
    )


def _read_moldables(connection: Connection, states: Sequence[JobState]) -> Mapping[int, list[Moldable]]:
    rows = connection.execute(
        select(
            JobRow.job_id,
            MoldableRow.moldable_id,
            MoldableRow.moldable_walltime,
            MoldableRow.least_walltime,
            GroupRow.res_group_id,
            GroupRow.res_group_property,
            LevelRow.res_job_resource_type,
            LevelRow.res_job_value,
        )
        .join(MoldableRow, MoldableRow.moldable_job_id == JobRow.job_id)
        .join(GroupRow, GroupRow.res_group_moldable_id == MoldableRow.moldable_id)
        .join(LevelRow, LevelRow.res_job_group_id == GroupRow.res_group_id)
        .where(
            JobRow.state.in_(states),
            MoldableRow.moldable_index == RowIndex.CURRENT,
            GroupRow.res_group_index == RowIndex.CURRENT,
            LevelRow.res_job_index == RowIndex.CURRENT,
        )
        .order_by(MoldableRow.moldable_id, GroupRow.res_group_id, LevelRow.res_job_order)
    )
    moldables: dict[int, list[Moldable]] = defaultdict(list)
    for moldable_id, of_moldable in groupby(rows, lambda row: row.moldable_id):
        lines = list(of_moldable)
        groups = tuple(_group(list(group)) for _, group in groupby(lines, lambda row: row.res_group_id))
        first = lines[0]
        walltimes = first.moldable_walltime, _least(first.least_walltime, first.moldable_walltime)
        moldables[first.job_id].append(Moldable(MoldableId(moldable_id), Request(groups), *walltimes))
    return moldables


def _least(least_walltime_s: int | None, walltime_s: int) -> int | None:
    """Forget a least walltime that is not less: somebody has written it, or the walltime, by hand."""
    return least_walltime_s if least_walltime_s is not None and 0 < least_walltime_s < walltime_s else None


def _group(lines: Sequence[Any]) -> Group:
    levels = tuple(Level(line.res_job_resource_type, line.res_job_value) for line in lines)
    return Group(lines[0].res_group_property or "", levels)


def read_types(connection: Connection, states: Iterable[JobState]) -> Mapping[int, Mapping[str, str]]:
    """Give the types of the jobs in ``states``: name to value, "" where a type has none."""
    types: dict[int, dict[str, str]] = defaultdict(dict)
    for job_id, spelled in connection.execute(
        select(JobTypeRow.job_id, JobTypeRow.type)
        .join(JobRow, JobRow.job_id == JobTypeRow.job_id)
        .where(JobRow.state.in_(sorted(states)), JobTypeRow.types_index == RowIndex.CURRENT)
        .order_by(JobTypeRow.job_type_id)
    ):
        name, _, value = spelled.partition("=")
        types[job_id][name] = value
    return types


def read_required_jobs(connection: Connection) -> Mapping[JobId, RequiredJob]:
    """Give the state and the exit code of each job that some waiting job depends on."""
    waiting = aliased(JobRow)
    return {
        JobId(job_id): RequiredJob(JobState(state), exit_code)
        for job_id, state, exit_code in connection.execute(
            select(JobRow.job_id, JobRow.state, JobRow.exit_code)
            .distinct()
            .join(DependencyRow, DependencyRow.job_id_required == JobRow.job_id)
            .join(waiting, waiting.job_id == DependencyRow.job_id)
            .where(waiting.state == JobState.WAITING, _IS_CURRENT_DEPENDENCY)
        )
    }


def read_running_jobs(connection: Connection, now: int) -> tuple[RunningJob, ...]:
    """Give every job that holds resources now, by job id, with the time it was suspended until ``now``."""
    types = read_types(connection, HOLDING_STATES)
    rows = connection.execute(
        select(
            JobRow.job_id,
            JobRow.state,
            JobRow.queue_name,
            JobRow.job_user,
            JobRow.project,
            JobRow.job_name,
            JobRow.start_time,
            JobRow.suspended,
            MoldableRow.moldable_id,
            MoldableRow.moldable_walltime,
            AssignmentRow.resources,
        )
        .join(MoldableRow, MoldableRow.moldable_id == JobRow.assigned_moldable_job)
        .join(AssignmentRow, AssignmentRow.moldable_job_id == MoldableRow.moldable_id)
        .where(
            JobRow.state.in_(_HOLDING),
            MoldableRow.moldable_index == RowIndex.CURRENT,
            AssignmentRow.assigned_resource_index == RowIndex.CURRENT,
        )
        .order_by(JobRow.job_id)
    ).all()
    suspended = _read_suspended_times(connection, [row.job_id for row in rows if row.suspended == "YES"], now)
    return tuple(
        RunningJob(
            job_id=JobId(row.job_id),
            moldable_id=MoldableId(row.moldable_id),
            state=JobState(row.state),
            queue=row.queue_name,
            user=row.job_user,
            project=row.project,
            name=row.job_name or "",
            start_time=row.start_time,
            walltime_s=row.moldable_walltime,
            resources=row.resources,
            types=types.get(row.job_id, {}),
            suspended_s=suspended.get(row.job_id, 0),
        )
        for row in rows
    )


def _read_suspended_times(connection: Connection, job_ids: Sequence[int], now: int) -> Mapping[int, int]:
    """Give the seconds for which each job was suspended, or being resumed, so far; no query for no job."""
    if not job_ids:
        return {}
    log = JobStateLogRow
    until = func.coalesce(func.nullif(log.date_stop, 0), now)
    rows = connection.execute(
        select(log.job_id, func.sum(until - log.date_start))
        .where(
            among(log.job_id, job_ids),
            log.job_state.in_((JobState.SUSPENDED, JobState.RESUMING)),
        )
        .group_by(log.job_id)
    )
    return {job_id: max(seconds, 0) for job_id, seconds in rows}


def read_texts(connection: Connection) -> Mapping[JobId, Told]:
    """Give what each waiting job shows now."""
    return {
        JobId(job_id): Told(message, reason)
        for job_id, message, reason in connection.execute(
            select(JobRow.job_id, JobRow.message, JobRow.scheduler_info).where(
                JobRow.state == JobState.WAITING
            )
        )
    }


def read_jobs_in(connection: Connection, state: JobState) -> tuple[JobId, ...]:
    """Give the ids of the jobs in a (live) state, in order."""
    found = connection.scalars(select(JobRow.job_id).where(JobRow.state == state).order_by(JobRow.job_id))
    return tuple(JobId(job_id) for job_id in found)


def read_plan(connection: Connection) -> tuple[Assignment, ...]:
    """Give the stored plan, rows of jobs that no longer wait included."""
    return tuple(
        Assignment(
            JobId(row.job_id), MoldableId(row.moldable_id), row.start_time, row.walltime, row.resources
        )
        for row in connection.execute(
            select(
                MoldableRow.moldable_job_id.label("job_id"),
                MoldableRow.moldable_id,
                PredictionRow.start_time,
                func.coalesce(PredictionRow.walltime, MoldableRow.moldable_walltime).label("walltime"),
                PredictionRow.resources,
            ).join(MoldableRow, MoldableRow.moldable_id == PredictionRow.moldable_job_id)
        )
    )


def write_plan(connection: Connection, removed: Sequence[MoldableId], changed: Sequence[Assignment]) -> None:
    """Bring the stored plan up to date: forget the ``removed``, write the ``changed``.

    A job that left Waiting meanwhile gets no row.
    """
    if removed:
        connection.execute(delete(PredictionRow).where(PredictionRow.moldable_job_id.in_(removed)))
    if not changed:
        return
    alive = set(
        connection.scalars(
            select(MoldableRow.moldable_id)
            .join(JobRow, JobRow.job_id == MoldableRow.moldable_job_id)
            .where(JobRow.state == JobState.WAITING, MoldableRow.moldable_index == RowIndex.CURRENT)
        )
    )
    rows = [
        {
            "moldable_job_id": one.moldable_id,
            "start_time": one.start_time,
            "walltime": one.walltime_s,
            "resources": one.resources,
        }
        for one in changed
        if one.moldable_id in alive
    ]
    if rows:
        statement = insert(PredictionRow)
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["moldable_job_id"],
                set_={name: statement.excluded[name] for name in ("start_time", "walltime", "resources")},
            ),
            rows,
        )


def write_texts(connection: Connection, texts: Mapping[JobId, Told]) -> None:
    """Tell the users of several jobs something, as long as the jobs wait; one statement for all.

    A job that somebody moves at this moment is left alone: the next round sees what became of it.
    """
    if not texts:
        return
    connection.execute(
        text(
            "WITH waiting AS MATERIALIZED ("
            " SELECT job_id FROM jobs WHERE job_id = ANY(CAST(:ids AS bigint[])) AND state = 'Waiting'"
            " FOR NO KEY UPDATE SKIP LOCKED)"
            " UPDATE jobs SET message = new.message, scheduler_info = new.reason"
            " FROM waiting JOIN"
            " unnest(CAST(:ids AS bigint[]), CAST(:messages AS text[]), CAST(:reasons AS text[]))"
            " AS new(job_id, message, reason) USING (job_id)"
            " WHERE jobs.job_id = waiting.job_id AND jobs.state = 'Waiting'"
        ),
        {
            "ids": list(texts),
            "messages": [one.message[:255] for one in texts.values()],
            "reasons": [one.reason[:255] for one in texts.values()],
        },
    )
