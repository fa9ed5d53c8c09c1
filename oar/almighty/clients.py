"""Tells the oarsubs that wait what becomes of their jobs; the database says what there is to tell.

Each client has a task of its own while there is something to say to it, each line a connection of its own,
bounded in time: a client that does not answer delays nobody else. All of it may be repeated: an oarsub knows
what it was told before, and a server that was killed in between tells it again.
"""

import asyncio
import contextlib
import logging
import socket
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

from sqlalchemy import Connection

from oar.almighty.database import Database
from oar.almighty.gate import PatientGate
from oar.core.client_lines import Address, Client, lines_for, without_date
from oar.core.events import EventKind
from oar.core.messages import Hint
from oar.core.states import JobState
from oar.db.clients import end_without_client, grant_told, read_client, read_clients, refusal_told
from oar.db.engine import database_now

log = logging.getLogger(__name__)

SEND_TIMEOUT_S = 5.0
PAUSES_S = (1.0, 3.0)
"""Between the tries to reach a client; after the last one it counts as gone."""
PROBE_AFTER_S = 50.0
"""A client that was told nothing for so long is looked for: no job is planned for a terminal that is gone."""
AT_ONCE = 64
MOST = 512
SLOW_AFTER_S = 1.0
THREADS = 2
"""Of those of the database: thousands of jobs that are deleted at once must not hold up the others' work."""
WHAT_THE_STATE_SAYS = ""
WHILE_IT_WAITS = "\n"
"""The same, unless the job has ended meanwhile: who ends a job tells of it."""

Send = Callable[[Address, str], Awaitable[bool]]
T = TypeVar("T")


class NameUnknownNow(Exception):
    """The name servers do not answer: whether somebody listens is not known, and nobody is to be blamed."""


