"""Where messages come in: OAR's text lines over TCP, and JSON over ZeroMQ. Whoever sends them, we stay up.

A text connection may carry several lines; nothing is answered.
"""

import asyncio
import contextlib
import ipaddress
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass

import zmq
import zmq.asyncio

from oar.bus import LARGEST_MESSAGE
from oar.core.messages import Message, parse_json, parse_line
from oar.errors import ConfigurationError
from oar.settings import ServerSettings

log = logging.getLogger(__name__)

Receiver = Callable[[Message], None]

EVERYWHERE = "0.0.0.0"  # noqa: S104 - nodes and frontends reach the server from outside
_NOISE_AT_THE_END = re.compile(r"[^A-Za-z0-9]+$")


class PortTaken(ConfigurationError):
    """A port of the server cannot be opened."""

    def __init__(self, key: str, address: str, port: int, reason: str) -> None:
        super().__init__(
            f"{key}: cannot listen on {address}:{port}: {reason}; stop what uses it or set another port"
        )


@dataclass(frozen=True, slots=True)
class Limits:
    """What a text client may use up; times in seconds, lengths in bytes."""

    clients: int = 500
    line: int = 1024
    lines: int = 1000
    reading_time: float = 5.0


def listening_address(hostname: str) -> str:
    """Say where the server listens: everywhere, or on the loopback when ``SERVER_HOSTNAME`` names it.

    Commands and nodes are all told ``SERVER_HOSTNAME``, so nobody else can reach a server named that way.
    """
    if hostname == "localhost":
        return "127.0.0.1"
    try:
        is_loopback = ipaddress.ip_address(hostname).is_loopback
    except ValueError:
        return EVERYWHERE
    return hostname if is_loopback else EVERYWHERE


class TextDoor:
    """Reads lines from TCP clients; when there are too many, the oldest is dropped for the newest."""

    def __init__(self, receive: Receiver, limits: Limits) -> None:
        self._receive = receive
        self._limits = limits
        self._server: asyncio.Server | None = None
        self._clients: dict[asyncio.Task[None], None] = {}

    async def open(self, address: str, port: int) -> None:
        """Start to listen; raises PortTaken."""
        try:
            self._server = await asyncio.start_server(
                self._meet, address, port, limit=self._limits.line, backlog=512
            )
        except OSError as error:
            raise PortTaken("SERVER_PORT", address, port, error.strerror or str(error)) from None

    @property
    def port(self) -> int:
        """The port that is listened on."""
        if self._server is None:
            return 0
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Stop listening and drop the clients."""
        if self._server is not None:
            self._server.close()
        clients = list(self._clients)
        for client in clients:
            client.cancel()
        await asyncio.gather(*clients, return_exceptions=True)

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a client is served outside of a task")
        if len(self._clients) >= self._limits.clients:
            oldest = next(iter(self._clients))
            del self._clients[oldest]
            oldest.cancel()
        self._clients[task] = None
        try:
            await self._listen(reader)
        except (OSError, asyncio.CancelledError):
            # A client that went away, or that we drop: closing is all there is to do.
            pass
        finally:
            self._clients.pop(task, None)
            writer.close()
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(TimeoutError, ValueError):
            for _ in range(self._limits.lines):
                async with asyncio.timeout(self._limits.reading_time):
                    line = await reader.readline()
                if not line:
                    return
                self._hear(line)

    def _hear(self, line: bytes) -> None:
        message = parse_line(_NOISE_AT_THE_END.sub("", line.decode("ascii", "replace")))
        if message is None:
            log.debug("unknown line dropped: %.80r", line)
        else:
            self._receive(message)


class MessageDoor:
    """Reads JSON messages from a ZeroMQ PULL socket."""

    def __init__(self, context: zmq.asyncio.Context, receive: Receiver) -> None:
        self._receive = receive
        self._socket = context.socket(zmq.PULL)
        self._socket.linger = 0
        self._socket.set(zmq.MAXMSGSIZE, LARGEST_MESSAGE)
        self._socket.set(zmq.HANDSHAKE_IVL, 5000)
        self._reading: asyncio.Task[None] | None = None

    def open(self, address: str, port: int) -> None:
        """Start to listen; raises PortTaken."""
        try:
            self._socket.bind(f"tcp://{address}:{port}")
        except zmq.ZMQError as error:
            raise PortTaken("APPENDICE_SERVER_PORT", address, port, str(error)) from None
        self._reading = asyncio.get_running_loop().create_task(self._read())

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return int(self._socket.getsockopt_string(zmq.LAST_ENDPOINT).rpartition(":")[2])

    async def close(self) -> None:
        """Stop listening."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        self._socket.close()

    async def _read(self) -> None:
        while True:
            frames = await self._socket.recv_multipart()
            message = _parse_frame(frames[-1])
            if message is None:
                log.debug("unknown message dropped: %.80r", frames[-1])
            else:
                self._receive(message)
            # A flood is always ready to be read: without this the loop would do nothing else.
            await asyncio.sleep(0)


def _parse_frame(frame: bytes) -> Message | None:
    try:
        return parse_json(frame)
    except RecursionError:  # brackets in brackets in brackets
        return None


class FrontDoor:
    """Both doors of the server."""

    def __init__(self, context: zmq.asyncio.Context, receive: Receiver, limits: Limits | None = None) -> None:
        self._text = TextDoor(receive, limits or Limits())
        self._messages = MessageDoor(context, receive)

    async def open(self, settings: ServerSettings) -> None:
        """Listen on both ports; raises PortTaken, with neither left open."""
        address = listening_address(settings.hostname)
        try:
            await self._text.open(address, settings.text_port)
            self._messages.open(address, settings.message_port)
        except PortTaken:
            await self.close()
            raise

    @property
    def ports(self) -> tuple[int, int]:
        """The text port and the message port."""
        return self._text.port, self._messages.port

    async def close(self) -> None:
        """Stop listening."""
        await self._text.close()
        await self._messages.close()
