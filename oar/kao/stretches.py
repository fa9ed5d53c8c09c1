"""A round with stops: what another program plans, or a plugin may change, between groups of queues. Pure.

The groups before a stop are planned, the stop is made, and the round goes on with what was decided so far as
settled. A round without stops is planned in one go.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from oar.core.job import JobId, Told
from oar.kao.model import Decisions, QueueView, World
from oar.kao.queue_plan import jobs_of, queue_groups

Group = tuple[QueueView, ...]


@dataclass(frozen=True, slots=True)
class Halted:
    """A round at a stop: ``group`` is next, ``before`` is what was decided of the groups before it."""

    world: World
    group: Group
    before: Decisions


Stop = Callable[[Halted], tuple[World, Mapping[JobId, Told]]]
"""What is done at a stop; gives the world to go on with, and what jobs are told that it settled."""


def foreign_groups(world: World) -> list[Group]:
    """Give the queues whose scheduler is another program and that have jobs to plan, in their turn."""
    return [
        group
        for group in queue_groups(world.queues)
        if any(one.foreign for one in group) and jobs_of(world, group)
    ]


def decide_in_stretches(
    world: World, decide: Callable[[World], Decisions], stops: Mapping[str, Sequence[Stop]]
) -> tuple[World, Decisions]:
    """Plan a round with stops before the groups of the queues named in ``stops``.

    Gives the world at the end and the decisions, as if they had been made at once.
    """
    told: dict[JobId, Told] = {}
    groups = list(queue_groups(world.queues))
    for place, group in enumerate(groups):
        for stop in _stops_of(group, stops):
            later = frozenset(one.name for queues in groups[place:] for one in queues)
            before = decide(replace(world, later=later))
            world, of_groups = _settled(world, before, groups[:place])
            world, of_stop = stop(Halted(world, group, before))
            told |= {**of_groups, **of_stop}
    decisions = decide(world)
    return world, replace(decisions, told=told | dict(decisions.told))


def _stops_of(group: Group, stops: Mapping[str, Sequence[Stop]]) -> Iterator[Stop]:
    return (stop for queue in group for stop in stops.get(queue.name, ()))


def _settled(world: World, decisions: Decisions, groups: list[Group]) -> tuple[World, dict[JobId, Told]]:
    """Settle what was decided for the jobs of some groups; with it goes what they are told."""
    settled = dict(world.settled)
    told: dict[JobId, Told] = {}
    for queue in (one for group in groups for one in group if one.name not in world.settled):
        ids = [job.job_id for job in jobs_of(world, (queue,))]
        settled[queue.name] = {one: decisions.outcomes[one] for one in ids if one in decisions.outcomes}
        told |= {one: decisions.told[one] for one in ids if one in decisions.told}
    return replace(world, settled=settled, took=decisions.took), told
