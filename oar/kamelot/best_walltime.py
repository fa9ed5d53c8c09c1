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
    start = place.start
    most_s = _most(job, wanted.moldable, start, deadline)
    least_s = wanted.moldable.walltime_s
    if most_s <= least_s:
        return wanted, place
    if is_besteffort(job):
        walltimes = range(least_s + 1, most_s + 1)
        return _longest_allowed(wanted, place, walltimes, allowed, drawn=False) or (wanted, place)
    durations = _durations(view.slots.begins, start, wanted.duration, wanted.duration + most_s - least_s)
    for number in range(_last_for_each_group(view, wanted, start, durations), -1, -1):
        found = view.find(wanted._replace(duration=durations[number]), start, start) if number else place
        if found is None:
            continue
        shorter = durations[number - 1] if number else wanted.duration
        beside_s = wanted.duration - least_s
        walltimes = range(shorter + 1 - beside_s, durations[number] + 1 - beside_s)
        longest = _longest_allowed(wanted, found, walltimes, allowed)
        if longest is not None:
            return longest
    return wanted, place


def _longest_allowed(
    wanted: CompiledMoldable, place: Place, walltimes: range, allowed: Allowed | None, *, drawn: bool = True
) -> Placed | None:
    """Find the longest of some walltimes, all on the same resources, that others than resources allow.

    What they allow for a time, they allow for less. Only what is ``drawn`` as long takes longer in the plan.
    """

    def lasting(walltime_s: int) -> CompiledMoldable:
        more_s = walltime_s - wanted.moldable.walltime_s if drawn else 0
        moldable = replace(wanted.moldable, walltime_s=walltime_s)
        return wanted._replace(duration=wanted.duration + more_s, moldable=moldable)

    if not walltimes:
        return None
    if allowed is None or allowed(lasting(walltimes[-1]), place):
        return lasting(walltimes[-1]), place
    too_long = bisect_left(walltimes, True, key=lambda walltime_s: not allowed(lasting(walltime_s), place))
    return (lasting(walltimes[too_long - 1]), place) if too_long else None


def _most(job: WaitingJob, wanted: Moldable, start: int, deadline: int | None) -> int:
    asked = next(one.walltime_s for one in job.moldables if one.moldable_id == wanted.moldable_id)
    return min(asked, (FOREVER if deadline is None else deadline) - start)


def _durations(begins: Sequence[int], start: int, least: int, most: int) -> list[int]:
    """List the durations worth trying: up to where another slot begins, and the most.

    The first one meets no slot that the least does not meet.
    """
    first, last = bisect_left(begins, start + least), bisect_left(begins, start + most)
    return [*(begin - start for begin in begins[first:last]), most]


def _last_for_each_group(view: View, wanted: CompiledMoldable, start: int, durations: Sequence[int]) -> int:
    """Tell the last of the durations for which each group alone finds resources; the first one does.

    What one group finds for a time, it finds for less. Several groups may fit for long and not for less,
    since what a group takes first depends on what is free: so from here on down, all have to be tried.
    """
    last = len(durations) - 1
    for group in wanted.groups:
        last = _last_that_fits(view, wanted._replace(groups=(group,)), start, durations[: last + 1])
    return last


def _last_that_fits(view: View, wanted: CompiledMoldable, start: int, durations: Sequence[int]) -> int:
    """Tell which of the durations is the last that fits; the first does, and all before one that does."""

    def fails(number: int) -> bool:
        return view.find(wanted._replace(duration=durations[number]), start, start) is None

    last = len(durations) - 1
    if last == 0 or not fails(last):
        return last
    return bisect_left(range(1, last), True, key=fails)
