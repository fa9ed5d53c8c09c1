"""Carries out kills: at once where nothing runs yet, else by a signal to oarexec, in the end by force."""

import asyncio
import logging
from functools import partial

from sqlalchemy import Connection

from oar.almighty.job_queues import ActionKind, JobAction
from oar.almighty.means import Means
from oar.almighty.node_programs import describe
from oar.almighty.oarexec_line import NO_OAREXEC, PAUSES_S, OarexecLine
from oar.core.effects import Effect
from oar.core.events import EventKind
from oar.core.kill_life import KillSignal
from oar.core.messages import Hint
from oar.core.states import JobState, KillState
from oar.db.consequences import apply_event
from oar.db.engine import database_now
from oar.db.events import has_event, record
from oar.db.inner_jobs import kill_inner_jobs
from oar.db.kills import KillStep, OpenKill, carry_out, exterminate, open_kills
from oar.db.launch import JobOnNodes, read_job, read_kill
from oar.db.moves import move_kill
from oar.db.watch import pending_of
from oar.remote.programs import NodeSignal

log = logging.getLogger(__name__)

CAN_BE_SIGNALLED = frozenset({JobState.RUNNING, JobState.SUSPENDED, JobState.RESUMING})


class Leon:
    """The worker of kills; it waits for no round, and for a node only in a task of its own."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._signals: dict[tuple[int, NodeSignal], asyncio.Task[None]] = {}
        self._sent_at: dict[int, float] = {}
        # Kills have a line of their own: a server that starts has a question for each job that runs.
        self._lines = {kill: OarexecLine(means.remote, means.settings) for kill in (True, False)}

    async def carry_out_kills(self) -> None:
        """Do what every open kill asks for."""
        kills = await self._means.database.run(open_kills)
        for kill in kills:
            if kill.state is not KillState.ARMED:
                await self._carry_out(kill)

    def signal(self, job_id: int, signal: NodeSignal = NodeSignal.KILL) -> None:
        """Send a signal to the job's oarexec, without waiting; the same one only once at a time."""
        key = (job_id, signal)
        if key not in self._signals:
            task = asyncio.get_running_loop().create_task(self._signal(job_id, signal))
            self._signals[key] = task
            task.add_done_callback(lambda _: self._signals.pop(key, None))

    def told_within(self, seconds: float) -> frozenset[int]:
        """Name the jobs whose last signal is not older than that: they still have time to obey."""
        oldest = asyncio.get_running_loop().time() - seconds
        self._sent_at = {job_id: date for job_id, date in self._sent_at.items() if date >= oldest}
        return frozenset(self._sent_at)

    async def close(self) -> None:
        """Cancel the signals on their way; the next server sends them again."""
        tasks = list(self._signals.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _carry_out(self, kill: OpenKill) -> None:
        try:
            inner = self._means.settings.server.kills_inner_jobs
            step = await self._means.database.run(partial(_do, kill=kill, kills_inner_jobs=inner))
        except Exception:
            # One kill that breaks our code must not hold back the others.
            log.exception("job %d: its kill failed", kill.job_id)
            return
        if step.job_ended:
            log.info("job %d: killed", kill.job_id)
            self._means.hear(Hint.JOB_ENDED)
        if Effect.TELL_CLIENT in step.effects:
            self._means.clients.tell(kill.job_id)
        if Effect.SIGNAL_OAREXEC in step.effects:
            self._sent_at[kill.job_id] = asyncio.get_running_loop().time()
            self.signal(kill.job_id)
        if Effect.CLEAN_NODES in step.effects:
            if kill.state is KillState.TO_EXTERMINATE:
                log.warning("job %d: exterminating, its nodes are cleaned by force", kill.job_id)
            self._means.act(JobAction(kill.job_id, ActionKind.END))

    async def _signal(self, job_id: int, signal: NodeSignal) -> None:
        try:
            for pause in (*PAUSES_S, 0.0):
                job = await self._means.database.run(partial(read_job, job_id=job_id))
                # A job that is being launched is told by its runner, as soon as it runs.
                if job is None or job.state not in CAN_BE_SIGNALLED or job.is_noop:
                    return
                if await self._send(job, signal):
                    return
                await asyncio.sleep(pause)
            self._means.act(JobAction(job_id, ActionKind.ASK))
        except Exception:
            # What breaks our code for one job must not go unheard, nor stop the others.
            log.exception("job %d: SIG%s was not sent", job_id, signal.value)

    async def _send(self, job: JobOnNodes, signal: NodeSignal) -> bool:
        """Signal the oarexec of a job; False when the node says that there is none."""
        answer = await self._lines[signal is NodeSignal.KILL].send(job, signal)
        node = answer.node
        if answer.status == NO_OAREXEC:
            return False
        if answer.good:
            log.info("job %d: SIG%s sent to its oarexec on %s", job.job_id, signal.value, node)
        else:
            why = describe(answer)
            log.warning("job %d: cannot send SIG%s to %s: %s", job.job_id, signal.value, node, why)
        return True


def _do(connection: Connection, kill: OpenKill, *, kills_inner_jobs: bool) -> KillStep:
    now = database_now(connection)
    if kill.state is KillState.ASKED:
        if kills_inner_jobs and not kill.job_state.is_final:
            kill_inner_jobs(connection, kill.job_id, now)
        step = carry_out(connection, kill, now)
        if step.job_ended and has_event(connection, kill.job_id, EventKind.BESTEFFORT_KILL):
            _settle_eviction(connection, kill.job_id, now)
        if not step.effects and read_kill(connection, kill.job_id) is KillState.ARMED:
            # Nobody but us carries out kills: the answer to our own commit was lost.
            return KillStep(kill.job_id, effects=(Effect.SIGNAL_OAREXEC,))
        return step
    if kill.job_state.is_final:
        move_kill(connection, kill.job_id, KillSignal.JOB_ENDED)
        return KillStep(kill.job_id)
    if kill.job_state is JobState.FINISHING:
        return KillStep(kill.job_id, effects=(Effect.CLEAN_NODES,))
    return exterminate(connection, kill, now)


def _settle_eviction(connection: Connection, job_id: int, now: int) -> None:
    """Let a besteffort job that was evicted before it was on its nodes come back, if it is idempotent."""
    words = "evicted before it ran"
    record(connection, EventKind.SWITCH_INTO_ERROR_STATE, job_id=job_id, description=words, now=now)
    for event in pending_of(connection, job_id):
        if event.kind == EventKind.SWITCH_INTO_ERROR_STATE:
            apply_event(connection, event, now)
