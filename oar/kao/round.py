"""One round over the queues: what runs, what is planned, what each waiting job is told. Pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby

from procset import ProcSet

from oar.core.durations import format_date
from oar.core.job import Assignment, JobId, NoRoom, Outcome, RunningJob, Told, WaitingJob
from oar.core.job_message import job_message
from oar.core.states import FINAL_STATES, JobState, ReservationState
from oar.kamelot import (
    OVER,
    STRICT_POLICY,
    Gantt,
    Occupation,
    Reason,
    ReasonKind,
    Rules,
    check,
    explain,
    occupation_of_planned,
    occupation_of_running,
    place_all,
    place_in_strict_order,
)
from oar.kamelot.bits import mask_of
from oar.kamelot.containers import nesting_of
from oar.kamelot.occupation import BESTEFFORT, is_besteffort
from oar.kamelot.quotas import Ledger
from oar.kao.launch import freed_ranks, launch
from oar.kao.model import USUAL_CHOICES, Decisions, QueueView, SiteChoices, World
from oar.kao.obstacles import container_words, obstacles
from oar.kao.order import BY_POLICY, UNRANKED, Orders, Ranking, combine, rank

QUOTA_OK = "quota_ok"
"""OAR 2's words for a job that no quota holds back."""


def run_round(
    world: World,
    rules: Rules,
    choices: SiteChoices = USUAL_CHOICES,
    *,
    orders: Orders = BY_POLICY,
    jobs_per_group: int = 0,
    check_plan: bool = False,
) -> Decisions:
    """Plan every waiting job of the active queues and say what follows.

    ``orders`` say which job of a group of queues is planned first. ``jobs_per_group`` bounds the jobs looked
    at in each group, 0 for all of them. With ``check_plan`` the plan is checked, and what is wrong with it
    comes back in ``flaws``.
    """
    occupations = occupations_of(world, rules, choices)
    gantt = Gantt(
        world.platform,
        [one for one in occupations if not one.besteffort],
        world.now,
        known_ends(world),
        ledger_of(world),
    )
    stopped = obstacles(world, choices)
    refused = {job_id: one.words for job_id, one in stopped.items() if one.final}
    outcomes: dict[JobId, Outcome] = {
        job_id: NoRoom(job_id, one.words) for job_id, one in stopped.items() if not one.final
    }
    told = _tell_stopped(world, outcomes)
    groups = [
        (queues, rank(orders, world, queues, _without(stopped, jobs_of(world, queues))))
        for queues in queue_groups(world.queues)
    ]
    ranking = combine(one for _, one in groups)
    for queues, ranked in groups:
        if any(queue.name == BESTEFFORT for queue in queues):
            gantt.occupy([one for one in occupations if one.besteffort])
        jobs = ranked.jobs[: jobs_per_group or None]
        placed = _place(gantt, jobs, queues, rules)
        _name_containers(gantt, jobs, placed, world)
        outcomes |= placed
        told |= tell(gantt, jobs, placed, world, ranked)
    told |= tell_unplanned(world, outcomes.keys() | refused, ranking)
    starts = launch(
        sorted((one for one in outcomes.values() if isinstance(one, Assignment)), key=lambda one: one.job_id),
        world.waiting,
        world.running,
        world.platform,
        now=world.now,
        freed_types=choices.freed_types,
    )
    return Decisions(
        outcomes,
        starts.jobs,
        starts.evictions,
        starts.beside,
        starts.in_any_state,
        refused,
        _tell_held_back(world, gantt, outcomes, told, reasons=starts.held_back, karma=ranking.karma),
        _check(world, occupations, outcomes, rules) if check_plan else (),
        ranking.karma,
        ranking.complaints,
    )


def _place(
    gantt: Gantt, jobs: Sequence[WaitingJob], queues: Sequence[QueueView], rules: Rules
) -> dict[JobId, Outcome]:
    """Place the jobs of some queues; those of queues of strict order, queue by queue, after the others."""
    strict = [queue.name for queue in queues if queue.policy == STRICT_POLICY]
    outcomes = place_all(gantt, [job for job in jobs if job.queue not in strict], rules)
    for name in strict:
        outcomes |= place_in_strict_order(gantt, [job for job in jobs if job.queue == name], rules)
    return outcomes


