"""One session with a node that stays for a while; at its other end is ``oar/node/keeper.py``."""

import asyncio
import contextlib
import json
import logging
from collections.abc import Sequence

from oar.remote.runner import Answer, NodeProgram

log = logging.getLogger(__name__)

OPEN_LIMIT_S = 10.0
"""How long a session may take to begin."""
QUIET_S = 5.0
"""A session that owes an answer and says nothing for so long is asked whether it lives."""
CLOSE_LIMIT_S = 1.0
LONGEST_LINE = 2**20
READY = b"{}\n"


class SessionLost(Exception):
    """The session ended, or nothing is heard of it; it is not known how far its programs came."""


class KeptSession:
    """A keeper on a node, from ``open`` to ``close``; ``is_usable`` tells whether it can take programs."""

    def __init__(self, node: str, quiet_s: float = QUIET_S) -> None:
        self.node = node
        self.is_usable = False
        self.used_at = self._now()
        self._quiet_s = quiet_s
        self._heard_at = self._now()
        self._process: asyncio.subprocess.Process | None = None
        self._listener: asyncio.Task[None] | None = None
        self._answers: dict[int, asyncio.Future[Answer | None]] = {}
        self._last_number = 0

    @property
    def is_idle(self) -> bool:
        """Tell whether no program of the session is under way."""
        return not self._answers

    async def open(self, argv: Sequence[str], source: bytes) -> None:
        """Start the keeper and wait until it answers; raises SessionLost, OSError or TimeoutError."""
        async with asyncio.timeout(OPEN_LIMIT_S):
            self._process = await asyncio.create_subprocess_exec(
                *argv,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                start_new_session=True,
                limit=LONGEST_LINE,
            )
            assert self._process.stdout is not None  # noqa: S101 - asked for with PIPE
            self._write(b"%d\n%b" % (len(source), source))
            if await self._process.stdout.readline() != READY:
                raise SessionLost
        self._heard_at = self._now()
        self.is_usable = True
        self._listener = asyncio.get_running_loop().create_task(self._listen(self._process.stdout))

    async def ask(self, program: NodeProgram, timeout_s: float) -> Answer:
        """Have a program run; raises SessionLost. After one that takes too long no other is taken."""
        if not self.is_usable:
            raise SessionLost
        deadline = self._now() + timeout_s
        answer: asyncio.Future[Answer | None] = asyncio.get_running_loop().create_future()
        self._last_number += 1
        number = self._last_number
        self._answers[number] = answer
        try:
            data = json.dumps(program.data, default=str)
            self._write(f"{number} {program.kept_as} {program.action} {data}\n".encode())
            while (left := deadline - self._now()) > 0:
                await asyncio.wait({answer}, timeout=min(left, self._quiet_s))
                if answer.done():
                    break
                self._look_after()
        finally:
            del self._answers[number]
            self.used_at = self._now()
        if not answer.done():
            self.is_usable = False
            return Answer(self.node, None, timed_out=True)
        told = answer.result()
        if told is None:
            raise SessionLost
        return told

    async def close(self) -> None:
        """End it; what its programs have started goes on."""
        self._lose()
        if self._process is None:
            return
        if self._process.stdin is not None:
            self._process.stdin.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_LIMIT_S):
                await self._process.wait()
        self._kill()
        if self._listener is not None:
            await self._listener
        await self._process.wait()

    async def _listen(self, stream: asyncio.StreamReader) -> None:
        # ValueError, KeyError and TypeError: what came is no answer.
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            while line := await stream.readline():
                self._heard_at = self._now()
                self._take(json.loads(line))
        self._lose()
        self._kill()

    def _take(self, told: dict[str, object]) -> None:
        answer = self._answers.get(int(str(told["number"]))) if told else None
        if answer is not None and not answer.done():
            status, output, errors = int(str(told["status"])), str(told["output"]), str(told["errors"])
            answer.set_result(Answer(self.node, status, output, errors))

    def _look_after(self) -> None:
        """Ask whether the keeper lives; one that was asked before and says nothing is given up."""
        if self._now() - self._heard_at > 3 * self._quiet_s:
            log.warning("%s: its session does not answer any more, going on without it", self.node)
            self._lose()
            self._kill()
        else:
            self._write(b"ping\n")

    def _lose(self) -> None:
        self.is_usable = False
        for answer in self._answers.values():
            if not answer.done():
                answer.set_result(None)

    def _write(self, text: bytes) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.write(text)

    def _kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
