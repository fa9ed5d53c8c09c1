"""Jobs and Gantt in, outcomes out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from oar.core.job import Assignment, JobId, NeverFits, NoRoom, Outcome, WaitingJob
from oar.core.job_dates import JobDates, job_dates
from oar.kamelot.best_walltime import Placed, lengthened, shortest
from oar.kamelot.compiled import CompiledMoldable
from oar.kamelot.containers import containers_first, nesting_of
from oar.kamelot.counted import counted_on
from oar.kamelot.eligible import Eligible
from oar.kamelot.gantt import OVER, Earliest, Gantt
from oar.kamelot.occupation import FOREVER, Occupation, Rules, is_besteffort
from oar.kamelot.platform import Platform
from oar.kamelot.plugins.placed import Bounds, NormalFind, placed_by_plugin
from oar.kamelot.plugins.search import asks_for_plugin
from oar.kamelot.quotas import Ledger
from oar.kamelot.reasons.explain import explain, why_never, why_no_room
from oar.kamelot.reasons.reason import FINAL, Reason, ReasonKind
from oar.kamelot.view import View
from oar.kamelot.within_quotas import WithinQuotas


@dataclass(frozen=True, slots=True)
class Plan:
    """The outcome of each job, and the Gantt that it was drawn in."""

    outcomes: dict[JobId, Outcome]
    gantt: Gantt

    def explain(self, job: WaitingJob) -> Reason:
        """Tell what held the job back."""
        return explain(self.gantt, job, self.outcomes[job.job_id])


def schedule(
    platform: Platform,
    running: Sequence[Occupation],
    waiting: Sequence[WaitingJob],
    now: int,
    rules: Rules,
    *,
    ends: Mapping[JobId, int] | None = None,
    quotas: Ledger | None = None,
) -> Plan:
    """Place the jobs in the order given; besteffort jobs come last, invisible to the others."""
    gantt = Gantt(platform, (taken for taken in running if not taken.besteffort), now, ends, quotas)
    outcomes = place_all(gantt, [job for job in waiting if not is_besteffort(job)], rules)
    gantt.occupy(taken for taken in running if taken.besteffort)
    outcomes |= place_all(gantt, [job for job in waiting if is_besteffort(job)], rules)
    return Plan(outcomes, gantt)


def place_all(
    gantt: Gantt, jobs: Sequence[WaitingJob], rules: Rules, latest: int = FOREVER
) -> dict[JobId, Outcome]:
    """Place each job as early as it can without moving what is drawn already, in the order given.

    Only inner jobs come later, after all containers of their name. None starts after the ``latest`` date.
    """
    eligible = Eligible(gantt.platform, rules, gantt.now)
    outcomes: dict[JobId, Outcome] = {}
    for job in containers_first(jobs, nesting_of):
        try:
            outcomes[job.job_id] = _place(gantt, job, rules, eligible.resources(job), latest)
        except Exception as problem:  # noqa: BLE001 - one bad job, whatever is wrong with it, never stops a round
            text = f"could not be planned: {str(problem) or type(problem).__name__}"
            outcomes[job.job_id] = _refuse(gantt, job, Reason(ReasonKind.FAILURE, text=text))
    return outcomes


def seek(gantt: Gantt, job: WaitingJob, rules: Rules, latest: int = FOREVER) -> Outcome:
    """Tell where a job would be placed now, and draw nothing; as ``place_all``, it never raises."""
    usable = Eligible(gantt.platform, rules, gantt.now).resources(job)
    try:
        return _place(gantt, job, rules, usable, latest, draws=False)
    except Exception as problem:  # noqa: BLE001 - as above
        return NoRoom(job.job_id, f"could not be planned: {str(problem) or type(problem).__name__}")


def place_at(gantt: Gantt, job: WaitingJob, start: int, rules: Rules) -> Outcome:
    """Place a job, by its first moldable, at that date or not at all (a reservation).

    A date that is past counts as now. Errors in the job (an unknown filter, a count of 0) are raised.
    """
    start = max(start, gantt.now)
    usable = Eligible(gantt.platform, rules, gantt.now).resources(job)
    wanted = made_ready(gantt, job, usable, rules)[0]
    view = gantt.view(job)
    if view is None:
        return _refuse(gantt, job, _no_container(job))
    search = _Search(gantt, job, view)
    if asks_for_plugin(job):
        return search.by_plugin([wanted], rules, usable, Earliest(start), Bounds(start, start))
    place = search.find(wanted, start, start) if wanted.could_fit else None
    if place is None:
        reason = search.blame() or why_never(gantt.platform, job) or Reason(ReasonKind.NOT_THEN, until=start)
        return _refuse(gantt, job, reason)
    return search.assign((wanted, place), Earliest(start))


def fits(platform: Platform, job: WaitingJob) -> str | None:
    """Tell in words why no moldable of the job can ever run on this platform, or None when one can."""
    reason = why_never(platform, job)
    return None if reason is None else reason.words()


def _place(
    gantt: Gantt, job: WaitingJob, rules: Rules, usable: int, latest: int, *, draws: bool = True
) -> Outcome:
    dates = job_dates(job.types)
    if missed := dates.missed(gantt.now):
        return _refuse(gantt, job, Reason(ReasonKind.TOO_LATE, text=f"{missed}={job.types[missed]}"))
    earliest = _earliest(gantt, job, rules, dates)
    if isinstance(earliest, Reason):
        return _refuse(gantt, job, earliest)
    view = gantt.view(job)
    if view is None:
        return _refuse(gantt, job, _no_container(job))
    moldables = made_ready(gantt, job, usable, rules)
    search = _Search(gantt, job, view, draws=draws)
    if job.types and asks_for_plugin(job):
        bounds = Bounds(earliest.date, latest, dates.deadline)
        return search.by_plugin(moldables, rules, usable, earliest, bounds)
    best = finishes_first(search.find, moldables, earliest.date, latest, dates.deadline)
    if best is None:
        reason = search.blame() or why_never(gantt.platform, job)
        if reason is None and latest < FOREVER:
            reason = Reason(ReasonKind.NOT_THEN, until=latest if latest > gantt.now else None)
        return _refuse(gantt, job, reason or why_no_room(gantt, job, moldables))
    return search.assign(best, earliest, dates.deadline)


class _Search:
    """The search for the place of one job in the plan as it sees it; within quotas, if there are any."""

    def __init__(self, gantt: Gantt, job: WaitingJob, view: View, *, draws: bool = True) -> None:
        self._gantt = gantt
        self._draws = draws
        self._job = job
        self._view = view
        self.find: NormalFind = view.find
        self._within: WithinQuotas | None = None
        if gantt.quotas is not None:
            self._within = WithinQuotas(gantt.quotas, counted_on(gantt.platform), job, view)
            self.find = self._within.find

    def by_plugin(
        self,
        moldables: Sequence[CompiledMoldable],
        rules: Rules,
        usable: int,
        earliest: Earliest,
        bounds: Bounds,
    ) -> Outcome:
        """Let the plugins that the job asks for find its place, and draw it."""
        gantt, within = self._gantt, self._within
        found = placed_by_plugin(
            gantt.platform,
            self._view.slots.pieces(gantt.now, FOREVER, usable),
            self._job,
            moldables,
            plugins=rules.plugins,
            bounds=bounds,
            normal=self.find,
            allowed=None if within is None else within.first_allowed,
        )
        if isinstance(found, Reason):
            return _refuse(gantt, self._job, found)
        return self._draw(found, earliest)

    def assign(self, found: Placed, earliest: Earliest, deadline: int | None = None) -> Assignment:
        """Draw the place that was found, for the longest walltime that the job may have there."""
        allow = None if self._within is None else self._within.allow
        return self._draw(
            lengthened(self._view, self._job, *found, deadline=deadline, allowed=allow), earliest
        )

    def _draw(self, found: Placed, earliest: Earliest) -> Assignment:
        wanted, place = found
        job, moldable = self._job, wanted.moldable
        if not self._draws:
            there = self._gantt.platform.procset(place.resources)
            return Assignment(job.job_id, moldable.moldable_id, place.start, moldable.walltime_s, there)
        held_by = None if self._within is None else self._within.held_until(wanted, place.start)
        resources = self._gantt.plan(job, wanted, place, earliest, held_by)
        return Assignment(job.job_id, moldable.moldable_id, place.start, moldable.walltime_s, resources)

    def blame(self) -> Reason | None:
        """Say that quotas are why the job has no place, when they are."""
        refused = None if self._within is None else self._within.blame()
        return None if refused is None else Reason(ReasonKind.QUOTA, quota=refused.held_by)


def finishes_first(
    find: NormalFind,
    moldables: Sequence[CompiledMoldable],
    earliest: int,
    latest: int = FOREVER,
    deadline: int | None = None,
) -> Placed | None:
    """Find the moldable that frees its resources first, and its place; of equal ones the first given.

    It starts between two dates, both included, and is over by the deadline.
    """
    best: Placed | None = None
    before = FOREVER
    for wanted in moldables:
        last = min(latest, before - wanted.duration - 1)
        if deadline is not None:
            last = min(last, deadline - wanted.moldable.walltime_s)
        place = find(wanted, earliest, last) if wanted.could_fit else None
        if place is not None:
            best = wanted, place
            before = place.start + wanted.duration
    return best


def made_ready(gantt: Gantt, job: WaitingJob, usable: int, rules: Rules) -> list[CompiledMoldable]:
    """Resolve the moldables of a job that may use these resources, each for its least walltime."""
    compiler = gantt.compiler(usable)
    made = []
    for moldable in job.moldables:
        least = moldable if moldable.least_walltime_s is None else shortest(moldable)
        made.append(compiler.moldable(job, least, rules.duration(job, least)))
    return made


def _earliest(gantt: Gantt, job: WaitingJob, rules: Rules, dates: JobDates) -> Earliest | Reason:
    """Tell when the jobs it depends on let it start, twice the security time after the last of them.

    A job that is postponed does not start before its date either.
    """
    earliest = gantt.at_once
    if dates.postpone is not None and dates.postpone > gantt.now:
        earliest = Earliest(dates.postpone, postponed=True)
    for required in job.dependencies:
        end = gantt.ends.get(required)
        if end is None:
            return Reason(ReasonKind.DEPENDENCY_UNPLANNED, jobs=(required,))
        date = end + 2 * rules.security_time_s
        if end != OVER and date > earliest.date:
            earliest = Earliest(date, required)
    return earliest


def _no_container(job: WaitingJob) -> Reason:
    return Reason(ReasonKind.CONTAINER_UNPLANNED, text=job.types["inner"])


def _refuse(gantt: Gantt, job: WaitingJob, reason: Reason) -> NoRoom | NeverFits:
    gantt.refused[job.job_id] = reason
    words = reason.words()
    if reason.kind in FINAL:
        return NeverFits(job.job_id, words)
    return NoRoom(job.job_id, words)
