"""Sends the signals that events order to the commands of running jobs: to save their work, or what users say.

Each job has a task of its own while there are orders for it, so that they arrive one after the other, and a
silent node holds up no other job. An order stays in the database until what came of it is written there: a
server that is killed in between sends the signal once more.
"""

import asyncio
import logging
from functools import partial

from sqlalchemy import Connection

from oar.almighty.means import Means
from oar.almighty.node_programs import describe
from oar.almighty.oarexec_line import NO_OAREXEC, PAUSES_S, OarexecLine
from oar.core.states import JobState, JobType
from oar.db.engine import database_now
from oar.db.launch import JobOnNodes, read_job
from oar.db.signals import SignalOrder, answer_signal, signal_orders
from oar.remote.programs import NodeSignal

log = logging.getLogger(__name__)


class Signals:
    """The worker of signals; it waits for a node only in a task of its own."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._line = OarexecLine(means.remote, means.settings)
        self._tasks: dict[int, asyncio.Task[None]] = {}

    async def look(self) -> None:
        """See to every order that waits."""
        orders: dict[int, list[SignalOrder]] = {}
        for order in await self._means.database.run(signal_orders):
            orders.setdefault(order.job_id, []).append(order)
        for job_id, of_job in orders.items():
            if job_id not in self._tasks:
                task = asyncio.get_running_loop().create_task(self._serve(job_id, of_job))
                self._tasks[job_id] = task
                task.add_done_callback(partial(self._done, job_id))

    async def close(self) -> None:
        """Cancel the signals on their way; the next server sends them again."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _done(self, job_id: int, _: asyncio.Task[None]) -> None:
        self._tasks.pop(job_id, None)

    async def _serve(self, job_id: int, orders: list[SignalOrder]) -> None:
        try:
            for order in orders:
                await self._carry_out(order)
        except Exception:
            # What breaks our code for one job must not go unheard, nor stop the others.
            log.exception("job %d: a signal was not sent", job_id)

    async def _carry_out(self, order: SignalOrder) -> None:
        job = await self._means.database.run(partial(read_job, job_id=order.job_id))
        trouble = why_not(job, order)
        if not trouble and job is not None:
            trouble = await self._send(job, order)
        host = "" if job is None else job.host(self._means.settings.frontends)
        words = "" if job is None or trouble else f"{_name(order, job)} sent to the job on {host}"
        if await self._means.database.run(partial(_answer, order=order, trouble=trouble, words=words)):
            if trouble:
                log.warning("job %d: not signalled: %s", order.job_id, trouble)
            else:
                log.info("job %d: %s", order.job_id, words)

    async def _send(self, job: JobOnNodes, order: SignalOrder) -> str:
        """Signal the job's oarexec; say why that was not possible, "" when it was."""
        kind = NodeSignal.CHECKPOINT if order.number is None else NodeSignal.USER_SIGNAL
        for pause in (*PAUSES_S, 0.0):
            answer = await self._line.send(job, kind, "" if order.number is None else str(order.number))
            if answer.status != NO_OAREXEC:
                return "" if answer.good else f"{answer.node}: {describe(answer)}"
            await asyncio.sleep(pause)
        return f"no oarexec of the job is alive on {job.host(self._means.settings.frontends)}"


def why_not(job: JobOnNodes | None, order: SignalOrder) -> str:
    """Say in words why a job cannot be signalled; "" when it can."""
    if job is None or job.state is not JobState.RUNNING:
        return f"the job is {'not there' if job is None else job.state}, not Running"
    if job.mode is JobType.INTERACTIVE:
        return "an interactive job has no command to signal"
    if job.is_noop:
        return "the job has no command"
    if order.number == 0:
        return "there is no such signal"
    return ""


def _name(order: SignalOrder, job: JobOnNodes) -> str:
    if order.number is None:
        return f"checkpoint signal {job.checkpoint_signal}"
    return f"signal {order.number}"


def _answer(connection: Connection, order: SignalOrder, trouble: str, words: str) -> bool:
    return answer_signal(connection, order, trouble, words, database_now(connection))
