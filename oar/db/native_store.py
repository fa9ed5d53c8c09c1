"""Assignments and the plan in the native schema: a set of resources is one value."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, FromClause, delete, text
from sqlalchemy.sql.elements import ColumnElement

from oar.core.job import Assignment, MoldableId
from oar.db.sets import among, format_multirange
from oar.db.tables_jobs import MoldableRow
from oar.db.tables_resources import AssignmentRow, PredictionRow


@dataclass(frozen=True, slots=True)
class NativeStore:
    """The store of the native schema."""

    assignments: FromClause = AssignmentRow.__table__
    plan: FromClause = PredictionRow.__table__
    least_walltime: ColumnElement[Any] = MoldableRow.__table__.c.least_walltime
    keeps_karma: bool = True
    counts_failures: bool = True

    def write_plan(
        self, connection: Connection, removed: Sequence[MoldableId], changed: Sequence[Assignment]
    ) -> None:
        """Write what changed; a statement for each."""
        if removed:
            connection.execute(delete(PredictionRow).where(among(PredictionRow.moldable_job_id, removed)))
        if not changed:
            return
        connection.execute(
            text(
                "INSERT INTO gantt_jobs_predictions (moldable_job_id, start_time, walltime, resources)"
                " SELECT new.* FROM unnest(CAST(:moldables AS bigint[]), CAST(:starts AS integer[]),"
                " CAST(:walltimes AS integer[]), CAST(:resources AS int4multirange[]))"
                " AS new(moldable_id, start_time, walltime, resources)"
                " JOIN moldable_job_descriptions USING (moldable_id) JOIN jobs ON job_id = moldable_job_id"
                " WHERE moldable_index = 'CURRENT' AND state = 'Waiting'"
                " ON CONFLICT (moldable_job_id) DO UPDATE SET start_time = excluded.start_time,"
                " walltime = excluded.walltime, resources = excluded.resources"
            ),
            {
                "moldables": [one.moldable_id for one in changed],
                "starts": [one.start_time for one in changed],
                "walltimes": [one.walltime_s for one in changed],
                "resources": [format_multirange(one.resources) for one in changed],
            },
        )

    def show_plan(self, connection: Connection, rows: Sequence[Assignment]) -> None:
        """Write all rows; two statements."""
        ids = [one.moldable_id for one in rows]
        connection.execute(
            text("DELETE FROM gantt_jobs_predictions WHERE moldable_job_id <> ALL(CAST(:ids AS integer[]))"),
            {"ids": ids},
        )
        connection.execute(
            text(
                "INSERT INTO gantt_jobs_predictions (moldable_job_id, start_time, walltime, resources)"
                " SELECT new.moldable_id, new.start_time, new.walltime, CAST(new.resources AS int4multirange)"
                " FROM unnest(CAST(:ids AS integer[]), CAST(:starts AS integer[]),"
                " CAST(:walltimes AS integer[]), CAST(:resources AS text[]))"
                " AS new(moldable_id, start_time, walltime, resources)"
                " JOIN moldable_job_descriptions USING (moldable_id)"
                " ON CONFLICT (moldable_job_id) DO UPDATE SET start_time = excluded.start_time,"
                " walltime = excluded.walltime, resources = excluded.resources"
            ),
            {
                "ids": ids,
                "starts": [one.start_time for one in rows],
                "walltimes": [one.walltime_s for one in rows],
                "resources": [format_multirange(one.resources) for one in rows],
            },
        )

    def hand_out(self, connection: Connection, given: Sequence[Assignment]) -> None:
        """Write one row for each job."""
        connection.execute(
            text(
                "INSERT INTO assignments (moldable_job_id, resources)"
                " SELECT * FROM unnest(CAST(:ids AS bigint[]), CAST(:resources AS int4multirange[]))"
            ),
            {
                "ids": [one.moldable_id for one in given],
                "resources": [format_multirange(one.resources) for one in given],
            },
        )
