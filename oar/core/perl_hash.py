"""Hashes as OAR's configuration writes them: Perl's ``{first => 75, default => 25}``, or JSON."""

import json
import re
from collections.abc import Iterator

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<mark>=>|[{},:])
        | "(?P<double>(?:[^"\\]|\\.)*)"
        | '(?P<single>(?:[^'\\]|\\.)*)'
        | (?P<bare>[^\s{},:=>"']+)
    )""",
    re.VERBOSE,
)
_ESCAPED = re.compile(r"\\(.)")


class BadHash(ValueError):
    """A text that is no hash of words or numbers."""


def parse_hash(text: str) -> dict[str, str]:
    """Read names and values as they are spelled; an empty text is an empty hash, a later name wins.

    Between a name and its value stand ``=>``, ``:`` or, as Perl allows, a comma. Perl's code (variables,
    calculations) and hashes in hashes are refused: raises :class:`BadHash`.
    """
    if not text.strip():
        return {}
    try:
        return _of_json(json.loads(text))
    except json.JSONDecodeError:
        return _of_perl(text)


def _of_json(found: object) -> dict[str, str]:
    if not isinstance(found, dict):
        raise BadHash("there are no braces around it")
    for name, value in found.items():
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise BadHash(f"the value of {name!r} is neither a number nor a text")
    return {name: str(value) for name, value in found.items()}


def _of_perl(text: str) -> dict[str, str]:
    tokens = list(_tokens(text))
    if len(tokens) < 2 or tokens[0] != ("{", True) or tokens[-1] != ("}", True):
        raise BadHash("there are no braces around it")
    entries: dict[str, str] = {}
    rest = tokens[1:-1]
    while rest:
        name, value = _entry(rest[:4])
        entries[name] = value
        rest = rest[4:]
    return entries


def _entry(tokens: list[tuple[str, bool]]) -> tuple[str, str]:
    """Read a name, its mark, its value, and the comma behind it, which the last entry may lack."""
    match tokens:
        case [(name, False), ("=>" | ":" | ",", True), (value, False), *end] if end in ([], [(",", True)]):
            return name, value
    raise BadHash(f"name => value is expected at {' '.join(word for word, _ in tokens)!r}")


def _tokens(text: str) -> Iterator[tuple[str, bool]]:
    """Give words, and marks with True."""
    position, end = 0, len(text.rstrip())
    while position < end:
        found = _TOKEN.match(text, position)
        if found is None:
            raise BadHash(f"{text[position:].strip()!r} is not understood")
        position = found.end()
        if found["mark"]:
            yield found["mark"], True
        elif found["bare"] is not None:
            yield found["bare"], False
        else:
            yield _ESCAPED.sub(r"\1", found["double"] or found["single"] or ""), False