class Clients:
    """The worker that talks to waiting oarsubs; ``send`` says whether a line arrived, "" only knocks."""

    def __init__(
        self,
        database: Database,
        hear: Callable[[Hint], None],
        send: Send,
        pauses_s: tuple[float, ...] = PAUSES_S,
        probe_after_s: float = PROBE_AFTER_S,
    ) -> None:
        self._database = database
        self._hear = hear
        self._send = send
        self._pauses_s = pauses_s
        self._probe_after_s = probe_after_s
        self._wanted: dict[int, deque[str]] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._told: dict[int, tuple[str, float]] = {}
        self._gate = PatientGate(AT_ONCE, MOST, SLOW_AFTER_S)
        self._turns = asyncio.Semaphore(THREADS)

    async def look(self) -> None:
        """Begin to tell every client what is new to it."""
        clients, now = await self._transact(_read)
        waiting = {client.job_id for client in clients}
        self._told = {job_id: told for job_id, told in self._told.items() if job_id in waiting}
        for client in clients:
            if self._has_news(client, now):
                self.tell(client.job_id, WHILE_IT_WAITS)

    def tell(self, job_id: int, line: str = WHAT_THE_STATE_SAYS) -> None:
        """Tell the client of a job, if it has one, a line, or what the job's state says; does not wait."""
        wanted = self._wanted.setdefault(job_id, deque())
        if line not in wanted:
            wanted.append(line)
        if job_id not in self._tasks:
            self._tasks[job_id] = asyncio.get_running_loop().create_task(self._talk(job_id, wanted))

    @property
    def are_talking(self) -> bool:
        """Tell whether somebody is being told something."""
        return bool(self._tasks)

    async def close(self) -> None:
        """Break off all talks; the next server tells again."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _transact(self, work: Callable[[Connection], T]) -> T:
        async with self._turns:
            return await self._database.run(work)

    def _has_news(self, client: Client, now: int) -> bool:
        if client.state in (JobState.TO_ACK_RESERVATION, JobState.TO_ERROR):
            return True
        said, at = self._told.get(client.job_id, ("", 0.0))
        news = [without_date(line) for line in lines_for(client, now)]
        is_quiet = asyncio.get_running_loop().time() - at > self._probe_after_s
        return client.address is not None and (is_quiet or (bool(news) and news != [said]))

    async def _talk(self, job_id: int, wanted: deque[str]) -> None:
        try:
            while wanted:
                await self._tell(job_id, wanted.popleft())
        except NameUnknownNow as error:
            log.warning("job %d: its client is told later: %s", job_id, error)
        except Exception:
            # What breaks our code for one client must not go unheard, nor stop the others.
            log.exception("job %d: its client was not told", job_id)
        finally:
            del self._tasks[job_id]
            if not wanted:
                del self._wanted[job_id]

    async def _tell(self, job_id: int, line: str) -> None:
        client, now = await self._transact(partial(_read_one, job_id=job_id))
        if client is None or (line == WHILE_IT_WAITS and client.state.is_final):
            return
        is_derived = line in (WHAT_THE_STATE_SAYS, WHILE_IT_WAITS)
        lines = lines_for(client, now) if is_derived else (line,)
        reached = True
        if client.address is not None:
            reached = await self._reach(client, client.address, lines)
        if is_derived:
            await self._conclude(client, reached)

    async def _reach(self, client: Client, address: Address, lines: tuple[str, ...]) -> bool:
        """Say all lines; false when the first did not arrive. Who ends after that one heard what matters."""
        said, _ = self._told.get(client.job_id, ("", 0.0))
        if not lines or (client.is_told_its_start and [without_date(one) for one in lines] == [said]):
            lines = ("",) if client.is_told_its_start else ()
        for number, line in enumerate(lines):
            if not await self._try(address, line, 1 if number else 1 + len(self._pauses_s)):
                log.info("job %d: nobody listens at %s any more", client.job_id, address)
                return number > 0
            log.debug("job %d: told %s: %s", client.job_id, address, line)
            said = without_date(line) or said
        self._told[client.job_id] = (said, asyncio.get_running_loop().time())
        return True

    async def _try(self, address: Address, line: str, tries: int) -> bool:
        for pause in (0.0, *self._pauses_s)[:tries]:
            await asyncio.sleep(pause)
            async with self._gate.place():
                if await self._send(address, line):
                    return True
        return False

    async def _conclude(self, client: Client, reached: bool) -> None:
        """Do what follows from having told, or not reached, a client."""
        job_id, state = client.job_id, client.state
        if state is JobState.TO_ACK_RESERVATION and reached:
            if await self._transact(partial(_now, do=grant_told, job_id=job_id)):
                log.info("job %d: reservation acknowledged", job_id)
                self._hear(Hint.SCHEDULE)
        elif state is JobState.TO_ERROR:
            if await self._transact(partial(_now, do=refusal_told, job_id=job_id)):
                self._hear(Hint.JOB_ENDED)
        elif not reached and await self._transact(partial(_give_up, client=client)):
            log.warning("job %d: its oarsub is gone, ending the job", job_id)
            self._hear(Hint.KILL_ASKED)


_ENDED_WITH_THEIR_CLIENT = frozenset(
    {
        JobState.TO_ACK_RESERVATION,
        JobState.WAITING,
        JobState.HOLD,
        JobState.LAUNCHING,
        JobState.RUNNING,
    }
)


async def send_line(address: Address, line: str, timeout_s: float = SEND_TIMEOUT_S) -> bool:
    """Say one line to whoever listens there, "" to see whether somebody does; false when nobody took it.

    Raises NameUnknownNow when nobody tells where the host is.
    """
    for host in await _addresses_of(address, timeout_s):
        # ValueError: what no name server can be asked for, UnicodeError among others.
        with contextlib.suppress(OSError, TimeoutError, ValueError):
            async with asyncio.timeout(timeout_s):
                await _say(host, address.port, line)
                return True
    return False


async def _addresses_of(address: Address, timeout_s: float) -> list[str]:
    try:
        async with asyncio.timeout(timeout_s):
            found = await asyncio.get_running_loop().getaddrinfo(
                address.host, address.port, type=socket.SOCK_STREAM
            )
    except TimeoutError:
        raise NameUnknownNow(f"no name server answers for {address.host}") from None
    except socket.gaierror as error:
        if error.errno == socket.EAI_AGAIN:
            raise NameUnknownNow(f"{address.host}: {error.strerror}") from None
        return []
    except (OSError, ValueError):
        return []
    return list(dict.fromkeys(str(one[4][0]) for one in found))


async def _say(host: str, port: int, line: str) -> None:
    _, writer = await asyncio.open_connection(host, port)
    try:
        if line:
            writer.write(f"{line}\n".encode())
            await writer.drain()
        writer.close()
        await writer.wait_closed()
    finally:
        writer.transport.abort()


def _read(connection: Connection) -> tuple[list[Client], int]:
    return read_clients(connection), database_now(connection)


def _read_one(connection: Connection, job_id: int) -> tuple[Client | None, int]:
    return read_client(connection, job_id), database_now(connection)


def _now(connection: Connection, do: Callable[[Connection, int, int], bool], job_id: int) -> bool:
    return do(connection, job_id, database_now(connection))


def _give_up(connection: Connection, client: Client) -> bool:
    if client.state not in _ENDED_WITH_THEIR_CLIENT:
        return False
    granted = client.state is JobState.TO_ACK_RESERVATION
    kind = EventKind.CANNOT_NOTIFY_OARSUB if granted else EventKind.LOST_SESSION
    states = {client.state} if granted else _ENDED_WITH_THEIR_CLIENT - {JobState.TO_ACK_RESERVATION}
    words = f"nobody answers at {client.address}, where the oarsub of job {client.job_id} should wait"
    now = database_now(connection)
    return end_without_client(connection, client.job_id, states, kind, description=words, now=now)
