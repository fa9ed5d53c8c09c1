"""The plan as one job sees it, without the job itself and what else is to be left out; made on request."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from oar.core.job import JobId, WaitingJob
from oar.kamelot.containers import Space
from oar.kamelot.gantt import Area, Bar, Gantt, stance_of
from oar.kamelot.occupation import FOREVER, Occupation
from oar.kamelot.view import View


@dataclass(frozen=True, slots=True)
class Sight:
    """What a job sees: the bars in its way, what its containers hold, and what is free of that.

    ``areas`` is None for a job that is in no container.
    """

    view: View
    bars: Sequence[Bar]
    areas: Sequence[Area] | None

    def inside(self, begin: int, end: int, everything: int) -> int:
        """Tell the resources that are in the job's containers all through the time; outside, everything."""
        held = everything
        for _, _, opened in _opened(self.areas or (), begin, end) if self.areas is not None else ():
            held &= opened
        return held


def sight_of(
    gantt: Gantt, job: WaitingJob, leave_out: Collection[JobId] = (), *, drawn_before: bool = False
) -> Sight | None:
    """Look at the plan without the job's own bar, as the job does; None when it has no container in it.

    With ``drawn_before``, a job that was placed in this Gantt sees only what it met then.
    """
    seen_from = stance_of(job).seen_from
    planned = gantt.planned.get(job.job_id) if drawn_before else None
    bars = gantt.bars if planned is None else gantt.bars[: planned.bars_before]
    hidden = {job.job_id, *leave_out}
    seen = [bar for bar in bars if bar.job_id not in hidden and bar.blocks(seen_from)]
    taken = [(bar.begin, bar.end, bar.resources) for bar in seen]
    areas = None
    if seen_from.space is not None:
        there = {bar.job_id for bar in bars}
        areas = [area for area in _areas(gantt, seen_from.space) if area.job_id in there - hidden]
        if not areas:
            return None
        everything = gantt.platform.everything
        for begin, end, opened in _opened(areas, gantt.now, FOREVER):
            taken.append((begin, end, everything & ~opened))
    procset = gantt.platform.procset
    alone = Gantt(
        gantt.platform, [Occupation(begin, end, procset(mask)) for begin, end, mask in taken], gantt.now
    )
    return Sight(View(seen_from, alone.slots), seen, areas)


def _areas(gantt: Gantt, space: Space) -> Sequence[Area]:
    return gantt.areas.get(space, ())


def _opened(areas: Sequence[Area], begin: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Tell what containers hold between two dates, both included, piece by piece."""
    cuts = {date for area in areas for date in (area.begin, area.end + 1) if begin < date <= end}
    dates = [begin, *sorted(cuts), end + 1]
    for first, after in pairwise(dates):
        held = 0
        for area in areas:
            if area.begin <= first <= area.end:
                held |= area.resources
        yield first, after - 1, held
