"""Almighty: one event loop that hears messages and sees the duties of its agenda done. It never blocks."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import zmq.asyncio
from sqlalchemy import Engine

from oar.almighty.agenda import Agenda, Duty, Rhythm
from oar.almighty.begin_end import take_report
from oar.almighty.clients import Clients, send_line
from oar.almighty.database import Database
from oar.almighty.energy import EnergySaving
from oar.almighty.finaud import Finaud
from oar.almighty.finish import complete_end
from oar.almighty.front_door import FrontDoor
from oar.almighty.job_queues import ActionKind, JobAction
from oar.almighty.launch_pool import LaunchPool
from oar.almighty.leon import Leon
from oar.almighty.means import Means
from oar.almighty.metascheduler import MetaScheduler, RoundFailed
from oar.almighty.news import News
from oar.almighty.node_state import NodeStates
from oar.almighty.recovery import recover
from oar.almighty.reports import Reports
from oar.almighty.runner import ask_for_report, launch
from oar.almighty.sarko import Sarko
from oar.almighty.signals import Signals
from oar.almighty.suspend import resume, suspend
from oar.core.messages import ExterminateJob, Hint, JobReport, Message
from oar.remote.runner import Remote
from oar.settings import Settings

log = logging.getLogger(__name__)

GRACE_S = 2.0
"""How long actions on nodes may go on after we were told to stop."""
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 10.0


@dataclass(frozen=True, slots=True)
class World:
    """What the server is given from outside."""

    engine: Engine
    remote: Remote
    metascheduler: MetaScheduler
    context: zmq.asyncio.Context


def rhythm_of(settings: Settings) -> Rhythm:
    """Say how soon and how often the server does what, by its configuration."""
    return Rhythm(
        between_rounds=settings.server.seconds_between_rounds,
        node_checks=float(settings.checks.frequency_s),
    )


class Almighty:
    """The server; ``run`` returns after ``stop``. ``ready`` is set once it listens and has begun to work."""

    def __init__(
        self, settings: Settings, world: World, rhythm: Rhythm | None = None, grace_s: float = GRACE_S
    ) -> None:
        loop = asyncio.get_running_loop()
        self._now = loop.time
        self._settings = settings
        self._grace_s = grace_s
        self._agenda = Agenda(rhythm or rhythm_of(settings), loop.time())
        self._database = Database(world.engine)
        self._pool = LaunchPool(settings.server.launches_at_once, self._perform)
        self._clients = Clients(self._database, self._hear, send_line)
        means = Means(
            self._database,
            world.remote,
            settings,
            self._hear,
            self._pool.add,
            self._pool.is_busy,
            self._clients,
        )
        self._means = means
        self._leon = Leon(means)
        self._signals = Signals(means)
        self._energy = EnergySaving(means)
        self._news = News(means)
        self._reports = Reports(means)
        self._metascheduler = world.metascheduler
        self._door = FrontDoor(world.context, self._receive)
        self._duties: Mapping[Duty, Callable[[], Awaitable[None]]] = {
            Duty.ROUND: self._run_round,
            Duty.KILLS: self._leon.carry_out_kills,
            Duty.NODE_STATES: NodeStates(means).settle,
            Duty.SIGNALS: self._signals.look,
            Duty.TIMES: Sarko(means, self._leon).look,
            Duty.CLIENTS: self._clients.look,
            Duty.ENERGY: self._energy.settle,
            Duty.NODE_CHECK: Finaud(means).check,
            Duty.NEWS: self._news.look,
        }
        self._pauses = dict.fromkeys(Duty, FIRST_PAUSE_S)
        self._tasks: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._stopping = asyncio.Event()
        self.ready = asyncio.Event()

    async def run(self) -> None:
        """Open the doors, act again on what was interrupted, then work until ``stop``.

        Raises PortTaken when a port cannot be opened.
        """
        await self._door.open(self._settings.server)
        try:
            await recover(self._means, self._leon)
            log.info("oar-server: ready on ports %d and %d", *self._door.ports)
            self.ready.set()
            while not self._stopping.is_set():
                self._start_due()
                await self._wait()
        finally:
            await self._close()

    def stop(self) -> None:
        """Ask for a clean end."""
        self._stopping.set()
        self._wake.set()

    def _receive(self, message: Message) -> None:
        if isinstance(message, Hint):
            self._hear(message)
        elif isinstance(message, JobReport):
            self._reports.receive(message)
        elif isinstance(message, ExterminateJob):
            self._hear(Hint.KILL_ASKED)
        else:
            # A launch is asked for in the database; the word only says when to look.
            self._hear(Hint.CHECK_TIMES)

    def _hear(self, hint: Hint) -> None:
        self._agenda.hear(hint, self._now())
        self._wake.set()

    def _start_due(self) -> None:
        for duty in self._agenda.take(self._now()):
            task = asyncio.get_running_loop().create_task(self._fulfil(duty))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _wait(self) -> None:
        date = self._agenda.next_date()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(date):
                await self._wake.wait()
        self._wake.clear()

    async def _fulfil(self, duty: Duty) -> None:
        try:
            await self._duties[duty]()
        except RoundFailed as error:
            self._put_off(duty)
            log.error("scheduling round failed: %s", error)
        except Exception:
            # A defect in one duty must not end the others; it is tried again, ever more slowly.
            self._put_off(duty)
            log.exception("%s failed", duty.value)
        else:
            self._pauses[duty] = FIRST_PAUSE_S
            self._agenda.finish(duty, self._now())
        self._wake.set()

    def _put_off(self, duty: Duty) -> None:
        self._agenda.retry(duty, self._now(), after=self._pauses[duty])
        self._pauses[duty] = min(2 * self._pauses[duty], LONGEST_PAUSE_S)

    async def _run_round(self) -> None:
        result = await self._metascheduler.run_round()
        for job_id in result.launch:
            self._pool.add(JobAction(job_id, ActionKind.LAUNCH))
        if result.killed:
            self._hear(Hint.KILL_ASKED)
        if result.again:
            self._hear(Hint.SCHEDULE)
        if result.energy:
            self._hear(Hint.STATE_CHANGED)
            self._hear(Hint.CHECK_ENERGY)
        if result.again_in_s is not None:
            self._agenda.want(Duty.ROUND, self._now(), after=result.again_in_s)

    async def _perform(self, action: JobAction) -> None:
        if action.kind is ActionKind.LAUNCH:
            if await launch(self._means, action.job_id):
                self._leon.signal(action.job_id)
        elif action.kind is ActionKind.ASK:
            await ask_for_report(self._means, action.job_id)
        elif action.kind is ActionKind.SUSPEND:
            await suspend(self._means, action.job_id)
        elif action.kind is ActionKind.RESUME:
            await resume(self._means, action.job_id)
        elif action.report is None or await take_report(self._means, action.report):
            await complete_end(self._means, action.job_id)

    async def _close(self) -> None:
        log.info("oar-server: stopping")
        await self._door.close()
        await self._reports.close()
        duties = list(self._tasks)
        for task in duties:
            task.cancel()
        await asyncio.gather(*duties, return_exceptions=True)
        await self._pool.close(self._grace_s)
        await self._leon.close()
        await self._signals.close()
        await self._clients.close()
        await self._energy.close()
        await self._news.close()
        await self._metascheduler.close()
        self._database.close()
