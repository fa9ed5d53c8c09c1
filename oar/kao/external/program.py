"""Runs a program for a bounded time and reads what it says; nothing of it is left when it has ended."""

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

_LOOK_S = 0.1
"""How often we look whether a program has ended that left its output open to others."""
_LONGEST_LINE = 1 << 20
_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended: its exit ``code``, or in words why it has none."""

    code: int | None
    failure: str = ""


Listener = Callable[[str], None]
"""Is given each line as it comes, without its end."""


def run_program(
    argv: Sequence[str],
    environment: Mapping[str, str],
    timeout_s: float,
    *,
    out: Listener,
    err: Listener,
) -> Ended:
    """Run a program in a session of its own, from ``/``, without input; ``out`` and ``err`` hear its lines.

    What is left of the session when the program has ended, or its time is over, is killed.
    """
    try:
        process = subprocess.Popen(
            list(argv),
            env=dict(environment),
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        return Ended(None, f"cannot be run: {argv[0]}: {error.strerror}")
    except ValueError as error:  # a NUL in a name
        return Ended(None, f"cannot be run: {error}")
    with process:
        try:
            in_time = _listen(process, {process.stdout: out, process.stderr: err}, timeout_s)
        finally:
            _kill_session(process.pid)
        code = process.wait()
    if not in_time:
        return Ended(None, f"did not end within {timeout_s:g} s and was killed")
    if code < 0:
        return Ended(None, f"was killed by signal {-code}")
    return Ended(code)


class _Lines:
    """Cuts what comes into lines; one that is too long is cut too."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._rest = b""

    def feed(self, chunk: bytes) -> None:
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            self._listener(line.decode(errors="replace"))
        if len(self._rest) > _LONGEST_LINE:
            self.end()

    def end(self) -> None:
        if self._rest:
            self._listener(self._rest.decode(errors="replace"))
        self._rest = b""


def _listen(process: subprocess.Popen[bytes], listeners: Mapping[object, Listener], timeout_s: float) -> bool:
    """Hear the program until it has ended; false when it has not in time."""
    deadline = time.monotonic() + timeout_s
    with selectors.DefaultSelector() as selector:
        for pipe, listener in listeners.items():
            selector.register(pipe, selectors.EVENT_READ, _Lines(listener))  # type: ignore[arg-type] # they are pipes
        while True:
            ended = _has_ended(process.pid)
            heard = _hear(selector, 0 if ended else min(_LOOK_S, deadline - time.monotonic()))
            if ended and not heard:
                break
            if not ended and time.monotonic() >= deadline:
                break
        for key in list(selector.get_map().values()):
            key.data.end()
    return ended


def _hear(selector: selectors.BaseSelector, wait_s: float) -> bool:
    """Read what is there, or comes while we wait; false when nothing did."""
    if not selector.get_map():
        time.sleep(max(wait_s, 0))
        return False
    heard = False
    for key, _ in selector.select(max(wait_s, 0)):
        chunk = os.read(key.fd, _CHUNK)
        heard = True
        if chunk:
            key.data.feed(chunk)
        else:
            key.data.end()
            selector.unregister(key.fileobj)
    return heard


def _has_ended(process: int) -> bool:
    """Tell whether a child has ended, and leave it to be waited for: no other gets its number."""
    return os.waitid(os.P_PID, process, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None


def _kill_session(process: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process, signal.SIGKILL)
