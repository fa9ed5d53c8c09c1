"""Requests made ready for the search: filters, levels and states resolved to hierarchies and leaves."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from oar.core.job import HALF, Group, Moldable, WaitingJob
from oar.kamelot.hierarchy import Counts, Hierarchy, choose, make_test
from oar.kamelot.platform import Platform


@dataclass(frozen=True, slots=True)
class CompiledGroup:
    """A group: blocks of the candidates, how many are wanted, and the leaves that are wholly usable."""

    hierarchy: Hierarchy
    counts: Counts
    usable: int
    fits: Callable[[int], bool]
    """Whether enough leaves are free; once false, it stays so for any subset."""


@dataclass(frozen=True, slots=True)
class CompiledMoldable:
    """A moldable: its groups in order, and the seconds it takes in the plan."""

    moldable: Moldable
    duration: int
    groups: tuple[CompiledGroup, ...]

    @property
    def could_fit(self) -> bool:
        """Tell whether each group would find enough, were all usable resources free and it alone."""
        return all(group.fits(group.usable) for group in self.groups)


def compile_moldable(
    platform: Platform, job: WaitingJob, moldable: Moldable, usable: int, duration: int
) -> CompiledMoldable:
    """Resolve a moldable of a job that may use the given resources."""
    if not moldable.request.groups:
        raise ValueError("asks for no resources")
    groups = tuple(compile_group(platform, job, group, usable) for group in moldable.request.groups)
    return CompiledMoldable(moldable, duration, groups)


def compile_group(platform: Platform, job: WaitingJob, group: Group, usable: int) -> CompiledGroup:
    """Resolve one group; the job's own condition holds as well as the group's."""
    if not group.levels:
        raise ValueError("a group of resources names no level")
    candidates = platform.matching(job.properties) & platform.matching(group.filter)
    hierarchy = platform.hierarchy(candidates, tuple(level.name for level in group.levels))
    counts = tuple(level.count for level in group.levels)
    for level in group.levels:
        if level.count == 0 or level.count < HALF:
            raise ValueError(f"asks for {level.count} {level.name}")
    return CompiledGroup(hierarchy, counts, hierarchy.whole(usable), make_test(hierarchy.top, counts))


def choose_all(groups: Sequence[CompiledGroup], free: Sequence[int]) -> int | None:
    """Choose resources for each group in turn, none twice, or tell with None that some group gets too little.

    ``free`` gives the free leaves of each group's hierarchy.
    """
    taken = 0
    for group, leaves in zip(groups, free, strict=True):
        hierarchy = group.hierarchy
        left = leaves & ~hierarchy.touched(taken) if taken else leaves
        chosen = choose(hierarchy.top, group.counts, left)
        if not chosen:
            return None
        taken |= hierarchy.resources_of(chosen)
    return taken
