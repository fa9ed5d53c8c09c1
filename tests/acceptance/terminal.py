"""A real pseudo-terminal with a command of the cluster at it, and somebody who types and reads."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from oar.dev.cluster import Cluster

PATIENCE_S = 40.0


class Terminal:
    """A command at a terminal of its own; ``seen`` is all that it has shown."""

    def __init__(self, cluster: Cluster, *argv: str, user: str | None = None, term: str = "xterm") -> None:
        command = cluster.command(list(argv), user)
        self._master, slave = pty.openpty()
        self.resize(24, 80)
        self._process = subprocess.Popen(
            command.argv,
            env={**command.environment, "TERM": term},
            cwd=command.directory,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - one system call
        )
        os.close(slave)
        self.seen = ""

    def resize(self, rows: int, columns: int) -> None:
        """Give the window another size."""
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text: str) -> None:
        """Press keys; ``\\x03`` is Ctrl-C, ``\\x1a`` Ctrl-Z, ``\\x04`` Ctrl-D."""
        os.write(self._master, text.encode())

    def until(self, pattern: str, within_s: float = PATIENCE_S) -> "re.Match[str]":
        """Wait until something is shown, and take all up to it as read."""
        deadline = time.monotonic() + within_s
        while (found := re.search(pattern, self.seen)) is None:
            left = deadline - time.monotonic()
            assert left > 0 and self._read(left), f"the terminal never showed {pattern!r}, only {self.seen!r}"
        self.seen = self.seen[found.end() :]
        return found

    def ends(self, within_s: float = PATIENCE_S) -> int:
        """Wait for the end of the command; returns its exit code."""
        deadline = time.monotonic() + within_s
        while self._process.poll() is None:
            assert time.monotonic() < deadline, f"the command goes on; it showed {self.seen!r}"
            self._read(0.05)
        while self._read(0):
            pass
        return self._process.returncode

    def hang_up(self) -> None:
        """Close the window."""
        if self._master >= 0:
            os.close(self._master)
            self._master = -1

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Kill everything that runs at the terminal on this side."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def _read(self, timeout_s: float) -> bool:
        """Read what is shown now; false when nothing came, or nothing will."""
        if self._master < 0 or not select.select([self._master], [], [], timeout_s)[0]:
            return False
        try:
            piece = os.read(self._master, 65536)
        except OSError:  # the last process at the terminal has closed it
            return False
        self.seen += piece.decode(errors="replace")
        return bool(piece)


@contextmanager
def at_terminal(cluster: Cluster, *argv: str, user: str | None = None) -> Iterator[Terminal]:
    """Type a command at a new terminal, which is closed in the end."""
    terminal = Terminal(cluster, *argv, user=user)
    try:
        yield terminal
    finally:
        terminal.hang_up()
        terminal.kill()
        terminal.ends()
