"""Asks nodes whether they answer, in the way the site has chosen; bounded in time."""

import asyncio
from collections.abc import Mapping, Sequence

from oar.almighty.finaud.methods import (
    Method,
    MethodKind,
    NoVerdict,
    Said,
    build_command,
    choose_method,
    find_silent,
)
from oar.almighty.node_programs import describe
from oar.remote.argv import is_node_name
from oar.remote.runner import CANNOT_RUN, NodeProgram, Remote, run_local
from oar.settings import Settings

SSH_TIMEOUT_S = 30.0
"""How long one node may take to answer ours; an idle one needs a second."""
PROGRAM_TIMEOUT_S = 300.0
NODES_AT_ONCE = 200
"""How many nodes one question is about: its command line stays short, and what is known is soon written."""
OUTPUT_LIMIT = 4 * 2**20
NAMELESS = "no address of it is known"

ARE_YOU_THERE = NodeProgram("", "CHECK", {"job_id": 0})
"""A program that does nothing, but needs all that jobs need: sshd, the account, python3."""


class Prober:
    """A way to ask nodes; holds nothing between two questions."""

    def __init__(self, remote: Remote, settings: Settings) -> None:
        self._remote = remote
        self._ssh, self._taktuk = settings.nodes.ssh, settings.nodes.taktuk
        self._timeout_s = min(SSH_TIMEOUT_S, float(settings.nodes.ssh_timeout_s))
        self.method: Method = choose_method(settings.checks, settings.nodes.taktuk)

    async def find_silent(self, nodes: Sequence[str]) -> Mapping[str, str]:
        """Tell which of the nodes do not answer, each with a few words; raises NoVerdict."""
        strange = {node: "is no name of a machine" for node in nodes if not is_node_name(node)}
        sane = [node for node in nodes if node not in strange]
        if not sane:
            return strange
        if self.method.kind is MethodKind.SSH:
            return {**strange, **await self._by_ssh(sane)}
        if self.method.kind is MethodKind.NMAP:
            return {**strange, **await self._by_address(sane)}
        return {**strange, **await self._by_program(sane)}

    async def _by_ssh(self, nodes: Sequence[str]) -> Mapping[str, str]:
        # TakTuk waits for connections half of its time.
        timeout_s = self._timeout_s * (2 if self._taktuk else 1)
        answers = await self._remote.run(nodes, ARE_YOU_THERE, timeout_s)
        if broken := [one.errors for one in answers if one.errors.startswith(CANNOT_RUN)]:
            raise NoVerdict(broken[0])
        return {answer.node: describe(answer) for answer in answers if not answer.good}

    async def _by_address(self, nodes: Sequence[str]) -> Mapping[str, str]:
        """Ask programs that answer with addresses."""
        found = await asyncio.gather(*(_address(node) for node in nodes))
        names = {address: node for node, address in zip(nodes, found, strict=True) if address}
        silent = {node: NAMELESS for node, address in zip(nodes, found, strict=True) if not address}
        if names:
            silent |= {names[one]: why for one, why in (await self._by_program(list(names))).items()}
        return silent

    async def _by_program(self, nodes: Sequence[str]) -> Mapping[str, str]:
        argv, stdin = build_command(self.method, nodes, self._ssh, self._taktuk)
        ended = await run_local(argv, stdin.encode(), PROGRAM_TIMEOUT_S, OUTPUT_LIMIT)
        said = Said(ended.status, ended.output, ended.errors, ended.timed_out)
        return find_silent(self.method, nodes, said)


async def _address(node: str) -> str:
    try:
        async with asyncio.timeout(SSH_TIMEOUT_S):
            found = await asyncio.get_running_loop().getaddrinfo(node, None)
    except (OSError, TimeoutError, UnicodeError):
        return ""
    return str(found[0][4][0])
