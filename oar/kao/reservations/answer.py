"""The answers to reservations without a place: granted, refused with a date that would do, not yet. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from oar.core.durations import format_date
from oar.core.events import EventKind
from oar.core.job import Assignment, JobId, Moldable, MoldableId, NeverFits, NoRoom, Outcome, Told, WaitingJob
from oar.core.states import JobState, ReservationState
from oar.kamelot import Gantt, Obstacle, Occupation, Rules, obstacle, occupation_of_planned, place_at
from oar.kamelot.containers import containers_first, nesting_of
from oar.kamelot.occupation import is_besteffort
from oar.kamelot.reasons.reason import ReasonKind
from oar.kao.model import Incident, SiteChoices, World
from oar.kao.reservations.words import EXPIRED, RENEWED
from oar.kao.standing import ledger_of
from oar.kao.tell import message_of, why_unplanned

TOO_OLD = "Reservation too old"
CANNOT_RUN = "This reservation cannot run"
COULD_RUN = "This reservation could run at"
NO_RESOURCE = "No resource for reservation"
MOST_EXPLAINED = 50
"""For so many refusals of a round it is looked what is in the way, and which date would do."""
_WITHOUT_PLACE = (JobState.WAITING, JobState.HOLD)


@dataclass(frozen=True, slots=True)
class Answers:
    """What was found for the reservations without a place.

    ``places`` are new, each with its job as it was judged: a reservation whose date is past has what is left
    of its walltime. ``granted`` has what the jobs among them are told that wait for their first answer.
    """

    places: tuple[tuple[Assignment, WaitingJob], ...] = ()
    granted: dict[JobId, Told] = field(default_factory=dict)
    refused: dict[JobId, str] = field(default_factory=dict)
    expired: dict[JobId, str] = field(default_factory=dict)
    told: dict[JobId, Told] = field(default_factory=dict)
    incidents: tuple[Incident, ...] = ()


def answer(world: World, taken: Sequence[Occupation], rules: Rules, choices: SiteChoices) -> Answers:
    """Find places for the reservations that have none, beside all that is ``taken``.

    Those that were granted one and lost it come first; then new ones of active queues by job id, inner ones
    after their containers. Waiting jobs are not in the way: they are planned afterwards. Only the first
    moldable counts.
    """
    new = [job for job in world.waiting if job.reservation is ReservationState.TO_SCHEDULE]
    lost = _without_place(world)
    if not new and not lost:
        return Answers()
    active = {queue.name: queue.active for queue in world.queues}
    asking = [job for job in new if active.get(job.queue)]
    desk = _Desk(world, [one for one in taken if not one.besteffort], rules, choices)
    for job in containers_first(lost, nesting_of):
        desk.renew(job)
    for job in containers_first(asking, nesting_of):
        desk.judge(job)
    for job in new:
        if not active.get(job.queue):
            desk.leave(job, f"not yet answered: {why_unplanned(job.queue, active.get(job.queue))}")
    return desk.answers()


def _without_place(world: World) -> list[WaitingJob]:
    granted = [job for job in world.waiting if job.reservation is ReservationState.SCHEDULED]
    planned = {one.job_id for one in world.plan} if granted else set()
    return [job for job in granted if job.job_id not in planned]


class _Desk:
    """Where reservations are answered, one after the other; each sees what was granted before it."""

    def __init__(self, world: World, taken: Sequence[Occupation], rules: Rules, choices: SiteChoices) -> None:
        self._world = world
        self._taken = list(taken)
        self._rules = rules
        self._choices = choices
        self._gantts: dict[bool, Gantt] = {}
        self._places: list[tuple[Assignment, WaitingJob]] = []
        self._incidents: list[Incident] = []
        self._answers = Answers()
        self._refused: tuple[WaitingJob, str] | None = None
        self._explanations_left = MOST_EXPLAINED

    def answers(self) -> Answers:
        """Give all answers."""
        return replace(self._answers, places=tuple(self._places), incidents=tuple(self._incidents))

    def judge(self, job: WaitingJob) -> None:
        """Grant or refuse a new reservation."""
        job_id, refused = job.job_id, self._answers.refused
        if job.moldables and _end_of(job) <= self._world.now:
            refused[job_id] = TOO_OLD
        elif is_besteffort(job):
            refused[job_id] = f"{CANNOT_RUN} (a besteffort job cannot be a reservation)"
        else:
            asked = as_of(job, self._world.now)
            outcome = self._place(asked)
            if isinstance(outcome, Assignment):
                reason = f"reserved: starts {format_date(outcome.start_time)}"
                self._answers.granted[job_id] = Told(message_of(job, outcome, ""), reason)
            elif container := self._comes_later(asked):
                self.leave(job, f"not yet answered: its container, job {container}, has no place yet")
            else:
                refused[job_id] = self._refusal(asked, outcome)

    def renew(self, job: WaitingJob) -> None:
        """Give a granted reservation that lost its place another one, or say that there is none."""
        if job.moldables and _end_of(job) <= self._world.now:
            self._answers.expired[job.job_id] = EXPIRED
            return
        before = self._world.told.get(job.job_id, Told())
        outcome = self._place(as_of(job, self._world.now))
        if isinstance(outcome, Assignment):
            words = Told(message_of(job, outcome, "", quota=RENEWED), RENEWED)
            self._record(EventKind.GET_RESOURCES_BACK_FOR_RESERVATION, job, f"{RENEWED}: {outcome.resources}")
        else:
            words = Told(
                message_of(job, outcome, before.message, quota=NO_RESOURCE),
                f"{NO_RESOURCE}: {outcome.reason}",
            )
            if not before.reason.startswith(NO_RESOURCE):
                self._record(EventKind.UNABLE_TO_GET_RESOURCE_BACK_FOR_RESERVATION, job, words.reason)
        self._tell(job, words)

    def leave(self, job: WaitingJob, reason: str) -> None:
        """Leave a new reservation without an answer in this round."""
        self._tell(job, Told(self._world.told.get(job.job_id, Told()).message, reason))

    def _tell(self, job: WaitingJob, words: Told) -> None:
        if words != self._world.told.get(job.job_id):
            self._answers.told[job.job_id] = words

    def _record(self, kind: EventKind, job: WaitingJob, text: str) -> None:
        self._incidents.append(Incident(kind, job.job_id, text))

    def _place(self, job: WaitingJob) -> Outcome:
        """Look for the place of a job as it is judged, and draw it for those that come after."""
        if not job.moldables:
            return NeverFits(job.job_id, "asks for no resources")
        try:
            outcome = place_at(self._gantt(job), job, job.start_time, self._rules)
        except Exception as problem:  # noqa: BLE001 - one bad job, whatever is wrong with it, never stops a round
            text = f"could not be planned: {str(problem) or type(problem).__name__}"
            return NeverFits(job.job_id, text)
        if isinstance(outcome, Assignment):
            self._places.append((outcome, job))
            drawn = occupation_of_planned(outcome, self._rules, job=job)
            for far, gantt in self._gantts.items():
                if far is not self._is_far(job):
                    gantt.occupy([drawn])
            self._taken.append(drawn)
            self._refused = None
        return outcome

    def _gantt(self, job: WaitingJob) -> Gantt:
        """Give the plan with the resources in the order for the job's date, made when it is first wanted."""
        far = self._is_far(job)
        if far not in self._gantts:
            world = self._world
            platform = (world.platform_ahead if far else None) or world.platform
            self._gantts[far] = Gantt(platform, self._taken, world.now, quotas=ledger_of(world))
        return self._gantts[far]

    def _is_far(self, job: WaitingJob) -> bool:
        return job.start_time > self._world.now + self._choices.near_s

    def _refusal(self, job: WaitingJob, outcome: NoRoom | NeverFits) -> str:
        """Say why the job cannot have its place; jobs of an array hear what the one before them heard."""
        asked = _without_number(job)
        if self._refused is None or self._refused[0] != asked:
            found = self._obstacle(job) if isinstance(outcome, NoRoom) else None
            self._refused = asked, _refusal_words(found, outcome.reason)
        return self._refused[1]

    def _obstacle(self, job: WaitingJob) -> Obstacle | None:
        """Look for what is in the way, and for a later date; that takes far longer than to refuse."""
        if self._explanations_left == 0:
            return None
        self._explanations_left -= 1
        try:
            return obstacle(self._gantt(job), job, job.start_time, self._rules)
        except Exception:  # noqa: BLE001 - as above; the outcome has words of its own
            return None

    def _comes_later(self, job: WaitingJob) -> JobId | None:
        """Name the container that the job has to wait for before it can be answered."""
        refused = self._gantt(job).refused.get(job.job_id)
        if refused is None or refused.kind is not ReasonKind.CONTAINER_UNPLANNED:
            return None
        inside = nesting_of(job).inside
        pending = (
            one.job_id
            for one in self._world.containers
            if one.space == inside
            and one.state in _WITHOUT_PLACE
            and one.job_id != job.job_id
            and one.job_id not in self._answers.refused
        )
        return next(pending, None)


