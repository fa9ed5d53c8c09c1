"""What an embedded cluster lies on: how its nodes are made, reached, stopped, and where commands run."""

import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from oar.dev.processes import MARK
from oar.errors import OarError

PROGRAMS = Path(sys.executable).parent
"""The folder of our own commands."""


class BedFailed(OarError):
    """The nodes of an embedded cluster could not be made or changed."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How many nodes a cluster has, and what each of them has: ``cores`` counts per cpu."""

    nodes: int = 3
    cpus: int = 1
    cores: int = 2

    @property
    def node_names(self) -> tuple[str, ...]:
        """The names of the nodes: node1, node2 and so on."""
        return tuple(f"node{number}" for number in range(1, self.nodes + 1))


@dataclass(frozen=True, slots=True)
class Command:
    """A command ready to be run on this machine."""

    argv: tuple[str, ...]
    environment: Mapping[str, str]
    directory: Path


class Bed(ABC):
    """One way to have a server and nodes on a single machine.

    ``start`` may fail half-way: ``stop`` then removes what there is. ``stop`` works from another process than
    the one that started, and may be repeated.
    """

    kind: str
    has_cgroups = False
    """Whether jobs get cgroups, and with them only processors that the machine has."""
    user: str
    """Who submits jobs."""

    def __init__(self, directory: Path, nodes: Sequence[str]) -> None:
        self.directory = directory
        self.nodes = tuple(nodes)

    @property
    def configuration_file(self) -> Path:
        """The oar.conf of the cluster."""
        return self.directory / "oar.conf"

    @abstractmethod
    def start(self) -> None:
        """Start all nodes; returns when they answer. Raises `BedFailed`."""

    @abstractmethod
    def stop(self) -> None:
        """End every process of the server, the nodes and the jobs; remove what is outside ``directory``."""

    @abstractmethod
    def start_node(self, name: str) -> None:
        """Let a stopped node come back, without what ran on it."""

    @abstractmethod
    def stop_node(self, name: str) -> None:
        """Let a node die at once: all its processes, and its sshd refuses connections."""

    @abstractmethod
    def living_nodes(self) -> list[str]:
        """Return the nodes that are up."""

    @abstractmethod
    def configuration(self) -> dict[str, str]:
        """Return the keys of ``oar.conf`` that depend on the bed."""

    @abstractmethod
    def home(self, user: str) -> Path:
        """Return the folder, the same on all nodes, where a user's jobs start and write."""

    @abstractmethod
    def database_group(self) -> int | None:
        """Return the group that must reach the database's socket, when it is not the caller's own."""

    @abstractmethod
    def command(self, argv: Sequence[str], user: str) -> Command:
        """Prepare a command as ``user`` types it on the cluster; ``root`` is its administrator."""

    @abstractmethod
    def server(self, argv: Sequence[str]) -> Command:
        """Prepare a command as the account of the server runs it."""

    @abstractmethod
    def server_pid(self, started: int) -> int:
        """Return the process id of the server whose `Command` runs as process ``started``."""


class CallersBed(Bed):
    """A bed where everything runs as the calling user, on the machine's own file system."""

    def __init__(self, directory: Path, nodes: Sequence[str]) -> None:
        super().__init__(directory, nodes)
        self.user = os.environ.get("USER") or str(os.geteuid())

    def home(self, user: str) -> Path:
        """Return the one folder that stands for every home."""
        return self.directory / "home"

    def database_group(self) -> int | None:
        """Nobody else needs the database."""
        return None

    def command(self, argv: Sequence[str], user: str) -> Command:
        """Prepare a command; all users are the caller."""
        return Command(tuple(argv), self._environment(), self.home(user))

    def server(self, argv: Sequence[str]) -> Command:
        """Prepare a command of the server."""
        return Command(tuple(argv), self._environment(), self.directory)

    def server_pid(self, started: int) -> int:
        """The command is the server."""
        return started

    def node_folder(self, name: str) -> Path:
        """What stands for a node's own disk."""
        return self.directory / name

    def node_environment(self, name: str) -> dict[str, str]:
        """What a session on a node is told, since nodes share host name, processes and disk."""
        folder = self.node_folder(name)
        return {
            "OAR_NODE": name,
            "OAR_RUNDIR": str(folder),
            "TMPDIR": str(folder / "tmp"),
            MARK: str(self.directory),
            "PATH": f"/usr/local/bin:/usr/bin:/bin:{PROGRAMS}",
        }

    def _environment(self) -> dict[str, str]:
        kept = {
            key: value for key, value in os.environ.items() if not key.startswith(("OAR", "SUDO_", "PYTHON"))
        }
        return {
            **kept,
            "OARCONFFILE": str(self.configuration_file),
            MARK: str(self.directory),
            "PATH": f"{PROGRAMS}:{kept.get('PATH', '/usr/bin:/bin')}",
        }
