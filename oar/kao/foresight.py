"""Answers about the plan that the next round would make: reads what a round reads, and writes nothing.

The read-only account reads it all: the answers come while the server is down, and cannot change anything.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import Engine

from oar.config import DEFAULT_FILE
from oar.core.job import JobId, Moldable, MoldableId, Told, WaitingJob
from oar.core.states import JobState, ReservationState
from oar.db.conditions import BadFilter
from oar.db.engine import one_moment
from oar.db.jobs import NewJobs
from oar.db.planning import read_named_jobs
from oar.db.resources import matching_resources
from oar.kao.metascheduler import Metascheduler, choices_of
from oar.kao.model import World
from oar.kao.order import Orders
from oar.kao.placing import tokens_of
from oar.kao.whatif import (
    Forecast,
    Practice,
    Prospect,
    as_stored,
    forecast,
    last_in_turn,
    prospects,
    relaxations,
    reservations,
)
from oar.settings import Settings

PLENTY = 2**31 - 1
"""So many tokens of each kind are taken to be there: to ask how many there are is left to rounds."""

NEW_JOB = JobId(2**31 - 1)
"""The number of a job that has none yet: it comes after all others."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What new jobs may expect: each alternative of the first one, what it would get, and the last one.

    Reservations are granted or refused: when one of several would be refused, that is the ``last``, and
    ``chosen`` too.
    """

    now: int
    alternatives: tuple[Prospect, ...]
    chosen: Prospect
    last: Prospect | None = None


@dataclass(slots=True)
class Foresight:
    """Asks a metascheduler that may only read."""

    scheduler: Metascheduler

    @classmethod
    def of(cls, reader: Engine, settings: Settings, oar_conf: Path = DEFAULT_FILE) -> "Foresight":
        """Plan as the settings from ``oar_conf`` say; it connects when it is first asked."""
        trusting = replace(settings, scheduler=replace(settings.scheduler, check_plans=False))
        scheduler = Metascheduler.of(trusting, oar_conf)
        return cls(replace(scheduler, engine=reader, reader=reader))

    def why(self, job_id: int) -> Forecast | None:
        """Say what holds a waiting job and what would let it start sooner; None when it does not wait."""
        world, orders = self._look()
        job = next((one for one in world.waiting if one.job_id == job_id), None)
        if job is None:
            return None
        if tokens_of(job) and "oken" in world.told.get(job.job_id, Told()).reason:
            return as_stored(world, job)
        relaxed = tuple(relaxations(job))
        self._learn({text for one in relaxed for text in _conditions(one.job)})
        return forecast(world, job, self._practice(orders), relaxed)

    def estimate(self, new: NewJobs) -> Estimate:
        """Say when new jobs would start if they were submitted now."""
        world, orders = self._look()
        job = as_waiting(new, world.now)
        self._learn(_conditions(job))
        with one_moment(self.scheduler.reader) as connection:
            required = read_named_jobs(connection, new.required_jobs)
        world = replace(world, required={**world.required, **required})
        practice = self._practice(orders)
        if job.reservation is not ReservationState.NONE:
            return _answer(world, job, len(new.commands), practice)
        turn = last_in_turn(world, job, practice)
        each, chosen = prospects(turn, job)
        last = None
        if len(new.commands) > 1:
            for _ in new.commands[:-1]:
                turn.place(job, draws=True)
            _, last = prospects(turn, job)
        return Estimate(world.now, each, chosen, last)

    def _look(self) -> tuple[World, Orders]:
        world, orders = self.scheduler.look((JobState.TO_ACK_RESERVATION,))
        names = {name for job in world.waiting for name in tokens_of(job)}
        return replace(world, tokens=dict.fromkeys(names, PLENTY)), orders

    def _practice(self, orders: Orders) -> Practice:
        scheduler = self.scheduler
        choices = replace(choices_of(scheduler.settings), energy=scheduler.energy)
        return Practice(lambda world: scheduler.decide(world, orders), scheduler.rules, choices, orders)

    def _learn(self, conditions: Collection[str]) -> None:
        """Find out which resources meet conditions that no waiting job has; what fails is left out."""
        kept = self.scheduler.kept
        unknown = sorted(set(conditions) - kept.filters.keys() - kept.broken)
        if not unknown:
            return
        with one_moment(self.scheduler.reader) as connection:
            for text in unknown:
                try:
                    kept.filters[text] = matching_resources(connection, text)
                except BadFilter:
                    kept.broken.add(text)


def _answer(world: World, job: WaitingJob, count: int, practice: Practice) -> Estimate:
    """Ask for so many reservations; the last one that is told of is the first that would be refused."""
    jobs = [replace(job, job_id=JobId(job.job_id + number)) for number in range(count)]
    answers = reservations(world, jobs, practice)
    last = next((one for one in answers if one.start is None), answers[-1])
    chosen = last if last.start is None else answers[0]
    return Estimate(world.now, answers[:1], chosen, last if count > 1 else None)


def as_waiting(new: NewJobs, now: int) -> WaitingJob:
    """Give the first of new jobs as a round would read it, once it is written."""
    types = dict(one.partition("=")[::2] for one in new.types)
    moldables = tuple(
        Moldable(MoldableId(number), one.request, one.walltime_s or 0, one.least_walltime_s)
        for number, one in enumerate(new.alternatives, 1)
    )
    return WaitingJob(
        job_id=NEW_JOB,
        queue=new.queue,
        user=new.user,
        project=new.project,
        name=new.name,
        properties=new.properties,
        moldables=moldables,
        types=types,
        submission_time=now,
        dependencies=tuple(sorted(JobId(one) for one in new.required_jobs)),
        interactive=new.interactive,
        reservation=ReservationState.NONE if new.reserved_from is None else ReservationState.TO_SCHEDULE,
        start_time=0 if new.reserved_from is None else new.reserved_from or now,
    )


def _conditions(job: WaitingJob) -> set[str]:
    groups: Iterable[str] = (group.filter for one in job.moldables for group in one.request.groups)
    return {job.properties, *groups} - {""}
