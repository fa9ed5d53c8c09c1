"""Assignments and the plan in the tables of OAR 2: rows of single resources, read and written as sets."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    FromClause,
    Integer,
    cast,
    delete,
    func,
    literal,
    null,
    select,
    text,
)
from sqlalchemy.sql.elements import ColumnElement

from oar.core.job import Assignment, MoldableId
from oar.core.states import RowIndex
from oar.db.oar2.tables import assigned_resources, planned_resources, predictions
from oar.db.sets import ResourceSet, format_multirange

REFERENCE = 0
"""The row of the plan that tells the date of the last round; it belongs to no job."""


def _set_of(resource_id: Column[int]) -> ColumnElement[Any]:
    """Collect the resources of a group of rows."""
    return func.range_agg(func.int4range(resource_id, resource_id, "[]"), type_=ResourceSet())


def _assignments() -> FromClause:
    rows = assigned_resources.c
    return (
        select(
            rows.moldable_job_id,
            _set_of(rows.resource_id).label("resources"),
            literal(RowIndex.CURRENT.value).label("assigned_resource_index"),
        )
        .where(rows.assigned_resource_index == RowIndex.CURRENT)
        .group_by(rows.moldable_job_id)
        .subquery("assignments")
    )


def _plan() -> FromClause:
    """Leave out what has no resources: row 0, which only tells the date of the last round."""
    rows = planned_resources.c
    places = (
        select(rows.moldable_job_id, _set_of(rows.resource_id).label("resources"))
        .group_by(rows.moldable_job_id)
        .subquery("places")
    )
    return (
        select(
            predictions.c.moldable_job_id,
            predictions.c.start_time,
            places.c.resources,
            cast(null(), Integer).label("walltime"),
        )
        .join(places, places.c.moldable_job_id == predictions.c.moldable_job_id)
        .subquery("plan")
    )


@dataclass(frozen=True, slots=True)
class Oar2Store:
    """The store of an untouched OAR 2.5 database; what it cannot keep is left out."""

    assignments: FromClause = field(default_factory=_assignments)
    plan: FromClause = field(default_factory=_plan)
    least_walltime: ColumnElement[Any] = field(default_factory=lambda: cast(null(), Integer))
    keeps_karma: bool = False
    counts_failures: bool = False

    def write_plan(
        self, connection: Connection, removed: Sequence[MoldableId], changed: Sequence[Assignment]
    ) -> None:
        """Replace the rows in both tables; three statements, however many jobs there are.

        The rows of a job are written by one statement: a job that is ended meanwhile has all of them or none.
        """
        old = {"ids": [*removed, *(one.moldable_id for one in changed)]}
        if not old["ids"]:
            return
        for table in (planned_resources, predictions):
            rows = f"DELETE FROM {table.name} WHERE moldable_job_id = ANY(CAST(:ids AS integer[]))"  # noqa: S608
            connection.execute(text(rows), old)
        _insert(connection, changed, "moldable_index = 'CURRENT' AND state = 'Waiting'")

    def show_plan(self, connection: Connection, rows: Sequence[Assignment]) -> None:
        """Write all rows anew; three statements. Row 0 stays, others read the date of the round there."""
        for table in (planned_resources, predictions):
            connection.execute(delete(table).where(table.c.moldable_job_id != REFERENCE))
        _insert(connection, rows, "true")

    def hand_out(self, connection: Connection, given: Sequence[Assignment]) -> None:
        """Write a row for each resource."""
        connection.execute(
            text(
                "INSERT INTO assigned_resources (moldable_job_id, resource_id)"
                " SELECT moldable, generate_series(lower(piece), upper(piece) - 1)"
                " FROM unnest(CAST(:moldables AS integer[]), CAST(:resources AS int4multirange[]))"
                " AS given(moldable, resources), unnest(resources) AS piece"
            ),
            {
                "moldables": [one.moldable_id for one in given],
                "resources": [format_multirange(one.resources) for one in given],
            },
        )


def _insert(connection: Connection, rows: Sequence[Assignment], condition: str) -> None:
    """Write rows into both tables, of jobs that meet a condition in SQL."""
    if not rows:
        return
    connection.execute(
        text(
            "WITH new AS ("  # noqa: S608 - one of two conditions of our own
            " SELECT given.* FROM unnest(CAST(:moldables AS integer[]), CAST(:starts AS integer[]),"
            " CAST(:resources AS int4multirange[])) AS given(moldable, start_time, resources)"
            " JOIN moldable_job_descriptions ON moldable_id = given.moldable"
            f" JOIN jobs ON job_id = moldable_job_id WHERE {condition}),"
            " places AS ("
            " INSERT INTO gantt_jobs_predictions (moldable_job_id, start_time)"
            " SELECT moldable, start_time FROM new RETURNING moldable_job_id)"
            " INSERT INTO gantt_jobs_resources (moldable_job_id, resource_id)"
            " SELECT moldable, generate_series(lower(piece), upper(piece) - 1)"
            " FROM new JOIN places ON places.moldable_job_id = moldable, unnest(resources) AS piece"
        ),
        {
            "moldables": [one.moldable_id for one in rows],
            "starts": [one.start_time for one in rows],
            "resources": [format_multirange(one.resources) for one in rows],
        },
    )
