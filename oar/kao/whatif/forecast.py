"""What a waiting job may expect: when it starts, what holds it until then, what would be sooner. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from oar.core.job import Assignment, JobId, Outcome, Told, WaitingJob
from oar.core.states import ReservationState
from oar.kamelot import Gantt, Obstacle, Platform, Rules, obstacle
from oar.kamelot.occupation import FOREVER, is_besteffort
from oar.kamelot.reasons.reason import DateFormat, ReasonKind
from oar.kao.model import Decisions, World
from oar.kao.whatif.changes import Advice, Relaxation, alone, text_of
from oar.kao.whatif.trials import Trials, sooner
from oar.kao.whatif.turn import Practice, Turn, last_in_turn, until_turn


@dataclass(frozen=True, slots=True)
class Cause:
    """What holds a job: an obstacle in the plan, or else what the round says in ``text``.

    ``reservations`` and ``besteffort`` are those jobs in the way that are such.
    """

    text: str = ""
    obstacle: Obstacle | None = None
    reservations: tuple[JobId, ...] = ()
    besteffort: tuple[JobId, ...] = ()

    def words(self, format_date: DateFormat = str) -> str:
        """Say it in one line."""
        if self.obstacle is None:
            return self.text
        words = self.obstacle.words(format_date)
        for jobs, what in ((self.reservations, "a reservation"), (self.besteffort, "besteffort")):
            words += "".join(f"; job {job} is {what}" for job in jobs)
        return words


@dataclass(frozen=True, slots=True)
class Forecast:
    """The answer for one waiting job; ``start`` is None when no date is known.

    ``cause`` is None when nothing holds it: the next round starts it. ``advice`` says what would be sooner
    if the job were submitted again so, behind the others.
    """

    now: int
    start: int | None
    cause: Cause | None
    nodes: tuple[str, ...] = ()
    advice: tuple[Advice, ...] = ()


@dataclass(frozen=True, slots=True)
class Prospect:
    """What one alternative of a job, or the job as a whole, may expect.

    Without ``start`` no date is known, and ``cause`` says why; with one, what holds it until then.
    """

    text: str
    walltime_s: int
    start: int | None = None
    resources: int = 0
    nodes: tuple[str, ...] = ()
    cause: Cause | None = None
    alternative: int = 1


def forecast(
    world: World, job: WaitingJob, practice: Practice, relaxed: Iterable[Relaxation] = ()
) -> Forecast:
    """Say of a job that waits in this world what the next round makes of it, and what would be sooner."""
    if any(one.name == job.queue and one.foreign for one in world.queues):
        return as_stored(world, job)
    decisions = practice.decide(until_turn(world, job.queue))
    outcome = decisions.outcomes.get(job.job_id)
    start: int | None = None
    nodes: tuple[str, ...] = ()
    if isinstance(outcome, Assignment):
        start, nodes = max(outcome.start_time, world.now), nodes_of(world.platform, outcome)
    if any(one.job_id == job.job_id for one in decisions.launches):
        return Forecast(world.now, start, None, nodes)
    cause = _cause(world, job, practice.rules, decisions)
    is_due = start is not None and start <= world.now
    if is_due or job.reservation is not ReservationState.NONE or job.job_id in decisions.refused:
        return Forecast(world.now, start, cause, nodes)
    turn = last_in_turn(world, job, practice)
    if turn.stops:
        return Forecast(world.now, start, cause, nodes)
    trials = Trials(turn.place, world.platform, FOREVER if start is None else start)
    return Forecast(world.now, start, cause, nodes, sooner(trials, job, relaxed))


def as_stored(world: World, job: WaitingJob) -> Forecast:
    """Give what was planned and told last, where that is not for us to say."""
    place = next((one for one in world.plan if one.job_id == job.job_id), None)
    reason = world.told.get(job.job_id, Told()).reason
    nodes = () if place is None else nodes_of(world.platform, place)
    return Forecast(
        world.now, None if place is None else place.start_time, Cause(reason) if reason else None, nodes
    )


def reservations(world: World, jobs: Sequence[WaitingJob], practice: Practice) -> tuple[Prospect, ...]:
    """Say of new reservations which the next round would grant; the cause has a date that would do."""
    asking = replace(until_turn(world, jobs[0].queue), waiting=(*world.waiting, *jobs))
    decisions = practice.decide(asking)
    return tuple(_answer(world, job, decisions) for job in jobs)


def _answer(world: World, job: WaitingJob, decisions: Decisions) -> Prospect:
    outcome = decisions.outcomes.get(job.job_id)
    text, walltime_s = text_of(job.moldables[0]), job.moldables[0].walltime_s
    if isinstance(outcome, Assignment):
        nodes = nodes_of(world.platform, outcome)
        return Prospect(text, outcome.walltime_s, outcome.start_time, len(outcome.resources), nodes)
    told = decisions.told.get(job.job_id, Told())
    return Prospect(text, walltime_s, cause=Cause(decisions.refused.get(job.job_id, told.reason)))


def prospects(turn: Turn, job: WaitingJob) -> tuple[tuple[Prospect, ...], Prospect]:
    """Say of a new job when each alternative by itself would start, and which one the job would get."""
    each = []
    for number, moldable in enumerate(job.moldables, 1):
        one = alone(job, number)
        each.append(replace(_prospect(turn, one, turn.place(one), text_of(moldable)), alternative=number))
    outcome = turn.place(job)
    chosen = _prospect(turn, job, outcome, "")
    if isinstance(outcome, Assignment):
        numbers = {one.moldable_id: number for number, one in enumerate(job.moldables, 1)}
        chosen = replace(chosen, alternative=numbers[outcome.moldable_id])
    return tuple(each), replace(chosen, text=each[chosen.alternative - 1].text)


def nodes_of(platform: Platform, place: Assignment) -> tuple[str, ...]:
    """Name the nodes of a place."""
    return tuple(dict.fromkeys(one.node for one in platform.resources_of(place.resources) if one.node))


def _prospect(turn: Turn, job: WaitingJob, outcome: Outcome, text: str) -> Prospect:
    walltime_s = job.moldables[0].walltime_s
    if not isinstance(outcome, Assignment):
        return Prospect(text, walltime_s, cause=Cause(outcome.reason))
    nodes = nodes_of(turn.world.platform, outcome)
    found = None
    if outcome.start_time > turn.world.now:
        found = _obstacle(turn.gantt, job, turn.world.now, turn.rules)
    held_by = None if found is None else _named(found, turn.world)
    return Prospect(text, outcome.walltime_s, outcome.start_time, len(outcome.resources), nodes, held_by)


def _cause(world: World, job: WaitingJob, rules: Rules, decisions: Decisions) -> Cause | None:
    """Say what holds a job that is not launched: for one that has a later date, what is in its way now."""
    if job.job_id in decisions.refused:
        return Cause(decisions.refused[job.job_id])
    outcome = decisions.outcomes.get(job.job_id)
    news = decisions.told.get(job.job_id) or decisions.granted.get(job.job_id)
    told = news or world.told.get(job.job_id) or Told()
    if job.reservation is not ReservationState.NONE:
        return Cause(told.reason) if told.reason else None
    is_later = isinstance(outcome, Assignment) and outcome.start_time > world.now
    if is_later or _may_only_start_now(job, decisions.gantt):
        found = _obstacle(decisions.gantt, job, world.now, rules)
        if found is not None:
            return _named(found, world)
    if told.reason:
        return Cause(told.reason)
    return None if outcome is None or isinstance(outcome, Assignment) else Cause(outcome.reason)


def _may_only_start_now(job: WaitingJob, gantt: Gantt | None) -> bool:
    """Tell whether a job got no place because it may have none later, as in a queue of strict order."""
    refused = None if gantt is None else gantt.refused.get(job.job_id)
    return refused is not None and refused.kind is ReasonKind.NOT_THEN


def _obstacle(gantt: Gantt | None, job: WaitingJob, date: int, rules: Rules) -> Obstacle | None:
    """Ask what is in the way; a job with an error in it, which the round names, has no obstacle."""
    if gantt is None:
        return None
    try:
        return obstacle(gantt, job, date, rules, drawn_before=True)
    except Exception:  # noqa: BLE001 - as in a round: whatever is wrong with a job, the round has said it
        return None


def _named(found: Obstacle, world: World) -> Cause:
    jobs = set(found.jobs)
    waiting = [*world.waiting, *world.apart, *(job for _, job in world.fixed)]
    reserved = {one.job_id for one in waiting if one.reservation is not ReservationState.NONE}
    evictable = {one.job_id for one in waiting if is_besteffort(one)}
    evictable |= {one.job_id for one in world.running if is_besteffort(one)}
    return Cause("", found, tuple(sorted(jobs & reserved)), tuple(sorted((jobs & evictable) - reserved)))


def without_conditions(found: Sequence[Advice]) -> tuple[Advice, ...]:
    """Leave out what quotes conditions, for those who may not see them."""
    return tuple(one for one in found if not one.change.condition)
