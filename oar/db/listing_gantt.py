"""Read models of ``oarstat --gantt`` and ``--accounting``: what a period of time held, or will hold."""

from typing import Any

from sqlalchemy import Connection, func, literal, or_, select

from oar.core.job import JobId, MoldableId
from oar.core.listings import Consumption, Occupant, Outage
from oar.core.states import FINAL_STATES, HOLDING_STATES, NodeState
from oar.db.tables_admin import AccountingRow
from oar.db.tables_jobs import JobRow, MoldableRow
from oar.db.tables_resources import AssignmentRow, PredictionRow, ResourceLogRow

LONGEST_PERIOD_S = 30 * 86400
SHORTEST_PERIOD_S = 60


def read_occupants(connection: Connection, begin: int, end: int) -> tuple[Occupant, ...]:
    """Read the jobs that had, have or shall have resources in [begin, end): two queries, by start.

    A job that runs is drawn to the end of its walltime. A job that lost resources at its launch comes twice,
    once with what it lost.
    """
    real = (_occupant(row, planned=False) for row in _started(connection, begin, end))
    planned = (_occupant(row, planned=True) for row in _planned(connection, begin, end))
    return tuple(sorted((*real, *planned), key=lambda one: (one.begin, one.job_id)))


def _started(connection: Connection, begin: int, end: int) -> list[Any]:
    holding = JobRow.state.in_(sorted(HOLDING_STATES))
    ended = JobRow.stop_time >= max(begin, 1)
    query = (
        select(
            JobRow.job_id,
            MoldableRow.moldable_id,
            JobRow.start_time,
            JobRow.stop_time,
            MoldableRow.moldable_walltime,
            AssignmentRow.resources,
        )
        .join(MoldableRow, MoldableRow.moldable_id == JobRow.assigned_moldable_job)
        .join(AssignmentRow, AssignmentRow.moldable_job_id == MoldableRow.moldable_id)
        .where(or_(holding, ended), JobRow.start_time > 1, JobRow.start_time < end)
    )
    return [row for row in connection.execute(query).all() if _end(row) > begin]


def _planned(connection: Connection, begin: int, end: int) -> list[Any]:
    walltime = func.coalesce(PredictionRow.walltime, MoldableRow.moldable_walltime)
    query = (
        select(
            MoldableRow.moldable_job_id.label("job_id"),
            MoldableRow.moldable_id,
            PredictionRow.start_time,
            literal(0).label("stop_time"),
            walltime.label("moldable_walltime"),
            PredictionRow.resources,
        )
        .join(PredictionRow, PredictionRow.moldable_job_id == MoldableRow.moldable_id)
        .join(JobRow, JobRow.job_id == MoldableRow.moldable_job_id)
        .where(
            JobRow.state.not_in(sorted(HOLDING_STATES | FINAL_STATES)),
            PredictionRow.start_time < end,
            PredictionRow.start_time + walltime > begin,
        )
    )
    return list(connection.execute(query).all())


def _end(row: Any) -> int:
    end = row.stop_time or row.start_time + row.moldable_walltime
    return int(max(end, row.start_time + 1))


def _occupant(row: Any, planned: bool) -> Occupant:
    return Occupant(
        JobId(row.job_id), MoldableId(row.moldable_id), row.start_time, _end(row), row.resources, planned
    )


def read_outages(connection: Connection, begin: int, end: int) -> tuple[Outage, ...]:
    """Read when resources were Absent, Suspected or Dead in [begin, end)."""
    log = ResourceLogRow
    query = (
        select(log.resource_id, log.date_start, log.date_stop, log.value)
        .where(
            log.attribute == "state",
            log.value != NodeState.ALIVE,
            log.date_start < end,
            or_(log.date_stop == 0, log.date_stop >= begin),
        )
        .order_by(log.resource_id, log.date_start)
    )
    return tuple(Outage(*row) for row in connection.execute(query))


def read_consumption(
    connection: Connection, begin: int, end: int, user: str | None = None
) -> tuple[Consumption, ...]:
    """Read what was asked and used in the windows that touch [begin, end], by user and project."""
    row = AccountingRow

    def total(kind: str) -> Any:
        return func.coalesce(func.sum(row.consumption).filter(row.consumption_type == kind), 0)

    query = (
        select(
            row.accounting_user,
            row.accounting_project,
            func.min(row.window_start),
            func.max(row.window_stop),
            total("ASKED"),
            total("USED"),
        )
        .where(row.window_stop >= begin, row.window_start <= end)
        .group_by(row.accounting_user, row.accounting_project)
        .order_by(row.accounting_user, row.accounting_project)
    )
    if user is not None:
        query = query.where(row.accounting_user == user)
    return tuple(
        Consumption(name, project, first, last, int(asked), int(used))
        for name, project, first, last, asked, used in connection.execute(query)
    )


def plan_period(connection: Connection, now: int) -> tuple[int, int]:
    """Choose a period worth looking at: to the end of what runs and is planned, with some past before it."""
    ends = [one.end for one in read_occupants(connection, now, now + LONGEST_PERIOD_S)]
    ahead = max(max(ends, default=now) - now, SHORTEST_PERIOD_S)
    return now - ahead // 4, now + ahead
