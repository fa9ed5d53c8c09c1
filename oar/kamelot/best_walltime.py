"""The walltime of a job that takes any between a least and a most one.

Such a job is placed for its least walltime, by the rules for all jobs. Once its start is found, it gets the
longest walltime for which its request finds resources at that start, and quotas let it have them.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import replace

from oar.core.job import Moldable, WaitingJob
from oar.kamelot.compiled import CompiledMoldable
from oar.kamelot.occupation import FOREVER, is_besteffort
from oar.kamelot.placement import Place
from oar.kamelot.view import View

Placed = tuple[CompiledMoldable, Place]
Allowed = Callable[[CompiledMoldable, Place], bool]
"""Whether others than resources, such as quotas, let a job have that place for that time."""


def shortest(moldable: Moldable) -> Moldable:
    """Give the moldable for its least walltime, with which it looks for a start."""
    if moldable.least_walltime_s is None:
        return moldable
    return replace(moldable, walltime_s=moldable.least_walltime_s)


def lengthened(
    view: View,
    job: WaitingJob,
    wanted: CompiledMoldable,
    place: Place,
    *,
    deadline: int | None = None,
    allowed: Allowed | None = None,
) -> Placed:
    """Give a moldable that was placed for its least walltime the longest that fits at that start.

    Its resources are chosen anew for that time; it ends by the deadline. A besteffort job, which the plan
    draws shorter than it is, gets all it wants. Without ``allowed`` only resources are in the way.
    """
    if wanted.moldable.least_walltime_s is None:
        return wanted, place
    most_s = _most(job, wanted.moldable, place.start, deadline)
    longer_s = most_s - wanted.moldable.walltime_s
    if longer_s <= 0:
        return wanted, place
    if is_besteffort(job):
        found = _lasting(wanted, most_s, wanted.duration), place
    else:
        durations = _durations(view.slots.begins, place.start, wanted.duration, wanted.duration + longer_s)
        duration, longest = _longest(view, wanted, place, durations)
        found = _lengthened_to(wanted, duration), longest
    if allowed is None or allowed(*found):
        return found
    return _as_long_as_allowed(view, (wanted, place), found[0], allowed)


def _lasting(wanted: CompiledMoldable, walltime_s: int, duration: int) -> CompiledMoldable:
    return replace(wanted, duration=duration, moldable=replace(wanted.moldable, walltime_s=walltime_s))


def _lengthened_to(wanted: CompiledMoldable, duration: int) -> CompiledMoldable:
    return _lasting(wanted, wanted.moldable.walltime_s + duration - wanted.duration, duration)


def _most(job: WaitingJob, wanted: Moldable, start: int, deadline: int | None) -> int:
    asked = next(one.walltime_s for one in job.moldables if one.moldable_id == wanted.moldable_id)
    return min(asked, (FOREVER if deadline is None else deadline) - start)


def _durations(begins: Sequence[int], start: int, least: int, most: int) -> list[int]:
    """List the durations worth trying: up to where another slot begins, and the most.

    The first one meets no slot that the least does not meet.
    """
    first, last = bisect_left(begins, start + least), bisect_left(begins, start + most)
    return [*(begin - start for begin in begins[first:last]), most]


def _longest(
    view: View, wanted: CompiledMoldable, place: Place, durations: Sequence[int]
) -> tuple[int, Place]:
    """Find the longest of the durations, of which the first fits, and the resources for it.

    What one group finds for a time, it finds for less. Several groups may fit for long and not for less,
    since what a group takes first depends on what is free: from where each fits alone, all are tried.
    """
    start = place.start
    last = len(durations) - 1
    for group in wanted.groups:
        alone = replace(wanted, groups=(group,))
        last = _last_that_fits(view, alone, start, durations[: last + 1])
    for number in range(last, 0, -1):
        found = view.find(replace(wanted, duration=durations[number]), start, start)
        if found is not None:
            return durations[number], found
    return durations[0], place


def _as_long_as_allowed(view: View, least: Placed, most: CompiledMoldable, allowed: Allowed) -> Placed:
    """Shorten, to the second, what is not allowed for the walltime that the resources are free for."""
    wanted, place = least
    is_drawn_longer = most.duration > wanted.duration

    def lasting(more_s: int) -> Placed | None:
        duration = wanted.duration + more_s if is_drawn_longer else wanted.duration
        one = _lasting(wanted, wanted.moldable.walltime_s + more_s, duration)
        found = view.find(one, place.start, place.start) if is_drawn_longer else place
        return None if found is None or not allowed(one, found) else (one, found)

    too_long = most.moldable.walltime_s - wanted.moldable.walltime_s
    more_s = bisect_left(range(1, too_long), True, key=lambda more: lasting(more) is None)
    return lasting(more_s) or least


def _last_that_fits(view: View, wanted: CompiledMoldable, start: int, durations: Sequence[int]) -> int:
    """Tell which of the durations is the last that fits; the first does, and all before one that does."""

    def fails(number: int) -> bool:
        return view.find(replace(wanted, duration=durations[number]), start, start) is None

    last = len(durations) - 1
    if last == 0 or not fails(last):
        return last
    return bisect_left(range(1, last), True, key=fails)
