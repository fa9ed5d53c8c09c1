"""The database as the server uses it: in threads, one short transaction at a time, through any outage."""

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from oar.almighty.together import Together, WorkForMany
from oar.errors import DatabaseUnreachable

log = logging.getLogger(__name__)

T = TypeVar("T")
Work = Callable[[Connection], T]

THREADS = 8
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 3.0


class Database:
    """Runs functions on a connection, each in a transaction of its own, outside of the event loop.

    While PostgreSQL is away, or asks for a new try after a deadlock, the work is tried again until it is
    done: a caller that is answered knows that its transaction is committed. So ``work`` must be repeatable.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="database")
        self._outage = threading.Event()
        self._groups: dict[WorkForMany[Any], Together[Any]] = {}

    async def run(self, work: Work[T]) -> T:
        """Carry out ``work`` and commit; its own errors come back, those of the connection do not."""
        pause = FIRST_PAUSE_S
        while True:
            try:
                result = await asyncio.get_running_loop().run_in_executor(self._threads, self._transact, work)
            except (DatabaseUnreachable, OperationalError, InterfaceError, PoolTimeout) as error:
                self._tell_outage(error)
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE_S)
            else:
                self._tell_end_of_outage()
                return result

    async def run_together(self, work: WorkForMany[T], job_id: int) -> T:
        """Carry out ``work``, which only reads, in one transaction for all jobs that come meanwhile."""
        group = self._groups.get(work) or self._groups.setdefault(work, Together(self.run, work))
        answer: T = await group.ask(job_id)
        return answer

    def close(self) -> None:
        """Close the connections; work that runs is not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._engine.dispose()

    def _transact(self, work: Work[T]) -> T:
        with self._engine.begin() as connection:
            return work(connection)

    def _tell_outage(self, error: Exception) -> None:
        if not self._outage.is_set():
            self._outage.set()
            log.error("%s; trying again until it answers", str(error).splitlines()[0])

    def _tell_end_of_outage(self) -> None:
        if self._outage.is_set():
            self._outage.clear()
            log.info("the database answers again")
