"""Make a world that fails small: whatever can be left out or lowered while it still fails, is."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, TypeVar

from procset import ProcSet

from oar.core.job import Group, Moldable, MoldableId, Request, Resource, WaitingJob
from oar.core.states import NodeState, ReservationState
from oar.kamelot import Occupation
from oar.kamelot.containers import OUTSIDE
from oar.kamelot.sharing import ALONE
from tests.unit.kamelot.world import NOW, SIMPLEST, Exceptional, Limit, World

Item = TypeVar("Item")


def shrink(world: World, fails: Callable[[World], bool]) -> World:
    """Go to the first smaller world that fails, again and again, until none does."""
    while True:
        found = next((smaller for smaller in smaller_worlds(world) if fails(smaller)), None)
        if found is None:
            return world
        world = found


def smaller_worlds(world: World) -> Iterator[World]:
    """Give the worlds with one thing less, those that lack most first; each is simpler, so this ends."""
    for jobs in fewer(world.jobs):
        yield replace(world, jobs=jobs, cut=min(world.cut, len(jobs)))
    yield from (replace(world, running=running) for running in fewer(world.running))
    yield from (replace(world, resources=found) for found in fewer(world.resources) if found)
    yield from (replace(world, quotas=quotas) for quotas in fewer(world.quotas))
    yield from (replace(world, exceptions=exceptions) for exceptions in fewer(world.exceptions))
    yield from simpler(world, one_rule=False, window_s=1000)
    yield from simpler(world, cut=0, reservation=None, again=False, rules=SIMPLEST, ends={})
    yield from simpler(world, filters={name: world.filters[name] for name in used_filters(world)})
    yield from worlds_of_smaller_parts(world)


def worlds_of_smaller_parts(world: World) -> Iterator[World]:
    """Give the worlds in which one thing is simpler."""
    for name in ("security_time_s", "besteffort_duration_s", "energy_saving"):
        yield from (replace(world, rules=rules) for rules in simpler(world.rules, **{name: _least(name)}))
    yield from (replace(world, cut=cut) for cut in lower(world.cut, 0))
    for name, matching in world.filters.items():
        yield from (replace(world, filters={**world.filters, name: part}) for part in parts(matching))
    yield from (replace(world, jobs=jobs) for jobs in one_smaller(world.jobs, smaller_jobs))
    if world.reservation is not None:
        yield from (replace(world, reservation=job) for job in smaller_jobs(world.reservation))
    yield from (replace(world, running=taken) for taken in one_smaller(world.running, smaller_occupations))
    yield from (replace(world, quotas=quotas) for quotas in one_smaller(world.quotas, smaller_limits))
    for exceptions in one_smaller(world.exceptions, smaller_exceptions):
        yield replace(world, exceptions=exceptions)
    yield from (replace(world, resources=found) for found in one_smaller(world.resources, smaller_resources))


def used_filters(world: World) -> list[str]:
    """Tell the conditions that must stay, because jobs have them."""
    texts = {job.properties for job in world.all_jobs}
    for job in world.all_jobs:
        texts |= {group.filter for moldable in job.moldables for group in moldable.request.groups}
    return [name for name in world.filters if name in texts]


def _least(name: str) -> object:
    return getattr(SIMPLEST, name)


def fewer(items: tuple[Item, ...]) -> Iterator[tuple[Item, ...]]:
    """Leave out a half, a quarter and so on, down to single items; the last ones first."""
    size = len(items)
    while size:
        for end in range(len(items), 0, -size):
            yield items[: max(0, end - size)] + items[end:]
        size //= 2


def one_smaller(
    items: tuple[Item, ...], smaller: Callable[[Item], Iterator[Item]]
) -> Iterator[tuple[Item, ...]]:
    """Make one of the items smaller."""
    for number, item in enumerate(items):
        for other in smaller(item):
            yield (*items[:number], other, *items[number + 1 :])


def simpler(value: Item, **simplest: object) -> Iterator[Item]:
    """Give one field after the other its simplest value."""
    for name, wanted in simplest.items():
        if getattr(value, name) != wanted:
            changed: Any = replace(value, **{name: wanted})  # type: ignore[type-var]
            yield changed


def lower(number: int, least: int) -> Iterator[int]:
    """Go down to the least number: at once, by half, by one."""
    if number > least:
        yield from dict.fromkeys([least, (number + least) // 2, number - 1])


def parts(whole: ProcSet) -> Iterator[ProcSet]:
    """Leave out some of the ids."""
    for kept in fewer(tuple(whole)):
        yield ProcSet(*kept)


def smaller_jobs(job: WaitingJob) -> Iterator[WaitingJob]:
    yield from simpler(
        job,
        dependencies=(),
        types={},
        properties="",
        user="alice",
        name="",
        queue="default",
        project="default",
    )
    for name in job.types:
        yield replace(job, types={other: job.types[other] for other in job.types if other != name})
    for kept in fewer(job.dependencies):
        yield replace(job, dependencies=kept)
    for moldables in (*fewer(job.moldables), *one_smaller(job.moldables, smaller_moldables)):
        if moldables:
            first = 10 * job.job_id
            numbered = (replace(one, moldable_id=MoldableId(first + n)) for n, one in enumerate(moldables))
            yield replace(job, moldables=tuple(numbered))
    if job.reservation is not ReservationState.NONE:
        yield from (replace(job, start_time=start) for start in lower(job.start_time, NOW))


def smaller_moldables(moldable: Moldable) -> Iterator[Moldable]:
    yield from simpler(moldable, least_walltime_s=None)
    groups = moldable.request.groups
    for kept in (*fewer(groups), *one_smaller(groups, smaller_groups)):
        if kept:
            yield replace(moldable, request=Request(kept))
    least = moldable.least_walltime_s
    for walltime in lower(moldable.walltime_s, 1 if least is None else least + 1):
        yield replace(moldable, walltime_s=walltime)
    for walltime in lower(least or 1, 1):
        yield replace(moldable, least_walltime_s=walltime)


def smaller_groups(group: Group) -> Iterator[Group]:
    yield from simpler(group, filter="")
    for kept in fewer(group.levels):
        if kept:
            yield replace(group, levels=kept)
    for number, level in enumerate(group.levels):
        for count in lower(level.count, 1) if level.count > 0 else (1,):
            changed = replace(level, count=count)
            yield replace(group, levels=(*group.levels[:number], changed, *group.levels[number + 1 :]))


def smaller_occupations(taken: Occupation) -> Iterator[Occupation]:
    yield from simpler(taken, charged_to=None, sharing=ALONE, nesting=OUTSIDE, besteffort=False)
    yield from (replace(taken, resources=part) for part in parts(taken.resources))
    yield from (replace(taken, end=end) for end in lower(taken.end, taken.begin))
    if taken.begin < NOW <= taken.end:
        yield replace(taken, begin=NOW)
    yield from (replace(taken, begin=begin) for begin in lower(taken.begin, NOW))


def smaller_limits(limit: Limit) -> Iterator[Limit]:
    yield from simpler(limit, resources=-1, jobs=-1, work_s=-1, key="*,*,*,*")


def smaller_exceptions(one: Exceptional) -> Iterator[Exceptional]:
    yield from (replace(one, quotas=quotas) for quotas in fewer(one.quotas))
    yield from (replace(one, quotas=quotas) for quotas in one_smaller(one.quotas, smaller_limits))
    yield from (replace(one, end=end) for end in lower(one.end, one.begin + 1))


def smaller_resources(resource: Resource) -> Iterator[Resource]:
    yield from simpler(resource, state=NodeState.ALIVE, available_upto=0, type="default")
    for name in resource.properties:
        if name != "node":
            kept = {other: value for other, value in resource.properties.items() if other != name}
            yield replace(resource, properties=kept)
