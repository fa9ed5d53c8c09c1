"""Runs scheduling rounds: in kao, our child that stays, or in a foreign program that is started each time."""

import asyncio
import contextlib
import json
import logging
import os
import secrets
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import zmq
import zmq.asyncio

log = logging.getLogger(__name__)

ROUND_TIMEOUT_S = 300.0
STOP_TIMEOUT_S = 2.0


@dataclass(frozen=True, slots=True)
class RoundResult:
    """What a round left to do: jobs in toLaunch, whether kills were asked for, whether to run again.

    ``again_in_s`` is when, where it is not at once. ``energy`` tells that nodes are to sleep or to wake up.
    """

    launch: tuple[int, ...] = ()
    killed: bool = False
    again: bool = False
    again_in_s: int | None = None
    energy: bool = False


class RoundFailed(Exception):
    """A round that did not end as it should; nothing is lost, the next one starts from the database."""


class MetaScheduler(Protocol):
    """Whatever plans and decides."""

    async def run_round(self) -> RoundResult:
        """Run one round to its end; raises RoundFailed."""

    async def close(self) -> None:
        """End every process of it."""


def open_metascheduler(command: Sequence[str], context: zmq.asyncio.Context) -> MetaScheduler:
    """Choose by ``META_SCHED_CMD``: the word ``kao`` is our own scheduler."""
    if tuple(command) == ("kao",):
        return KaoWorker(context, (sys.executable, "-m", "oar.kao.main", "--worker"))
    return ForeignMetaScheduler(tuple(command))


class KaoWorker:
    """The child that serves rounds over ZeroMQ; started when first needed, and again after it died."""

    def __init__(
        self, context: zmq.asyncio.Context, command: Sequence[str], timeout_s: float = ROUND_TIMEOUT_S
    ) -> None:
        self._context = context
        self._command = tuple(command)
        self._timeout_s = timeout_s
        self._process: asyncio.subprocess.Process | None = None
        self._socket: Any = None
        self._number = 0

    async def run_round(self) -> RoundResult:
        """Ask the child for one round; a child that dies or stays silent is ended, and RoundFailed raised."""
        if self._process is None or self._process.returncode is not None:
            await self.close()
            await self._start()
        self._number += 1
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await self._ask()
        except TimeoutError:
            await self.close()
            raise RoundFailed(f"kao did not answer for {self._timeout_s:g} s and was ended") from None
        except RoundFailed:
            await self.close()
            raise
        if answer.get("error"):
            raise RoundFailed(str(answer["error"]))
        launch = tuple(int(job_id) for job_id in answer["launch"])
        return RoundResult(
            launch,
            bool(answer["killed"]),
            bool(answer["again"]),
            answer.get("again_in_s"),
            bool(answer.get("energy")),
        )

    async def close(self) -> None:
        """End the child, politely first, and close its socket."""
        if self._process is not None:
            await _end(self._process)
        if self._socket is not None:
            self._socket.close(linger=0)
        self._process = self._socket = None

    async def _start(self) -> None:
        # A new address each time: what a dead child left in its queue must not reach the next one. In Linux's
        # abstract namespace it is no file that could stay behind; the filter does what a file's mode would.
        address = f"ipc://@oar-kao-{secrets.token_hex(16)}"
        self._socket = self._context.socket(zmq.PAIR)
        self._socket.set(zmq.IPC_FILTER_UID, os.getuid())
        self._socket.bind(address)
        self._process = await asyncio.create_subprocess_exec(
            *self._command, address, stdin=asyncio.subprocess.DEVNULL, start_new_session=True
        )
        log.info("kao started, process %d", self._process.pid)

    async def _ask(self) -> dict[str, Any]:
        if self._process is None:
            raise RoundFailed("kao is not there")
        death = asyncio.ensure_future(self._process.wait())
        talk = asyncio.ensure_future(self._talk())
        try:
            await asyncio.wait({death, talk}, return_when=asyncio.FIRST_COMPLETED)
            if talk.done():
                return talk.result()
            raise RoundFailed(f"kao ended with {_describe(self._process.returncode)}")
        finally:
            for future in (death, talk):
                future.cancel()
            await asyncio.gather(death, talk, return_exceptions=True)

    async def _talk(self) -> dict[str, Any]:
        await self._socket.send(json.dumps({"round": self._number}).encode())
        while True:
            answer = json.loads(await self._socket.recv())
            if answer.get("round") == self._number:
                return dict(answer)


class ForeignMetaScheduler:
    """A program that is run once per round, with OAR 2's exit codes.

    0: done; 1: run it again; 2: kills were asked for. It says itself, on the text port, which jobs to launch.
    """

    def __init__(self, command: Sequence[str], timeout_s: float = ROUND_TIMEOUT_S) -> None:
        self._command = tuple(command)
        self._timeout_s = timeout_s
        self._process: asyncio.subprocess.Process | None = None

    async def run_round(self) -> RoundResult:
        """Run the program to its end; any exit code but the three is RoundFailed."""
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._command, stdin=asyncio.subprocess.DEVNULL, start_new_session=True
            )
        except OSError as error:
            raise RoundFailed(f"META_SCHED_CMD: cannot run {self._command[0]}: {error.strerror}") from None
        try:
            async with asyncio.timeout(self._timeout_s):
                code = await self._process.wait()
        except TimeoutError:
            raise RoundFailed(
                f"{self._command[0]} did not end within {self._timeout_s:g} s and was killed"
            ) from None
        finally:
            await self.close()
        if code not in (0, 1, 2):
            raise RoundFailed(f"{self._command[0]} ended with {_describe(code)}")
        return RoundResult(killed=code == 2, again=code == 1)

    async def close(self) -> None:
        """End the program if it runs."""
        if self._process is not None:
            await _end(self._process)
            self._process = None


async def _end(process: asyncio.subprocess.Process) -> None:
    """End a child and its session: SIGTERM, then SIGKILL."""
    if process.returncode is None:
        _signal_session(process.pid, signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await process.wait()
    if process.returncode is None:
        _signal_session(process.pid, signal.SIGKILL)
        await process.wait()


def _signal_session(process: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process, number)


def _describe(code: int | None) -> str:
    if code is not None and code < 0:
        return f"signal {-code}"
    return f"exit code {code}"
