"""Lets the program that is the scheduler of a queue plan its jobs: shows it the plan, runs it, reads it back.

It works on the database itself, so nothing of this happens inside a transaction of ours.
"""

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from procset import ProcSet
from sqlalchemy import Engine

from oar.core.events import EventKind
from oar.core.job import Assignment, JobId, NoRoom, Outcome, Told
from oar.db.engine import database_now, one_moment
from oar.db.events import record
from oar.db.foreign_plan import show_plan
from oar.db.locks import lock_resources
from oar.db.planning import read_plan, read_texts
from oar.db.queues import Failures, note_failure, note_success
from oar.kamelot import Rules
from oar.kao.external.answer import Ready, outcomes_of, read_line
from oar.kao.external.fit import fitted, told_of
from oar.kao.external.policy import schedulers_folder
from oar.kao.external.program import run_program
from oar.kao.external.shown import shown_plan
from oar.kao.model import QueueView, World
from oar.kao.queue_plan import jobs_of
from oar.kao.stretches import Halted
from oar.settings import SchedulerSettings

log = logging.getLogger(__name__)

LEFT_ALONE = 1
"""The exit code of a scheduler that did nothing, which is no error."""
GRACE_S = 2.0
"""So much longer than SCHEDULER_TIMEOUT a program may take: those of OAR 2 know it too, and stop then."""
LINES_LOGGED = 200
"""How many lines of one run are logged; the rest is only counted."""


@dataclass(slots=True)
class ForeignSchedulers:
    """The programs of a site; ``stored`` is the plan that the database holds since the last one ran.

    Each finds the settings in ``oar_conf``.
    """

    engine: Engine
    rules: Rules
    oar_conf: Path
    settings: SchedulerSettings
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    stored: tuple[Assignment, ...] | None = None

    def plan_queue(self, halted: Halted) -> tuple[World, Mapping[JobId, Told]]:
        """Let the scheduler of the queue plan it; a stop of a round."""
        (queue,) = halted.group
        world, scheduler = halted.world, queue.policy
        if not jobs_of(world, (queue,)):
            return replace(world, settled={**world.settled, queue.name: {}}), {}
        self._show(shown_plan(world, halted.before))
        failure, lines = self._run(queue, world.now)
        world = self._read_back(world, queue)
        jobs = jobs_of(world, (queue,))
        known = ProcSet().union(world.platform.procset(world.platform.everything))
        outcomes = outcomes_of(
            jobs, self.stored or (), lines, scheduler=scheduler, now=world.now, known=known
        )
        if halted.before.gantt is not None:
            outcomes = fitted(halted.before.gantt, jobs, outcomes, self.rules, scheduler)
        if failure:
            outcomes = _with_failure(outcomes, f"the scheduler {scheduler} of its queue {failure}")
        self._judge(queue, failure)
        world = replace(world, settled={**world.settled, queue.name: outcomes})
        return world, told_of(outcomes, world.told, scheduler)

    def _show(self, rows: tuple[Assignment, ...]) -> None:
        with self.engine.begin() as connection:
            lock_resources(connection)
            show_plan(connection, rows)

    def _run(self, queue: QueueView, now: int) -> tuple[str, list[Ready]]:
        """Run the program; give in words how it failed, if it did, and what it says may start."""
        if queue.policy in (".", "..") or "/" in queue.policy:
            return f"is no name of a file: {queue.policy}", []
        oardir = self.environment.get("OARDIR")
        program = str(schedulers_folder(self.settings.schedulers_path, oardir) / queue.policy)
        date = datetime.fromtimestamp(now).strftime("%Y-%m-%d %H:%M:%S")
        said = _Said(queue.policy)
        ended = run_program(
            (program, queue.name, str(now), date),
            {**self.environment, "OARCONFFILE": str(self.oar_conf.absolute())},
            self.settings.filter_timeout_s + GRACE_S,
            out=said.hear,
            err=said.log,
        )
        said.close()
        if ended.code in (0, LEFT_ALONE):
            return "", said.ready
        return ended.failure or f"ended with exit code {ended.code}", said.ready

    def _read_back(self, world: World, queue: QueueView) -> World:
        """Read what the program wrote: its plan, its messages, and which jobs it let wait."""
        with one_moment(self.engine) as connection:
            self.stored = read_plan(connection)
            told = read_texts(connection)
        mine = {job.job_id for job in jobs_of(world, (queue,))}
        gone = mine - told.keys()
        return replace(
            world,
            waiting=tuple(job for job in world.waiting if job.job_id not in gone),
            told={**world.told, **{one: words for one, words in told.items() if one in mine}},
        )

    def _judge(self, queue: QueueView, failure: str) -> None:
        """Count the failures of a queue's scheduler; the administrator hears of the first and of the last."""
        with self.engine.begin() as connection:
            if not failure:
                note_success(connection, queue.name)
                return
            failures = note_failure(connection, queue.name, self.settings.failures_allowed)
            words = (
                f"queue {queue.name}: the scheduler {queue.policy} {failure}{_consequence(queue, failures)}"
            )
            log.error("%s", words)
            if failures.stops or failures.in_a_row == 1:
                kind = EventKind.QUEUE_NOT_ACTIVE if failures.stops else EventKind.SCHEDULER_FAILED
                record(connection, kind, now=database_now(connection), description=words)


class _Said:
    """What a program says: lines that mean something, and others for the log."""

    def __init__(self, scheduler: str) -> None:
        self._scheduler = scheduler
        self._logged = 0
        self.ready: list[Ready] = []

    def hear(self, line: str) -> None:
        ready = read_line(line)
        if ready is None:
            self.log(line)
        else:
            self.ready.append(ready)

    def log(self, line: str) -> None:
        self._logged += 1
        if self._logged <= LINES_LOGGED:
            log.info("scheduler %s: %s", self._scheduler, ascii(line[:1000])[1:-1])

    def close(self) -> None:
        if self._logged > LINES_LOGGED:
            more = self._logged - LINES_LOGGED
            log.warning("scheduler %s: %d more lines are left out", self._scheduler, more)


def _consequence(queue: QueueView, failures: Failures) -> str:
    if failures.stops:
        return (
            f"; it failed {failures.in_a_row} times in a row, and the queue is not active now; "
            f"oarqueue -e {queue.name} makes it active again"
        )
    return f"; the queue loses this round (failure {failures.in_a_row} in a row)"


def _with_failure(outcomes: Mapping[JobId, Outcome], words: str) -> dict[JobId, Outcome]:
    """Say the failure to the jobs without a place; the places that were written before it hold."""
    return {
        job_id: one if isinstance(one, Assignment) else NoRoom(job_id, words)
        for job_id, one in outcomes.items()
    }
