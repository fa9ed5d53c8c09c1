"""Groups the same look at many jobs: what is asked while one transaction runs shares the next.

For reading only. A transaction that moves jobs may have to wait for a lock on one of them, and the others
must not wait with it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Generic, TypeVar

from sqlalchemy import Connection

T = TypeVar("T")
WorkForMany = Callable[[Connection, Sequence[int]], Mapping[int, T]]
"""Takes ids in ascending order, each once, and answers for each of them."""
Transact = Callable[[Callable[[Connection], Mapping[int, T]]], Awaitable[Mapping[int, T]]]
MOST_AT_ONCE = 100


class Together(Generic[T]):
    """Does ``work`` for jobs: one transaction at a time, for all jobs that were named while the last one ran.

    Where it fails for some, each is tried by itself, so that one bad job does not hold up others. Nothing
    waits for company: a job that comes alone is served at once.
    """

    def __init__(self, transact: Transact[T], work: WorkForMany[T]) -> None:
        self._transact = transact
        self._work = work
        self._waiting: dict[int, asyncio.Future[T]] = {}
        self._task: asyncio.Task[None] | None = None

    async def ask(self, job_id: int) -> T:
        """Have the work done for one job; answered when its transaction is committed."""
        loop = asyncio.get_running_loop()
        answer = self._waiting.setdefault(job_id, loop.create_future())
        if self._task is None:
            self._task = loop.create_task(self._serve())
        return await asyncio.shield(answer)

    async def _serve(self) -> None:
        try:
            while self._waiting:
                ids = sorted(self._waiting)[:MOST_AT_ONCE]
                answers = {job_id: self._waiting.pop(job_id) for job_id in ids}
                try:
                    done = await self._do(ids)
                except Exception as error:  # noqa: BLE001 - told to whom it concerns, below
                    await self._one_by_one(answers, error)
                else:
                    for job_id, answer in answers.items():
                        answer.set_result(done[job_id])
        finally:
            self._task = None

    async def _do(self, ids: Sequence[int]) -> Mapping[int, T]:
        return await self._transact(lambda connection: self._work(connection, ids))

    async def _one_by_one(self, answers: Mapping[int, asyncio.Future[T]], error: Exception) -> None:
        for job_id, answer in answers.items():
            try:
                if len(answers) == 1:
                    raise error
                done = await self._do([job_id])
                answer.set_result(done[job_id])
            except Exception as own:  # noqa: BLE001 - whoever asked for this job hears of it, nobody else
                answer.set_exception(own)
