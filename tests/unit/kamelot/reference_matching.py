"""How the slow scheduler finds the resources that a request asks for among those that are free."""

from collections.abc import Iterable, Sequence
from typing import Any

from procset import ProcSet

from oar.core.job import ALL, BEST, HALF, LevelValue, Resource

Blocks = dict[LevelValue, Any]
"""The blocks below each value of a level, in order; at the last level, the ids of its resources."""


def blocks_of(resources: Sequence[Resource], filters: Sequence[ProcSet], levels: Sequence[str]) -> Blocks:
    """Sort the resources that match and have a value at each level into blocks, in their order."""
    top: Blocks = {}
    for r in resources:
        path = [value_at(r, level) for level in levels]
        if None in path or any(r.resource_id not in matching for matching in filters):
            continue
        block = top
        for value in path[:-1]:
            block = block.setdefault(value, {})
        block.setdefault(path[-1], []).append(r.resource_id)
    return top


def some(ids: Iterable[int]) -> ProcSet:
    """Make a set of ids; neighbours are put together first, as a ProcSet is slow to make of many parts."""
    parts: list[tuple[int, int]] = []
    for id_ in sorted(ids):
        first = parts.pop()[0] if parts and parts[-1][1] == id_ - 1 else id_
        parts.append((first, id_))
    return ProcSet(*parts)


def value_at(r: Resource, level: str) -> LevelValue:
    built_in: dict[str, LevelValue] = {
        "resource_id": r.resource_id,
        "network_address": r.node,
        "type": r.type,
    }
    return built_in[level] if level in built_in else r.properties.get(level)


def match(parts: Sequence[tuple[Blocks, list[int]]], free: ProcSet) -> ProcSet | None:
    """Match one group after the other, each on what the others left."""
    chosen = ProcSet()
    for blocks, counts in parts:
        found = pick(blocks, counts, free - chosen)
        if found is None:
            return None
        chosen |= some(found)
    return chosen


def pick(below: Blocks | list[int], counts: list[int], free: ProcSet) -> list[int] | None:
    """Take the first blocks that have enough in them, as many as wanted; a block of the last level whole."""
    if isinstance(below, list):
        return below if all(id_ in free for id_ in below) else None
    survivors = []
    for block in below.values():
        found = pick(block, counts[1:], free)
        if found is not None:
            survivors.append(found)
    wanted = counts[0]
    if wanted == ALL:
        wanted = max(1, len(below))
    elif wanted == BEST:
        wanted = max(1, len(survivors))
    elif wanted == HALF:
        wanted = len(survivors) // 2 if len(survivors) > 1 else 2
    if len(survivors) < wanted:
        return None
    return [id_ for found in survivors[:wanted] for id_ in found]
