"""What a matching plugin is given: the resources that are free for a job during one window of time."""

from collections.abc import Iterator, Sequence

from procset import ProcSet

from oar.core.job import Group, Level, Resource
from oar.kamelot import bits
from oar.kamelot.hierarchy import choose
from oar.kamelot.platform import Platform
from oar.kamelot.plugins.arguments import Arguments, BadArguments


class Matching:
    """The resources that match one group of a request, whatever is free; kept for all windows of a search."""

    def __init__(self, platform: Platform, group: Group, properties: str) -> None:
        """Resolve the group; ``properties`` is the condition of its job. Raises UnknownFilter."""
        self.platform = platform
        self.levels = group.levels
        matching = platform.matching(properties) & platform.matching(group.filter)
        names = tuple(level.name for level in group.levels)
        self._hierarchy = platform.hierarchy(matching, names)
        self.resources = self._hierarchy.resources
        """Their ranks; a resource without value at one of the levels is not among them."""
        self._blocks: dict[str, tuple[int, ...]] = {}
        self._unbroken: ProcSet | None = None

    def choose(self, free: int, counts: Sequence[int]) -> int:
        """Match the counts as ever, among these ranks; none when they do not suffice."""
        hierarchy = self._hierarchy
        leaves = self._whole(free)
        return hierarchy.resources_of(choose(hierarchy.top, tuple(counts), leaves)) if leaves else 0

    def _whole(self, free: int) -> int:
        """Tell the leaves that are wholly free; what is quick here, unlike elsewhere, is when little is."""
        hierarchy = self._hierarchy
        touched = hierarchy.touched(free)
        around = hierarchy.resources_of(touched)
        return touched ^ hierarchy.touched(around ^ (around & free))

    def blocks(self, level: str) -> tuple[int, ...]:
        """Divide all of them by one level, in scheduling order."""
        found = self._blocks.get(level)
        if found is None:
            if not self.platform.knows(level):
                raise BadArguments(f'no resource has a property "{level}"')
            found = self._blocks[level] = tuple(self._ranks_of_blocks(level))
        return found

    def _ranks_of_blocks(self, level: str) -> Iterator[int]:
        hierarchy = self.platform.hierarchy(self.resources, (level,))
        for leaf in bits.members(hierarchy.top.leaves):
            yield hierarchy.resources_of(1 << leaf)

    def unbroken(self) -> ProcSet:
        """Tell those in blocks of the last level whose ids follow one another without a gap."""
        if self._unbroken is None:
            hierarchy = self._hierarchy
            if hierarchy.single:
                unbroken = self.resources
            else:
                leaves = (hierarchy.resources_of(1 << leaf) for leaf in bits.members(hierarchy.top.leaves))
                unbroken = 0
                for leaf in leaves:
                    unbroken |= leaf if self.platform.procset(leaf).iscontiguous() else 0
            self._unbroken = self.platform.procset(unbroken)
        return self._unbroken


class GroupCandidates:
    """What is free for one group of a request.

    Sets of resources are ProcSets of resource ids.
    """

    def __init__(self, matching: Matching, free: int) -> None:
        self._matching = matching
        self._mask = free & matching.resources
        self._free: ProcSet | None = None

    @property
    def levels(self) -> tuple[Level, ...]:
        """The levels of the group with the counts that are wanted (or ALL, BEST, HALF), topmost first."""
        return self._matching.levels

    @property
    def counts(self) -> tuple[int, ...]:
        """The counts of the levels alone."""
        return tuple(level.count for level in self.levels)

    @property
    def free(self) -> ProcSet:
        """The resources that match the group's filters and are usable and free all through the window."""
        if self._free is None:
            self._free = self._matching.platform.procset(self._mask)
        return self._free

    @property
    def unbroken(self) -> ProcSet:
        """All resources, free or not, of those blocks of the last level whose ids follow one another."""
        return self._matching.unbroken()

    def blocks(self, level: str) -> tuple[ProcSet, ...]:
        """Divide all resources that match, free or not, by one property, in scheduling order.

        The property need not be a level of the request. Raises BadArguments when no resource has it.
        """
        return tuple(map(self._matching.platform.procset, self._matching.blocks(level)))

    def parts(self, level: str, within: ProcSet | None = None) -> tuple[ProcSet, ...]:
        """Divide what is free, and in ``within``, by one property, in scheduling order; no part is empty.

        Raises BadArguments when no resource has the property.
        """
        free = self._free_in(within)
        parts = [block & free for block in self._matching.blocks(level)]
        return tuple(map(self._matching.platform.procset, filter(None, parts)))

    def match(self, within: ProcSet | None = None, counts: Sequence[int] | None = None) -> ProcSet | None:
        """Choose as kamelot does, or tell with None that there is too little.

        Only free resources are chosen, and none outside of ``within``. The counts of the group may be
        replaced by others, one for each level. Blocks of the last level are given as a whole.
        """
        matching = self._matching
        free = self._free_in(within)
        chosen = matching.choose(free, self.counts if counts is None else counts)
        return matching.platform.procset(chosen) if chosen else None

    def _free_in(self, within: ProcSet | None) -> int:
        return self._mask if within is None else self._mask & self._matching.platform.mask(within)


class Candidates:
    """What a matching plugin chooses from, for one moldable of a job and one window of time.

    ``groups`` are the groups of the request: a resource may be free in several of them, and is given once.
    ``beginning`` tells whether the window begins in the first slot of the plan, ``arguments`` what the job's
    type says after the plugin's name.
    """

    def __init__(
        self,
        platform: Platform,
        matchings: Sequence[Matching],
        free: int,
        beginning: bool,
        arguments: Arguments,
    ) -> None:
        self.groups = tuple(GroupCandidates(matching, free) for matching in matchings)
        self.beginning = beginning
        self.arguments = arguments
        self._platform = platform

    @property
    def resources(self) -> tuple[Resource, ...]:
        """All resources of the platform that are not Dead, in scheduling order."""
        return self._platform.resources

    def in_order(self, chosen: ProcSet) -> list[int]:
        """List ids in scheduling order; a ProcSet by itself is in the order of ids."""
        ranks = bits.members(self._platform.mask(chosen))
        return [self._platform.resources[rank].resource_id for rank in ranks]

    def rank(self, chosen: ProcSet) -> int:
        """Tell where the first resource of a set that is not empty is in scheduling order, from 0 on."""
        return bits.lowest(self._platform.mask(chosen))
