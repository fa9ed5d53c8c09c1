"""One round over the queues: what runs, what is planned, what each waiting job is told. Pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import groupby

from oar.core.energy import NOTHING_ASKED, EnergyOrders
from oar.core.job import Assignment, JobId, NoRoom, Outcome, WaitingJob
from oar.core.states import ReservationState
from oar.kamelot import (
    Gantt,
    Reason,
    ReasonKind,
    Rules,
    check,
)
from oar.kamelot.occupation import BESTEFFORT
from oar.kao.energy import energy_orders
from oar.kao.launch import launch
from oar.kao.model import USUAL_CHOICES, Decisions, QueueView, SiteChoices, World
from oar.kao.obstacles import container_words, left_out, obstacles
from oar.kao.order import BY_POLICY, Orders, combine, rank
from oar.kao.placing import Placer
from oar.kao.reservations import Booked, book, late_words
from oar.kao.resume import resumptions
from oar.kao.settled import draw_settled
from oar.kao.standing import known_ends, ledger_of
from oar.kao.tell import BEHIND, tell, tell_held_back, tell_stopped, tell_unplanned
from oar.kao.turns import place_group


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
    at in each group, 0 for all of them; more take turns (:mod:`oar.kao.turns`). With ``check_plan`` the plan
    is checked, and what is wrong with it comes back in ``flaws``.
    """
    booked = book(world, rules, choices)
    world, occupations = booked.world, booked.taken
    gantt = Gantt(
        world.platform,
        [one for one in occupations if not one.besteffort],
        world.now,
        known_ends(world),
        ledger_of(world),
    )
    stopped = {**left_out(world), **obstacles(world, choices)}
    refused = {job_id: one.words for job_id, one in stopped.items() if one.final}
    outcomes: dict[JobId, Outcome] = {
        job_id: NoRoom(job_id, one.words) for job_id, one in stopped.items() if not one.final
    }
    told = tell_stopped(world, outcomes)
    groups = [
        (queues, rank(orders, world, queues, _without(stopped, jobs_of(world, queues))))
        for queues in queue_groups(world.queues)
        if world.later.isdisjoint(queue.name for queue in queues)
    ]
    ranking = combine(one for _, one in groups)
    placer, took = Placer(gantt, rules, world.tokens), world.took
    for queues, ranked in groups:
        if any(queue.name == BESTEFFORT for queue in queues):
            gantt.occupy([one for one in occupations if one.besteffort])
        if queues[0].name in world.settled:
            outcomes |= draw_settled(placer, _without(stopped, jobs_of(world, queues)), world)
            continue
        placed, turns_taken = place_group(placer, ranked.jobs, queues, jobs_per_group, world)
        took |= turns_taken
        jobs = [job for job in ranked.jobs if job.job_id in placed]
        _name_containers(gantt, jobs, placed, world)
        outcomes |= placed
        told |= tell(gantt, jobs, placed, world, ranked)
    told |= tell_unplanned(world, outcomes.keys() | refused | took.at_rest, ranking) | booked.told
    in_turn = [one for one in outcomes.values() if isinstance(one, Assignment)]
    behind = {
        one.job_id: BEHIND
        for one in in_turn
        if one.job_id in took.held_back and one.start_time <= world.now
    }
    outcomes |= booked.places
    starts = launch(
        [*booked.settled.starting, *(one for one in in_turn if one.job_id not in behind)],
        world.waiting,
        world.running,
        world.platform,
        now=world.now,
        freed_types=choices.freed_types,
        horizon_s=max(choices.evict_before_s, rules.security_time_s),
        delayed=booked.settled.delayed,
    )
    energy = _energy(world, choices, outcomes, starts.jobs)
    return Decisions(
        outcomes,
        starts.jobs,
        starts.evictions,
        starts.beside,
        starts.in_any_state,
        refused | booked.answers.refused,
        tell_held_back(
            world, gantt, outcomes, told, reasons={**starts.held_back, **behind}, karma=ranking.karma
        ),
        _check(booked, outcomes, rules) if check_plan else (),
        ranking.karma,
        ranking.complaints,
        gantt,
        booked.answers.granted,
        booked.expired,
        _shortened(booked, starts.jobs),
        booked.incidents,
        _next_date(booked, outcomes, starts.evictions.look_again_at, energy.next_date),
        resumptions(world.running, world.platform, choices.freed_types, world.resumed),
        energy,
        took,
    )


def _check(booked: Booked, outcomes: Mapping[JobId, Outcome], rules: Rules) -> tuple[str, ...]:
    """Check the new places; those that reservations had before are only looked at as being taken."""
    world = booked.world
    planned = [
        job
        for job in world.waiting
        if job.job_id in outcomes
        and job.reservation is ReservationState.NONE
        and job.queue not in world.settled  # kamelot's were checked in their stretch; others see to theirs
    ]
    jobs = [*booked.judged, *planned]
    return tuple(check(world.platform, booked.found, jobs, outcomes, now=world.now, rules=rules))


def _shortened(booked: Booked, launches: Sequence[Assignment]) -> dict[JobId, str]:
    """Say of the reservations that start late how much of their walltime is left."""
    places = booked.places
    return {
        one.job_id: late_words(places[one.job_id], one)
        for one in launches
        if one.job_id in places and one.walltime_s < places[one.job_id].walltime_s
    }


def _next_date(booked: Booked, outcomes: Mapping[JobId, Outcome], *others: int | None) -> int | None:
    """Tell when the plan wants something to be done: a start, the end of a wait, or one of the ``others``."""
    now = booked.world.now
    starts = [one.start_time for one in outcomes.values() if isinstance(one, Assignment)]
    dates = (*starts, *booked.settled.dates, *(date for date in others if date is not None))
    return min((date for date in dates if date > now), default=None)


def _energy(
    world: World, choices: SiteChoices, outcomes: Mapping[JobId, Outcome], launches: Sequence[Assignment]
) -> EnergyOrders:
    """Decide which nodes sleep and which wake up, once all is planned."""
    if world.later or not choices.energy.is_on:
        return NOTHING_ASKED
    jobs = {job.job_id: job for job in (*world.apart, *world.waiting)}
    places = [(one, jobs[one.job_id]) for one in outcomes.values() if isinstance(one, Assignment)]
    fixed = [(one, job) for one, job in world.fixed if one.job_id not in outcomes]
    return energy_orders(world, choices.energy, launches, [*places, *fixed])


def queue_groups(queues: Sequence[QueueView]) -> Iterator[tuple[QueueView, ...]]:
    """Give the active queues in groups of equal priority, the highest first.

    A queue whose scheduler is another program comes alone, after those of its priority. The queue besteffort
    comes alone and last: what is in it, no other queue sees.
    """
    active = sorted((queue for queue in queues if queue.active), key=_turn)
    for _, group in groupby(active, key=_turn):
        yield tuple(group)


def _turn(queue: QueueView) -> tuple[bool, int, str]:
    return queue.name == BESTEFFORT, -queue.priority, queue.name if queue.foreign else ""


def jobs_of(world: World, queues: Sequence[QueueView]) -> list[WaitingJob]:
    """Give the waiting jobs of the queues that are no reservations."""
    names = {queue.name for queue in queues}
    return [job for job in world.waiting if job.queue in names and job.reservation is ReservationState.NONE]


def _without(stopped: Collection[JobId], jobs: Sequence[WaitingJob]) -> list[WaitingJob]:
    return [job for job in jobs if job.job_id not in stopped]


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
