"""Where a database keeps sets of resources: in the native schema, or in the untouched one of OAR 2.

Both have the same tables of jobs. They differ in how assignments and the plan are stored, and in a few
columns. Queries that touch these ask ``store_of`` for what to select from, and for how to write; everything
else is the same for both.
"""

from collections.abc import Sequence
from typing import Any, Protocol

from sqlalchemy import Connection, FromClause
from sqlalchemy.sql.elements import ColumnElement

from oar.core.job import Assignment, MoldableId
from oar.db.engine import Schema, schema_of
from oar.db.native_store import NativeStore
from oar.db.oar2.store import Oar2Store


class Store(Protocol):
    """What the queries of a round have to know of a schema.

    ``assignments`` has the columns ``moldable_job_id``, ``resources`` and ``assigned_resource_index``, in
    OAR 2 the CURRENT ones alone; ``plan`` has ``moldable_job_id``, ``start_time``, ``resources`` and
    ``walltime``. ``least_walltime`` goes with the table of moldables.
    """

    @property
    def assignments(self) -> FromClause:
        """What each moldable was given."""

    @property
    def plan(self) -> FromClause:
        """What is planned."""

    @property
    def least_walltime(self) -> ColumnElement[Any]:
        """The least walltime that a moldable takes, NULL where it takes but one."""

    @property
    def keeps_karma(self) -> bool:
        """Tell whether jobs have a column for their karma."""

    @property
    def counts_failures(self) -> bool:
        """Tell whether queues have a column for the failures of their schedulers."""

    def write_plan(
        self, connection: Connection, removed: Sequence[MoldableId], changed: Sequence[Assignment]
    ) -> None:
        """Forget the ``removed`` and write the ``changed``; a job that left Waiting meanwhile gets no row."""

    def show_plan(self, connection: Connection, rows: Sequence[Assignment]) -> None:
        """Let the plan consist of these rows and no others, whatever the states of their jobs."""

    def hand_out(self, connection: Connection, given: Sequence[Assignment]) -> None:
        """Write the resources that jobs were given."""


_STORES: dict[Schema, Store] = {Schema.NATIVE: NativeStore(), Schema.OAR2: Oar2Store()}


def store_of(connection: Connection) -> Store:
    """Give the store of the database that is connected."""
    return _STORES[schema_of(connection)]
