"""Resources and who holds them, now and in the plan.

A set of resources is one value (int4multirange), not rows; ``views.py`` unnests it for scripts
written for OAR 2.
"""

from procset import ProcSet
from sqlalchemy import BigInteger, ForeignKey, Index, Integer, text
from sqlalchemy.orm import Mapped, MappedColumn, mapped_column

from oar.core.states import UNCHANGED, NodeState, RowIndex
from oar.db.sets import ResourceSet
from oar.db.tables import LIVELY, YES_NO, Base, number, one_of, word, yes_no


def resource_set() -> MappedColumn[ProcSet]:
    """Declare a set of resources, empty by default."""
    return mapped_column(ResourceSet, nullable=False, server_default=text("'{}'"))


class ResourceRow(Base):
    """The smallest thing that can be given; ``oarproperty`` adds columns that are not declared here."""

    __tablename__ = "resources"
    __table_args__ = (
        one_of("state", NodeState),
        one_of("next_state", (UNCHANGED, *NodeState)),
        one_of("finaud_decision", YES_NO),
        one_of("next_finaud_decision", YES_NO),
        one_of("suspended_jobs", YES_NO),
        one_of("besteffort", YES_NO),
        one_of("deploy", YES_NO),
        one_of("desktop_computing", YES_NO),
        one_of("drain", YES_NO),
        Index(
            "ix_resources_to_change",
            "resource_id",
            postgresql_where=text(f"next_state <> '{UNCHANGED}'"),
        ),
    )

    resource_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    type: Mapped[str] = word(100, "default", index=True)
    network_address: Mapped[str] = word(100, index=True)
    state: Mapped[str] = word(9, NodeState.ALIVE, index=True)
    next_state: Mapped[str] = word(9, UNCHANGED)
    finaud_decision: Mapped[str] = yes_no()
    next_finaud_decision: Mapped[str] = yes_no()
    state_num: Mapped[int] = number()
    suspended_jobs: Mapped[str] = yes_no()
    scheduler_priority: Mapped[int] = number()
    cpuset: Mapped[str] = word(255, "0")
    besteffort: Mapped[str] = yes_no("YES")
    deploy: Mapped[str] = yes_no()
    expiry_date: Mapped[int] = number()
    desktop_computing: Mapped[str] = yes_no()
    last_job_date: Mapped[int] = number()
    available_upto: Mapped[int] = number(2147483647)
    last_available_upto: Mapped[int] = number()
    drain: Mapped[str] = yes_no()


class ResourceLogRow(Base):
    """What a property of a resource was, and when; ``date_stop`` 0 marks the present value."""

    __tablename__ = "resource_logs"
    __table_args__ = (
        one_of("finaud_decision", YES_NO),
        Index("ix_resource_logs_id_dstop_attr", "resource_id", "date_stop", "attribute"),
        Index("ix_resource_logs_attribute_date_stop", "attribute", "date_stop"),
    )

    resource_log_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    resource_id: Mapped[int] = number(None, ForeignKey("resources.resource_id", ondelete="CASCADE"))
    attribute: Mapped[str] = word(255)
    value: Mapped[str] = word(255)
    date_start: Mapped[int] = number(index=True)
    date_stop: Mapped[int] = number(index=True)
    finaud_decision: Mapped[str] = yes_no()


class AssignmentRow(Base):
    """The resources a job was given.

    A moldable has one row, or two when it lost some of its resources at launch: CURRENT for what it kept, LOG
    for what it lost.
    """

    __tablename__ = "assignments"
    __table_args__ = (
        one_of("assigned_resource_index", RowIndex),
        Index(
            "ix_assignments_current",
            "moldable_job_id",
            postgresql_where=text("assigned_resource_index = 'CURRENT'"),
        ),
        LIVELY,
    )

    moldable_job_id: Mapped[int] = number(
        None,
        ForeignKey("moldable_job_descriptions.moldable_id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    )
    resources: Mapped[ProcSet] = resource_set()
    assigned_resource_index: Mapped[str] = word(7, RowIndex.CURRENT, primary_key=True)


class PredictionRow(Base):
    """A place in the plan: when a moldable should start, for how long, and where.

    The walltime is NULL in rows written by programs that do not know the column: then it is the moldable's.
    """

    __tablename__ = "gantt_jobs_predictions"

    moldable_job_id: Mapped[int] = number(
        None,
        ForeignKey("moldable_job_descriptions.moldable_id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    )
    start_time: Mapped[int] = number()
    resources: Mapped[ProcSet] = resource_set()
    walltime: Mapped[int | None] = mapped_column(Integer)


class PredictionLogRow(Base):
    """Plans of the past, kept when asked for; no foreign key, since they may outlive their jobs."""

    __tablename__ = "gantt_jobs_predictions_log"

    sched_date: Mapped[int] = number(primary_key=True, autoincrement=False)
    moldable_job_id: Mapped[int] = number(primary_key=True, autoincrement=False)
    start_time: Mapped[int] = number()
    resources: Mapped[ProcSet] = resource_set()
