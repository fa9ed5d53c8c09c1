"""Finds and ends the processes of an embedded cluster, whatever became of their parents.

Every process started for a cluster carries ``OAR_DEV_CLUSTER=<folder>`` in its environment, jobs the runtime
folder of their node. Programs that overwrite their environment with a title (sshd, ssh) show a file of the
folder.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

MARK = "OAR_DEV_CLUSTER"
_TITLED = (b"sshd: ", b"ssh: ")


class ProcessesRemain(Exception):
    """Processes that were killed are still there."""


@dataclass(frozen=True, slots=True)
class Process:
    """One live process; ``environment`` and ``title`` are empty when they cannot be read."""

    pid: int
    parent: int
    environment: frozenset[bytes]
    title: bytes

    def has(self, name: str, value: str) -> bool:
        """Say whether the process was started with a variable."""
        return f"{name}={value}".encode() in self.environment

    def belongs_to(self, folder: Path) -> bool:
        """Say whether the process was started for the cluster in ``folder``."""
        titled = self.title.startswith(_TITLED) and f"{folder}/".encode() in self.title
        on_node = f"OAR_RUNDIR={folder}/".encode()
        return (
            titled
            or self.has(MARK, str(folder))
            or any(variable.startswith(on_node) for variable in self.environment)
        )


def live_processes() -> Iterator[Process]:
    """All processes but zombies."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError):
                state, parent = (folder / "stat").read_text().rsplit(")", 1)[1].split()[:2]
                if state not in "ZX":
                    yield Process(
                        int(folder.name), int(parent), _environment(folder), (folder / "cmdline").read_bytes()
                    )


def _environment(folder: Path) -> frozenset[bytes]:
    try:
        return frozenset((folder / "environ").read_bytes().split(b"\0"))
    except OSError:  # of another account
        return frozenset()


def with_children(belongs: Callable[[Process], bool]) -> set[int]:
    """Return the processes that match, and all their descendants; never the caller or its ancestors."""
    processes = {process.pid: process for process in live_processes()}
    spared = set(_ancestors(processes, os.getpid()))
    chosen = {process.pid for process in processes.values() if process.pid not in spared and belongs(process)}
    grown = True
    while grown:
        more = {process.pid for process in processes.values() if process.parent in chosen} - chosen - spared
        chosen |= more
        grown = bool(more)
    return chosen


def _ancestors(processes: dict[int, Process], pid: int) -> Iterator[int]:
    while pid in processes:
        yield pid
        pid = processes[pid].parent


def kill(pid: int, number: signal.Signals = signal.SIGKILL) -> bool:
    """Send a signal; False when there is no such process."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def kill_all(belongs: Callable[[Process], bool], patience_s: float = 10.0) -> None:
    """Kill the processes that match and their descendants until none is left; raises `ProcessesRemain`.

    All are stopped before the first is killed: none can fork a child that nothing connects with us any more.
    """
    deadline = time.monotonic() + patience_s
    while pids := with_children(belongs):
        stopped: set[int] = set()
        while new := pids - stopped:
            for pid in new:
                kill(pid, signal.SIGSTOP)
            stopped |= new
            pids = with_children(belongs)
        for pid in stopped:
            kill(pid)
        if time.monotonic() > deadline:
            raise ProcessesRemain(f"these processes do not die: {sorted(stopped)}")
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    """Say whether a process lives (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def children(pid: int) -> list[int]:
    """Return the direct children of a process."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
