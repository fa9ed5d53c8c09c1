"""What a reservation loses that is launched without some of its nodes."""

from collections.abc import Collection

from procset import ProcSet
from sqlalchemy import Connection, func, select, update
from sqlalchemy.dialects.postgresql import insert

from oar.core.states import JobState, RowIndex
from oar.db.endings import resources_of
from oar.db.locks import lock_resources
from oar.db.sets import among, set_of_ids
from oar.db.tables_jobs import JobRow
from oar.db.tables_resources import AssignmentRow, ResourceRow


def lose_nodes(connection: Connection, job_id: int, nodes: Collection[str]) -> ProcSet:
    """Take the resources of some nodes away from a job that is being launched; returns what it keeps.

    What it lost stays on record as history. Nothing happens to a job in another state: it keeps nothing.
    """
    lock_resources(connection)
    moldable_id = connection.scalar(
        select(JobRow.assigned_moldable_job)
        .where(JobRow.job_id == job_id, JobRow.state == JobState.LAUNCHING)
        .with_for_update(key_share=True)
    )
    if moldable_id is None:
        return ProcSet()
    held = resources_of(connection, moldable_id)
    ids = select(ResourceRow.resource_id).where(
        among(ResourceRow.resource_id, held), ResourceRow.network_address.in_(sorted(nodes))
    )
    lost = set_of_ids(connection.scalars(ids.order_by(ResourceRow.resource_id)))
    kept = held - lost
    if lost:
        _write(connection, moldable_id, kept, lost)
        told = func.regexp_replace(JobRow.message, r"R=\d+", f"R={len(kept)}")
        connection.execute(update(JobRow).where(JobRow.job_id == job_id).values(message=told))
    return kept


def _write(connection: Connection, moldable_id: int, kept: ProcSet, lost: ProcSet) -> None:
    connection.execute(
        update(AssignmentRow)
        .where(
            AssignmentRow.moldable_job_id == moldable_id,
            AssignmentRow.assigned_resource_index == RowIndex.CURRENT,
        )
        .values(resources=kept)
    )
    row = insert(AssignmentRow).values(
        moldable_job_id=moldable_id, resources=lost, assigned_resource_index=RowIndex.LOG
    )
    connection.execute(
        row.on_conflict_do_update(
            index_elements=[AssignmentRow.moldable_job_id, AssignmentRow.assigned_resource_index],
            set_={"resources": AssignmentRow.resources.op("+")(row.excluded.resources)},
        )
    )
