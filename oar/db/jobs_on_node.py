"""Which jobs are on a node."""

from sqlalchemy import Connection, Integer, cast, select

from oar.core.states import JobState
from oar.db.tables_jobs import JobRow
from oar.db.tables_resources import AssignmentRow, ResourceRow


def running_jobs_on(connection: Connection, user: str, node: str) -> list[int]:
    """Name the running jobs of a user that have resources of a node, in the order of their ids."""
    of_node = select(ResourceRow.resource_id).where(
        ResourceRow.network_address == node,
        AssignmentRow.resources.op("@>")(cast(ResourceRow.resource_id, Integer)),
    )
    found = (
        select(JobRow.job_id)
        .join(AssignmentRow, AssignmentRow.moldable_job_id == JobRow.assigned_moldable_job)
        .where(JobRow.job_user == user, JobRow.state == JobState.RUNNING, of_node.exists())
        .order_by(JobRow.job_id)
    )
    return list(connection.scalars(found))
