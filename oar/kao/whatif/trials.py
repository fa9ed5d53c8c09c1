"""Finds the changes that let a job start sooner, by trying them on the plan of the others. Pure.

The search is bounded, whatever a job asks for: each scale is searched by halving, and when ``MOST_TRIALS``
are used up for an alternative what was found until then is the answer.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from oar.core.job import ALL, Assignment, Outcome, WaitingJob
from oar.kamelot import Platform
from oar.kamelot.occupation import FOREVER
from oar.kao.whatif.changes import (
    Advice,
    Change,
    ChangeKind,
    Relaxation,
    alone,
    column_of,
    instead_of,
    text_of,
    with_count,
    with_walltime,
)

LEAST_GAIN_S = 60
"""A start that is sooner by less is no news."""
MOST_TRIALS = 400
MOST_ALTERNATIVES = 4
SHOWN = 6
LEAST_SHARE = 100
"""No walltime below this part of what is asked for is tried; nor one below a minute."""
COARSE_ABOVE_S = 600
"""Longer walltimes are tried in whole minutes."""

Place = Callable[[WaitingJob], Outcome]


@dataclass(slots=True)
class Trials:
    """Tries jobs in one plan; ``before`` is the start that has to be beaten, FOREVER for none at all."""

    place: Place
    platform: Platform
    before: int
    left: int = MOST_TRIALS

    def start(self, job: WaitingJob) -> int:
        """Tell when a job would start; FOREVER when it would not, or when too much was tried already."""
        outcome = self._try(job)
        return outcome.start_time if isinstance(outcome, Assignment) else FOREVER

    def advice(self, change: Change, job: WaitingJob) -> Advice | None:
        """Say what a change would bring; None when that is no sooner start."""
        outcome = self._try(job)
        if not isinstance(outcome, Assignment) or not self.is_sooner(outcome.start_time):
            return None
        found = self.platform.resources_of(outcome.resources)
        if column := column_of(change.condition):
            values = {one.properties.get(column) for one in found}
            change = replace(change, instead=instead_of(change.condition, values))
        nodes = tuple(dict.fromkeys(one.node for one in found if one.node))
        return Advice(change, outcome.start_time, len(found), nodes)

    def is_sooner(self, start: int) -> bool:
        """Tell whether a start is worth telling."""
        return start <= self.before - LEAST_GAIN_S

    def _try(self, job: WaitingJob) -> Outcome | None:
        if self.left == 0:
            return None
        self.left -= 1
        return self.place(job)


def sooner(trials: Trials, job: WaitingJob, relaxed: Iterable[Relaxation]) -> tuple[Advice, ...]:
    """Give the changes that let a job start sooner, the soonest first; ``relaxed`` change its conditions."""
    found: list[Advice | None] = []
    for number in range(1, min(len(job.moldables), MOST_ALTERNATIVES) + 1):
        found += _of_alternative(trials, job, number)
    found += [trials.advice(one.change, one.job) for one in relaxed]
    kinds = list(ChangeKind)
    ordered = sorted((one for one in found if one), key=lambda one: (one.start, kinds.index(one.change.kind)))
    return tuple(dict.fromkeys(ordered))[:SHOWN]


def _of_alternative(trials: Trials, job: WaitingJob, number: int) -> Iterator[Advice | None]:
    of = len(job.moldables)
    one = alone(job, number)
    moldable = one.moldables[0]
    if of > 1:
        change = Change(ChangeKind.ALTERNATIVE, number, of, text=text_of(moldable))
        advice = trials.advice(change, one)
        if advice is not None:
            yield advice
            trials = replace(trials, before=advice.start)
    asked = moldable.least_walltime_s or moldable.walltime_s
    for walltime_s in _least_changes(trials, _walltimes(asked), lambda value: with_walltime(one, value)):
        change = Change(ChangeKind.WALLTIME, number, of, walltime_s, asked)
        yield trials.advice(change, with_walltime(one, walltime_s))
    for group, wanted in enumerate(moldable.request.groups):
        for place, level in enumerate(wanted.levels):

            def fewer(count: int, group: int = group, place: int = place) -> WaitingJob:
                return with_count(one, group, place, count)

            most = level.count if level.count != ALL else _values(trials.platform, level.name)
            for count in _least_changes(trials, range(1, most), fewer):
                change = Change(ChangeKind.COUNT, number, of, count, level.count, level.name)
                yield trials.advice(change, fewer(count))


def _least_changes(trials: Trials, values: Sequence[int], made: Callable[[int], WaitingJob]) -> Iterator[int]:
    """Give the largest value with the soonest start, and the largest with any sooner start.

    The values rise, and less of them never starts later; where it does, what is found is still true.
    """
    if not values:
        return
    soonest = trials.start(made(values[0]))
    if not trials.is_sooner(soonest):
        return
    late = bisect_left(values, True, key=lambda value: trials.start(made(value)) > soonest)
    yield values[late - 1]
    enough = bisect_left(
        values, True, lo=late, key=lambda value: not trials.is_sooner(trials.start(made(value)))
    )
    if enough > late:
        yield values[enough - 1]


def _walltimes(asked_s: int) -> range:
    step = 60 if asked_s > COARSE_ABOVE_S else 1
    least = max(60, asked_s // LEAST_SHARE // step * step)
    return range(least, asked_s, step)


def _values(platform: Platform, level: str) -> int:
    return len({one.properties.get(level) for one in platform.resources})
