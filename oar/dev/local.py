"""Nodes without sshd: each is a folder, and `oar.dev.connector` runs their commands on the spot."""

import sys
from collections.abc import Sequence
from pathlib import Path

from oar.dev.bed import CallersBed
from oar.dev.processes import Process, kill_all

CONNECTOR = Path(__file__).parent / "connector.py"


class LocalBed(CallersBed):
    """The nodes of one cluster as folders of the calling user."""

    kind = "local"

    def __init__(self, directory: Path, nodes: Sequence[str]) -> None:
        super().__init__(directory, nodes)

    def start(self) -> None:
        """Make the folders."""
        (self.directory / "home").mkdir(exist_ok=True)
        for name in self.nodes:
            (self.node_folder(name) / "tmp").mkdir(parents=True)

    def stop(self) -> None:
        """End all processes of the cluster."""
        kill_all(lambda process: process.belongs_to(self.directory))

    def start_node(self, name: str) -> None:
        """Let the node accept connections again."""
        (self.node_folder(name) / "down").unlink(missing_ok=True)

    def stop_node(self, name: str) -> None:
        """Refuse connections and kill what runs on the node."""
        (self.node_folder(name) / "down").touch()

        def on_node(process: Process) -> bool:
            return process.belongs_to(self.directory) and process.has("OAR_NODE", name)

        kill_all(on_node)

    def living_nodes(self) -> list[str]:
        """Return the nodes that accept connections."""
        return [name for name in self.nodes if not (self.node_folder(name) / "down").exists()]

    def configuration(self) -> dict[str, str]:
        """Reach nodes by the connector; TakTuk would add nothing."""
        return {
            "SERVER_HOSTNAME": "127.0.0.1",
            "OPENSSH_CMD": f"{sys.executable} -I -S {CONNECTOR} {self.directory}",
            "TAKTUK_CMD": "",
            "CPUSET_PATH": "",
            "OAR_RUNTIME_DIRECTORY": str(self.directory / "run"),
        }
