"""What prevents a start at a date: for any job and any date, from the plan as it stands, on request."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from oar.core.job import JobId, WaitingJob
from oar.core.job_dates import NO_DATES, job_dates
from oar.core.states import ReservationState
from oar.kamelot.best_walltime import Placed
from oar.kamelot.compiled import CompiledMoldable
from oar.kamelot.counted import counted_on
from oar.kamelot.eligible import Eligible
from oar.kamelot.gantt import OVER, Gantt
from oar.kamelot.occupation import FOREVER, Rules
from oar.kamelot.plugins.placed import Bounds, placed_by_plugin
from oar.kamelot.plugins.search import asks_for_plugin
from oar.kamelot.quotas import Ledger
from oar.kamelot.reasons.explain import why_never
from oar.kamelot.reasons.in_the_way import Start
from oar.kamelot.reasons.obstacle_words import Obstacle
from oar.kamelot.reasons.reason import Reason, ReasonKind
from oar.kamelot.reasons.sight import Sight, sight_of
from oar.kamelot.schedule import finishes_first, made_ready
from oar.kamelot.within_quotas import WithinQuotas

__all__ = ["Obstacle", "obstacle"]

NEARER = (
    ReasonKind.DEADLINE,
    ReasonKind.NOT_USABLE,
    ReasonKind.NOT_LONG_ENOUGH,
    ReasonKind.CONTAINER,
    ReasonKind.CONTAINER_TOO_SMALL,
    ReasonKind.RESOURCES,
    ReasonKind.WAKING,
    ReasonKind.QUOTA,
)
"""In this order moldables are looked at: one that fails later is nearer to a start."""


def obstacle(
    gantt: Gantt,
    job: WaitingJob,
    date: int,
    rules: Rules,
    *,
    leave_out: Collection[JobId] = (),
    drawn_before: bool = False,
) -> Obstacle | None:
    """Tell what prevents a job from starting at a date; None: asked for a start from then on, it gets that.

    All that is drawn in the Gantt counts, but for the job's own bar and those of the jobs to ``leave_out``:
    an ordinary job minds no besteffort jobs, so leave these out for it, or ask before they are drawn. With
    ``drawn_before``, only what the job met when it was placed counts; so there is an obstacle to every date
    before its start. Quotas count all that was charged until now in any case, but for the job itself.

    A past date counts as now. Of several moldables, the obstacle is that of the one that would start next;
    when there is none, of the one that comes nearest. Of a reservation only the first moldable is looked at,
    and no dates or dependencies, as in ``place_at``. Nothing in the Gantt changes. Errors in the job (an
    unknown filter, a count of 0) are raised.
    """
    return _Question(gantt, job, max(date, gantt.now), rules).answer(leave_out, drawn_before)


class _Question:
    """One job and one date."""

    def __init__(self, gantt: Gantt, job: WaitingJob, date: int, rules: Rules) -> None:
        reserves = job.reservation is not ReservationState.NONE
        self._gantt = gantt
        self._date = date
        self._rules = rules
        self._job = replace(job, moldables=job.moldables[:1], dependencies=()) if reserves else job
        self._dates = NO_DATES if reserves else job_dates(job.types)
        self._usable = Eligible(gantt.platform, rules, gantt.now).resources(job)

    def answer(self, leave_out: Collection[JobId], drawn_before: bool) -> Obstacle | None:
        """Find the first thing in the way, and the first date at which there is none."""
        gantt, job, date = self._gantt, self._job, self._date
        missed = self._dates.missed(date)
        if missed:
            return Obstacle(ReasonKind.TOO_LATE, text=f"{missed}={job.types[missed]}", date=date)
        moldables = made_ready(gantt, job, self._usable, self._rules)
        waits = self._waits()
        sight = sight_of(gantt, job, leave_out, drawn_before=drawn_before)
        if sight is None or (waits is not None and waits.ends is None):
            container = job.types.get("inner", "")
            no_container = Obstacle(ReasonKind.CONTAINER_UNPLANNED, text=container, date=date)
            return self._never() or waits or no_container
        quotas = self._quotas()
        earliest = date if waits is None or waits.ends is None else waits.ends
        next_ = self._next(moldables, sight, quotas, earliest)
        until = None if isinstance(next_, Reason) else next_[1].start
        never = self._never() if until is None else None
        if never is not None:
            return never
        if waits is not None:
            return replace(waits, until=until)
        if until == date or self._is_drawn_then():
            return None
        starts = [self._start(wanted, sight, quotas) for wanted in moldables]
        return replace(self._nearest(starts, next_), until=until)

    def _start(self, wanted: CompiledMoldable, sight: Sight, quotas: Ledger | None) -> Start:
        platform, deadline = self._gantt.platform, self._dates.deadline
        return Start(platform, self._job, wanted, self._date, deadline, self._usable, sight, quotas)

    def _never(self) -> Obstacle | None:
        """Tell what keeps it from ever running on the platform."""
        never = why_never(self._gantt.platform, self._job)
        if never is None:
            return None
        return Obstacle(never.kind, shortage=never.shortage, text=never.text, date=self._date)

    def _waits(self) -> Obstacle | None:
        """Tell until when it waits for jobs, or because it asked to; for ever, if such jobs have no place."""
        date, job = self._date, self._job
        ends = {one: self._gantt.ends.get(one) for one in job.dependencies}
        unplanned = tuple(one for one, end in ends.items() if end is None)
        if unplanned:
            return Obstacle(ReasonKind.DEPENDENCY_UNPLANNED, jobs=unplanned, date=date)
        margin = 2 * self._rules.security_time_s
        awaited = {one: end + margin for one, end in ends.items() if end is not None and end != OVER}
        latest = max(awaited.values(), default=0)
        postpone = self._dates.postpone or 0
        if max(latest, postpone) <= date:
            return None
        if postpone >= latest:
            return Obstacle(ReasonKind.POSTPONED, date=date, ends=postpone)
        jobs = tuple(sorted(one for one, end in awaited.items() if end > date))
        return Obstacle(ReasonKind.DEPENDENCY, jobs=jobs, date=date, ends=latest)

    def _next(
        self, moldables: Sequence[CompiledMoldable], sight: Sight, quotas: Ledger | None, earliest: int
    ) -> Placed | Reason:
        """Find the first place from a date on, as a round would."""
        gantt, job, view = self._gantt, self._job, sight.view
        find, deadline = view.find, self._dates.deadline
        latest = FOREVER if self._dates.expire is None else self._dates.expire
        within = None if quotas is None else WithinQuotas(quotas, counted_on(gantt.platform), job, view)
        if within is not None:
            find = within.find
        if asks_for_plugin(job):
            return placed_by_plugin(
                gantt.platform,
                view.slots.pieces(gantt.now, FOREVER, self._usable),
                job,
                moldables,
                plugins=self._rules.plugins,
                bounds=Bounds(earliest, latest, deadline),
                normal=find,
                allowed=None if within is None else within.first_allowed,
            )
        return finishes_first(find, moldables, earliest, latest, deadline) or Reason(ReasonKind.NOT_THEN)

    def _quotas(self) -> Ledger | None:
        """Give the quotas without what the job itself is charged; none for a place that others gave it."""
        gantt, job = self._gantt, self._job
        own = [bar for bar in gantt.bars if bar.job_id == job.job_id]
        if gantt.quotas is None or not own:
            return gantt.quotas
        if job.job_id not in gantt.planned:
            return None
        bar, work_end = own[-1], gantt.ends[job.job_id] - 1
        count = counted_on(gantt.platform).of(bar.resources)
        return gantt.quotas.without(job, bar.begin, bar.end, work_end, count)

    def _is_drawn_then(self) -> bool:
        """Tell whether its place begins at this date; what was drawn over that later, it must let in."""
        return any(bar.begin == self._date for bar in self._gantt.bars if bar.job_id == self._job.job_id)

    def _nearest(self, starts: Sequence[Start], next_: Placed | Reason) -> Obstacle:
        """Choose the obstacle of the moldable that would start next, or that comes nearest."""
        obstacles = [start.obstacle() for start in starts]
        possible = [start for start, one in zip(starts, obstacles, strict=True) if one is None]
        if possible:
            return self._chosen_otherwise(possible, next_)
        if not isinstance(next_, Reason):
            best = next_[0].moldable.moldable_id
            obstacles = [
                one
                for start, one in zip(starts, obstacles, strict=True)
                if start.wanted.moldable.moldable_id == best
            ]
        found = [one for one in obstacles if one is not None]
        return max(found, key=lambda one: NEARER.index(one.kind))

    def _chosen_otherwise(self, possible: Sequence[Start], next_: Placed | Reason) -> Obstacle:
        """Tell why a moldable that could start is not the place that the job gets."""
        date = self._date
        if asks_for_plugin(self._job):
            types = self._job.types
            plugin = " and ".join(f"{name}={types[name]}" for name in ("find", "assign") if name in types)
            text = next_.text if isinstance(next_, Reason) else f"{plugin} finds no place that begins then"
            return Obstacle(ReasonKind.FAILURE, text=text, date=date)
        if isinstance(next_, Reason):
            return Obstacle(ReasonKind.FAILURE, text="it would end after the last date there is", date=date)
        over = min(date + start.wanted.moldable.walltime_s for start in possible)
        return Obstacle(ReasonKind.OVER_SOONER, date=date, ends=over)
