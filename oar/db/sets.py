"""Sets of resources in the database: procset's ProcSet as PostgreSQL's int4multirange."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from procset import ProcInt, ProcSet
from sqlalchemy import ARRAY, BigInteger, BindParameter, Dialect, TableValuedAlias, any_, cast, func, literal
from sqlalchemy import column as sql_column
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.elements import ColumnElement, KeyedColumnElement
from sqlalchemy.types import UserDefinedType

INTERVAL = re.compile(r"\[(\d+),(\d+)\)")


def set_of_intervals(intervals: Iterable[tuple[int, int]]) -> ProcSet:
    """Build a set from closed intervals that are sorted and apart, in linear time.

    ProcSet's own constructor merges its arguments one by one, which is quadratic: too slow for the
    hundreds of intervals of a fragmented plan.
    """
    result = ProcSet()
    result._itvs = [ProcInt(begin, end) for begin, end in intervals]
    return result


def set_of_ids(ids: Iterable[int]) -> ProcSet:
    """Build a set from ids that are sorted, in linear time."""
    intervals: list[tuple[int, int]] = []
    for number in ids:
        if intervals and intervals[-1][1] == number - 1:
            intervals[-1] = (intervals[-1][0], number)
        else:
            intervals.append((number, number))
    return set_of_intervals(intervals)


def parse_multirange(value: str) -> ProcSet:
    """Read PostgreSQL's text of an int4multirange, such as ``{[1,5),[7,8)}``."""
    return set_of_intervals((int(begin), int(end) - 1) for begin, end in INTERVAL.findall(value))


def format_multirange(resources: ProcSet) -> str:
    """Write a set so that PostgreSQL reads it as an int4multirange."""
    return "{" + ",".join(f"[{begin},{end}]" for begin, end in resources.intervals()) + "}"


def among(column: ColumnElement[int] | InstrumentedAttribute[int], ids: Iterable[int]) -> ColumnElement[bool]:
    """Compare a column with any number of ids, sent as one array: a list of parameters would be slow."""
    return column == any_(literal(list(ids), ARRAY(BigInteger)))


def given_rows(columns: Mapping[KeyedColumnElement[Any], Sequence[Any]]) -> TableValuedAlias:
    """Make rows that a statement can join: the values of each column, whose name and type they have.

    They are sent as arrays, so that one statement is enough for any number of rows.
    """
    arrays = (literal(list(values), ARRAY(column.type)) for column, values in columns.items())
    names = (sql_column(column.key, column.type) for column in columns)
    return func.unnest(*arrays).table_valued(*names, name="given").render_derived()


class ResourceSet(UserDefinedType[ProcSet]):
    """A column that holds a set of resource ids."""

    cache_ok = True

    def get_col_spec(self, **_options: Any) -> str:
        """Name the type in PostgreSQL."""
        return "INT4MULTIRANGE"

    def bind_expression(self, bindvalue: BindParameter[ProcSet]) -> ColumnElement[ProcSet]:
        """Say the type, which PostgreSQL cannot guess from a text."""
        return cast(bindvalue, self)

    def bind_processor(self, dialect: Dialect) -> Callable[[ProcSet | None], str | None]:
        """Turn a set into text."""
        return lambda value: None if value is None else format_multirange(value)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[str | None], ProcSet | None]:
        """Turn text into a set."""
        return lambda value: None if value is None else parse_multirange(value)
