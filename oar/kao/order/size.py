"""How many resources a request means, before any are chosen."""

from oar.core.job import ALL, BEST, HALF, Level, Request
from oar.kamelot import Platform


def wanted_resources(platform: Platform, request: Request) -> float:
    """Estimate how many resources a request takes, as if all blocks of a level were equally large.

    Filters are not looked at. A level that no resource has makes 0.
    """
    return sum(_of_group(platform, group.levels) for group in request.groups)


def _of_group(platform: Platform, levels: tuple[Level, ...]) -> float:
    names = tuple(level.name for level in levels)
    wanted, blocks, resources = 1.0, 1, 0
    for depth, level in enumerate(levels, 1):
        hierarchy = platform.hierarchy(platform.everything, names[:depth])
        below = hierarchy.top.leaves.bit_count()
        wanted *= _count(level.count, below / blocks)
        blocks, resources = below or 1, hierarchy.resources.bit_count()
    return wanted * resources / blocks


def _count(count: int, possible: float) -> float:
    if count in (ALL, BEST):
        return possible
    return max(possible / 2, 1) if count == HALF else count
