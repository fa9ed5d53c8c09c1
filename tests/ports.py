"""Ports for the servers of tests."""

import random
import socket
from contextlib import ExitStack

FIRST, LAST = 20_000, 32_000
"""Below those that the system gives to whoever connects somewhere, so that nobody takes one beforehand."""


def free_ports(count: int) -> tuple[int, ...]:
    """Find different ports of this machine on which nobody listens."""
    found: list[int] = []
    with ExitStack() as held:
        while len(found) < count:
            port = random.randint(FIRST, LAST)  # noqa: S311
            probe = held.enter_context(socket.socket())
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            found.append(port)
    return tuple(found)
