"""Who holds which resources now, and what can still be given of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from procset import ProcSet
from sqlalchemy import Connection, Select, select

from oar.core.job import Assignment, JobId
from oar.core.states import HOLDING_STATES, NodeState, RowIndex
from oar.db.sets import among, set_of_ids
from oar.db.tables_jobs import JobRow
from oar.db.tables_resources import AssignmentRow, ResourceRow


def holders(resources: ProcSet) -> Select[Any]:
    """Select the jobs that hold one of the resources now."""
    return (
        select(JobRow.job_id)
        .join(AssignmentRow, JobRow.assigned_moldable_job == AssignmentRow.moldable_job_id)
        .where(
            AssignmentRow.assigned_resource_index == RowIndex.CURRENT,
            AssignmentRow.resources.op("&&")(resources),
            JobRow.state.in_(sorted(HOLDING_STATES)),
        )
    )


@dataclass(slots=True)
class Stock:
    """Some resources: which are Alive, which of these nobody holds (``free``), and who holds the others."""

    alive: ProcSet
    free: ProcSet
    held: list[tuple[JobId, ProcSet]]

    def give(self, place: Assignment, beside: frozenset[JobId], in_any_state: bool) -> bool:
        """Give a job its resources, if nobody holds them but jobs that it may be ``beside``; tell whether.

        They have to be Alive, unless the job takes them ``in_any_state``.
        """
        if not (place.resources <= self.free or self._shared(place.resources, beside, in_any_state)):
            return False
        self.free -= place.resources
        self.held.append((place.job_id, place.resources))
        return True

    def _shared(self, wanted: ProcSet, beside: frozenset[JobId], in_any_state: bool) -> bool:
        if not (beside or in_any_state) or not (in_any_state or wanted <= self.alive):
            return False
        return not any(held & wanted for job_id, held in self.held if job_id not in beside)


def take_stock(connection: Connection, wanted: Sequence[ProcSet]) -> Stock:
    """Look at all the resources that are wanted, together."""
    ids = sorted({number for resources in wanted for number in resources})
    alive = connection.scalars(
        select(ResourceRow.resource_id)
        .where(among(ResourceRow.resource_id, ids), ResourceRow.state == NodeState.ALIVE)
        .order_by(ResourceRow.resource_id)
    ).all()
    free = set(alive)
    holding = holders(set_of_ids(ids)).add_columns(AssignmentRow.resources)
    held = [(JobId(job_id), resources) for job_id, resources in connection.execute(holding)]
    for _, resources in held:
        free.difference_update(resources)
    return Stock(set_of_ids(alive), set_of_ids(sorted(free)), held)
