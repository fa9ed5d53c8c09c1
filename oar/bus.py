"""The way of messages from the commands to the server.

Messages are hints: the truth is in the database, so a message that does not arrive costs time only.
"""

import socket

from oar.core.messages import Message, to_json
from oar.settings import ServerSettings

PROBE_TIMEOUT_S = 0.2
LINGER_MS = 500
LARGEST_MESSAGE = 4096
"""Bytes; the server refuses longer messages."""


def is_listening(settings: ServerSettings) -> bool:
    """Tell whether something accepts connections on the server's message port."""
    try:
        with socket.create_connection((settings.hostname, settings.message_port), PROBE_TIMEOUT_S):
            return True
    except (OSError, UnicodeError):
        return False


def send(settings: ServerSettings, *messages: Message) -> bool:
    """Send ``messages`` to the server; False when it is not there, which is no error.

    Never waits longer than the probe and the linger time together.
    """
    if not is_listening(settings):
        return False
    import zmq  # noqa: PLC0415 - costs a command more than all the rest when there is no server

    with zmq.Context() as context, context.socket(zmq.PUSH) as pusher:
        pusher.linger = LINGER_MS
        pusher.sndtimeo = LINGER_MS
        pusher.connect(f"tcp://{settings.hostname}:{settings.message_port}")
        try:
            for message in messages:
                pusher.send(to_json(message))
        except zmq.Again:
            return False
    return True
