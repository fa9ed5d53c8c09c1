"""How one TakTuk command runs a program on many nodes, and what its output says; pure.

TakTuk prints one line per line of a node's output. Our templates begin each with the kind of the line and
the node, so that nothing a node prints can be taken for something else.
"""

import os
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from oar.remote.argv import quote_remote

_TEMPLATES = {
    "status": '"STATUS $host $line\\n"',
    "output": '"OUTPUT $host $line\\n"',
    "error": '"ERROR $host $line\\n"',
    "connector": '"CONNECTOR $peer $line\\n"',
}


@dataclass(slots=True)
class NodeLines:
    """What TakTuk told of one node; ``status`` is None when the program never ended there."""

    status: int | None = None
    output: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    timed_out: bool = False


def taktuk_argv(
    taktuk: Sequence[str], ssh: Sequence[str], nodes: Iterable[str], command: Sequence[str], timeout_s: float
) -> list[str]:
    """Build the command that broadcasts TakTuk's own standard input to a command on every node.

    ``nodes`` must be names that ``is_node_name`` accepts: TakTuk reads brackets and commas as sets. A node
    that does not let us in is given up after half of ``timeout_s``, or sooner if ``taktuk`` says so (``-t``).
    """
    # The templates stand before the nodes: TakTuk gives a node the options it has read so far.
    argv = [*taktuk, *_connection_limit(taktuk, timeout_s), "-c", shlex.join([*ssh, "-x", "-T"])]
    for stream, template in _TEMPLATES.items():
        argv += ["-o", f"{stream}={template}"]
    argv += ["-o", "state"]
    for node in nodes:
        argv += ["-m", node]
    return [
        *argv,
        *("broadcast", "exec", "[", quote_remote(command), "],"),
        *("broadcast", "input", "file", "[", "-", "],"),
        *("broadcast", "input", "close"),
    ]


def _connection_limit(taktuk: Sequence[str], timeout_s: float) -> list[str]:
    """Limit the wait for connections: TakTuk runs nothing anywhere before each node has answered or not."""
    limit = max(1, int(timeout_s / 2))
    given = [value for option, value in pairwise(taktuk) if option == "-t" and value.isdecimal()]
    return [] if given and int(given[-1]) <= limit else ["-t", str(limit)]


def parse_output(nodes: Iterable[str], text: str) -> dict[str, NodeLines]:
    """Sort TakTuk's lines by node; lines that are not ours or name no node of the call are left out."""
    lines = {node: NodeLines() for node in nodes}
    for line in text.split("\n"):
        kind, _, rest = line.partition(" ")
        node, _, value = rest.partition(" ")
        if node in lines:
            _take(lines[node], kind, value)
    return lines


def _take(lines: NodeLines, kind: str, value: str) -> None:
    if kind == "STATUS" and value.isdecimal():
        lines.status = os.waitstatus_to_exitcode(int(value))
    elif kind == "OUTPUT":
        lines.output.append(value)
    elif kind in ("ERROR", "CONNECTOR"):
        lines.errors.append(value)
        lines.timed_out |= kind == "CONNECTOR" and value == "timeouted"
