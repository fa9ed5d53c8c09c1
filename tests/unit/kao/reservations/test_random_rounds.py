"""Many random rounds with reservations in the plan: what must never happen."""

from dataclasses import replace
from random import Random

import pytest

from oar.core.durations import parse_date
from oar.core.job import Assignment, JobId
from oar.core.states import NodeState, ReservationState
from oar.kamelot import Platform
from oar.kao.model import Decisions, World
from oar.kao.reservations.settle import left_of
from oar.testing import make_resources, make_running, make_waiting, make_world
from tests.unit.kao.reservations.build import NOW, asking, decide

REQUESTS = ("nodes=1", "nodes=2/core=1", "core=3", "core=1", "nodes=ALL", "nodes=BEST/core=1", "nodes=9")
TYPES = (
    {},
    {},
    {},
    {"timesharing": "*,*"},
    {"placeholder": "yop"},
    {"allowed": "yop"},
    {"container": "box"},
    {"inner": "box"},
)
STATES = (NodeState.ALIVE, NodeState.ALIVE, NodeState.ALIVE, NodeState.ABSENT, NodeState.SUSPECTED)


def random_world(seed: int) -> World:
    """Waiting jobs, new reservations and running jobs, by chance."""
    random = Random(seed)  # noqa: S311 - a world, not a secret
    jobs = []
    for number in range(1, random.randrange(2, 14)):
        request = f"{random.choice(REQUESTS)},walltime=0:0:{random.randrange(1, 900)}"
        kind = {"types": random.choice(TYPES), "queue": random.choice(("default", "admin"))}
        if random.random() < 0.5:
            jobs.append(asking(number, NOW + random.randrange(-300, 2000), request, **kind))
        else:
            jobs.append(make_waiting(number, request, **kind))
    running = [make_running(50, [1, 2], NOW - 100, random.randrange(50, 900))]
    if random.random() < 0.5:
        running.append(make_running(51, [3, 4], NOW - 100, 999, types={"besteffort": ""}))
    resources = make_resources(4, 2, states={"node4": random.choice(STATES)})
    made = make_world(*jobs, now=NOW, running=tuple(running), resources=resources)
    ahead = Platform(resources[::-1], {}) if random.random() < 0.5 else None
    return replace(made, platform_ahead=ahead)


def next_world(world: World, decisions: Decisions, now: int) -> World:
    """What the next round finds when nothing was launched: granted reservations in the plan."""
    waiting = tuple(
        replace(job, reservation=ReservationState.SCHEDULED) if job.job_id in decisions.granted else job
        for job in world.waiting
        if job.job_id not in decisions.refused and job.job_id not in decisions.expired
    )
    return replace(
        world, now=now, waiting=waiting, plan=decisions.plan, told=dict(world.told) | dict(decisions.told)
    )


def places_of_reservations(world: World) -> dict[JobId, Assignment]:
    reservations = {job.job_id for job in world.waiting if job.reservation is ReservationState.SCHEDULED}
    return {one.job_id: one for one in world.plan if one.job_id in reservations}


@pytest.mark.parametrize("seed", range(60))
def test_no_round_moves_a_granted_reservation_and_every_plan_is_right(seed: int) -> None:
    random, world = Random(seed), random_world(seed)  # noqa: S311 - as above
    now = NOW
    for _ in range(4):
        decisions = decide(world)
        before = places_of_reservations(world)
        after = {one.job_id: one for one in decisions.plan}
        for job_id, place in before.items():
            if job_id not in decisions.expired:
                assert (after[job_id].start_time, after[job_id].walltime_s) == (
                    place.start_time,
                    place.walltime_s,
                )
                assert after[job_id].resources <= place.resources
        for one in decisions.launches:
            if one.job_id in before:
                assert one == left_of(after[one.job_id], now)
        now += random.randrange(1, 400)
        world = next_world(world, decisions, now)


@pytest.mark.parametrize("seed", range(40))
def test_what_a_refusal_offers_is_granted_when_it_is_asked_for(seed: int) -> None:
    world = random_world(seed)
    asked = [job for job in world.waiting if job.reservation is ReservationState.TO_SCHEDULE][:1]
    if not asked:
        return
    alone = replace(world, waiting=tuple(asked), containers=())
    decisions = decide(alone)
    offered = decisions.refused.get(asked[0].job_id, "").partition("could run at ")[2][:19]
    if offered:
        later = replace(asked[0], start_time=parse_date(offered))
        assert decide(replace(alone, waiting=(later,))).refused == {}
