"""Who holds which resources now, and what can still be given of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from procset import ProcSet
from sqlalchemy import Connection, FromClause, Select, select

from oar.core.job import Assignment, JobId
from oar.core.states import HOLDING_STATES, UNCHANGED, JobState, NodeState, RowIndex
from oar.db.sets import among, set_of_ids
from oar.db.store import store_of
from oar.db.tables_jobs import JobRow
from oar.db.tables_resources import AssignmentRow, ResourceRow
from oar.kamelot.bits import mask_of, span


def holders(resources: ProcSet, given: FromClause = AssignmentRow.__table__) -> Select[Any]:
    """Select the jobs that hold one of the resources now; ``given`` are the assignments of the store."""
    return (
        select(JobRow.job_id)
        .join(given, JobRow.assigned_moldable_job == given.c.moldable_job_id)
        .where(
            given.c.assigned_resource_index == RowIndex.CURRENT,
            given.c.resources.op("&&")(resources),
            JobRow.state.in_(sorted(HOLDING_STATES)),
        )
    )


Companions = Mapping[JobId, JobState | None]
"""Jobs that may hold resources which another one is given. Those with a state have to, in this very state."""


@dataclass(frozen=True, slots=True)
class _Holder:
    resources: int
    state: JobState


@dataclass(slots=True)
class Stock:
    """Sets of resources as bits: those there are, Alive, ``free`` of any holder; and who has the others.

    What is to become anything but Alive counts as gone already: a job would be ended with its node.
    """

    there: int
    alive: int
    free: int
    holders: dict[JobId, _Holder]

    def give(self, place: Assignment, beside: Companions, in_any_state: bool) -> bool:
        """Give a job its resources, if nobody holds them but jobs that it may be ``beside``; tell whether.

        They have to be Alive, unless the job takes them ``in_any_state``.
        """
        wanted = _bits_of(place.resources)
        usable = self.there if in_any_state else self.alive
        if wanted & ~usable or not (self._is_free(wanted, beside) and self._as_expected(wanted, beside)):
            return False
        self.free &= ~wanted
        self.holders[place.job_id] = _Holder(wanted, JobState.TO_LAUNCH)
        return True

    def may_use(self, job_id: JobId, wanted: int, beside: Companions) -> bool:
        """Tell whether nobody holds these resources but the job itself and those it may be ``beside``."""
        return all(
            other == job_id
            or not one.resources & wanted
            or (other in beside and beside[other] in (None, one.state))
            for other, one in self.holders.items()
        )

    def _is_free(self, wanted: int, beside: Companions) -> bool:
        if not wanted & ~self.free:
            return True
        return bool(beside) and not any(
            one.resources & wanted for job_id, one in self.holders.items() if job_id not in beside
        )

    def _as_expected(self, wanted: int, beside: Companions) -> bool:
        for job_id, state in beside.items():
            one = self.holders.get(job_id)
            if state is not None and (one is None or one.state is not state or not one.resources & wanted):
                return False
        return True


def take_stock(connection: Connection, wanted: Sequence[ProcSet]) -> Stock:
    """Look at all the resources that are wanted, together."""
    ids = sorted({number for resources in wanted for number in resources})
    states = connection.execute(
        select(ResourceRow.resource_id, ResourceRow.state, ResourceRow.next_state).where(
            among(ResourceRow.resource_id, ids)
        )
    ).all()
    there = mask_of(number for number, _, _ in states)
    alive = mask_of(
        number
        for number, state, wanted_state in states
        if state == NodeState.ALIVE and wanted_state in (UNCHANGED, NodeState.ALIVE)
    )
    given = store_of(connection).assignments
    found = connection.execute(holders(set_of_ids(ids), given).add_columns(given.c.resources, JobRow.state))
    held = {JobId(job_id): _Holder(_bits_of(part), JobState(state)) for job_id, part, state in found}
    taken = 0
    for one in held.values():
        taken |= one.resources
    return Stock(there, alive, there & ~taken, held)


def _bits_of(resources: ProcSet) -> int:
    found = 0
    for first, last in resources.intervals():
        found |= span(first, last)
    return found
