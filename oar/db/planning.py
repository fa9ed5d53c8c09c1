"""What a scheduling round reads and writes: live jobs, their requests, the plan.

Every query is bounded by a live state or by the plan, never by history. The CURRENT marks say nothing that
the states do not say: they let the database use the indexes of live rows, whatever it knows of the tables.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Text, func, select, text, type_coerce
from sqlalchemy.orm import aliased

from oar.core.job import (
    Assignment,
    JobId,
    MoldableId,
    RequiredJob,
    RunningJob,
    Told,
)
from oar.core.states import HOLDING_STATES, JobState, JobType, RowIndex
from oar.db.known import Known
from oar.db.sets import among, parse_multirange
from oar.db.signals import read_checkpoint_dates
from oar.db.store import store_of
from oar.db.tables_jobs import (
    DependencyRow,
    JobRow,
    JobStateLogRow,
    JobTypeRow,
    MoldableRow,
)
from oar.db.waiting import types_of

_HOLDING = sorted(HOLDING_STATES)
_IS_CURRENT_DEPENDENCY = DependencyRow.job_dependency_index == RowIndex.CURRENT


def read_types(connection: Connection, states: Iterable[JobState]) -> Mapping[int, Mapping[str, str]]:
    """Give the types of the jobs in ``states``: name to value, "" where a type has none."""
    spelled: dict[int, list[str]] = defaultdict(list)
    for job_id, word in connection.execute(
        select(JobTypeRow.job_id, JobTypeRow.type)
        .join(JobRow, JobRow.job_id == JobTypeRow.job_id)
        .where(JobRow.state.in_(sorted(states)), JobTypeRow.types_index == RowIndex.CURRENT)
        .order_by(JobTypeRow.job_type_id)
    ).all():
        spelled[job_id].append(word)
    return {job_id: types_of(words) for job_id, words in spelled.items()}


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


def read_named_jobs(connection: Connection, job_ids: Collection[int]) -> Mapping[JobId, RequiredJob]:
    """Give the state and the exit code of each of the jobs that exists."""
    if not job_ids:
        return {}
    rows = connection.execute(
        select(JobRow.job_id, JobRow.state, JobRow.exit_code).where(among(JobRow.job_id, sorted(job_ids)))
    )
    return {JobId(job_id): RequiredJob(JobState(state), exit_code) for job_id, state, exit_code in rows}


def read_running_jobs(connection: Connection, now: int) -> tuple[RunningJob, ...]:
    """Give every job that holds resources now, by job id, with the time it was suspended until ``now``."""
    types = read_types(connection, HOLDING_STATES)
    given = store_of(connection).assignments
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
            JobRow.job_type,
            JobRow.checkpoint,
            MoldableRow.moldable_id,
            MoldableRow.moldable_walltime,
            given.c.resources,
        )
        .join(MoldableRow, MoldableRow.moldable_id == JobRow.assigned_moldable_job)
        .join(given, given.c.moldable_job_id == MoldableRow.moldable_id)
        .where(
            JobRow.state.in_(_HOLDING),
            MoldableRow.moldable_index == RowIndex.CURRENT,
            given.c.assigned_resource_index == RowIndex.CURRENT,
        )
        .order_by(JobRow.job_id)
    ).all()
    suspended = _read_suspended_times(connection, [row.job_id for row in rows if row.suspended == "YES"], now)
    checkpointed = read_checkpoint_dates(connection, [row.job_id for row in rows if row.checkpoint > 0])
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
            interactive=row.job_type == JobType.INTERACTIVE,
            checkpoint_s=row.checkpoint,
            checkpointed_at=checkpointed.get(row.job_id, 0),
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


KnownPlan = Known[Any, Assignment]


def read_plan(connection: Connection, known: KnownPlan | None = None) -> tuple[Assignment, ...]:
    """Give the stored plan, rows of jobs that no longer wait included; not anew what is ``known``."""
    plan = store_of(connection).plan
    rows = connection.execute(
        select(
            MoldableRow.moldable_id,
            MoldableRow.moldable_job_id,
            plan.c.start_time,
            func.coalesce(plan.c.walltime, MoldableRow.moldable_walltime),
            type_coerce(plan.c.resources, Text),
        ).join(plan, MoldableRow.moldable_id == plan.c.moldable_job_id)
    ).all()
    return (known or KnownPlan()).all(((row[0], tuple(row)) for row in rows), _prediction)


def _prediction(row: tuple[int, int, int, int, str]) -> Assignment:
    moldable_id, job_id, start_time, walltime_s, resources = row
    return Assignment(
        JobId(job_id), MoldableId(moldable_id), start_time, walltime_s, parse_multirange(resources)
    )


def write_plan(connection: Connection, removed: Sequence[MoldableId], changed: Sequence[Assignment]) -> None:
    """Bring the stored plan up to date: forget the ``removed``, write the ``changed``.

    The number of statements does not depend on theirs. A job that left Waiting meanwhile gets no row.
    """
    store_of(connection).write_plan(connection, removed, changed)


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
