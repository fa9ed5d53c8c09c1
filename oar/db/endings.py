"""What the end of a job leaves behind: history marks, dates of its resources."""

from collections.abc import Sequence
from typing import Any

from procset import ProcSet
from sqlalchemy import (
    Connection,
    cast,
    delete,
    literal,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from oar.core.states import JobState, RowIndex
from oar.db.locks import lock_resource_rows, locking_resource_rows
from oar.db.sets import among
from oar.db.tables_jobs import DependencyRow, GroupRow, JobRow, JobTypeRow, LevelRow, MoldableRow
from oar.db.tables_resources import AssignmentRow, ResourceRow

SITTING = frozenset({JobState.SUSPENDED, JobState.RESUMING})
"""States of a job that sits on its resources without using them."""


def resources_of(connection: Connection, moldable_id: int | None) -> ProcSet:
    """Say which resources a moldable was given and did not lose at launch; empty when it was given none."""
    found = connection.execute(
        select(AssignmentRow.resources)
        .where(AssignmentRow.moldable_job_id == moldable_id)
        .order_by(AssignmentRow.assigned_resource_index)
        .limit(1)
    ).scalar_one_or_none()
    return ProcSet() if found is None else found


def close_books(connection: Connection, job_id: int, moldable_id: int | None, now: int) -> None:
    """Turn all rows of an ended job into history and date the end on its resources."""
    given = resources_of(connection, moldable_id) if moldable_id else ProcSet()
    to_history(connection, [job_id])
    if given:
        connection.execute(_to_lost(moldable_id))
        ids = locking_resource_rows(among(ResourceRow.resource_id, given))
        connection.execute(
            update(ResourceRow).where(ResourceRow.resource_id.in_(ids)).values(last_job_date=now)
        )


def mark_suspended(connection: Connection, resources: ProcSet) -> None:
    """Say anew, for each of the resources, whether a suspended job sits on it."""
    lock_resource_rows(connection, among(ResourceRow.resource_id, resources))
    sitting = connection.execute(
        select(AssignmentRow.resources)
        .join(JobRow, JobRow.assigned_moldable_job == AssignmentRow.moldable_job_id)
        .where(
            AssignmentRow.assigned_resource_index == RowIndex.CURRENT,
            JobRow.state.in_(sorted(SITTING)),
        )
    ).scalars()
    busy = ProcSet()
    for given in sitting:
        busy |= given
    for ids, word in ((resources & busy, "YES"), (resources - busy, "NO")):
        connection.execute(
            update(ResourceRow)
            .where(among(ResourceRow.resource_id, ids), ResourceRow.suspended_jobs != word)
            .values(suspended_jobs=word)
        )


def to_history(connection: Connection, job_ids: Sequence[int]) -> None:
    """Mark request, types and dependencies of ended jobs, in one statement."""
    moldables = (
        update(MoldableRow)
        .where(among(MoldableRow.moldable_job_id, job_ids))
        .values(moldable_index=RowIndex.LOG)
        .returning(MoldableRow.moldable_id)
        .cte("moldables")
    )
    groups = (
        update(GroupRow)
        .where(
            GroupRow.res_group_moldable_id.in_(select(moldables.c.moldable_id)),
            GroupRow.res_group_index == RowIndex.CURRENT,
        )
        .values(res_group_index=RowIndex.LOG)
        .returning(GroupRow.res_group_id)
        .cte("groups")
    )
    levels = (
        update(LevelRow)
        .where(
            LevelRow.res_job_group_id.in_(select(groups.c.res_group_id)),
            LevelRow.res_job_index == RowIndex.CURRENT,
        )
        .values(res_job_index=RowIndex.LOG)
        .cte("levels")
    )
    types = (
        update(JobTypeRow)
        .where(among(JobTypeRow.job_id, job_ids))
        .values(types_index=RowIndex.LOG)
        .cte("types")
    )
    connection.execute(
        update(DependencyRow)
        .where(among(DependencyRow.job_id, job_ids))
        .values(job_dependency_index=RowIndex.LOG)
        .add_cte(levels, types)
    )


def _to_lost(moldable_id: int | None) -> Any:
    """Move what the moldable still held to its row of history, which exists when nodes failed at launch."""
    held = (
        delete(AssignmentRow)
        .where(
            AssignmentRow.moldable_job_id == moldable_id,
            AssignmentRow.assigned_resource_index == RowIndex.CURRENT,
        )
        .returning(AssignmentRow.moldable_job_id, AssignmentRow.resources)
        .cte("held")
    )
    row = insert(AssignmentRow).from_select(
        ["moldable_job_id", "resources", "assigned_resource_index"],
        select(
            held.c.moldable_job_id,
            held.c.resources,
            cast(literal(RowIndex.LOG), AssignmentRow.assigned_resource_index.type),
        ),
    )
    return row.on_conflict_do_update(
        index_elements=[AssignmentRow.moldable_job_id, AssignmentRow.assigned_resource_index],
        set_={"resources": AssignmentRow.resources.op("+")(row.excluded.resources)},
    )
