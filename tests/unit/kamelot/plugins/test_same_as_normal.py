"""The default plugins, asked as those of a site are, place jobs where the normal search places them."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest

from oar.core.job import Assignment, WaitingJob
from oar.core.job_dates import job_dates
from oar.kamelot import OVER, Gantt, Platform, place_all
from oar.kamelot.plugins import Plugins
from oar.kamelot.plugins.placed import Bounds
from oar.kamelot.reasons.reason import Reason
from tests.unit.kamelot.plugins.placing import SHIPPED, search_for
from tests.unit.kamelot.world import NOW, World
from tests.unit.kamelot.worlds import world_of

WORLDS = 400
NAMED = Plugins(find={"like_ours": SHIPPED.find["default"]}, assign={"like_ours": SHIPPED.assign["default"]})
WAYS: tuple[Mapping[str, str], ...] = (
    {"find": "like_ours"},
    {"assign": "like_ours"},
    {"find": "like_ours", "assign": "like_ours"},
)

Where = tuple[int, int, int] | None
"""Moldable, start and ranks, or no place."""


def first_date(gantt: Gantt, job: WaitingJob, security_time_s: int) -> int | None:
    """Tell when the job may start, None when it may not at all."""
    dates = job_dates(job.types)
    ends = [gantt.ends.get(required) for required in job.dependencies]
    if None in ends or dates.missed(NOW):
        return None
    after = [end + 2 * security_time_s for end in ends if end is not None and end != OVER]
    return max(NOW, dates.postpone or 0, *after)


def by_plugins(gantt: Gantt, world: World, job: WaitingJob, way: Mapping[str, str]) -> Where:
    earliest = first_date(gantt, job, world.rules.security_time_s)
    if earliest is None or gantt.view(job) is None:
        return None
    asking = replace(job, types={**job.types, **way})
    bounds = Bounds(earliest, deadline=job_dates(job.types).deadline)
    found = search_for(gantt, asking, NAMED, bounds, rules=world.rules)
    if isinstance(found, Reason):
        assert "finds no place" in found.words()
        return None
    return found[0].moldable.moldable_id, found[1].start, found[1].resources


def normally(gantt: Gantt, world: World, job: WaitingJob) -> Where:
    """Place the job, so that the next one meets it."""
    outcome = place_all(gantt, [job], world.rules)[job.job_id]
    if not isinstance(outcome, Assignment):
        return None
    return outcome.moldable_id, outcome.start_time, gantt.platform.mask(outcome.resources)


def cases(world: World) -> Iterator[tuple[Where, Where]]:
    """Give each place as the plugins choose it, and as it is chosen without them."""
    gantt = Gantt(Platform(world.resources, world.filters), world.running, NOW, world.ends)
    for one in world.jobs:
        # Of several walltimes the least decides; which is given in the end is tested where it is chosen.
        fixed = tuple(replace(moldable, least_walltime_s=None) for moldable in one.moldables)
        job = replace(one, moldables=fixed)
        chosen = [by_plugins(gantt, world, job, way) for way in WAYS]
        expected = normally(gantt, world, job)
        yield from ((where, expected) for where in chosen)


@pytest.mark.parametrize("first", range(0, WORLDS, 100))
def test_default_plugins_choose_as_the_normal_search_does(first: int) -> None:
    for number in range(first, first + 100):
        for chosen, expected in cases(world_of(number)):
            assert chosen == expected, f"world {number}"
