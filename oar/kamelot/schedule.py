"""Jobs and Gantt in, outcomes out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from oar.core.job import Assignment, JobId, NeverFits, NoRoom, Outcome, WaitingJob
from oar.core.job_dates import JobDates, job_dates
from oar.kamelot.best_walltime import lengthened, shortest
from oar.kamelot.compiled import CompiledMoldable
from oar.kamelot.containers import containers_first, nesting_of
from oar.kamelot.eligible import Eligible
from oar.kamelot.explain import explain, why_never, why_no_room
from oar.kamelot.gantt import OVER, Earliest, Gantt
from oar.kamelot.occupation import FOREVER, Occupation, Rules, is_besteffort
from oar.kamelot.placement import Place
from oar.kamelot.platform import Platform
from oar.kamelot.plugins.placed import Bounds, placed_by_plugin
from oar.kamelot.plugins.search import asks_for_plugin
from oar.kamelot.reason import Reason, ReasonKind
from oar.kamelot.view import View


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
) -> Plan:
    """Place the jobs in the order given; besteffort jobs come last, invisible to the others."""
    gantt = Gantt(platform, (taken for taken in running if not taken.besteffort), now, ends)
    outcomes = place_all(gantt, [job for job in waiting if not is_besteffort(job)], rules)
    gantt.occupy(taken for taken in running if taken.besteffort)
    outcomes |= place_all(gantt, [job for job in waiting if is_besteffort(job)], rules)
    return Plan(outcomes, gantt)


def place_all(gantt: Gantt, jobs: Sequence[WaitingJob], rules: Rules) -> dict[JobId, Outcome]:
    """Place each job as early as it can without moving what is drawn already, in the order given.

    Only inner jobs come later, after all containers of their name.
    """
    eligible = Eligible(gantt.platform, rules, gantt.now)
    outcomes: dict[JobId, Outcome] = {}
    for job in containers_first(jobs, nesting_of):
        try:
            outcomes[job.job_id] = _place(gantt, job, rules, eligible.resources(job))
        except Exception as problem:  # noqa: BLE001 - one bad job, whatever is wrong with it, never stops a round
            text = f"could not be planned: {str(problem) or type(problem).__name__}"
            outcomes[job.job_id] = _refuse(gantt, job, Reason(ReasonKind.FAILURE, text=text))
    return outcomes


def place_at(gantt: Gantt, job: WaitingJob, start: int, rules: Rules) -> Outcome:
    """Place a job, by its first moldable, at that date or not at all (a reservation).

    A date that is past counts as now. Errors in the job (an unknown filter, a count of 0) are raised.
    """
    start = max(start, gantt.now)
    usable = Eligible(gantt.platform, rules, gantt.now).resources(job)
    wanted = _compile(gantt, job, usable, rules)[0]
    view = gantt.view(job)
    if view is None:
        return _refuse(gantt, job, _no_container(job))
    if asks_for_plugin(job):
        pieces, bounds = view.slots.pieces(gantt.now, FOREVER, usable), Bounds(start, start)
        found = placed_by_plugin(
            gantt.platform, pieces, job, [wanted], plugins=rules.plugins, bounds=bounds, normal=view.find
        )
        return _outcome(gantt, job, found, Earliest(start))
    place = view.find(wanted, start, start) if wanted.could_fit else None
    if place is None:
        reason = why_never(gantt.platform, job) or Reason(ReasonKind.NOT_THEN, until=start)
        return _refuse(gantt, job, reason)
    return _assign(gantt, job, *lengthened(view, job, wanted, place), Earliest(start))


def fits(platform: Platform, job: WaitingJob) -> str | None:
    """Tell in words why no moldable of the job can ever run on this platform, or None when one can."""
    reason = why_never(platform, job)
    return None if reason is None else reason.words()


def _place(gantt: Gantt, job: WaitingJob, rules: Rules, usable: int) -> Outcome:
    dates = job_dates(job.types)
    if missed := dates.missed(gantt.now):
        return _refuse(gantt, job, Reason(ReasonKind.TOO_LATE, text=f"{missed}={job.types[missed]}"))
    earliest = _earliest(gantt, job, rules, dates)
    if isinstance(earliest, Reason):
        return _refuse(gantt, job, earliest)
    view = gantt.view(job)
    if view is None:
        return _refuse(gantt, job, _no_container(job))
    moldables = _compile(gantt, job, usable, rules)
    if asks_for_plugin(job):
        pieces = view.slots.pieces(gantt.now, FOREVER, usable)
        bounds = Bounds(earliest.date, deadline=dates.deadline)
        found = placed_by_plugin(
            gantt.platform, pieces, job, moldables, plugins=rules.plugins, bounds=bounds, normal=view.find
        )
        return _outcome(gantt, job, found, earliest)
    best = _finishes_first(view, moldables, earliest.date, dates.deadline)
    if best is None:
        return _refuse(gantt, job, why_never(gantt.platform, job) or why_no_room(gantt, job, moldables))
    return _assign(gantt, job, *lengthened(view, job, *best, deadline=dates.deadline), earliest)


def _outcome(
    gantt: Gantt, job: WaitingJob, found: tuple[CompiledMoldable, Place] | Reason, earliest: Earliest
) -> Outcome:
    if isinstance(found, Reason):
        return _refuse(gantt, job, found)
    return _assign(gantt, job, *found, earliest)


def _finishes_first(
    view: View, moldables: Sequence[CompiledMoldable], earliest: int, deadline: int | None
) -> tuple[CompiledMoldable, Place] | None:
    """Find the moldable that frees its resources first, and its place; of equal ones the first given."""
    best: tuple[CompiledMoldable, Place] | None = None
    before = FOREVER
    for wanted in moldables:
        latest = before - wanted.duration - 1
        if deadline is not None:
            latest = min(latest, deadline - wanted.moldable.walltime_s)
        place = view.find(wanted, earliest, latest) if wanted.could_fit else None
        if place is not None:
            best = wanted, place
            before = place.start + wanted.duration
    return best


def _compile(gantt: Gantt, job: WaitingJob, usable: int, rules: Rules) -> list[CompiledMoldable]:
    compiler = gantt.compiler(usable)
    moldables = map(shortest, job.moldables)
    return [compiler.moldable(job, moldable, rules.duration(job, moldable)) for moldable in moldables]


def _earliest(gantt: Gantt, job: WaitingJob, rules: Rules, dates: JobDates) -> Earliest | Reason:
    """Tell when the jobs it depends on let it start, twice the security time after the last of them.

    A job that is postponed does not start before its date either.
    """
    earliest = Earliest(gantt.now)
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


def _assign(
    gantt: Gantt, job: WaitingJob, wanted: CompiledMoldable, place: Place, earliest: Earliest
) -> Assignment:
    resources = gantt.plan(job, wanted, place, earliest)
    moldable = wanted.moldable
    return Assignment(job.job_id, moldable.moldable_id, place.start, moldable.walltime_s, resources)


def _no_container(job: WaitingJob) -> Reason:
    return Reason(ReasonKind.CONTAINER_UNPLANNED, text=job.types["inner"])


FINAL = {ReasonKind.NEVER, ReasonKind.NEVER_TOGETHER, ReasonKind.UNKNOWN_LEVEL, ReasonKind.TOO_LATE}
"""The obstacles that do not go away."""


def _refuse(gantt: Gantt, job: WaitingJob, reason: Reason) -> NoRoom | NeverFits:
    gantt.refused[job.job_id] = reason
    words = reason.words()
    if reason.kind in FINAL:
        return NeverFits(job.job_id, words)
    return NoRoom(job.job_id, words)
