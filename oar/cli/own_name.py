"""The name by which the server finds the machine that a command runs on."""

import contextlib
import socket

_ANY_PORT = 9


def own_name(server: str, host_name: str | None = None) -> str:
    """Tell the ``host_name``, that of this machine, or the address towards the ``server`` if it is unknown.

    Machines whose own name is in no name service are common in containers and labs.
    """
    name = host_name or socket.gethostname()
    with contextlib.suppress(OSError):
        socket.getaddrinfo(name, None)
        return name
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as towards:
        towards.connect((server, _ANY_PORT))  # chooses the address; no packet is sent
        return str(towards.getsockname()[0])
    return name
