"""Runs programs on nodes. A node's answer is a value: a silent or broken node is an answer too.

Nothing here blocks the event loop, and nothing outlives its call: on time-out and on cancellation every local
process of the call is killed.
"""

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from oar.remote.argv import END_OF_SOURCE, is_node_name, loader_argv, ssh_argv
from oar.remote.taktuk import parse_output, taktuk_argv
from oar.settings import NodeSettings

OUTPUT_LIMIT = 65536
"""Bytes of one stream of one node that are kept; what comes after is read and dropped."""

CANNOT_RUN = "cannot run "
"""What the words about a command of ours begin with that could not even be started."""

CONNECTIONS_AT_ONCE = 20
"""How many ssh commands one call runs at the same time."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one node answered; ``status`` is None when the program did not end there."""

    node: str
    status: int | None
    output: str = ""
    errors: str = ""
    timed_out: bool = False

    @property
    def good(self) -> bool:
        """Tell whether the program ended well."""
        return self.status == 0 and not self.timed_out


@dataclass(frozen=True, slots=True)
class NodeProgram:
    """A program for nodes: its text, the word it is called with, and what it is to know.

    ``kept_as`` is the name by which a session that is kept knows it; "" when it does not, as a site's own.
    """

    source: str
    action: str
    data: Mapping[str, object]
    as_root: bool = False
    kept_as: str = ""

    @property
    def argv(self) -> tuple[str, ...]:
        """The command that a node runs, fed with ``to_stdin``."""
        return loader_argv(self.action, self.as_root)

    def to_stdin(self) -> bytes:
        """Write what the node's loader reads."""
        return f"{self.source}{END_OF_SOURCE}{json.dumps(self.data, default=str)}".encode()


class Remote(Protocol):
    """A way to reach nodes."""

    async def run(self, nodes: Sequence[str], program: NodeProgram, timeout_s: float) -> list[Answer]:
        """Run a program on all nodes at once; one answer per node, in the order of ``nodes``."""

    async def run_command(
        self, node: str, argv: Sequence[str], stdin: bytes = b"", timeout_s: float = 120.0
    ) -> Answer:
        """Run one command on one node."""


@dataclass(frozen=True, slots=True)
class SshRemote:
    """One ssh per node, a bounded number at a time; ``timeout_s`` counts for each node from its own start."""

    ssh: tuple[str, ...]
    at_once: int = CONNECTIONS_AT_ONCE

    async def run(self, nodes: Sequence[str], program: NodeProgram, timeout_s: float) -> list[Answer]:
        """Run a program on all nodes."""
        gate = asyncio.Semaphore(self.at_once)
        stdin = program.to_stdin()

        async def one(node: str) -> Answer:
            async with gate:
                return await self.run_command(node, program.argv, stdin, timeout_s)

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(node)) for node in nodes]
        return [task.result() for task in tasks]

    async def run_command(
        self, node: str, argv: Sequence[str], stdin: bytes = b"", timeout_s: float = 120.0
    ) -> Answer:
        """Run one command on one node; status 255 is ssh's word for a node it cannot reach."""
        if not is_node_name(node):
            return _not_a_node(node)
        ended = await run_local(ssh_argv(self.ssh, node, argv), stdin, timeout_s, OUTPUT_LIMIT)
        return Answer(node, ended.status, ended.output, ended.errors, ended.timed_out)


