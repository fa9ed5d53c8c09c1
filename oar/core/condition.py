"""Conditions in SQL that users write: where their strings end, and whether they are one condition. Pure."""

import re
from collections.abc import Iterator

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


def end_of_condition(text: str, begin: int, closing: str) -> int | None:
    """Tell where the mark ``closing`` stands that ends the condition from ``begin`` on; None when none does.

    The mark does not count inside a string or a quoted name, which have to be closed.
    """
    for token in TOKEN.finditer(text, begin):
        if token[0] == closing:
            return token.start()
        if token.lastgroup == "unclosed":
            break
    return None


def conjuncts(condition: str) -> tuple[str, ...]:
    """Take a condition apart at each AND that joins it as a whole; parentheses round a part are left out.

    A condition that OR or BETWEEN keeps together stays whole.
    """
    condition = _bare(condition)
    if not condition:
        return ()
    words = [
        token
        for token, depth in _with_depth(condition)
        if depth == 0 and token[0].upper() in ("AND", "OR", "BETWEEN", "CASE")
    ]
    if not words or any(token[0].upper() != "AND" for token in words):
        return (condition,)
    ends = [*(token.start() for token in words), len(condition)]
    begins = [0, *(token.end() for token in words)]
    return tuple(
        part for begin, end in zip(begins, ends, strict=True) for part in conjuncts(condition[begin:end])
    )


def _bare(condition: str) -> str:
    """Take off blanks and the parentheses round the whole condition."""
    condition = condition.strip()
    while condition.startswith("("):
        inside = [token for token, depth in _with_depth(condition) if depth == 0]
        if len(inside) != 1:
            break
        condition = condition[1:-1].strip()
    return condition


def _with_depth(condition: str) -> Iterator[tuple[re.Match[str], int]]:
    """Give the tokens that are no blanks, each with how many parentheses are open; a pair counts as one."""
    depth = 0
    for token in TOKEN.finditer(condition):
        kind = token.lastgroup
        if kind == "close":
            depth -= 1
        elif not token[0].isspace():
            yield token, depth
        if kind == "open":
            depth += 1
