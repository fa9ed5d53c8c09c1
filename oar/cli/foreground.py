"""Runs a program that has our terminal, and leaves that as it was, whatever ends the program or us."""

import ctypes
import os
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from oar.errors import OarError

PR_SET_PDEATHSIG = 1
GRACE_S = 3.0
"""How long a program that is told to end may take to tidy up."""


class CannotRun(OarError):
    """A program that is not there, or that the machine does not let us start."""


def run_at_terminal(argv: Sequence[str]) -> int:
    """Wait until a program has ended; returns its exit code, or the number of a signal, negative.

    When an exception breaks the wait off the program is ended; when we are killed it is told to end too.
    Raises :class:`CannotRun`.
    """
    with _terminal_restored():
        try:
            process = subprocess.Popen(argv, preexec_fn=_end_with(os.getpid()))  # noqa: PLW1509 - no threads here
        except OSError as error:
            raise CannotRun(f"cannot run {argv[0]}: {error.strerror}") from None
        try:
            return process.wait()
        finally:
            _end(process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    try:
        if process.poll() is None:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(GRACE_S)
    finally:
        process.kill()  # nothing, if it has ended


def _end_with(parent: int) -> Any:
    """Give what a child does before it becomes the program, so that it does not outlive its parent."""
    libc = ctypes.CDLL(None)

    def prepare() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return prepare


@contextmanager
def _terminal_restored() -> Iterator[None]:
    """Set the modes of the terminal again as they were; a program that is killed leaves them raw."""
    try:
        modes = termios.tcgetattr(sys.stdin.fileno())
    except (termios.error, OSError, ValueError, AttributeError):  # no terminal, or no standard input
        yield
        return
    try:
        yield
    finally:
        # Whoever is not in the foreground any more is stopped for this, unless the signal is blocked.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
        with suppress(termios.error, OSError):  # the window was closed
            termios.tcsetattr(sys.stdin.fileno(), termios.TCSANOW, modes)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
