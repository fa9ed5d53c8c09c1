"""Matching plugins that give neighbours: resources whose ids follow one another without a gap."""

from bisect import bisect_left
from collections.abc import Callable, Iterable

from procset import ProcSet

from oar.core.job import BEST, HALF
from oar.kamelot.plugins.arguments import BadArguments
from oar.kamelot.plugins.candidates import Candidates, GroupCandidates
from oar.kamelot.plugins.find import default

Runs = Callable[[Candidates, Iterable[ProcSet]], list[ProcSet]]
"""Puts runs of free blocks into the order in which they are tried."""


def contiguous(candidates: Candidates) -> ProcSet | None:
    """Give each group blocks that are neighbours, from the first run of free ones that is long enough.

    A request of several levels is refused, and blocks whose own ids have gaps are passed over.
    """
    return _from_runs(candidates, _in_scheduling_order)


def contiguous_sorted(candidates: Candidates) -> ProcSet | None:
    """Do the same with the shortest run that is long enough, so that long ones are kept."""
    return _from_runs(candidates, _shortest_first)


def contiguous_or_default(candidates: Candidates) -> ProcSet | None:
    """Give neighbours where there are, and else what kamelot chooses: the job never waits for neighbours."""
    return contiguous(candidates) or default(candidates)


def contiguous_sorted_or_default(candidates: Candidates) -> ProcSet | None:
    """Give neighbours of the shortest run where there are, and else what kamelot chooses."""
    return contiguous_sorted(candidates) or default(candidates)


def _in_scheduling_order(candidates: Candidates, runs: Iterable[ProcSet]) -> list[ProcSet]:
    return sorted(runs, key=candidates.rank)


def _shortest_first(candidates: Candidates, runs: Iterable[ProcSet]) -> list[ProcSet]:
    return sorted(_in_scheduling_order(candidates, runs), key=len)


def _from_runs(candidates: Candidates, in_order: Runs) -> ProcSet | None:
    taken = ProcSet()
    for group in candidates.groups:
        if len(group.levels) > 1:
            asked = "/".join(level.name for level in group.levels)
            raise BadArguments(f"understands requests of one level, and this job asks for /{asked}")
        left = (group.free & group.unbroken) - taken
        free = group.match(left, (BEST,)) if group.match(left) is not None else None
        if free is None:
            return None
        runs = in_order(candidates, (ProcSet(interval) for interval in free.intervals()))
        chosen = _first_fit(group, runs)
        if chosen is None:
            return None
        taken |= chosen
    return taken


def _first_fit(group: GroupCandidates, runs: list[ProcSet]) -> ProcSet | None:
    """Take from the first run that has enough blocks; for BEST and HALF, from the longest."""
    count = group.counts[0]
    if count in {BEST, HALF}:
        longest = max(runs, key=len)
        half = _blocks_in(group, longest) // 2
        return longest if count == BEST else _left_part(group, longest, half) if half else None
    run = next((run for run in runs if group.match(run) is not None), None)
    return None if run is None else _left_part(group, run, count)


def _blocks_in(group: GroupCandidates, run: ProcSet) -> int:
    return sum(block <= run for block in group.blocks(group.levels[0].name))


def _left_part(group: GroupCandidates, run: ProcSet, count: int) -> ProcSet:
    """Take so many blocks from the left end of a run that is made of whole blocks and has as many."""
    first, last = run.min, run.max
    ends = range(first, last + 1)
    short = bisect_left(ends, True, key=lambda end: group.match(ProcSet((first, end)), (count,)) is not None)
    return ProcSet((first, ends[short]))
