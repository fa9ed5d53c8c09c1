"""What must hold for every round, each law told apart from how rounds decide: by ids and sets of them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import TypeVar

from procset import ProcSet

from oar.core.durations import BadDate
from oar.core.job import Assignment, JobId, RunningJob, Told, WaitingJob
from oar.core.job_dates import job_dates
from oar.core.states import FINAL_STATES, UNCHANGED, JobState, NodeState, ReservationState
from oar.kamelot import Platform
from oar.kamelot.containers import Space, nesting_of
from oar.kamelot.occupation import BESTEFFORT
from oar.kamelot.quotas.rules import EXEMPT
from oar.kamelot.sharing import sharing_of
from oar.kao.model import Decisions, World
from oar.kao.round import run_round
from tests.unit.kamelot.slow_quotas import Charge
from tests.unit.kao.properties.life import FIRST_ID, Life, Site

AnyJob = WaitingJob | RunningJob
T = TypeVar("T")


@dataclass(frozen=True)
class Round:
    """A round that was decided: of which site and world, and what came of it."""

    site: Site
    world: World
    decisions: Decisions

    @property
    def jobs(self) -> dict[JobId, WaitingJob]:
        """The waiting jobs by id."""
        return {job.job_id: job for job in self.world.waiting}

    def again(self, world: World) -> Decisions:
        """Decide another world by the same rules."""
        return decide(self.site, world)


def decide(site: Site, world: World) -> Decisions:
    """Run a round, and check its plan."""
    return run_round(world, site.rules, site.choices, check_plan=True)


def broken_laws(life: Life) -> tuple[Decisions, list[str]]:
    """Decide what is to be done now, and list what is wrong with it."""
    world = life.world()
    done = Round(life.site, world, decide(life.site, world))
    found = [f"the plan: {flaw}" for flaw in done.decisions.flaws]
    for law in LAWS:
        found += [f"{law.__name__}: {text}" for text in law(done)]
    for law in LAWS_BY_CHANCE:
        found += [f"{law.__name__}: {text}" for text in law(done, life)]
    return done.decisions, found


def only_waiting_jobs_are_decided_on(done: Round) -> Iterator[str]:
    one = done.decisions
    fates = (one.launches, one.refused, one.expired)
    launched, refused, expired = (
        {place if isinstance(place, int) else place.job_id for place in fate} for fate in fates
    )
    if (launched | refused | expired | one.told.keys() | one.outcomes.keys()) - done.jobs.keys():
        yield "something was decided about a job that does not wait"
    if launched & (refused | expired) or refused & expired:
        yield "a job has two fates"
    if len(one.launches) != len(launched):
        yield "a job is launched twice"


def launches_are_due_on_usable_resources(done: Round) -> Iterator[str]:
    resources = {one.resource_id: one for one in done.world.platform.resources}
    good = (UNCHANGED, NodeState.ALIVE)
    for place in done.decisions.launches:
        if place.start_time != done.world.now:
            yield f"job {place.job_id} is launched for {place.start_time}"
        if place.job_id in done.decisions.in_any_state:
            continue
        for number in place.resources:
            one = resources.get(number)
            if one is None or one.state is not NodeState.ALIVE or one.next_state not in good:
                yield f"job {place.job_id} is launched on resource {number}: {one}"


def launches_share_resources_only_with_whom_they_may(done: Round) -> Iterator[str]:
    holders: list[tuple[AnyJob, ProcSet]] = [(job, job.resources) for job in done.world.running]
    freed = ProcSet(*(one.resource_id for one in done.world.platform.resources if one.type == "default"))
    for place in done.decisions.launches:
        job = done.jobs[place.job_id]
        for other, held in holders:
            met = held & place.resources
            if isinstance(other, RunningJob) and other.state is JobState.SUSPENDED:
                met -= freed
            if met and not _may_be_together(job, other, holders):
                yield f"job {job.job_id} is launched on {met}, which job {other.job_id} holds"
        holders.append((job, place.resources))


def _may_be_together(job: AnyJob, other: AnyJob, holders: list[tuple[AnyJob, ProcSet]]) -> bool:
    if nesting_of(other).opens in _spaces_around(job, holders):
        return True
    if nesting_of(job).inside != nesting_of(other).inside:
        return False
    return sharing_of(job).may_overlap(sharing_of(other))


def _spaces_around(job: AnyJob, holders: list[tuple[AnyJob, ProcSet]]) -> set[Space]:
    found: set[Space] = set()
    new = {nesting_of(job).inside} - {None}
    while new:
        found |= new
        outer = {nesting_of(one).inside for one, _ in holders if nesting_of(one).opens in new}
        new = outer - found - {None}
    return found


def no_job_starts_before_it_may(done: Round) -> Iterator[str]:
    running = {job.job_id for job in done.world.running}
    areas: dict[Space, ProcSet] = {}
    for one in done.world.running:
        if nesting_of(one).opens is not None and one.state is JobState.RUNNING:
            space = nesting_of(one).opens
            areas[space] = areas.get(space, ProcSet()) | one.resources
    for place in done.decisions.launches:
        job = done.jobs[place.job_id]
        inside = nesting_of(job).inside
        if inside is not None and place.resources - areas.get(inside, ProcSet()):
            yield f"job {job.job_id} starts outside its container"
        if job.reservation is not ReservationState.NONE:
            if job.reservation is not ReservationState.SCHEDULED or job.start_time > done.world.now:
                yield f"reservation {job.job_id} starts before its date or its answer"
            continue
        yield from _wrong_dates(job, done.world.now)
        for required in job.dependencies:
            known = done.world.required.get(required)
            if required in running or known is None or known.state not in FINAL_STATES:
                yield f"job {job.job_id} starts though job {required} has not ended: {known}"


def _wrong_dates(job: WaitingJob, now: int) -> Iterator[str]:
    try:
        dates = job_dates(job.types)
    except BadDate:
        return
    if dates.postpone is not None and dates.postpone > now:
        yield f"job {job.job_id} starts before it was postponed to"


def accepted_reservations_stay(done: Round) -> Iterator[str]:
    """One that is ahead is not touched; one whose date has come may shrink, and ends when it was to end."""
    before = {one.job_id: one for one in done.world.plan}
    for job in done.world.waiting:
        place = before.get(job.job_id)
        gone = job.job_id in done.decisions.expired
        if job.reservation is not ReservationState.SCHEDULED or place is None or gone:
            continue
        now = done.decisions.outcomes.get(job.job_id)
        if not isinstance(now, Assignment):
            yield f"reservation {job.job_id} lost its place"
        elif place.start_time > done.world.now and now != place:
            yield f"reservation {job.job_id} moved from {place} to {now}"
        elif now.resources - place.resources or now.moldable_id != place.moldable_id:
            yield f"reservation {job.job_id} changed from {place} to {now}"
        elif now.start_time + now.walltime_s > place.start_time + place.walltime_s:
            yield f"reservation {job.job_id} ends later than it was to"


def only_besteffort_is_evicted_and_for_others_only(done: Round) -> Iterator[str]:
    running = {job.job_id: job for job in done.world.running}
    leaving = done.decisions.leaving
    for job_id in (*leaving.kills, *leaving.checkpoints):
        job, wants = running.get(job_id), done.jobs.get(leaving.room_for[job_id])
        if job is None or BESTEFFORT not in job.types:
            yield f"job {job_id} has to leave, which is no besteffort job that runs"
            continue
        if wants is None or wants.queue == BESTEFFORT:
            yield f"job {job_id} has to leave for {wants}"
            continue
        place = done.decisions.outcomes[wants.job_id]
        if not isinstance(place, Assignment) or not place.resources & job.resources:
            yield f"job {job_id} has to leave for job {wants.job_id}, which does not need its resources"


def each_limit_of_jobs_and_resources_holds_when_a_job_starts(done: Round) -> Iterator[str]:
    """Count what runs and what was placed before: a later job may be bound by another rule, and still count.

    Besteffort jobs that run are seen by the queue besteffort only, and what suspended jobs left by nobody.
    """
    site = done.world.quotas
    if site is None:
        return
    kinds = {one.resource_id for one in done.world.platform.resources if one.type == "default"}
    rules = site.quotas.at(done.world.now).rules
    there: list[tuple[AnyJob, ProcSet]] = [
        (job, ProcSet() if job.state is JobState.SUSPENDED else job.resources) for job in done.world.running
    ]
    for place in done.decisions.launches:
        job = done.jobs[place.job_id]
        there.append((job, place.resources))
        for binding in rules.applying(job):
            counted = [
                held
                for other, held in there
                if not EXEMPT & other.types.keys()
                and Charge(other, 0, 0, 0, 0).counts_in(binding.counter)
                and (
                    job.queue == BESTEFFORT or isinstance(other, WaitingJob) or BESTEFFORT not in other.types
                )
            ]
            limits = binding.rule.limits
            used = sum(len([one for one in held if one in kinds]) for held in counted)
            if limits.jobs is not None and len(counted) > limits.jobs:
                yield f"job {job.job_id} starts as one of {len(counted)}, where {binding} allows fewer"
            if limits.resources is not None and used > limits.resources:
                yield f"job {job.job_id} starts, then {used} resources are used, which exceeds {binding}"


def a_round_after_it_says_nothing_new(done: Round) -> Iterator[str]:
    """When nothing happens, and nothing was launched or answered, the same is planned and nothing is told."""
    one = done.decisions
    if one.launches or one.refused or one.expired or one.granted or one.incidents:
        return
    world = replace(done.world, plan=one.plan, told={**done.world.told, **one.told})
    after = done.again(world)
    if after.plan != one.plan:
        yield f"the plan changes from {one.plan} to {after.plan}"
    if after.told:
        yield f"jobs are told again: {after.told}, before {[world.told.get(job) for job in after.told]}"


def nothing_is_told_twice(done: Round) -> Iterator[str]:
    for job_id, words in done.decisions.told.items():
        if words == done.world.told.get(job_id, Told()):
            yield f"job {job_id} is told again: {words}"


def the_order_of_rows_does_not_matter(done: Round, life: Life) -> Iterator[str]:
    world, dice = done.world, life.law_dice
    other = replace(
        world,
        platform=Platform(world.platform.resources, life.filters),
        queues=_shuffled(dice, world.queues),
        plan=_shuffled(dice, world.plan),
        required=dict(_shuffled(dice, tuple(world.required.items()))),
    )
    yield from _differences(done.decisions, done.again(other))


def a_bad_job_harms_no_other(done: Round, life: Life) -> Iterator[str]:
    number = life.law_dice.randrange(1000)
    bad = life.bad_job(number, 1 + number % (FIRST_ID - 1))
    after = done.again(replace(done.world, waiting=(bad, *done.world.waiting)))
    if isinstance(after.outcomes.get(bad.job_id), Assignment):
        yield f"the bad job {bad} has a place"
    if bad.job_id not in after.told and bad.job_id not in after.refused:
        yield f"nothing is told of the bad job {bad}"
    yield from _differences(done.decisions, after, without=bad.job_id)


def a_job_that_comes_last_moves_nobody(done: Round, life: Life) -> Iterator[str]:
    last = life.last_job()
    after = done.again(replace(done.world, waiting=(*done.world.waiting, last)))
    before = done.decisions.outcomes
    for job_id, outcome in before.items():
        if done.jobs[job_id].queue != BESTEFFORT and after.outcomes[job_id] != outcome:
            yield f"job {job_id} was {outcome}, and is {after.outcomes[job_id]} with {last}"
    ordinary = {one.job_id for one in done.decisions.launches if done.jobs[one.job_id].queue != BESTEFFORT}
    if missing := ordinary - {one.job_id for one in after.launches}:
        yield f"{missing} are not launched any more with {last}"


def _differences(one: Decisions, other: Decisions, without: JobId | None = None) -> Iterator[str]:
    def about_others(values: Mapping[JobId, object]) -> dict[JobId, object]:
        return {job_id: value for job_id, value in values.items() if job_id != without}

    pairs = {
        "outcomes": (one.outcomes, about_others(other.outcomes)),
        "launches": (one.launches, other.launches),
        "beside": (one.beside, other.beside),
        "leaving": (one.leaving, other.leaving),
        "refused": (one.refused, about_others(other.refused)),
        "told": (one.told, about_others(other.told)),
        "granted": (one.granted, other.granted),
        "expired": (one.expired, other.expired),
        "resumptions": (one.resumptions, other.resumptions),
        "next_date": (one.next_date, other.next_date),
    }
    for name, (first, second) in pairs.items():
        if first != second:
            yield f"{name} change from {first} to {second}"


def _shuffled(dice: Random, items: tuple[T, ...]) -> tuple[T, ...]:
    return tuple(dice.sample(items, len(items)))


LAWS = (
    only_waiting_jobs_are_decided_on,
    launches_are_due_on_usable_resources,
    launches_share_resources_only_with_whom_they_may,
    no_job_starts_before_it_may,
    accepted_reservations_stay,
    only_besteffort_is_evicted_and_for_others_only,
    each_limit_of_jobs_and_resources_holds_when_a_job_starts,
    a_round_after_it_says_nothing_new,
    nothing_is_told_twice,
)
LAWS_BY_CHANCE = (
    the_order_of_rows_does_not_matter,
    a_bad_job_harms_no_other,
    a_job_that_comes_last_moves_nobody,
)
