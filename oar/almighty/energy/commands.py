"""The commands of a site that put nodes to sleep and wake them: names on the standard input, one a line."""

import asyncio
import contextlib
import os
import signal
import tempfile
from collections.abc import Sequence
from typing import IO

LONGEST_WORDS = 200
LAST_BYTES = 4096
"""Of what a command says on its standard error; it may say any amount."""
DYING_S = 5.0
"""How long a command that was killed is waited for: one that hangs in the kernel may never end."""


async def feed(command: Sequence[str], nodes: Sequence[str], timeout_s: float) -> str:
    """Run a command with the names of nodes; tells what went wrong in a few words, "" when nothing did.

    What it leaves running in the background is not waited for: it may start a daemon.
    """
    with tempfile.TemporaryFile() as names, tempfile.TemporaryFile() as said:
        # Files, not pipes: nobody has to read or write while the command runs, or has closed its end.
        names.write("".join(f"{node}\n" for node in nodes).encode())
        names.seek(0)
        try:
            process = await asyncio.create_subprocess_exec(
                *command, stdin=names, stdout=asyncio.subprocess.DEVNULL, stderr=said, start_new_session=True
            )
        except OSError as error:
            return f"cannot run {command[0]}: {error.strerror}"
        try:
            async with asyncio.timeout(timeout_s):
                code = await process.wait()
        except TimeoutError:
            return f"{command[0]} did not end within {timeout_s:g} s"
        finally:
            await _end(process)
        return "" if code == 0 else _words(command[0], code, said)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DYING_S):
                await process.wait()


def _words(program: str, code: int, said: IO[bytes]) -> str:
    said.seek(max(said.seek(0, os.SEEK_END) - LAST_BYTES, 0))
    lines = said.read(LAST_BYTES).decode(errors="replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    ended = f"{program} ended with {f'signal {-code}' if code < 0 else f'status {code}'}"
    return f"{ended}: {last[:LONGEST_WORDS]}" if last else ended
