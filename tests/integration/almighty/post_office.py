"""A small mail server that speaks SMTP on a port of this machine, and keeps what it is given."""

import asyncio
import email
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import Message

UNKNOWN = "nobody@example.org"


@dataclass
class PostOffice:
    """Takes mail for everybody but ``UNKNOWN``; says that it is busy ``busy`` times before."""

    busy: int = 0
    port: int = 0
    letters: list[tuple[list[str], Message]] = field(default_factory=list)
    visits: int = 0

    async def until_letters(self, count: int = 1) -> None:
        async with asyncio.timeout(15):
            while len(self.letters) < count:
                await asyncio.sleep(0.02)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.visits += 1
        is_busy, self.busy = self.busy > 0, self.busy - 1
        recipients: list[str] = []

        async def say(line: str) -> None:
            writer.write(f"{line}\r\n".encode())
            await writer.drain()

        await say("421 too busy" if is_busy else "220 post office")
        while not is_busy and (line := (await reader.readline()).decode().strip()):
            verb = line[:4].upper()
            if verb == "RCPT":
                address = line.partition("<")[2].partition(">")[0]
                await say("550 unknown here" if address == UNKNOWN else "250 ok")
                recipients.append(address)
            elif verb == "DATA":
                await say("354 go on")
                lines = []
                while (one := await reader.readline()) != b".\r\n":
                    lines.append(one.removeprefix(b"."))
                self.letters.append((recipients, email.message_from_bytes(b"".join(lines))))
                await say("250 taken")
            elif verb == "QUIT":
                await say("221 bye")
                break
            else:
                await say("250 ok")
        writer.close()


@asynccontextmanager
async def post_office(busy: int = 0) -> AsyncIterator[PostOffice]:
    """Open a post office."""
    office = PostOffice(busy)
    server = await asyncio.start_server(office.serve, "127.0.0.1", 0)
    office.port = server.sockets[0].getsockname()[1]
    async with server:
        yield office