def _refusal_words(found: Obstacle | None, reason: str) -> str:
    if found is None:
        return f"{CANNOT_RUN} ({reason})"
    if found.until is None:
        return f"{CANNOT_RUN} ({found.why(format_date)})"
    return f"{COULD_RUN} {format_date(found.until)} ({found.why(format_date)})"


def _without_number(job: WaitingJob) -> WaitingJob:
    """Give what jobs of one array have in common."""
    moldables = tuple(replace(one, moldable_id=MoldableId(0)) for one in job.moldables)
    return replace(job, job_id=JobId(0), moldables=moldables)


def as_of(job: WaitingJob, now: int) -> WaitingJob:
    """Give a reservation as it is judged: its first moldable, from its date on or, when that is past, now.

    Its end stays, so one whose date is past is shorter. It waits for no job.
    """
    start = max(job.start_time, now)
    first = tuple(_shorter(one, start - job.start_time) for one in job.moldables[:1])
    return replace(job, moldables=first, dependencies=(), start_time=start)


def _shorter(moldable: Moldable, late_s: int) -> Moldable:
    if not late_s:
        return moldable
    walltime_s, least_s = moldable.walltime_s - late_s, moldable.least_walltime_s
    if least_s is not None and least_s >= walltime_s:
        least_s = None
    return replace(moldable, walltime_s=walltime_s, least_walltime_s=least_s)


def _end_of(job: WaitingJob) -> int:
    return job.start_time + job.moldables[0].walltime_s