def ledger_of(world: World) -> Ledger | None:
    """Make what counts the jobs for quotas, if the site has any; it has counted nothing yet."""
    site = world.quotas
    if site is None:
        return None
    return Ledger(site.quotas, world.now, site.window_s, site.ahead_s, queues=site.queues)


def occupations_of(world: World, rules: Rules, choices: SiteChoices) -> list[Occupation]:
    """Say what running jobs take, a suspended one less, and the places that are fixed.

    A container that is suspended opens no space, nor does one that was, while others are on its resources.
    """
    freed = ProcSet()
    if any(job.state is JobState.SUSPENDED for job in world.running):
        freed = world.platform.procset(mask_of(freed_ranks(world.platform, choices.freed_types)))
    running = []
    for job in world.running:
        held = job.resources - freed if job.state is JobState.SUSPENDED else job.resources
        one = occupation_of_running(replace(job, resources=held), world.now, rules)
        if one.nesting.opens is not None and _is_left_to_others(job, world.running):
            one = replace(one, nesting=replace(one.nesting, opens=None))
        running.append(one)
    return running + [occupation_of_planned(one, rules, is_besteffort(job), job) for one, job in world.fixed]


def _is_left_to_others(container: RunningJob, running: Sequence[RunningJob]) -> bool:
    """Tell whether a container is suspended, or was until now and others use its resources still."""
    if container.state not in (JobState.RESUMING, JobState.FINISHING):
        return container.state is JobState.SUSPENDED
    inside = nesting_of(container).inside
    return any(
        nesting_of(job).inside == inside and job.resources & container.resources
        for job in running
        if job is not container and job.state is not JobState.SUSPENDED
    )


def _check(
    world: World, occupations: Sequence[Occupation], outcomes: Mapping[JobId, Outcome], rules: Rules
) -> tuple[str, ...]:
    looked_at = [job for job in world.waiting if job.job_id in outcomes]
    return tuple(check(world.platform, occupations, looked_at, outcomes, now=world.now, rules=rules))


def queue_groups(queues: Sequence[QueueView]) -> Iterator[tuple[QueueView, ...]]:
    """Give the active queues in groups of equal priority, the highest first.

    The queue besteffort comes alone and last: what is in it, no other queue sees.
    """
    active = sorted((queue for queue in queues if queue.active), key=_turn)
    for _, group in groupby(active, key=_turn):
        yield tuple(group)


def _turn(queue: QueueView) -> tuple[bool, int]:
    return queue.name == BESTEFFORT, -queue.priority


def jobs_of(world: World, queues: Sequence[QueueView]) -> list[WaitingJob]:
    """Give the waiting jobs of the queues that are no reservations."""
    names = {queue.name for queue in queues}
    return [job for job in world.waiting if job.queue in names and job.reservation is ReservationState.NONE]


def _without(stopped: Collection[JobId], jobs: Sequence[WaitingJob]) -> list[WaitingJob]:
    return [job for job in jobs if job.job_id not in stopped]


def known_ends(world: World) -> dict[JobId, int]:
    """Say when the jobs that others wait for end, as far as that is known before anything is planned."""
    ends = {job_id: OVER for job_id, one in world.required.items() if one.state in FINAL_STATES}
    running = {
        job.job_id: (job.start_time or world.now) + job.walltime_s + job.suspended_s
        for job in world.running
        if job.job_id in world.required
    }
    return ends | running | {job.job_id: one.start_time + one.walltime_s for one, job in world.fixed}


def _name_containers(
    gantt: Gantt, jobs: Sequence[WaitingJob], outcomes: dict[JobId, Outcome], world: World
) -> None:
    """Say of inner jobs whose container is not in the plan where it is."""
    for job in jobs:
        reason = gantt.refused.get(job.job_id)
        if reason is None or reason.kind is not ReasonKind.CONTAINER_UNPLANNED:
            continue
        if words := container_words(job, world):
            gantt.refused[job.job_id] = Reason(ReasonKind.FAILURE, text=words)
            outcomes[job.job_id] = NoRoom(job.job_id, words)