@dataclass(frozen=True, slots=True)
class TaktukRemote:
    """One TakTuk for all nodes of a program; ssh where there are fewer than ``from_nodes`` of them.

    TakTuk sends itself to each node first: that pays from some number of nodes on, which the site chooses.
    Nodes reach each other, so one that hangs takes along those behind it: who is lost without a reason is
    asked once more, by an ssh of its own and within half of ``timeout_s``. Programs must bear that.
    """

    taktuk: tuple[str, ...]
    one_by_one: SshRemote
    from_nodes: int = 2

    async def run(self, nodes: Sequence[str], program: NodeProgram, timeout_s: float) -> list[Answer]:
        """Run a program on all nodes with one command."""
        names = [node for node in dict.fromkeys(nodes) if is_node_name(node)]
        if len(names) < self.from_nodes:
            return await self.one_by_one.run(nodes, program, timeout_s)
        answers, lost = await self._run_tree(names, program, timeout_s)
        if lost:
            turns = -(-len(lost) // self.one_by_one.at_once)
            again = await self.one_by_one.run(lost, program, timeout_s / 2 / turns)
            answers |= {answer.node: answer for answer in again}
        return [answers.get(node) or _not_a_node(node) for node in nodes]

    async def _run_tree(
        self, names: list[str], program: NodeProgram, timeout_s: float
    ) -> tuple[dict[str, Answer], list[str]]:
        """Run TakTuk; give the answers by node, and the nodes that are silent without a reason."""
        argv = taktuk_argv(self.taktuk, self.one_by_one.ssh, names, program.argv, timeout_s)
        ended = await run_local(argv, program.to_stdin(), timeout_s, OUTPUT_LIMIT * len(names))
        told = parse_output(names, ended.output)
        answers = {}
        for name, lines in told.items():
            silent = lines.status is None
            errors = lines.errors or ([ended.errors.strip() or "no answer"] if silent else [])
            timed_out = silent and (ended.timed_out or lines.timed_out)
            answers[name] = Answer(name, lines.status, "\n".join(lines.output), "\n".join(errors), timed_out)
        has_run = ended.status is not None or ended.timed_out
        lost = [name for name, lines in told.items() if has_run and lines.status is None and not lines.errors]
        return answers, lost

    async def run_command(
        self, node: str, argv: Sequence[str], stdin: bytes = b"", timeout_s: float = 120.0
    ) -> Answer:
        """Run one command on one node."""
        return await self.one_by_one.run_command(node, argv, stdin, timeout_s)


def open_remote(settings: NodeSettings) -> Remote:
    """Choose how nodes are reached: TakTuk when it is configured, ssh otherwise."""
    by_ssh = SshRemote(settings.ssh)
    if not settings.taktuk:
        return by_ssh
    return TaktukRemote(settings.taktuk, by_ssh, settings.taktuk_from_nodes)


@dataclass(frozen=True, slots=True)
class LocalEnd:
    """How a process of ours ended; ``status`` is None when it had to be killed or could not start."""

    status: int | None
    output: str
    errors: str
    timed_out: bool = False


async def run_local(argv: Sequence[str], stdin: bytes, timeout_s: float, limit: int) -> LocalEnd:
    """Run one local command in a session of its own, to its end or for ``timeout_s`` seconds."""
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        return LocalEnd(None, "", f"{CANNOT_RUN}{argv[0]}: {error.strerror}")
    output, errors = bytearray(), bytearray()
    try:
        async with asyncio.timeout(timeout_s):
            await asyncio.gather(
                _feed(process.stdin, stdin),
                _drain(process.stdout, output, limit),
                _drain(process.stderr, errors, limit),
            )
            status: int | None = await process.wait()
        timed_out = False
    except TimeoutError:
        status, timed_out = None, True
    finally:
        # Reached on cancellation too: the session must not outlive the call.
        if process.returncode is None:
            _kill_session(process.pid)
            await asyncio.shield(process.wait())
    return LocalEnd(status, output.decode(errors="replace"), errors.decode(errors="replace"), timed_out)


async def _feed(stream: asyncio.StreamWriter | None, data: bytes) -> None:
    assert stream is not None  # noqa: S101 - asked for with PIPE
    # A command that ends without reading its input is its own business.
    with contextlib.suppress(ConnectionError):
        stream.write(data)
        await stream.drain()
        stream.close()
        await stream.wait_closed()


async def _drain(stream: asyncio.StreamReader | None, kept: bytearray, limit: int) -> None:
    assert stream is not None  # noqa: S101 - asked for with PIPE
    while piece := await stream.read(65536):
        kept += piece[: max(0, limit - len(kept))]


def _kill_session(session: int) -> None:
    """Kill all processes of a session: TakTuk gives each of its ssh a process group of its own."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and _session_of(entry) == session:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(entry.name), signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(session, signal.SIGKILL)


def _session_of(process: Path) -> int | None:
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[3])
    except (OSError, IndexError):
        return None


def _not_a_node(node: str) -> Answer:
    return Answer(node, None, "", f'"{node}" is not a name of a machine')
