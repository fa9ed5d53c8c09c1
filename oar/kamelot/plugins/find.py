"""The matching plugins that OAR comes with, but for those of neighbours."""

from procset import ProcSet

from oar.kamelot.plugins.arguments import BadArguments
from oar.kamelot.plugins.candidates import Candidates, GroupCandidates


def default(candidates: Candidates) -> ProcSet | None:
    """Choose as kamelot does: the first resources in scheduling order, none for two groups."""
    taken = ProcSet()
    for group in candidates.groups:
        chosen = group.match(group.free - taken)
        if chosen is None:
            return None
        taken |= chosen
    return taken


def begin(candidates: Candidates) -> ProcSet | None:
    """Give all that is asked for in the first slot of the plan, and in later ones less: who waits gets less.

    Less is half of the blocks of the first level, rounded up, or the percentage that is the first argument.
    """
    if candidates.beginning:
        return default(candidates)
    percentage = _percentage(candidates.arguments.words)
    taken = ProcSet()
    for group in candidates.groups:
        count, *below = group.counts
        if count > 0:
            count = max(1, -(-count * percentage // 100))
        chosen = group.match(group.free - taken, (count, *below))
        if chosen is None:
            return None
        taken |= chosen
    return taken


def _percentage(words: tuple[str, ...]) -> int:
    text = words[0] if words else "50"
    if not text.isdecimal() or not 1 <= int(text) <= 100:
        raise BadArguments(f'"{text}" is no percentage from 1 to 100')
    return int(text)


def local(candidates: Candidates) -> ProcSet | None:
    """Fill up: of the blocks that have enough free, take those that have the least.

    Of equal ones, the first in scheduling order are taken. Blocks are those of the first level of each group.
    With the name of a property as argument, all resources of a group come from one block of that property.
    """
    words = candidates.arguments.words
    taken = ProcSet()
    for group in candidates.groups:
        left = group.free - taken
        chosen = _from_one_block(group, left, words[0]) if words else _from_fullest_blocks(group, left)
        if chosen is None:
            return None
        taken |= chosen
    return taken


def _from_one_block(group: GroupCandidates, left: ProcSet, level: str) -> ProcSet | None:
    for block in _fullest_first(group, left, level):
        chosen = group.match(block)
        if chosen is not None:
            return chosen
    return None


def _from_fullest_blocks(group: GroupCandidates, left: ProcSet) -> ProcSet | None:
    wanted, *below = group.counts
    if wanted < 0:
        return group.match(left)
    taken, found = ProcSet(), 0
    for block in _fullest_first(group, left, group.levels[0].name):
        chosen = group.match(block, (1, *below))
        if chosen is not None:
            taken |= chosen
            found += 1
            if found == wanted:
                return taken
    return None


def _fullest_first(group: GroupCandidates, left: ProcSet, level: str) -> list[ProcSet]:
    """List what is left of each block, the least first, of equals in scheduling order."""
    parts = [block & left for block in group.blocks(level)]
    return sorted(filter(None, parts), key=len)
