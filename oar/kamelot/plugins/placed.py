"""Where plugins meet the scheduler: requests that were made ready in, a moldable and its place out."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from oar.core.job import WaitingJob
from oar.kamelot.compiled import CompiledMoldable
from oar.kamelot.occupation import FOREVER, is_besteffort
from oar.kamelot.placement import Place
from oar.kamelot.platform import Platform
from oar.kamelot.plugins.openings import Piece, Slots
from oar.kamelot.plugins.registry import Plugins
from oar.kamelot.plugins.search import Wish, place_by_plugin
from oar.kamelot.reasons.reason import Reason

NormalFind = Callable[[CompiledMoldable, int, int], Place | None]
"""Finds the first place of a moldable that starts between two dates, both included."""

FirstAllowed = Callable[[CompiledMoldable, Place], int]
"""The first date, not before the place's own, at which quotas let a job have it; beyond all dates: never."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The dates between which a job starts, both included, and by which it is over."""

    earliest: int
    latest: int = FOREVER
    deadline: int | None = None


def placed_by_plugin(
    platform: Platform,
    pieces: Iterable[Piece],
    job: WaitingJob,
    moldables: Sequence[CompiledMoldable],
    *,
    plugins: Plugins,
    bounds: Bounds,
    normal: NormalFind,
    allowed: FirstAllowed | None = None,
) -> tuple[CompiledMoldable, Place] | Reason:
    """Find the place of a job that asks for plugins.

    ``pieces`` is the plan as the job sees it, from now to the end of time, and only of what it may use.
    ``moldables`` are those of the job, each for its least walltime; the one that is placed gets the longest
    for which the resources that the plugin chose stay free.
    ``normal`` is the search for jobs without plugins. Without ``allowed`` only resources are in the way.
    """
    slots = Slots(pieces)
    wish = Wish(
        replace(job, moldables=tuple(one.moldable for one in moldables)),
        [one.duration for one in moldables],
        bounds.earliest,
        bounds.latest,
        bounds.deadline,
    )

    def by_number(number: int, earliest: int, latest: int) -> Place | None:
        wanted = moldables[number]
        return normal(wanted, earliest, latest) if wanted.could_fit else None

    found = place_by_plugin(
        platform,
        slots,
        wish,
        plugins,
        normal=by_number,
        allowed=allowed and (lambda number, place: allowed(moldables[number], place)),
    )
    if isinstance(found, Reason):
        return found
    number, place = found
    wanted = prolonged(slots, job, moldables[number], place, deadline=bounds.deadline, allowed=allowed)
    return wanted, place


def prolonged(
    slots: Slots,
    job: WaitingJob,
    wanted: CompiledMoldable,
    place: Place,
    *,
    deadline: int | None = None,
    allowed: FirstAllowed | None = None,
) -> CompiledMoldable:
    """Give a moldable that was placed for its least walltime the longest that it may have on these resources.

    A besteffort job, which the plan draws shorter than it is, gets all it wants.
    """
    least = wanted.moldable
    asked = next(one.walltime_s for one in job.moldables if one.moldable_id == least.moldable_id)
    more = min(asked, (FOREVER if deadline is None else deadline) - place.start) - least.walltime_s
    drawn = not is_besteffort(job)
    if more > 0 and drawn:
        more = min(more, slots.free_until(place.start, place.resources) - (place.start + wanted.duration - 1))

    def lasting(more_s: int) -> CompiledMoldable:
        moldable = replace(least, walltime_s=least.walltime_s + more_s)
        return wanted._replace(moldable=moldable, duration=wanted.duration + more_s * drawn)

    if more > 0 and allowed is not None:
        more = bisect_left(range(1, more + 1), True, key=lambda s: allowed(lasting(s), place) > place.start)
    return lasting(more) if more > 0 else wanted
