"""Says lines over TCP, each on a connection of its own: to OAR 2's server, and to the oarsubs that wait."""

import socket
from collections.abc import Iterable

from oar.core.client_lines import Address

TIMEOUT_S = 5.0


def say(address: Address, line: str, timeout_s: float = TIMEOUT_S) -> bool:
    """Say one line; false when nobody took it."""
    try:
        with socket.create_connection((address.host, address.port), timeout_s) as connection:
            connection.sendall(f"{line}\n".encode())
    except (OSError, UnicodeError):
        # UnicodeError: a host name that no name server can be asked for.
        return False
    return True


def say_all(address: Address, lines: Iterable[str]) -> bool:
    """Say lines one after the other; false when the first did not arrive, for who ends after it heard it."""
    for number, line in enumerate(lines):
        if not say(address, line):
            return number > 0
    return True
