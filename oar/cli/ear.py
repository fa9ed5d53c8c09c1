"""The port on which an oarsub that waits is told that there is news of its job."""

import contextlib
import select
import socket
import time
from types import TracebackType

from oar.core.client_lines import LONGEST_LINE

READING_S = 2.0
"""A caller that says nothing is hung up on: others may have something to say."""


class Ear:
    """Listens on a free port of all addresses here. What is heard is a hint: anybody may say it."""

    def __init__(self) -> None:
        # The server is another machine, or this one by whatever address it knows it.
        if socket.has_dualstack_ipv6():
            self._server = socket.create_server(("", 0), family=socket.AF_INET6, dualstack_ipv6=True)
        else:
            self._server = socket.create_server(("", 0))

    def __enter__(self) -> "Ear":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()

    @property
    def port(self) -> int:
        """Where this listens."""
        return int(self._server.getsockname()[1])

    def hear(self, timeout_s: float) -> str:
        """Wait for a line; "" when none came in time, or somebody only knocked."""
        if not select.select([self._server], [], [], timeout_s)[0]:
            return ""
        with contextlib.suppress(OSError):
            caller, _ = self._server.accept()
            with caller:
                return _read_line(caller)
        return ""


def _read_line(caller: socket.socket) -> str:
    heard = b""
    deadline = time.monotonic() + READING_S
    while b"\n" not in heard and len(heard) < LONGEST_LINE:
        caller.settimeout(max(deadline - time.monotonic(), 0.01))
        try:
            piece = caller.recv(LONGEST_LINE)
        except OSError:
            return ""
        if not piece:
            break
        heard += piece
    return heard.partition(b"\n")[0].decode(errors="replace").strip()
