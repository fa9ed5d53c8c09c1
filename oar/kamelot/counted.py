"""How many of a job's resources quotas count: only those of type ``default``."""

from collections.abc import Sequence
from math import prod
from weakref import WeakKeyDictionary

from oar.core.job import Resource
from oar.kamelot import bits
from oar.kamelot.compiled import CompiledMoldable
from oar.kamelot.hierarchy import Hierarchy
from oar.kamelot.placement import Place
from oar.kamelot.platform import Platform

DEFAULT_TYPE = "default"
"""Resources of other types are not counted by quotas."""


def counted_on(platform: Platform) -> "Counted":
    """Give what counts resources of a platform; the platform keeps it."""
    if platform.counted is None:
        platform.counted = Counted(platform.resources)
    return platform.counted


class Counted:
    """Counts resources of a platform; the leaves of a hierarchy are looked at once."""

    def __init__(self, resources: Sequence[Resource]) -> None:
        """Look at the resources, given in scheduling order."""
        self._ranks = bits.mask_of(rank for rank, one in enumerate(resources) if one.type == DEFAULT_TYPE)
        self._per_leaf: WeakKeyDictionary[Hierarchy, int | None] = WeakKeyDictionary()

    def of(self, ranks: int) -> int:
        """Count those among resources."""
        return (ranks & self._ranks).bit_count()

    def of_place(self, place: Place) -> int:
        """Count those of a place."""
        leaves = place.leaves
        if leaves is not None:
            each = self._of_leaf(leaves.hierarchy)
            if each is not None:
                return each * leaves.leaves.bit_count()
        return self.of(place.resources)

    def of_each_place(self, wanted: CompiledMoldable) -> int | None:
        """Count those of any place that a request may get; None when places may differ in that."""
        count = 0
        for group in wanted.groups:
            each = self._of_leaf(group.hierarchy)
            if each is None or min(group.counts) < 1:
                return None
            count += each * prod(group.counts)
        return count

    def _of_leaf(self, hierarchy: Hierarchy) -> int | None:
        """Count those of one leaf; None when leaves differ in that."""
        try:
            return self._per_leaf[hierarchy]
        except KeyError:
            base = hierarchy.base
            each = None if base is hierarchy else self._of_leaf(base)
            if each is None:
                each = self._same_of_all(hierarchy)
            self._per_leaf[hierarchy] = each
            return each

    def _same_of_all(self, hierarchy: Hierarchy) -> int | None:
        leaves = hierarchy.top.leaves
        if hierarchy.single:
            counted = leaves & self._ranks
            return 1 if counted == leaves else None if counted else 0
        counts = {self.of(hierarchy.resources_of(1 << leaf)) for leaf in bits.members(leaves)}
        return counts.pop() if len(counts) == 1 else None
