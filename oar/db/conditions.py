"""Conditions in SQL that users write: checked to be one condition, then asked on the read-only account."""

import re

from procset import ProcSet
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from oar.db.sets import parse_multirange
from oar.errors import BadRequest

TOKEN = re.compile(
    r"""
      (?P<comment> -- | /\* )
    | (?P<end> ; )
    | [eE]'(?:[^'\\]|''|\\.)*'
    | '(?:[^']|'')*'
    | "(?:[^"]|"")*"
    | \$(?P<tag>(?:[^\W\d]\w*)?)\$.*?\$(?P=tag)\$
    | (?P<unclosed> [eE]?' | " | \$(?:[^\W\d]\w*)?\$ )
    | (?P<open> \( )
    | (?P<close> \) )
    | [\w\x80-\U0010ffff][\w$\x80-\U0010ffff]*
    | .
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)
"""PostgreSQL's own lexical rules, as far as they tell where strings and names begin and end."""


class BadFilter(BadRequest):
    """A condition that is no condition, or that the database refuses; says so in the database's words."""

    def __init__(self, condition: str, reason: str) -> None:
        shown = " ".join(condition.split())
        super().__init__(f'bad condition "{shown}": {reason}')
        self.condition = condition
        self.reason = reason


def check_condition(condition: str) -> None:
    """Refuse what is not one SQL condition: an end of statement, a comment, an open quote or parenthesis.

    The rights of the read-only account are what protects the data; this keeps a condition inside its query.
    """
    depth = 0
    for token in TOKEN.finditer(condition):
        kind = token.lastgroup
        depth += {"open": 1, "close": -1}.get(kind or "", 0)
        if kind == "comment":
            raise BadFilter(condition, "comments are not allowed")
        if kind == "end":
            raise BadFilter(condition, "';' is not allowed, write one condition")
        if kind == "unclosed":
            raise BadFilter(condition, f"{token[0]} is opened and not closed")
        if depth < 0:
            raise BadFilter(condition, "')' closes nothing")
    if depth:
        raise BadFilter(condition, "'(' is opened and not closed")


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
