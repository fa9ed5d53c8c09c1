"""Requests made ready for the search: filters, levels and states resolved to hierarchies and leaves."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from oar.core.job import HALF, Group, Moldable, WaitingJob
from oar.kamelot.hierarchy import Counts, Hierarchy, at_least, choose, make_test, needed
from oar.kamelot.platform import Platform
from oar.kamelot.tally import Tally, choose_marked


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """What requests have in common that differ in how many blocks they want.

    ``usable`` are the leaves of the hierarchy that are wholly usable. With a ``tally``, slots keep how many
    leaves are free in each block above them. ``marks`` are all that a slot may have.
    """

    hierarchy: Hierarchy
    usable: int
    tally: Tally | None
    marks: int


@dataclass(frozen=True, slots=True, eq=False)
class CompiledGroup:
    """A group: blocks of the candidates, how many are wanted, and the leaves that are wholly usable.

    The search looks at *marks*: the free leaves, or with a ``tally`` the blocks that have enough of them. It
    needs ``needed`` marks; that may be less than what ``fits`` asks for, never more.
    """

    hierarchy: Hierarchy
    counts: Counts
    usable: int
    shape: Shape
    fits: Callable[[int], bool]
    """Whether enough leaves are free; once false, it stays so for any subset."""
    could_fit: bool
    """Whether there would be enough, were all usable resources free."""
    needed: int
    tally: Tally | None = None
    missing: int = 0
    """What to add to a tally to see which blocks have enough."""


class CompiledMoldable(NamedTuple):
    """A moldable: its groups in order, and the seconds it takes in the plan."""

    moldable: Moldable
    duration: int
    groups: tuple[CompiledGroup, ...]

    @property
    def could_fit(self) -> bool:
        """Tell whether each group would find enough, were all usable resources free and it alone."""
        return all(group.could_fit for group in self.groups)


KEPT = 4
"""So many compilers a platform keeps; each stands for one set of usable resources."""

KEPT_GROUPS = 5_000
"""So many requests a compiler remembers; then it starts anew."""

OWN_TALLIES = 16
"""So many filters get a tally of their own, for each one costs something whenever a job is drawn."""


def compiler_for(platform: Platform, usable: int) -> "Compiler":
    """Give what makes requests ready for jobs that may use these resources; the platform keeps it."""
    found = platform.compilers.get(usable)
    if found is None:
        if len(platform.compilers) == KEPT:
            platform.compilers.clear()
        found = platform.compilers[usable] = Compiler(platform, usable)
    return found


class Compiler:
    """Makes requests ready for jobs that may use the same resources; what they have in common, once."""

    def __init__(self, platform: Platform, usable: int) -> None:
        self._platform = platform
        self._usable = usable
        self._groups: dict[tuple[str, Group], CompiledGroup] = {}
        self._shapes: dict[tuple[int, tuple[str, ...], Counts], Shape] = {}
        self._tallies: dict[tuple[str, ...], Tally] = {}
        self._own_tallies = 0

    def moldable(self, job: WaitingJob, moldable: Moldable, duration: int) -> CompiledMoldable:
        """Resolve a moldable of a job."""
        if not moldable.request.groups:
            raise ValueError("asks for no resources")
        groups = tuple([self._group(job.properties, group) for group in moldable.request.groups])
        return CompiledMoldable(moldable, duration, groups)

    def _group(self, properties: str, group: Group) -> CompiledGroup:
        """Resolve one group; the job's own condition holds as well as the group's."""
        key = (properties, group)
        found = self._groups.get(key)
        if found is None:
            if len(self._groups) == KEPT_GROUPS:
                self._forget()
            found = self._groups[key] = self._compile(properties, group)
        return found

    def _forget(self) -> None:
        self._groups.clear()
        self._shapes.clear()
        self._own_tallies = 0

    def _compile(self, properties: str, group: Group) -> CompiledGroup:
        if not group.levels:
            raise ValueError("a group of resources names no level")
        for level in group.levels:
            if level.count == 0 or level.count < HALF:
                raise ValueError(f"asks for {level.count} {level.name}")
        counts = tuple(level.count for level in group.levels)
        candidates = self._platform.matching(properties) & self._platform.matching(group.filter)
        names = tuple(level.name for level in group.levels)
        shape = self._shape(candidates, names, tuple(count if count < 0 else 0 for count in counts))
        top = shape.hierarchy.top
        fits = make_test(top, counts)
        could_fit = fits(shape.usable)
        if shape.tally is None or not could_fit:
            leaves = at_least(top, counts)
            return CompiledGroup(shape.hierarchy, counts, shape.usable, shape, fits, could_fit, leaves)
        blocks = needed(counts[0], top.size) if top.children else 1
        missing = shape.tally.missing(counts[-1])
        return CompiledGroup(
            shape.hierarchy, counts, shape.usable, shape, fits, could_fit, blocks, shape.tally, missing
        )

    def _shape(self, candidates: int, names: tuple[str, ...], words: Counts) -> Shape:
        """Find the shape of requests for these levels; ALL, BEST and HALF are among the ``words``."""
        key = (candidates, names, words)
        found = self._shapes.get(key)
        if found is None:
            hierarchy = self._platform.hierarchy(candidates, names)
            usable = hierarchy.whole(self._usable)
            found = Shape(hierarchy, usable, None, usable)
            if not words[-1] and (hierarchy.top.children or hierarchy.single) and len(words) <= 2:
                found = self._with_tally(found, names)
            self._shapes[key] = found
        return found

    def _with_tally(self, shape: Shape, names: tuple[str, ...]) -> Shape:
        """Find a tally for requests that count leaves: that of all resources if it serves, or an own one."""
        hierarchy, usable = shape.hierarchy, shape.usable
        everything = self._platform.hierarchy(self._platform.everything, names)
        if hierarchy.base is everything:
            tally = self._tallies.get(names)
            if tally is None:
                tally = self._tallies[names] = Tally(everything, everything.whole(self._usable))
            flags = tally.flags_of(usable)
            if flags is not None:
                return Shape(hierarchy, usable, tally, flags)
        if self._own_tallies == OWN_TALLIES:
            return shape
        self._own_tallies += 1
        tally = Tally(hierarchy, usable)
        return Shape(hierarchy, usable, tally, tally.flags)


def choose_for(group: CompiledGroup, free: int, marks: int) -> int:
    """Choose leaves for a group among the free ones; ``marks`` tells the blocks that are worth looking at."""
    top = group.hierarchy.top
    if group.tally and top.children:
        return choose_marked(group.tally, group.counts, top.size, free, marks)
    return choose(top, group.counts, free)


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