def tell(
    gantt: Gantt,
    jobs: Sequence[WaitingJob],
    outcomes: Mapping[JobId, Outcome],
    world: World,
    ranking: Ranking = UNRANKED,
) -> dict[JobId, Told]:
    """Say what changed for the jobs; a prediction that stands as it was needs no new explanation."""
    planned = {one.job_id: one for one in world.plan}
    told = {}
    for job in jobs:
        outcome, before = outcomes[job.job_id], world.told.get(job.job_id, Told())
        karma = ranking.karma.get(job.job_id)
        stands = before.reason and planned.get(job.job_id) == outcome
        if stands and (karma is None or karma == world.karma.get(job.job_id)):
            continue
        reason = before.reason if stands else explain(gantt, job, outcome).words(format_date)
        words = Told(message_of(job, outcome, before.message, karma, quota_words(gantt, job)), reason)
        if words != before:
            told[job.job_id] = words
    return told


def quota_words(gantt: Gantt, job: WaitingJob) -> str:
    """Say in OAR 2's words which quota holds a job back that the Gantt has looked at; "" without quotas."""
    if gantt.quotas is None:
        return ""
    planned, refused = gantt.planned.get(job.job_id), gantt.refused.get(job.job_id)
    held_by = planned.held_by if planned is not None else refused and refused.quota
    return held_by.message() if held_by else QUOTA_OK if planned is not None else ""


def tell_unplanned(
    world: World, looked_at: Collection[JobId], ranking: Ranking = UNRANKED
) -> dict[JobId, Told]:
    """Say to the jobs that nobody looked at why that is so, which some know from their ranking."""
    active = {queue.name: queue.active for queue in world.queues}
    told = {}
    for job in world.waiting:
        if job.job_id in looked_at or job.reservation is not ReservationState.NONE:
            continue
        before = world.told.get(job.job_id, Told())
        reason = ranking.left_out.get(job.job_id) or _why_unplanned(job.queue, active.get(job.queue))
        words = Told(before.message, reason)
        if words != before:
            told[job.job_id] = words
    return told


def _tell_stopped(world: World, outcomes: Mapping[JobId, Outcome]) -> dict[JobId, Told]:
    """Say to the jobs that cannot be planned why that is so."""
    told = {}
    for job in world.waiting:
        outcome = outcomes.get(job.job_id)
        if isinstance(outcome, NoRoom):
            before = world.told.get(job.job_id, Told())
            words = Told(message_of(job, outcome, before.message), outcome.reason)
            if words != before:
                told[job.job_id] = words
    return told


def _tell_held_back(
    world: World,
    gantt: Gantt,
    outcomes: Mapping[JobId, Outcome],
    told: Mapping[JobId, Told],
    *,
    reasons: Mapping[JobId, str],
    karma: Mapping[JobId, float],
) -> dict[JobId, Told]:
    """Say to the jobs whose date has come why they do not start; the others keep what they are ``told``."""
    all_told = dict(told)
    for job in world.waiting:
        if job.job_id in reasons:
            all_told.pop(job.job_id, None)
            words_of_quota = quota_words(gantt, job)
            message = message_of(job, outcomes[job.job_id], "", karma.get(job.job_id), words_of_quota)
            words = Told(message, reasons[job.job_id])
            if words != world.told.get(job.job_id):
                all_told[job.job_id] = words
    return all_told


def _why_unplanned(queue: str, active: bool | None) -> str:
    if active is None:
        return f"its queue {queue} does not exist any more"
    if not active:
        return f"its queue {queue} is not active"
    return f"so many jobs wait before it in queue {queue} that this round did not come to it"


def message_of(
    job: WaitingJob, outcome: Outcome, before: str, karma: float | None = None, quota: str = ""
) -> str:
    """Spell the job's message in OAR's format; a job without a place keeps the numbers of ``before``.

    ``karma`` is shown when the job has a place. ``quota`` are OAR 2's words about quotas.
    """
    if not isinstance(outcome, Assignment):
        return f"{before.split(' (', 1)[0]} ({quota or outcome.reason})"
    comments = ["" if karma is None else f"Karma={karma:.3f}", quota]
    return job_message(
        resources=len(outcome.resources),
        walltime_s=outcome.walltime_s,
        kind="I" if job.interactive else "B",
        name=job.name,
        queue=job.queue,
        project=job.project,
        types=[f"{name}={value}" if value else name for name, value in job.types.items()],
        comment=",".join(filter(None, comments)),
    )
