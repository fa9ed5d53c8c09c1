"""Loads a node program as the loader does, without running it."""

from pathlib import Path
from types import ModuleType

import oar

FOLDER = Path(oar.__file__).parent / "node"


def load(name: str) -> ModuleType:
    """Read a node program into a module of its own."""
    module = ModuleType(name)
    exec(compile((FOLDER / f"{name}.py").read_text(), name, "exec"), module.__dict__)  # noqa: S102 - as the node does
    return module
