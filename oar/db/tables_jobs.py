"""Jobs: what was asked, what became of it, and the secrets and kills that belong to it.

Rows of a job go with the job (ON DELETE CASCADE), so that removing history is one statement. Two references
are no foreign keys, because OAR writes 0 for "none" there: ``array_id`` (until it is known) and
``resubmit_job_id``. ``queue_name`` is none either: history names queues that were removed since.
"""

from collections.abc import Iterable
from enum import StrEnum

from sqlalchemy import REAL, BigInteger, ForeignKey, Index, Integer, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from oar.core.states import FINAL_STATES, JobState, JobType, KillState, ReservationState, RowIndex
from oar.db.tables import LIVELY, YES_NO, Base, number, one_of, row_index, word, yes_no


def _words(states: Iterable[StrEnum]) -> str:
    return ", ".join(f"'{state}'" for state in states)


LIVE = text(f"state IN ({_words(state for state in JobState if state not in FINAL_STATES)})")
"""Which jobs can still change; partial indexes on it stay small whatever history holds.

The live states are named, not the final ones: of values that a query names, the database expects few rows.
"""
OPEN = text(f"frag_state IN ({_words(state for state in KillState if state is not KillState.DONE)})")
"""Which kills are under way."""
TO_ACCOUNT = text(f"accounted = 'NO' AND state IN ({_words(sorted(FINAL_STATES))})")
"""Which jobs have ended and were not counted yet."""


class JobRow(Base):
    """One submission."""

    __tablename__ = "jobs"
    __table_args__ = (
        one_of("job_type", JobType),
        one_of("state", JobState),
        one_of("reservation", ReservationState),
        one_of("accounted", (*YES_NO, "NA")),
        one_of("suspended", YES_NO),
        Index("ix_jobs_state_job_id", "state", "job_id"),
        Index("ix_jobs_live", "queue_name", "job_id", postgresql_where=LIVE),
        Index("ix_jobs_live_user", "job_user", "job_id", postgresql_where=LIVE),
        Index("ix_jobs_reserved", "start_time", postgresql_where=text("reservation <> 'None'")),
        Index("ix_jobs_to_account", "job_id", postgresql_where=TO_ACCOUNT),
        Index("ix_jobs_resubmitted", "resubmit_job_id", postgresql_where=text("resubmit_job_id <> 0")),
        Index("ix_jobs_was_suspended", "job_id", postgresql_where=text("suspended = 'YES'")),
        Index("ix_jobs_with_file", "file_id", postgresql_where=text("file_id IS NOT NULL")),
        LIVELY,
    )

    job_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    array_id: Mapped[int] = number(index=True)
    array_index: Mapped[int] = number(1)
    initial_request: Mapped[str | None] = mapped_column(Text)
    job_name: Mapped[str | None] = mapped_column(String(100))
    job_env: Mapped[str | None] = mapped_column(Text)
    job_type: Mapped[str] = word(11, JobType.PASSIVE)
    info_type: Mapped[str | None] = mapped_column(String(255))
    state: Mapped[str] = word(16, JobState.WAITING)
    reservation: Mapped[str] = word(10, ReservationState.NONE)
    message: Mapped[str] = word(255)
    scheduler_info: Mapped[str] = word(255)
    job_user: Mapped[str] = word(255, index=True)
    project: Mapped[str] = word(255)
    job_group: Mapped[str] = word(255)
    command: Mapped[str | None] = mapped_column(Text)
    exit_code: Mapped[int | None] = mapped_column(Integer)
    queue_name: Mapped[str] = word(100)
    properties: Mapped[str | None] = mapped_column(Text)
    launching_directory: Mapped[str] = mapped_column(Text, nullable=False)
    submission_time: Mapped[int] = number()
    start_time: Mapped[int] = number()
    stop_time: Mapped[int] = number(index=True)
    file_id: Mapped[int | None] = mapped_column(Integer, ForeignKey("files.file_id", ondelete="SET NULL"))
    accounted: Mapped[str] = yes_no()
    notify: Mapped[str | None] = mapped_column(String(255))
    assigned_moldable_job: Mapped[int | None] = mapped_column(
        Integer,
        ForeignKey(
            "moldable_job_descriptions.moldable_id",
            name="fk_jobs_assigned_moldable_job",
            ondelete="SET NULL",
            use_alter=True,
        ),
        index=True,
    )
    checkpoint: Mapped[int] = number()
    checkpoint_signal: Mapped[int] = number(None)
    stdout_file: Mapped[str | None] = mapped_column(Text)
    stderr_file: Mapped[str | None] = mapped_column(Text)
    resubmit_job_id: Mapped[int] = number()
    suspended: Mapped[str] = yes_no()
    last_karma: Mapped[float | None] = mapped_column(REAL)


class MoldableRow(Base):
    """One alternative of a job; ``moldable_job_id`` is here, and only here, the id of the job.

    The walltime is the one the job has, or will have at most. What a job asked for that takes any walltime
    between two stands beside it, NULL for others.
    """

    __tablename__ = "moldable_job_descriptions"
    __table_args__ = (
        one_of("moldable_index", RowIndex),
        Index(
            "ix_moldable_job_descriptions_current",
            "moldable_job_id",
            postgresql_where=text("moldable_index = 'CURRENT'"),
        ),
        LIVELY,
    )

    moldable_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    moldable_job_id: Mapped[int] = number(None, ForeignKey("jobs.job_id", ondelete="CASCADE"), index=True)
    moldable_walltime: Mapped[int] = number()
    moldable_index: Mapped[str] = row_index()
    least_walltime: Mapped[int | None] = mapped_column(Integer)
    most_walltime: Mapped[int | None] = mapped_column(Integer)


