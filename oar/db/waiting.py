"""Reads the jobs that wait for a place, and makes anew only those of which some row changed.

A busy site has thousands, and from one round to the next hardly any of them changes.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, select

from oar.core.job import Group, JobId, Level, Moldable, MoldableId, Request, WaitingJob
from oar.core.states import JobState, JobType, ReservationState, RowIndex
from oar.db.known import Known
from oar.db.store import store_of
from oar.db.tables_jobs import DependencyRow, GroupRow, JobRow, JobTypeRow, LevelRow, MoldableRow

Row = tuple[Any, ...]
"""A row as it was read."""


@dataclass(frozen=True, slots=True)
class JobRows:
    """All rows that a job is made of: its own, those of its request, its types, and whom it waits for."""

    job: Row
    request: list[Row]
    types: list[str]
    required: list[int]


KnownJobs = Known[JobRows, WaitingJob]


def read_waiting_jobs(
    connection: Connection,
    states: Sequence[JobState] = (JobState.WAITING,),
    known: KnownJobs | None = None,
) -> tuple[WaitingJob, ...]:
    """Give every waiting job with its moldables, types and dependencies, by job id.

    ``states`` may name other states of jobs that have not started. What is ``known`` is not made again.
    """
    rows = _read_rows(connection, states)
    return (known or KnownJobs()).all(((one.job[0], one) for one in rows), _job)


def _read_rows(connection: Connection, states: Sequence[JobState]) -> list[JobRows]:
    """Read everything that belongs to the jobs: a query for each table, not for each job."""
    jobs = connection.execute(
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
    if not jobs:
        return []
    requests = _read_requests(connection, states)
    types = _read_types(connection, states)
    required = _read_required(connection, states)
    return [
        JobRows(tuple(row), requests.get(row[0], []), types.get(row[0], []), required.get(row[0], []))
        for row in jobs
    ]


def _read_requests(connection: Connection, states: Sequence[JobState]) -> Mapping[int, list[Row]]:
    rows = connection.execute(
        select(
            JobRow.job_id,
            MoldableRow.moldable_id,
            MoldableRow.moldable_walltime,
            store_of(connection).least_walltime,
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
    ).all()
    return _by_job((row[0], tuple(row)) for row in rows)


def _read_types(connection: Connection, states: Sequence[JobState]) -> Mapping[int, list[str]]:
    rows = connection.execute(
        select(JobTypeRow.job_id, JobTypeRow.type)
        .join(JobRow, JobRow.job_id == JobTypeRow.job_id)
        .where(JobRow.state.in_(states), JobTypeRow.types_index == RowIndex.CURRENT)
        .order_by(JobTypeRow.job_type_id)
    ).all()
    return _by_job(rows)


def _read_required(connection: Connection, states: Sequence[JobState]) -> Mapping[int, list[int]]:
    rows = connection.execute(
        select(DependencyRow.job_id, DependencyRow.job_id_required)
        .join(JobRow, JobRow.job_id == DependencyRow.job_id)
        .where(JobRow.state.in_(states), DependencyRow.job_dependency_index == RowIndex.CURRENT)
        .order_by(DependencyRow.job_id, DependencyRow.job_id_required)
    ).all()
    return _by_job(rows)


def _by_job(rows: Any) -> Mapping[int, list[Any]]:
    found = defaultdict(list)
    for job_id, value in rows:
        found[job_id].append(value)
    return found


def _job(rows: JobRows) -> WaitingJob:
    job_id, queue, user, project, name, properties, reservation, start, submission, kind = rows.job
    return WaitingJob(
        job_id=JobId(job_id),
        queue=queue,
        user=user,
        project=project,
        name=name or "",
        properties=properties or "",
        moldables=tuple(_moldable(list(lines)) for _, lines in groupby(rows.request, lambda line: line[1])),
        types=types_of(rows.types),
        reservation=ReservationState(reservation),
        start_time=start,
        submission_time=submission,
        dependencies=tuple(map(JobId, rows.required)),
        interactive=kind == JobType.INTERACTIVE,
    )


def types_of(spelled: Sequence[str]) -> Mapping[str, str]:
    """Read types: name to value, "" where a type has none."""
    return {name: value for name, _, value in (one.partition("=") for one in spelled)}


def _moldable(lines: Sequence[Row]) -> Moldable:
    _, moldable_id, walltime_s, least_s, *_ = lines[0]
    groups = tuple(_group(list(of_group)) for _, of_group in groupby(lines, lambda line: line[4]))
    return Moldable(MoldableId(moldable_id), Request(groups), walltime_s, _least(least_s, walltime_s))


def _least(least_walltime_s: int | None, walltime_s: int) -> int | None:
    """Forget a least walltime that is not less: somebody has written it, or the walltime, by hand."""
    return least_walltime_s if least_walltime_s is not None and 0 < least_walltime_s < walltime_s else None


def _group(lines: Sequence[Row]) -> Group:
    return Group(lines[0][5] or "", tuple(Level(name, count) for *_, name, count in lines))
