"""What every table shares: the base class, names of constraints, and the kinds of column OAR uses."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, Integer, MetaData, String, text
from sqlalchemy.orm import DeclarativeBase, MappedColumn, mapped_column

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}

YES_NO = ("YES", "NO")

LIVELY = {
    "postgresql_with": {
        "autovacuum_vacuum_scale_factor": 0,
        "autovacuum_vacuum_threshold": 20_000,
        "autovacuum_analyze_scale_factor": 0,
        "autovacuum_analyze_threshold": 20_000,
        "vacuum_index_cleanup": "on",
    }
}
"""Options of tables whose rows are read while they live and then become history.

PostgreSQL cleans a table after a share of it changed: with a long history, seldom. Until then the indexes of
live rows are full of dead ones. These tables are cleaned after a number of changes, whatever their size.
"""


class Base(DeclarativeBase):
    """The native schema; ``Base.metadata`` knows all of its tables once the ``tables_*`` modules are read."""

    metadata = MetaData(naming_convention=NAMES)


def one_of(column: str, values: Iterable[str | StrEnum]) -> CheckConstraint:
    """Allow only ``values`` in a text column; OAR compares states as text, so they are no enum type."""
    words = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({words})", name=column)


def number(default: int | None = 0, *references: Any, **options: Any) -> MappedColumn[int]:
    """Declare a whole number that is never missing; ``None`` for no default."""
    if default is not None:
        options["server_default"] = text(str(default))
    return mapped_column(Integer, *references, nullable=False, **options)


def word(length: int, default: str | None = "", **options: Any) -> MappedColumn[str]:
    """Declare a bounded text that is never missing; ``None`` for no default."""
    if default is not None:
        options["server_default"] = text(f"'{default}'")
    return mapped_column(String(length), nullable=False, **options)


def yes_no(default: str = "NO") -> MappedColumn[str]:
    """Declare one of OAR's booleans; add ``one_of(name, YES_NO)`` to the table."""
    return word(3, default)


def row_index() -> MappedColumn[str]:
    """Declare the mark that tells rows of live jobs (CURRENT) from history (LOG)."""
    return word(7, "CURRENT")
