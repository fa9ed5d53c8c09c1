"""The commands of a site that put nodes to sleep and wake them: names on the standard input, one a line."""

import asyncio
import contextlib
import os
import signal
import tempfile
from collections.abc import Sequence
from typing import IO

LONGEST_WORDS = 200


async def feed(command: Sequence[str], nodes: Sequence[str], timeout_s: float) -> str:
    """Run a command with the names of nodes; tells what went wrong in a few words, "" when nothing did.

    What it leaves running in the background is not waited for: it may start a daemon.
    """
    with tempfile.TemporaryFile() as said:
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=said,
                start_new_session=True,
            )
        except OSError as error:
            return f"cannot run {command[0]}: {error.strerror}"
        try:
            async with asyncio.timeout(timeout_s):
                code = await _talk(process, nodes)
        except TimeoutError:
            return f"{command[0]} did not end within {timeout_s:g} s"
        finally:
            await _end(process)
        return "" if code == 0 else _words(command[0], code, said)


async def _talk(process: asyncio.subprocess.Process, nodes: Sequence[str]) -> int:
    if process.stdin is not None:
        # A command that does not read its input may have closed it.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            process.stdin.write("".join(f"{node}\n" for node in nodes).encode())
            await process.stdin.drain()
        process.stdin.close()
    return await process.wait()


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await asyncio.shield(process.wait())


def _words(program: str, code: int, said: IO[bytes]) -> str:
    said.seek(0)
    lines = said.read().decode(errors="replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    ended = f"{program} ended with {f'signal {-code}' if code < 0 else f'status {code}'}"
    return f"{ended}: {last[:LONGEST_WORDS]}" if last else ended
