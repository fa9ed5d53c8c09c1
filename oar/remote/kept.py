"""Keeps sessions with nodes for a while: programs are started there without an ssh and a python3 for each.

A session is only a quicker way. Whatever is wrong with one, its programs are given to another, then sent
without any, in what is left of their time: they can be repeated, so it does not matter how far they had come.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Sequence

from oar.remote.argv import STAYING_LOADER, is_node_name, loader_argv, ssh_argv
from oar.remote.bundle import bundle
from oar.remote.kept_session import QUIET_S, KeptSession, SessionLost
from oar.remote.runner import CONNECTIONS_AT_ONCE, Answer, NodeProgram, Remote, open_remote
from oar.settings import NodeSettings

log = logging.getLogger(__name__)

WORD = "OAR_KEEPER"
"""What shows in the node's process list."""
ATTEMPTS = 2
"""Sessions that a program is given to before it is sent without one."""
RETRY_AFTER_S = 60.0
"""How long a node is reached without a session after one could not begin there."""

_Key = tuple[str, bool]
"""A session's node, and whether it has root's rights there."""


class KeptRemote:
    """Reaches nodes through sessions where that is quicker, and as ``beside`` does everywhere else.

    There are ``most`` sessions, each ended after ``idle_s`` seconds without a program. A program on
    ``from_nodes`` nodes or more goes ``beside``, and so does one that is no keeper's (``kept_as``).
    """

    def __init__(
        self,
        beside: Remote,
        ssh: tuple[str, ...],
        *,
        most: int,
        idle_s: float,
        from_nodes: int = CONNECTIONS_AT_ONCE + 1,
        quiet_s: float = QUIET_S,
    ) -> None:
        self._beside = beside
        self._ssh = ssh
        self._most = most
        self._idle_s = idle_s
        self._from_nodes = from_nodes
        self._quiet_s = quiet_s
        self._sessions: dict[_Key, KeptSession] = {}
        self._opening: defaultdict[_Key, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._not_before: dict[_Key, float] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._sweep: asyncio.TimerHandle | None = None

    async def run(self, nodes: Sequence[str], program: NodeProgram, timeout_s: float) -> list[Answer]:
        """Run a program on all nodes at once; one answer per node, in the order of ``nodes``."""
        if not program.kept_as or len(nodes) >= self._from_nodes or not all(map(is_node_name, nodes)):
            return await self._beside.run(nodes, program, timeout_s)
        return list(await asyncio.gather(*(self._run_on(node, program, timeout_s) for node in nodes)))

    async def run_command(
        self, node: str, argv: Sequence[str], stdin: bytes = b"", timeout_s: float = 120.0
    ) -> Answer:
        """Run one command on one node, without a session."""
        return await self._beside.run_command(node, argv, stdin, timeout_s)

    async def close(self) -> None:
        """End all sessions."""
        if self._sweep is not None:
            self._sweep.cancel()
        for key in list(self._sessions):
            self._dismiss(key)
        await asyncio.gather(*self._closing, return_exceptions=True)

    async def _run_on(self, node: str, program: NodeProgram, timeout_s: float) -> Answer:
        now = asyncio.get_running_loop().time
        deadline = now() + timeout_s
        for _ in range(ATTEMPTS):
            try:
                async with asyncio.timeout_at(deadline):
                    session = await self._session((node, program.as_root))
            except TimeoutError:
                return Answer(node, None, timed_out=True)
            if session is None:
                break
            try:
                return await self._ask(session, program, deadline - now())
            except SessionLost:
                log.info("%s: its session ended, repeating %s", node, program.action)
        if now() >= deadline:
            return Answer(node, None, timed_out=True)
        (answer,) = await self._beside.run([node], program, deadline - now())
        return answer

    async def _ask(self, session: KeptSession, program: NodeProgram, timeout_s: float) -> Answer:
        key = (session.node, program.as_root)
        try:
            return await session.ask(program, timeout_s)
        finally:
            if not session.is_usable and session.is_idle and self._sessions.get(key) is session:
                self._dismiss(key)
            self._sweep_later()

    async def _session(self, key: _Key) -> KeptSession | None:
        """Give the session of a node, a new one if need be; None when there can be none now."""
        async with self._opening[key]:
            session = self._sessions.get(key)
            if session is not None and session.is_usable:
                return session
            now = asyncio.get_running_loop().time()
            if now < self._not_before.get(key, now) or not self._make_room(key):
                return None
            session = self._sessions[key] = KeptSession(key[0], self._quiet_s)
            try:
                await session.open(self._argv(key), bundle("keeper").encode())
            except (SessionLost, OSError, TimeoutError):
                log.info("%s: no session, its programs are sent one by one", key[0])
                self._not_before[key] = now + RETRY_AFTER_S
                session = None
            finally:
                if session is None or not session.is_usable:
                    self._dismiss(key)
            return session

    def _argv(self, key: _Key) -> list[str]:
        node, as_root = key
        return ssh_argv(self._ssh, node, loader_argv(WORD, as_root, STAYING_LOADER))

    def _make_room(self, key: _Key) -> bool:
        """End the session that was idle for longest if there are too many; False when none is idle."""
        self._dismiss(key)
        if len(self._sessions) < self._most:
            return True
        idle = [key for key, session in self._sessions.items() if session.is_idle and session.is_usable]
        if not idle:
            return False
        self._dismiss(min(idle, key=lambda key: self._sessions[key].used_at))
        return True

    def _dismiss(self, key: _Key) -> None:
        """Give a session no more programs, and end it."""
        if session := self._sessions.pop(key, None):
            task = asyncio.get_running_loop().create_task(session.close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    def _sweep_later(self) -> None:
        if self._sweep is None:
            self._sweep = asyncio.get_running_loop().call_later(self._idle_s, self._sweep_now)

    def _sweep_now(self) -> None:
        """End the sessions that were idle for too long, and those that ended by themselves."""
        self._sweep = None
        oldest = asyncio.get_running_loop().time() - self._idle_s
        for key, session in list(self._sessions.items()):
            if session.is_idle and (session.used_at <= oldest or not session.is_usable):
                self._dismiss(key)
        if self._sessions:
            self._sweep_later()


def open_kept_remote(settings: NodeSettings) -> KeptRemote:
    """Reach nodes through sessions where the configuration wants them, else as it wants it."""
    return KeptRemote(
        open_remote(settings),
        settings.ssh,
        most=settings.sessions_kept,
        idle_s=settings.session_idle_s,
        from_nodes=settings.taktuk_from_nodes if settings.taktuk else CONNECTIONS_AT_ONCE + 1,
    )
