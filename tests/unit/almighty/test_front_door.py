import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import zmq
import zmq.asyncio

from oar.almighty.front_door import EVERYWHERE, FrontDoor, Limits, PortTaken, listening_address
from oar.bus import is_listening, send
from oar.core.messages import Hint, JobReport, Message
from oar.settings import ServerSettings
from tests.ports import free_ports

REPORT = JobReport(12, 0, 256, "42")
QUICK = Limits(clients=5, reading_time=0.3)


def free_settings() -> ServerSettings:
    text_port, message_port = free_ports(2)
    return ServerSettings(hostname="127.0.0.1", text_port=text_port, message_port=message_port)


class Ear:
    """Collects what the door lets in."""

    def __init__(self) -> None:
        self.heard: list[Message] = []

    def __call__(self, message: Message) -> None:
        self.heard.append(message)

    async def wait_for(self, count: int) -> list[Message]:
        async with asyncio.timeout(3):
            while len(self.heard) < count:
                await asyncio.sleep(0.01)
        return self.heard


@asynccontextmanager
async def open_door(ear: Ear, settings: ServerSettings) -> AsyncIterator[FrontDoor]:
    with zmq.asyncio.Context() as context:
        door = FrontDoor(context, ear, QUICK)
        await door.open(settings)
        try:
            yield door
        finally:
            await door.close()


async def talk(settings: ServerSettings, data: bytes, *, finish: bool = True) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", settings.text_port)
    writer.write(data)
    if finish:
        writer.write_eof()
    answer = await reader.read()
    writer.close()
    return answer


def hear(data: bytes, count: int) -> list[Message]:
    async def scene() -> list[Message]:
        ear, settings = Ear(), free_settings()
        async with open_door(ear, settings):
            await talk(settings, data)
            return await ear.wait_for(count)

    return asyncio.run(scene())


def test_a_text_line_is_heard():
    assert hear(b"Qsub\n", 1) == [Hint.SUBMITTED]


def test_a_line_without_newline_is_heard_when_the_client_closes():
    assert hear(b"Qdel", 1) == [Hint.KILL_ASKED]


def test_several_lines_in_one_packet_are_several_messages():
    assert hear(b"Qsub\nChState\r\nQdel\n", 3) == [Hint.SUBMITTED, Hint.STATE_CHANGED, Hint.KILL_ASKED]


def test_binary_noise_is_dropped_and_the_next_line_is_heard():
    assert hear(b"\x00\xff\xfe\x80\nQsub\n", 1) == [Hint.SUBMITTED]


def test_the_report_of_a_job_is_heard_and_nothing_is_answered():
    async def scene() -> tuple[bytes, list[Message]]:
        ear, settings = Ear(), free_settings()
        async with open_door(ear, settings):
            return await talk(settings, REPORT.to_line().encode() + b"\n"), ear.heard

    assert asyncio.run(scene()) == (b"", [REPORT])


def test_megabytes_without_newline_are_cut_off():
    async def scene() -> list[Message]:
        ear, settings = Ear(), free_settings()
        async with open_door(ear, settings):
            _, writer = await asyncio.open_connection("127.0.0.1", settings.text_port)
            with pytest.raises(ConnectionError):
                for _ in range(200):
                    writer.write(b"A" * 65536)
                    await writer.drain()
            await talk(settings, b"Qsub\n")
            return ear.heard

    assert asyncio.run(scene()) == [Hint.SUBMITTED]


def test_a_silent_client_is_dropped():
    async def scene() -> bytes:
        settings = free_settings()
        async with open_door(Ear(), settings):
            async with asyncio.timeout(2):
                return await talk(settings, b"Qsu", finish=False)

    assert asyncio.run(scene()) == b""


def test_hundreds_of_silent_clients_do_not_keep_a_newcomer_out():
    async def scene() -> list[Message]:
        ear, settings = Ear(), free_settings()
        async with open_door(ear, settings):
            crowd = [await asyncio.open_connection("127.0.0.1", settings.text_port) for _ in range(200)]
            await talk(settings, b"Qsub\n", finish=False)
            for _, writer in crowd:
                writer.close()
            return ear.heard

    assert asyncio.run(scene()) == [Hint.SUBMITTED]


def test_a_command_sends_its_messages_over_zeromq():
    async def scene() -> tuple[bool, list[Message]]:
        ear, settings = Ear(), free_settings()
        async with open_door(ear, settings):
            sent = await asyncio.to_thread(send, settings, Hint.SUBMITTED, REPORT)
            return sent, await ear.wait_for(2)

    assert asyncio.run(scene()) == (True, [Hint.SUBMITTED, REPORT])


def test_nonsense_over_zeromq_is_dropped_and_the_next_message_is_heard():
    async def scene() -> list[Message]:
        ear, settings = Ear(), free_settings()
        async with open_door(ear, settings):
            with zmq.asyncio.Context() as context, context.socket(zmq.PUSH) as pusher:
                pusher.linger = 1000
                pusher.connect(f"tcp://127.0.0.1:{settings.message_port}")
                for frame in (b"\xff\x00", b"[" * 3000, b"[]", b'{"cmd": 3}', b'{"cmd": "Qsub"}'):
                    await pusher.send(frame)
                return await ear.wait_for(1)

    assert asyncio.run(scene()) == [Hint.SUBMITTED]


def test_text_thrown_at_the_message_port_does_not_hurt():
    async def scene() -> list[Message]:
        ear, settings = Ear(), free_settings()
        async with open_door(ear, settings):
            for _ in range(50):
                _, writer = await asyncio.open_connection("127.0.0.1", settings.message_port)
                writer.write(b"GET / HTTP/1.1\r\n\r\n" * 100)
                writer.close()
            await asyncio.to_thread(send, settings, Hint.SUBMITTED)
            return await ear.wait_for(1)

    assert asyncio.run(scene()) == [Hint.SUBMITTED]


def test_sending_without_a_server_says_so_quickly():
    settings = free_settings()
    assert not is_listening(settings)
    assert send(settings, Hint.SUBMITTED) is False


@pytest.mark.parametrize("taken", ["text_port", "message_port"])
def test_a_taken_port_is_named(taken: str):
    async def scene(settings: ServerSettings) -> None:
        async with open_door(Ear(), settings):
            pass

    settings = free_settings()
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", getattr(settings, taken)))
        squatter.listen()
        with pytest.raises(PortTaken, match=str(getattr(settings, taken))):
            asyncio.run(scene(settings))


@pytest.mark.parametrize(
    ("hostname", "address"),
    [
        ("localhost", "127.0.0.1"),
        ("127.0.0.5", "127.0.0.5"),
        ("oar-server", EVERYWHERE),
        ("10.0.0.1", EVERYWHERE),
    ],
)
def test_only_a_loopback_name_narrows_where_commands_reach_the_server(hostname: str, address: str):
    assert listening_address(hostname) == address