class GroupRow(Base):
    """Resources wanted together below one filter."""

    __tablename__ = "job_resource_groups"
    __table_args__ = (
        one_of("res_group_index", RowIndex),
        Index(
            "ix_job_resource_groups_current",
            "res_group_moldable_id",
            postgresql_where=text("res_group_index = 'CURRENT'"),
        ),
        LIVELY,
    )

    res_group_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    res_group_moldable_id: Mapped[int] = number(
        None, ForeignKey("moldable_job_descriptions.moldable_id", ondelete="CASCADE"), index=True
    )
    res_group_property: Mapped[str | None] = mapped_column(Text)
    res_group_index: Mapped[str] = row_index()


class LevelRow(Base):
    """One step of a group's hierarchy path."""

    __tablename__ = "job_resource_descriptions"
    __table_args__ = (
        one_of("res_job_index", RowIndex),
        Index(
            "ix_job_resource_descriptions_current",
            "res_job_group_id",
            postgresql_where=text("res_job_index = 'CURRENT'"),
        ),
        LIVELY,
    )

    res_job_group_id: Mapped[int] = number(
        None,
        ForeignKey("job_resource_groups.res_group_id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    )
    res_job_resource_type: Mapped[str] = word(255, primary_key=True)
    res_job_value: Mapped[int] = number()
    res_job_order: Mapped[int] = number(primary_key=True, autoincrement=False)
    res_job_index: Mapped[str] = row_index()


class JobTypeRow(Base):
    """A type of a job, such as ``besteffort`` or ``container=name``."""

    __tablename__ = "job_types"
    __table_args__ = (
        one_of("types_index", RowIndex),
        Index("ix_job_types_current", "type", "job_id", postgresql_where=text("types_index = 'CURRENT'")),
        LIVELY,
    )

    job_type_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    job_id: Mapped[int] = number(None, ForeignKey("jobs.job_id", ondelete="CASCADE"), index=True)
    type: Mapped[str] = word(255)
    types_index: Mapped[str] = row_index()


class DependencyRow(Base):
    """``job_id`` waits for the end of ``job_id_required``."""

    __tablename__ = "job_dependencies"
    __table_args__ = (
        one_of("job_dependency_index", RowIndex),
        Index(
            "ix_job_dependencies_current", "job_id", postgresql_where=text("job_dependency_index = 'CURRENT'")
        ),
        LIVELY,
    )

    job_id: Mapped[int] = number(
        None, ForeignKey("jobs.job_id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    job_id_required: Mapped[int] = number(
        None, ForeignKey("jobs.job_id", ondelete="CASCADE"), primary_key=True, autoincrement=False, index=True
    )
    job_dependency_index: Mapped[str] = row_index()
    min_start_shift: Mapped[str] = word(12)
    max_start_shift: Mapped[str] = word(12)


class JobStateLogRow(Base):
    """When a job was in which state; ``date_stop`` 0 marks the present one."""

    __tablename__ = "job_state_logs"
    __table_args__ = (
        one_of("job_state", JobState),
        Index("ix_job_state_logs_job_id_date_stop", "job_id", "date_stop"),
    )

    job_state_log_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    job_id: Mapped[int] = number(None, ForeignKey("jobs.job_id", ondelete="CASCADE"))
    job_state: Mapped[str] = word(16, JobState.WAITING)
    date_start: Mapped[int] = number()
    date_stop: Mapped[int] = number()


class ChallengeRow(Base):
    """The secret and the keys of a job; the read-only role never sees this table."""

    __tablename__ = "challenges"

    job_id: Mapped[int] = number(
        None, ForeignKey("jobs.job_id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    challenge: Mapped[str] = word(255)
    ssh_private_key: Mapped[str] = mapped_column(Text, nullable=False, server_default=text("''"))
    ssh_public_key: Mapped[str] = mapped_column(Text, nullable=False, server_default=text("''"))


class KillRow(Base):
    """A kill that was asked for, and how far it has come."""

    __tablename__ = "frag_jobs"
    __table_args__ = (
        one_of("frag_state", KillState),
        Index("ix_frag_jobs_open", "frag_id_job", postgresql_where=OPEN),
        LIVELY,
    )

    frag_id_job: Mapped[int] = number(
        None, ForeignKey("jobs.job_id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    frag_date: Mapped[int] = number()
    frag_state: Mapped[str] = word(16, KillState.ASKED)


class WalltimeChangeRow(Base):
    """Extra time that a running job asks for, and what it was granted so far, in seconds."""

    __tablename__ = "walltime_change"
    __table_args__ = (
        one_of("force", YES_NO),
        one_of("delay_next_jobs", YES_NO),
        one_of("whole", YES_NO),
        Index("ix_walltime_change_pending", "job_id", postgresql_where=text("pending <> 0")),
    )

    job_id: Mapped[int] = number(
        None, ForeignKey("jobs.job_id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    pending: Mapped[int] = number()
    force: Mapped[str] = yes_no()
    delay_next_jobs: Mapped[str] = yes_no()
    whole: Mapped[str] = yes_no()
    granted: Mapped[int] = number()
    granted_with_force: Mapped[int] = number()
    granted_with_delay_next_jobs: Mapped[int] = number()
    granted_with_whole: Mapped[int] = number()
    timeout: Mapped[int] = number()
