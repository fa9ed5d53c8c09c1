"""Looks every second for what time has brought: walltimes over, kills not obeyed, jobs that are stuck.

It also finds all work whose hint was lost.
"""

import logging
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection

from oar.almighty.job_queues import ActionKind, JobAction
from oar.almighty.leon import Leon
from oar.almighty.means import Means
from oar.core.events import EventKind
from oar.core.kill_life import KillLimits, KillSignal, timer_signal
from oar.core.messages import Hint, JobReport
from oar.core.states import JobState, KillState
from oar.db.engine import database_now
from oar.db.events import record
from oar.db.kills import OpenKill, check_timer, kill_overdue, open_kills
from oar.db.node_checks import order_dead
from oar.db.notices import tell_administrators
from oar.db.signals import has_signal_orders, order_due_checkpoints
from oar.db.watch import InState, find_in_passage, has_node_work
from oar.settings import Settings

log = logging.getLogger(__name__)

MARGIN_S = 60
NOT_STARTED = 50


@dataclass(frozen=True, slots=True)
class Sight:
    """What one look found."""

    overdue: tuple[int, ...]
    kills: tuple[OpenKill, ...]
    moved_kills: tuple[tuple[int, KillSignal], ...]
    checkpoints: tuple[int, ...]
    signals: bool
    in_passage: tuple[InState, ...]
    node_work: bool
    dead: tuple[str, ...]


class Sarko:
    """The watch over times; a kill is repeated ``kill_repeat_s`` after the last signal, not the first."""

    def __init__(self, means: Means, leon: Leon) -> None:
        self._means = means
        self._leon = leon
        server, nodes = means.settings.server, means.settings.nodes
        self._limits = KillLimits(server.kill_repeat_s, server.kill_give_up_s)
        scripts_s = nodes.server_prologue_timeout_s + MARGIN_S
        self._longest_launch_s = means.many_nodes_timeout_s + means.oarexec_timeout_s + scripts_s
        self._longest_end_s = 2 * means.many_nodes_timeout_s + scripts_s
        self._dead_after_s = means.settings.checks.dead_after_s

    async def look(self) -> None:
        """Look once, and see to it that something is done about all that was found."""
        told = self._leon.told_within(self._limits.soft_s)
        sight = await self._means.database.run(
            partial(_look, limits=self._limits, told=told, settings=self._means.settings)
        )
        for job_id in sight.overdue:
            log.info("job %d: its walltime is over", job_id)
        for job_id, signal in sight.moved_kills:
            log.debug("job %d: kill: %s", job_id, signal.value)
        for job_id in sight.checkpoints:
            log.info("job %d: told to save its work, its walltime ends soon", job_id)
        leon = sight.overdue or any(self._needs_leon(kill) for kill in sight.kills) or sight.moved_kills
        if leon or sight.signals:
            self._means.hear(Hint.KILL_ASKED)
        for node in sight.dead:
            log.warning("%s: has not been usable for %d s, it is Dead now", node, self._dead_after_s)
        if sight.node_work or sight.dead:
            self._means.hear(Hint.STATE_CHANGED)
        for job in sight.in_passage:
            if not self._means.is_busy(job.job_id):
                await self._push(job)

    def _needs_leon(self, kill: OpenKill) -> bool:
        return kill.state is not KillState.ARMED and not self._means.is_busy(kill.job_id)

    async def _push(self, job: InState) -> None:
        """Bring a job further that nobody works on."""
        if job.state is JobState.TO_LAUNCH:
            self._means.act(JobAction(job.job_id, ActionKind.LAUNCH))
        elif job.state is JobState.LAUNCHING and job.since_s > self._longest_launch_s:
            log.error("job %d: launching for %d s, giving it up", job.job_id, job.since_s)
            report = JobReport(job.job_id, NOT_STARTED, None, "")
            self._means.act(JobAction(job.job_id, ActionKind.REPORT, report))
        elif job.state is JobState.FINISHING and job.since_s > self._longest_end_s:
            log.error("job %d: finishing for %d s, ending it by force", job.job_id, job.since_s)
            await self._means.database.run(partial(_force_end, job_id=job.job_id))
            self._means.hear(Hint.STATE_CHANGED)


def _look(connection: Connection, limits: KillLimits, told: frozenset[int], settings: Settings) -> Sight:
    now = database_now(connection)
    overdue = kill_overdue(connection, now)
    checkpoints = order_due_checkpoints(connection, now)
    kills = open_kills(connection)
    moved = []
    for kill in kills:
        signal = _timer(kill, now, limits, told)
        if signal is not None and check_timer(connection, kill, now, limits) is not None:
            moved.append((kill.job_id, signal))
    return Sight(
        tuple(overdue),
        tuple(kills),
        tuple(moved),
        tuple(checkpoints),
        has_signal_orders(connection),
        tuple(find_in_passage(connection, now)),
        has_node_work(connection),
        tuple(_bury(connection, settings, now)),
    )


def _bury(connection: Connection, settings: Settings, now: int) -> list[str]:
    """Ask for the state Dead of nodes that were not usable for too long; those that sleep are usable."""
    after_s = settings.checks.dead_after_s
    if not after_s:
        return []
    sleeps = bool(settings.energy.halts_with or settings.energy.wakes_with)
    nodes = order_dead(connection, after_s, now, absent_too=not sleeps)
    if nodes:
        words = f"Dead: {', '.join(nodes)}: not usable for {after_s} s"
        tell_administrators(connection, words, now, nodes)
    return nodes


def _timer(kill: OpenKill, now: int, limits: KillLimits, told: frozenset[int]) -> KillSignal | None:
    if kill.state is not KillState.ARMED:
        return None
    since = kill.asked_at if kill.signalled_at is None else kill.signalled_at
    signal = timer_signal(kill.job_state, now - since, limits)
    return None if signal is KillSignal.REPEAT and kill.job_id in told else signal


def _force_end(connection: Connection, job_id: int) -> None:
    record(
        connection,
        EventKind.FORCE_TERMINATE_FINISHING_JOB,
        job_id=job_id,
        description=f"job {job_id} did not leave Finishing by itself",
        now=database_now(connection),
    )
