"""Joins a program for nodes with its parts into the one text that is sent.

A program of ours is a file of ``oar/node`` that imports others of that folder, always as
``from oar.node.<part> import ...``. On the node the loader makes modules of these names from the text.
"""

import re
from functools import cache
from pathlib import Path

from oar.remote.argv import PART

_FOLDER = Path(__file__).parent.parent / "node"
_IMPORT = re.compile(r"^from oar\.node\.(\w+) import ", re.MULTILINE)


@cache
def bundle(program: str) -> str:
    """Write a program of ours as one text: its main part, then all others, each after those it imports."""
    parts: dict[str, str] = {}
    main = _read(program)
    _add_imports(main, parts)
    return main + "".join(f"{PART}oar.node.{name}\n{text}" for name, text in parts.items())


def _add_imports(text: str, parts: dict[str, str]) -> None:
    for name in _IMPORT.findall(text):
        if name not in parts:
            part = _read(name)
            _add_imports(part, parts)
            parts[name] = part


def _read(name: str) -> str:
    return (_FOLDER / f"{name}.py").read_text(encoding="utf-8")
