"""Reads ``cluster.toml``: from text to the resources that an administrator wants.

``docs/cluster-file.md`` describes the format.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import toml

from oar.core.job import LevelValue
from oar.core.node_names import BadNodeName, expand_names
from oar.core.properties import SERVER_PROPERTIES
from oar.errors import ConfigurationError

COMPUTED = frozenset({"host", "network_address", "cpuset", "cpu", "core", "thread", "gpu", "gpudevice"})
"""Properties that follow from a node's shape; the file cannot set them."""

KEPT_BY_THE_SERVER = SERVER_PROPERTIES | {"type", "last_available_upto"}

_YES_OR_NO = frozenset({"besteffort", "deploy", "desktop_computing", "drain"})
_NODE_KEYS = ("name", "cpus", "cores", "threads", "gpus", "properties")
_PROPERTY = re.compile(r"[a-z_][a-z0-9_]*")
_LARGEST_INTEGER = 2**31 - 1


class BadClusterFile(ConfigurationError):
    """The file says something that cannot be; the text names the file, the key and what would be right."""


@dataclass(frozen=True, slots=True)
class WantedResource:
    """One resource of a node: the place of its cpu, core, thread and gpu on that node, from 0."""

    cpuset: int
    cpu: int
    core: int
    thread: int
    gpu: int | None

    def index(self, level: str) -> int | None:
        """Say the place on the node at a level: cpu, core, thread or gpu."""
        return {"cpu": self.cpu, "core": self.core, "thread": self.thread, "gpu": self.gpu}[level]


@dataclass(frozen=True, slots=True)
class WantedNode:
    """A node as the file describes it; ``cores`` counts per cpu, ``threads`` per core, ``gpus`` per node."""

    name: str
    cpus: int = 1
    cores: int = 1
    threads: int = 1
    gpus: int = 0
    properties: Mapping[str, LevelValue] = field(default_factory=dict)

    def resources(self) -> Iterator[WantedResource]:
        """Spell out the node: one resource per thread, core by core; gpus are shared out evenly."""
        total = self.cpus * self.cores
        for core in range(total):
            gpu = core * self.gpus // total if self.gpus else None
            for thread in range(self.threads):
                yield WantedResource(
                    cpuset=core * self.threads + thread,
                    cpu=core // self.cores,
                    core=core,
                    thread=core * self.threads + thread,
                    gpu=gpu,
                )


def read_cluster_file(text: str, file: str) -> tuple[WantedNode, ...]:
    """Read the nodes of a cluster file; ``file`` is the name that errors show. Raises BadClusterFile."""
    try:
        content = toml.loads(text)
    except (toml.TomlDecodeError, IndexError, ValueError, TypeError) as error:
        # toml lets IndexError and TypeError escape on some broken texts
        where = f"line {error.lineno}: {error.msg}" if isinstance(error, toml.TomlDecodeError) else str(error)
        raise BadClusterFile(f"{file}: not TOML: {where}") from None
    for key in content:
        if key != "nodes":
            raise BadClusterFile(f"{file}: {key}: unknown key; nodes are declared in [[nodes]] tables")
    tables = content.get("nodes")
    if not isinstance(tables, list) or not tables:
        raise BadClusterFile(f"{file}: nodes: missing; declare the nodes in [[nodes]] tables")
    nodes: dict[str, WantedNode] = {}
    for number, table in enumerate(tables, 1):
        for node in _TableReader(file, number, table).nodes():
            if node.name in nodes:
                raise BadClusterFile(
                    f"{file}: nodes #{number}: name: {node.name} is declared twice, it stands in one table"
                )
            nodes[node.name] = node
    return tuple(nodes.values())


class _TableReader:
    """Reads one ``[[nodes]]`` table and names it in what it refuses."""

    def __init__(self, file: str, number: int, table: object) -> None:
        self._where = f"{file}: nodes #{number}"
        if not isinstance(table, dict):
            raise BadClusterFile(f"{self._where}: not a table; write it below [[nodes]]")
        self._table: dict[str, Any] = table

    def nodes(self) -> Iterator[WantedNode]:
        for key in self._table:
            if key not in _NODE_KEYS:
                raise self._bad(key, f"unknown key; the keys are {', '.join(_NODE_KEYS)}")
        names = self._names()
        cpus, cores, threads = (self._count(key, 1) for key in ("cpus", "cores", "threads"))
        gpus = self._count("gpus", 0)
        if gpus > cpus * cores:
            raise self._bad(
                "gpus", f"{gpus} gpus cannot be shared out to {cpus * cores} cores; have at most one a core"
            )
        properties = self._properties()
        return (WantedNode(name, cpus, cores, threads, gpus, properties) for name in names)

    def _bad(self, key: str, what: str) -> BadClusterFile:
        return BadClusterFile(f"{self._where}: {key}: {what}")

    def _names(self) -> list[str]:
        value = self._table.get("name")
        patterns = value if isinstance(value, list) else [value]
        texts = [pattern for pattern in patterns if isinstance(pattern, str)]
        if not texts or len(texts) != len(patterns):
            raise self._bad("name", 'expected a name such as "node1" or "node[1-4]", or a list of them')
        try:
            return [name for pattern in texts for name in expand_names(pattern)]
        except BadNodeName as error:
            raise self._bad("name", str(error)) from None

    def _count(self, key: str, least: int) -> int:
        value = self._table.get(key, least)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= 4096:
            raise self._bad(key, f"expected a whole number from {least} to 4096, found {value!r}")
        return value

    def _properties(self) -> dict[str, LevelValue]:
        table = self._table.get("properties", {})
        if not isinstance(table, dict):
            raise self._bad("properties", 'expected a table such as { mem = 64, cluster = "a" }')
        return {name: self._property(name, value) for name, value in table.items()}

    def _property(self, name: str, value: object) -> LevelValue:
        key = f"properties.{name}"
        if not _PROPERTY.fullmatch(name):
            raise self._bad(key, "a property is named in small letters, digits and underscores")
        if name in COMPUTED:
            raise self._bad(key, "follows from the shape of the node; leave it out")
        if name in KEPT_BY_THE_SERVER:
            raise self._bad(key, "is kept by the server; leave it out")
        if name in _YES_OR_NO and value not in (True, False, "YES", "NO"):
            raise self._bad(key, f"expected true or false, found {value!r}")
        if isinstance(value, bool):
            return "YES" if value else "NO"
        if isinstance(value, int) and abs(value) <= _LARGEST_INTEGER:
            return value
        if isinstance(value, str) and len(value) <= 255 and "\0" not in value:
            return value
        raise self._bad(
            key, f"expected a whole number, a text of at most 255 characters, true or false; found {value!r}"
        )
