"""Read models of oarstat: a few queries for a whole listing, never one for each job.

Everything is bounded by ids, by an array, or by the states of live jobs, and uses an index.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from procset import ProcSet
from sqlalchemy import ColumnElement, Connection, func, select, true

from oar.core.job import Group, JobId, Level, Moldable, MoldableId, Request
from oar.core.listings import EventLine, JobDetails, JobLine, Place, Requirement
from oar.core.states import JobState, JobType, NodeState, ReservationState, RowIndex
from oar.db.conditions import matching_ids
from oar.db.sets import among
from oar.db.tables_admin import EventRow, QueueRow
from oar.db.tables_jobs import LIVE, DependencyRow, GroupRow, JobRow, JobTypeRow, LevelRow, MoldableRow
from oar.db.tables_resources import AssignmentRow, PredictionRow, ResourceRow

_LINE_COLUMNS = (
    JobRow.job_id,
    JobRow.array_id,
    JobRow.array_index,
    JobRow.job_name,
    JobRow.job_user,
    JobRow.state,
    JobRow.queue_name,
    JobRow.submission_time,
    JobRow.start_time,
    JobRow.stop_time,
    JobRow.message,
)


@dataclass(frozen=True, slots=True)
class JobChoice:
    """Which jobs are listed: those named in any state, else all that are live; of one user if given.

    ``condition`` is SQL of a person on the columns of ``jobs``; it takes jobs in any state too.
    """

    jobs: tuple[int, ...] = ()
    arrays: tuple[int, ...] = ()
    user: str | None = None
    condition: str = ""


def read_job_lines(connection: Connection, choice: JobChoice) -> tuple[JobLine, ...]:
    """Read the lines of the chosen jobs, by id; jobs that do not exist are absent.

    ``connection`` is read-only, it carries a condition that a person wrote. Raises BadFilter.
    """
    rows = connection.execute(
        select(*_LINE_COLUMNS).where(_chosen(connection, choice)).order_by(JobRow.job_id)
    )
    return tuple(_line(row) for row in rows)


def _chosen(connection: Connection, choice: JobChoice) -> ColumnElement[bool]:
    condition: ColumnElement[bool] = true()
    if choice.jobs:
        condition &= among(JobRow.job_id, choice.jobs)
    elif choice.arrays:
        condition &= among(JobRow.array_id, choice.arrays)
    elif choice.condition:
        condition &= among(JobRow.job_id, matching_ids(connection, "jobs", "job_id", choice.condition))
    else:
        condition &= LIVE
    return condition if choice.user is None else condition & (JobRow.job_user == choice.user)


def _line(row: Any) -> JobLine:
    return JobLine(
        job_id=JobId(row.job_id),
        array_id=row.array_id,
        array_index=row.array_index,
        name=row.job_name or "",
        user=row.job_user,
        state=JobState(row.state),
        queue=row.queue_name,
        submission_time=row.submission_time,
        start_time=row.start_time,
        stop_time=row.stop_time,
        message=row.message,
    )


def read_job_details(connection: Connection, choice: JobChoice) -> tuple[JobDetails, ...]:
    """Read everything about the chosen jobs, by id, in eight queries. Raises BadFilter."""
    rows = connection.execute(
        select(JobRow).with_only_columns(*JobRow.__table__.columns, MoldableRow.moldable_walltime)
        .outerjoin(MoldableRow, MoldableRow.moldable_id == JobRow.assigned_moldable_job)
        .where(_chosen(connection, choice))
        .order_by(JobRow.job_id)
    ).all()  # fmt: skip
    ids = [row.job_id for row in rows]
    parts = _Parts(connection, ids)
    return tuple(parts.details(row) for row in rows)


class _Parts:
    """What belongs to some jobs, read for all of them at once."""

    def __init__(self, connection: Connection, ids: Sequence[int]) -> None:
        self._moldables = read_moldables(connection, ids)
        self._types = _read_types(connection, ids)
        self._dependencies = _read_dependencies(connection, ids)
        self._events = _read_events(connection, ids)
        self._assigned = _read_assigned(connection, ids)
        self._predictions = _read_predictions(connection, ids)
        sets = [
            *self._assigned.values(),
            *(prediction.resources for prediction in self._predictions.values()),
        ]
        self._places = read_places(connection, sets)

    def details(self, row: Any) -> JobDetails:
        prediction = self._predictions.get(row.job_id)
        return JobDetails(
            line=_line(row),
            project=row.project,
            command=row.command or "",
            exit_code=row.exit_code,
            launching_directory=row.launching_directory,
            job_type=JobType(row.job_type),
            properties=row.properties or "",
            reservation=ReservationState(row.reservation),
            stdout_file=(row.stdout_file or "").replace("%jobid%", str(row.job_id)),
            stderr_file=(row.stderr_file or "").replace("%jobid%", str(row.job_id)),
            initial_request=row.initial_request or "",
            resubmit_job_id=row.resubmit_job_id,
            last_karma=row.last_karma,
            scheduler_info=row.scheduler_info,
            assigned_moldable=row.assigned_moldable_job or 0,
            moldables=tuple(self._moldables.get(row.job_id, ())),
            types=tuple(self._types.get(row.job_id, ())),
            dependencies=tuple(self._dependencies.get(row.job_id, ())),
            assigned=self._of(self._assigned.get(row.job_id)),
            predicted_start=prediction.start_time if prediction else None,
            predicted_moldable=prediction.moldable_job_id if prediction else None,
            predicted=self._of(prediction.resources if prediction else None),
            events=tuple(self._events.get(row.job_id, ())),
            granted_walltime_s=prediction.walltime if prediction else row.moldable_walltime,
        )

    def _of(self, resources: ProcSet | None) -> tuple[Place, ...]:
        return tuple(self._places[number] for number in resources or () if number in self._places)


def read_moldables(connection: Connection, ids: Sequence[int]) -> Mapping[int, list[Moldable]]:
    """Read the alternatives of jobs, as asked for, in the order of their ``-l`` options; one query."""
    query = (
        select(
            MoldableRow.moldable_job_id,
            MoldableRow.moldable_id,
            func.coalesce(MoldableRow.most_walltime, MoldableRow.moldable_walltime),
            MoldableRow.least_walltime,
            GroupRow.res_group_id,
            GroupRow.res_group_property,
            LevelRow.res_job_resource_type,
            LevelRow.res_job_value,
        )
        .outerjoin(GroupRow, GroupRow.res_group_moldable_id == MoldableRow.moldable_id)
        .outerjoin(LevelRow, LevelRow.res_job_group_id == GroupRow.res_group_id)
        .where(among(MoldableRow.moldable_job_id, ids))
        .order_by(MoldableRow.moldable_id, GroupRow.res_group_id, LevelRow.res_job_order)
    )
    headers: dict[int, tuple[int, int, int | None]] = {}
    filters: dict[int, dict[int, str]] = defaultdict(dict)
    levels: dict[int, list[Level]] = defaultdict(list)
    for job_id, moldable_id, walltime, least, group_id, condition, name, count in connection.execute(query):
        headers[moldable_id] = (job_id, walltime, least)
        if group_id is not None:
            filters[moldable_id][group_id] = condition or ""
        if name is not None:
            levels[group_id].append(Level(name, count))
    moldables: dict[int, list[Moldable]] = defaultdict(list)
    for moldable_id, (job_id, walltime, least) in headers.items():
        groups = tuple(
            Group(condition, tuple(levels[group])) for group, condition in filters[moldable_id].items()
        )
        moldables[job_id].append(Moldable(MoldableId(moldable_id), Request(groups), walltime, least))
    return moldables


def _read_types(connection: Connection, ids: Sequence[int]) -> Mapping[int, list[str]]:
    types = defaultdict(list)
    query = select(JobTypeRow.job_id, JobTypeRow.type).where(among(JobTypeRow.job_id, ids))
    for job_id, name in connection.execute(query.order_by(JobTypeRow.job_type_id)):
        types[job_id].append(name)
    return types


def _read_dependencies(connection: Connection, ids: Sequence[int]) -> Mapping[int, list[Requirement]]:
    query = (
        select(DependencyRow.job_id, DependencyRow.job_id_required, JobRow.state)
        .outerjoin(JobRow, JobRow.job_id == DependencyRow.job_id_required)
        .where(among(DependencyRow.job_id, ids))
        .order_by(DependencyRow.job_id_required)
    )
    dependencies = defaultdict(list)
    for job_id, required, state in connection.execute(query):
        dependencies[job_id].append(Requirement(JobId(required), JobState(state) if state else None))
    return dependencies


def _read_events(connection: Connection, ids: Sequence[int]) -> Mapping[int, list[EventLine]]:
    events = defaultdict(list)
    for event in read_job_events(connection, ids):
        events[event.job_id].append(event)
    return events


def read_job_events(connection: Connection, ids: Sequence[int]) -> tuple[EventLine, ...]:
    """Read the events of jobs, oldest first."""
    query = select(
        EventRow.event_id,
        EventRow.date,
        EventRow.job_id,
        EventRow.type,
        EventRow.description,
        EventRow.to_check,
    )
    rows = connection.execute(query.where(among(EventRow.job_id, ids)).order_by(EventRow.event_id))
    return tuple(
        EventLine(row.event_id, row.date, row.job_id, row.type, row.description, row.to_check == "YES")
        for row in rows
    )


def _read_assigned(connection: Connection, ids: Sequence[int]) -> Mapping[int, ProcSet]:
    """Read what live jobs have, and what ended ones had."""
    query = (
        select(JobRow.job_id, JobRow.state, AssignmentRow.resources, AssignmentRow.assigned_resource_index)
        .join(AssignmentRow, AssignmentRow.moldable_job_id == JobRow.assigned_moldable_job)
        .where(among(JobRow.job_id, ids))
    )
    assigned: dict[int, ProcSet] = defaultdict(ProcSet)
    for job_id, state, resources, index in connection.execute(query):
        if index == RowIndex.CURRENT or JobState(state).is_final:
            assigned[job_id] |= resources
    return assigned


def _read_predictions(connection: Connection, ids: Sequence[int]) -> Mapping[int, Any]:
    query = (
        select(
            MoldableRow.moldable_job_id.label("job_id"),
            PredictionRow.moldable_job_id,
            PredictionRow.start_time,
            PredictionRow.resources,
            PredictionRow.walltime,
        )
        .join(PredictionRow, PredictionRow.moldable_job_id == MoldableRow.moldable_id)
        .where(among(MoldableRow.moldable_job_id, ids))
    )
    return {row.job_id: row for row in connection.execute(query)}


def read_places(connection: Connection, sets: Iterable[ProcSet]) -> Mapping[int, Place]:
    """Read node and state of every resource in some sets."""
    ids = sorted({number for resources in sets for number in resources})
    if not ids:
        return {}
    query = select(ResourceRow.resource_id, ResourceRow.network_address, ResourceRow.state)
    rows = connection.execute(query.where(among(ResourceRow.resource_id, ids)))
    return {number: Place(number, node, NodeState(state)) for number, node, state in rows}


def read_queue_state(connection: Connection, queue: str) -> str | None:
    """Say whether a queue is Active or notActive; None when there is no such queue."""
    return connection.execute(select(QueueRow.state).where(QueueRow.queue_name == queue)).scalar()
