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
    for part in sorted(group.parts(level, left), key=len):
        chosen = group.match(part)
        if chosen is not None:
            return chosen
    return None


def _from_fullest_blocks(group: GroupCandidates, left: ProcSet) -> ProcSet | None:
    wanted, *below = group.counts
    anyhow = group.match(left)
    if wanted < 0 or anyhow is None:
        return anyhow
    found: list[ProcSet] = []
    for part in sorted(group.parts(group.levels[0].name, left), key=len):
        chosen = group.match(part, (1, *below))
        if chosen is not None:
            found.append(chosen)
            if len(found) == wanted:
                break
    return ProcSet().union(*found)
