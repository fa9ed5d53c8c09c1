"""What administrators keep: queues, rules, events, accounting, and the version of the schema."""

from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from oar.core.states import QueueState
from oar.db.tables import LIVELY, YES_NO, Base, number, one_of, word, yes_no


class QueueRow(Base):
    """A queue; the one with the higher priority is scheduled first.

    ``failures`` counts those of its scheduler in a row, when that is a program of its own.
    """

    __tablename__ = "queues"
    __table_args__ = (one_of("state", QueueState),)

    queue_name: Mapped[str] = word(100, primary_key=True)
    priority: Mapped[int] = number()
    scheduler_policy: Mapped[str] = word(100)
    state: Mapped[str] = word(9, QueueState.ACTIVE)
    failures: Mapped[int] = number()


class SchedulerRow(Base):
    """Names of scheduling programs; OAR keeps the table and reads nothing from it."""

    __tablename__ = "scheduler"

    name: Mapped[str] = word(100, None, primary_key=True)
    script: Mapped[str] = word(100, None)
    description: Mapped[str] = word(255, None)


class AdmissionRuleRow(Base):
    """A rule that looks at each submission."""

    __tablename__ = "admission_rules"
    __table_args__ = (one_of("enabled", YES_NO),)

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    priority: Mapped[int] = number()
    enabled: Mapped[str] = yes_no("YES")
    rule: Mapped[str] = mapped_column(Text, nullable=False)


class EventRow(Base):
    """Something that happened; ``to_check`` YES makes it an order.

    ``job_id`` is 0 when no job is concerned, hence no foreign key.
    """

    __tablename__ = "event_logs"
    __table_args__ = (
        one_of("to_check", YES_NO),
        Index("ix_event_logs_pending", "event_id", postgresql_where=text("to_check = 'YES'")),
        LIVELY,
    )

    event_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    type: Mapped[str] = word(50)
    job_id: Mapped[int] = number(index=True)
    date: Mapped[int] = number(index=True)
    description: Mapped[str] = mapped_column(Text, nullable=False, server_default=text("''"))
    to_check: Mapped[str] = yes_no("YES")


class EventHostnameRow(Base):
    """A node that an event is about."""

    __tablename__ = "event_log_hostnames"

    event_id: Mapped[int] = number(
        None, ForeignKey("event_logs.event_id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    hostname: Mapped[str] = word(255, primary_key=True, index=True)


class AccountingRow(Base):
    """Resource-seconds asked and used in one window of time."""

    __tablename__ = "accounting"
    __table_args__ = (one_of("consumption_type", ("ASKED", "USED")),)

    window_start: Mapped[int] = number(None, primary_key=True, autoincrement=False)
    window_stop: Mapped[int] = number(primary_key=True, autoincrement=False, index=True)
    accounting_user: Mapped[str] = word(255, primary_key=True, index=True)
    accounting_project: Mapped[str] = word(255, primary_key=True, index=True)
    queue_name: Mapped[str] = word(100, primary_key=True, index=True)
    consumption_type: Mapped[str] = word(5, "ASKED", primary_key=True)
    consumption: Mapped[int] = mapped_column(BigInteger, nullable=False, server_default=text("0"))


class FileRow(Base):
    """A file to stage; kept for old installations."""

    __tablename__ = "files"

    file_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    md5sum: Mapped[str | None] = mapped_column(String(255), index=True)
    location: Mapped[str | None] = mapped_column(String(255))
    method: Mapped[str | None] = mapped_column(String(255))
    compression: Mapped[str | None] = mapped_column(String(255))
    size: Mapped[int] = number()


class RoundRow(Base):
    """What one of the last scheduling rounds decided; a bounded number is kept."""

    __tablename__ = "rounds"

    round_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    date: Mapped[int] = number()
    waiting: Mapped[int] = number()
    running: Mapped[int] = number()
    planned: Mapped[int] = number()
    launched: Mapped[int] = number()
    decisions: Mapped[list[dict[str, Any]]] = mapped_column(
        JSONB, nullable=False, server_default=text("'[]'")
    )
    omitted: Mapped[int] = number()
    read_ms: Mapped[int] = number()
    decided_ms: Mapped[int] = number()
    wrote_ms: Mapped[int] = number()


class SchemaRow(Base):
    """The version of the schema, for programs that ask OAR's way; one row.

    The table has no key in OAR; the mapping needs one.
    """

    __tablename__ = "schema"

    version: Mapped[str] = word(255, None)
    name: Mapped[str] = word(255, None)

    __mapper_args__ = {"primary_key": [version]}
