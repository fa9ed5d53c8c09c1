"""Runs the actions on jobs, as many at once as allowed, never two on one job."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from oar.almighty.job_queues import JobAction, JobQueues

log = logging.getLogger(__name__)

SLOW_AFTER_S = 5.0
"""An action that lasts longer waits for a node or a script of the site, and costs the server little."""


class LaunchPool:
    """Starts each action as a task when its turn comes.

    ``perform`` does the action. What it raises is a defect of ours: it is logged with its trace, and the
    job is left to the watchdogs.
    """

    def __init__(
        self,
        at_once: int,
        perform: Callable[[JobAction], Awaitable[None]],
        slow_after_s: float = SLOW_AFTER_S,
    ) -> None:
        self._queues = JobQueues(at_once)
        self._slow_after_s = slow_after_s
        self._perform = perform
        self._tasks: dict[JobAction, asyncio.Task[None]] = {}
        self._open = True

    def add(self, action: JobAction) -> None:
        """Queue an action; one that waits or runs already is not queued twice."""
        if self._open and self._queues.add(action):
            self._start_ready()

    def is_busy(self, job_id: int) -> bool:
        """Tell whether an action on this job waits or runs."""
        return self._queues.is_busy(job_id)

    async def close(self, grace_s: float) -> None:
        """Start nothing more, give what runs ``grace_s`` seconds, then cancel: all of it can be repeated."""
        self._open = False
        if not self._tasks:
            return
        _, late = await asyncio.wait(list(self._tasks.values()), timeout=grace_s)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)

    def _start_ready(self) -> None:
        while self._open and (action := self._queues.take()):
            self._tasks[action] = asyncio.get_running_loop().create_task(self._run(action))

    def _give_up_place(self, action: JobAction) -> None:
        self._queues.give_up_place(action)
        self._start_ready()

    async def _run(self, action: JobAction) -> None:
        loop = asyncio.get_running_loop()
        patience = loop.call_later(self._slow_after_s, self._give_up_place, action)
        try:
            await self._perform(action)
        except Exception:
            # One job that breaks our code must not stop the server.
            log.exception("job %d: %s failed", action.job_id, action.kind.value)
        finally:
            patience.cancel()
            del self._tasks[action]
            self._queues.done(action)
            self._start_ready()
