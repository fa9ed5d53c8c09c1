"""Conditions in SQL that users write, asked on the read-only account."""

from procset import ProcSet
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from oar.core.condition import BadFilter, check_condition
from oar.db.sets import parse_multirange

__all__ = ["BadFilter", "matching_ids", "words_of"]


def matching_ids(reader: Connection, table: str, key: str, condition: str) -> ProcSet:
    """Return the ids (column ``key``) of the rows of ``table`` that meet the condition; all for an empty one.

    ``reader`` is a connection of the read-only account; it stays usable when BadFilter is raised.
    """
    check_condition(condition)
    where = f"WHERE ({condition}\n)" if condition.strip() else ""
    # the condition is the user's own SQL on purpose: the account's rights are the guard
    ids = f"range_agg(int4range({key}::int4, {key}::int4, '[]'))"
    query = f"SELECT coalesce({ids}, '{{}}')::text FROM {table} {where}"  # noqa: S608
    try:
        with reader.begin_nested():
            answer = reader.exec_driver_sql(query, execution_options={"no_parameters": True}).scalar_one()
    except DBAPIError as error:
        raise BadFilter(condition, words_of(error)) from None
    return parse_multirange(answer)


def words_of(error: DBAPIError) -> str:
    """Return what the database said of an error, in one line."""
    diagnostics = getattr(error.orig, "diag", None)
    primary = getattr(diagnostics, "message_primary", None) or str(error.orig)
    return " ".join(str(primary).split())
