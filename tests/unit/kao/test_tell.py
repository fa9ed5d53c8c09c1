"""What jobs are told, and when that is news."""

from dataclasses import replace

import pytest

from oar.core.job import TOLD_LENGTH, Told, WaitingJob
from oar.kamelot import Rules
from oar.kao.model import World
from oar.kao.round import run_round
from oar.testing import make_running, make_waiting, make_world

RULES = Rules(security_time_s=60)


def as_stored(told: Told) -> Told:
    return Told(told.message[:255], told.reason[:255])


def again(world: World) -> World:
    """Give the world of the next round: what was told and planned is stored."""
    decisions = run_round(world, RULES)
    told = {job_id: as_stored(one) for job_id, one in decisions.told.items()}
    return replace(world, told=told, plan=decisions.plan)


def busy(job: WaitingJob) -> World:
    return make_world(job, running=(make_running(9, range(1, 7), 900, 7200),))


@pytest.mark.parametrize(
    "job",
    [
        replace(make_waiting(1), properties="gone = 'x' OR " * 40),
        make_waiting(1, types={f"type{number}": "x" * 50 for number in range(9)}),
    ],
    ids=["a long condition", "long types"],
)
def test_what_is_longer_than_the_database_keeps_is_told_once(job: WaitingJob):
    world = again(busy(job))
    assert max(len(text) for one in world.told.values() for text in (one.message, one.reason)) == TOLD_LENGTH
    assert run_round(world, RULES).told == {}
