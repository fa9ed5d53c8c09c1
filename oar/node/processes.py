"""Looks through the processes of the node."""

import os

from oar.node.files import read


def parent_of(pid: "int | str") -> "int | None":
    """Tell the parent of a process; None when it does not live, as a zombie does not."""
    words = read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return int(words[1]) if words and words[0] not in "ZX" else None


def describe(pids: "list[int]") -> str:
    """Name a few processes with their state, as ps shows it: D is one that the kernel does not let go."""
    told = []
    for pid in pids[:3]:
        name, _, rest = read(f"/proc/{pid}/stat").partition("(")[2].rpartition(")")
        told.append(f"{pid} {name or '?'} in state {rest.strip()[:1] or '?'}")
    return ", ".join(told + ["..."] * (len(pids) > 3))


def living_processes() -> "dict[int, int]":
    """Map each living process to its parent."""
    found = {int(name): parent_of(name) for name in os.listdir("/proc") if name.isdigit()}
    return {pid: parent for pid, parent in found.items() if parent is not None}


def ancestors(pid: int, parents: "dict[int, int]") -> "list[int]":
    """List the parent of a process, the parent's parent, and so on."""
    line = []
    while parents.get(pid, 0) > 0:
        pid = parents[pid]
        line.append(pid)
    return line


def descendants(pid: int, parents: "dict[int, int]") -> "list[int]":
    """List the children of a process, their children, and so on."""
    children: "dict[int, list[int]]" = {}
    for child, parent in parents.items():
        children.setdefault(parent, []).append(child)
    found, new = [], [pid]
    while new:
        new = [child for parent in new for child in children.get(parent, ())]
        found += new
    return found
