"""The resources that can be given, ranked in scheduling order, and how filters and levels divide them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from procset import ProcSet

from oar.core.job import LevelValue, Resource, ResourceId
from oar.core.states import NodeState
from oar.kamelot import bits
from oar.kamelot.hierarchy import Hierarchy

if TYPE_CHECKING:
    from oar.kamelot.compiled import Compiler
    from oar.kamelot.counted import Counted

ALWAYS = 2**31 - 2
"""From this ``available_upto`` on a resource has no end of availability."""

NEVER_WOKEN = 1
"""Up to this ``available_upto``, which is no date then, a resource that sleeps is not woken."""


KEPT = 200
"""So many hierarchies are remembered; users write ever new filters, and a platform may live for weeks."""


KEPT_BASES = 50
"""So many ways to divide all resources are remembered."""


class UnknownFilter(Exception):
    """A condition for which the caller did not say which resources match."""


class Platform:
    """The resources that are not Dead; inside, each is known by its rank in scheduling order.

    Nothing changes after it was made, except that what was computed once is remembered, so a platform is
    worth keeping from one round to the next.
    """

    def __init__(self, resources: Sequence[Resource], filters: Mapping[str, ProcSet]) -> None:
        """Rank the resources as given; ``filters`` tells for each SQL condition the ids that match it."""
        self.resources = tuple(r for r in resources if r.state is not NodeState.DEAD)
        self.everything = (1 << len(self.resources)) - 1
        self._ids = [r.resource_id for r in self.resources]
        self._ranks: dict[int, int] = {id_: rank for rank, id_ in enumerate(self._ids)}
        self._follows = _follows(self._ids)
        self._rising = self._ids == sorted(self._ids)
        self._filters = filters
        self._matching: dict[str, int] = {"": self.everything}
        self._columns: dict[str, list[LevelValue]] = {}
        self._bases: dict[tuple[str, ...], Hierarchy] = {}
        self._hierarchies: dict[tuple[int, tuple[str, ...]], Hierarchy] = {}
        self.compilers: dict[int, Compiler] = {}
        """What makes requests ready, for each set of usable resources; see :mod:`oar.kamelot.compiled`."""
        self.counted: Counted | None = None
        """What counts resources for quotas, once somebody has asked; see :mod:`oar.kamelot.counted`."""
        self._in_state: dict[NodeState, int] = {
            state: bits.mask_of(rank for rank, r in enumerate(self.resources) if r.state is state)
            for state in NodeState
        }

    def mask(self, procset: ProcSet) -> int:
        """Turn resource ids into ranks; ids that are Dead or unknown fall out."""
        found = 0
        for first, last in procset.intervals():
            number = int(first)
            while number <= last:
                rank = self._ranks.get(number)
                if rank is None:
                    number += 1
                    continue
                length = min(last - number, self._follows[rank])
                found |= bits.span(rank, rank + length)
                number += length + 1
        return found

    def procset(self, mask: int) -> ProcSet:
        """Turn ranks into resource ids."""
        return self.procset_of_runs(bits.runs(mask))

    def procset_of_runs(self, runs: Iterable[tuple[int, int]]) -> ProcSet:
        """Turn runs of ranks, rising, into resource ids."""
        ids, follows = self._ids, self._follows
        intervals = []
        for first, last in runs:
            rank = first
            while rank <= last:
                stop = min(last, rank + follows[rank])
                intervals.append((ids[rank], ids[stop]))
                rank = stop + 1
        return bits.procset_of(intervals, self._rising)

    def resources_of(self, procset: ProcSet) -> tuple[Resource, ...]:
        """Give the resources with these ids, in scheduling order; those that are Dead or unknown fall out."""
        return tuple(self.resources[rank] for rank in bits.members(self.mask(procset)))

    def matching(self, condition: str) -> int:
        """Tell the ranks of the resources that match an SQL condition."""
        found = self._matching.get(condition)
        if found is None:
            if condition not in self._filters:
                raise UnknownFilter(f'nobody said which resources match "{condition}"')
            found = self._matching[condition] = self.mask(self._filters[condition])
        return found

    def in_state(self, *states: NodeState) -> int:
        """Tell the ranks of the resources in one of the states."""
        found = 0
        for state in states:
            found |= self._in_state[state]
        return found

    def standby(self, now: int) -> int:
        """Tell the ranks of the resources that sleep and may be woken: Absent, and available after now."""
        return bits.mask_of(
            rank
            for rank in bits.members(self.in_state(NodeState.ABSENT))
            if now < self.resources[rank].available_upto
        )

    def ends_of_availability(self) -> dict[int, int]:
        """Tell which ranks can be used no longer from which date on."""
        ends: dict[int, int] = {}
        for rank, resource in enumerate(self.resources):
            if NEVER_WOKEN < resource.available_upto < ALWAYS:
                ends[resource.available_upto] = ends.get(resource.available_upto, 0) | 1 << rank
        return ends

    def hierarchy(self, candidates: int, levels: tuple[str, ...]) -> Hierarchy:
        """Divide those of the candidates that have a value at each level into blocks, level by level."""
        if candidates == self.everything:
            return self._of_all(levels)
        key = (candidates, levels)
        found = self._hierarchies.get(key)
        if found is None:
            found = self._of_all(levels).within(candidates) or self._divide(candidates, levels)
            if len(self._hierarchies) == KEPT:
                del self._hierarchies[next(iter(self._hierarchies))]
            self._hierarchies[key] = found
        return found

    def _of_all(self, levels: tuple[str, ...]) -> Hierarchy:
        """Divide all resources; the hierarchies of some of them share its leaves."""
        found = self._bases.get(levels)
        if found is None:
            if len(self._bases) == KEPT_BASES:
                self._bases.clear()
            found = self._bases[levels] = self._divide(self.everything, levels)
        return found

    def _divide(self, candidates: int, levels: tuple[str, ...]) -> Hierarchy:
        paths = list(zip(*map(self._column, levels), strict=True))
        return Hierarchy(
            levels, [(rank, paths[rank]) for rank in bits.members(candidates) if None not in paths[rank]]
        )

    def _column(self, level: str) -> list[LevelValue]:
        column = self._columns.get(level)
        if column is None:
            column = self._columns[level] = [level_value(resource, level) for resource in self.resources]
        return column

    def knows(self, level: str) -> bool:
        """Tell whether resources have such a property at all."""
        return any(level in r.properties for r in self.resources) or level in BUILT_IN


BUILT_IN = ("resource_id", "network_address", "type")
"""Levels that every resource has, whatever the caller puts in ``properties``."""


def level_value(resource: Resource, level: str) -> LevelValue:
    """Tell the value of a property that is used as a level."""
    if level == "resource_id":
        return resource.resource_id
    if level == "network_address":
        return resource.node
    if level == "type":
        return resource.type
    return resource.properties.get(level)


def _follows(ids: Sequence[ResourceId]) -> list[int]:
    """Tell for each rank how many of the next ranks have the next ids."""
    follows = [0] * len(ids)
    for rank in range(len(ids) - 2, -1, -1):
        if ids[rank + 1] == ids[rank] + 1:
            follows[rank] = follows[rank + 1] + 1
    return follows
