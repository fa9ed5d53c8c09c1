"""Names of many nodes in a few words: ``node[1-4]``, ``rack[01-12,20]-[a,b]``."""

import re
from collections.abc import Iterator
from itertools import product

NAMES_LIMIT = 100_000
"""A pattern that stands for more names than this is taken for a mistake."""

_PIECE = re.compile(r"\[([^\[\]]*)\]|([^\[\]]+)")
_RANGE = re.compile(r"(\d+)-(\d+)")
_WORD = re.compile(r"[A-Za-z0-9._-]+")
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")


class BadNodeName(ValueError):
    """The pattern cannot be read, or a name in it is not one of a machine; the text says why."""


def expand_names(pattern: str) -> tuple[str, ...]:
    """Spell out every name of a pattern, in its order; zeros in front are kept (``[01-10]``)."""
    if "".join(piece[0] for piece in _PIECE.finditer(pattern)) != pattern or not pattern:
        raise BadNodeName(f'"{pattern}" has brackets that do not match')
    choices = [_choices(piece, pattern) for piece in _PIECE.finditer(pattern)]
    total = 1
    for choice in choices:
        total *= len(choice)
    if total > NAMES_LIMIT:
        raise BadNodeName(f'"{pattern}" stands for more than {NAMES_LIMIT} names')
    names = tuple("".join(parts) for parts in product(*choices))
    for name in names:
        check_name(name)
    return names


def check_name(name: str) -> None:
    """Refuse what is no name of a machine: blanks, or a hyphen in front that ssh would take for an option."""
    if len(name) > 100 or not _NAME.fullmatch(name):
        raise BadNodeName(f'"{name}" is not a name of a machine (letters, digits, dots and hyphens)')


def _choices(piece: re.Match[str], pattern: str) -> list[str]:
    if piece[1] is None:
        return [piece[2]]
    return [value for item in piece[1].split(",") for value in _values(item.strip(), pattern)]


def _values(item: str, pattern: str) -> Iterator[str]:
    found = _RANGE.fullmatch(item)
    if found is None:
        if not _WORD.fullmatch(item):
            raise BadNodeName(f'"{pattern}" has an empty or strange item "{item}" in its brackets')
        return iter([item])
    first, last = int(found[1]), int(found[2])
    if last < first or last - first >= NAMES_LIMIT:
        raise BadNodeName(f'"{pattern}" has a range "{item}" that goes down or is too long')
    width = len(found[1]) if found[1].startswith("0") else 0
    return (str(number).zfill(width) for number in range(first, last + 1))
