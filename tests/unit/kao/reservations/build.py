"""Reservations and rounds on five resources, as the scenarios have them: nodes of two, two and one."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from procset import ProcSet

from oar.core.job import Assignment, JobId, Resource, WaitingJob
from oar.core.states import ReservationState
from oar.kamelot import Rules
from oar.kao.model import USUAL_CHOICES, Decisions, World
from oar.kao.round import run_round
from oar.testing import make_resources, make_waiting, make_world

NOW = 10_000
RULES = Rules(security_time_s=60)


def five(**states: Any) -> tuple[Resource, ...]:
    """Five resources; keywords give the states of nodes."""
    return make_resources(states=states)[:5]


def asking(job_id: int, start: int, request: str = "resource_id=4,walltime=0:1:0", **kind: Any) -> WaitingJob:
    """A reservation that nobody has answered."""
    job = make_waiting(job_id, request, **kind)
    return replace(job, reservation=ReservationState.TO_SCHEDULE, start_time=start)


def granted(
    job_id: int, start: int, walltime_s: int = 60, resources: str = "1-4", **kind: Any
) -> tuple[WaitingJob, Assignment]:
    """A reservation that was granted, with its place."""
    ids = ProcSet.from_str(resources)
    job = make_waiting(job_id, f"resource_id={len(ids)},walltime=0:0:{walltime_s}", **kind)
    place = Assignment(job.job_id, job.moldables[0].moldable_id, start, walltime_s, ids)
    return replace(job, reservation=ReservationState.SCHEDULED, start_time=start), place


def world(*jobs: WaitingJob | tuple[WaitingJob, Assignment], **kind: Any) -> World:
    """A world of five resources with these jobs, granted ones in its plan."""
    waiting = tuple(one[0] if isinstance(one, tuple) else one for one in jobs)
    plan = tuple(one[1] for one in jobs if isinstance(one, tuple))
    kind.setdefault("resources", five())
    return replace(make_world(*waiting, now=NOW, **kind), plan=plan)


def decide(world: World, **choices: Any) -> Decisions:
    """Run a round that checks its plan."""
    decisions = run_round(world, RULES, replace(USUAL_CHOICES, **choices), check_plan=True)
    assert decisions.flaws == ()
    return decisions


def starts(decisions: Decisions) -> Mapping[JobId, int]:
    """The start of each job in the plan."""
    return {one.job_id: one.start_time for one in decisions.plan}


def launched(decisions: Decisions) -> Mapping[JobId, tuple[int, str]]:
    """Walltime and resources of each job that starts now."""
    return {one.job_id: (one.walltime_s, str(one.resources)) for one in decisions.launches}
