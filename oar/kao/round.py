"""One round: what reservations get, what runs, what is planned, what each waiting job is told. Pure."""

from collections.abc import Mapping, Sequence

from oar.core.energy import NOTHING_ASKED, EnergyOrders
from oar.core.job import Assignment, JobId, Outcome
from oar.core.states import ReservationState
from oar.kamelot import Rules, check
from oar.kamelot.occupation import is_besteffort
from oar.kao.energy import energy_orders
from oar.kao.launch import Launches, launch
from oar.kao.model import USUAL_CHOICES, Decisions, SiteChoices, World
from oar.kao.order import BY_POLICY, Orders
from oar.kao.queue_plan import QueuePlan, plan_queues
from oar.kao.reservations import Booked, book, late_words
from oar.kao.resume import resumptions
from oar.kao.tell import tell_held_back


def run_round(
    world: World,
    rules: Rules,
    choices: SiteChoices = USUAL_CHOICES,
    *,
    orders: Orders = BY_POLICY,
    jobs_per_group: int = 0,
    check_plan: bool = False,
) -> Decisions:
    """Settle the reservations, plan every waiting job of the active queues, and say what follows.

    ``orders`` say which job of a group of queues is planned first. ``jobs_per_group`` bounds the jobs looked
    at in each group, 0 for all of them; more take turns (:mod:`oar.kao.turns`). With ``check_plan`` the plan
    is checked, and what is wrong with it comes back in ``flaws``.
    """
    booked = book(world, rules, choices)
    world = booked.world
    plan = plan_queues(booked, rules, choices, orders, jobs_per_group)
    outcomes = {**plan.outcomes, **booked.places}
    starts = _launch(booked, plan, rules, choices)
    energy = _energy(world, choices, outcomes, starts.jobs)
    return Decisions(
        outcomes=outcomes,
        launches=starts.jobs,
        leaving=starts.evictions,
        beside=starts.beside,
        in_any_state=starts.in_any_state,
        refused={**plan.refused, **booked.answers.refused},
        told=tell_held_back(
            world,
            plan.gantt,
            outcomes,
            {**plan.told, **booked.told},
            reasons={**starts.held_back, **plan.behind},
            karma=plan.ranking.karma,
        ),
        flaws=_check(booked, outcomes, rules) if check_plan else (),
        karma=plan.ranking.karma,
        complaints=plan.ranking.complaints,
        gantt=plan.gantt,
        granted=booked.answers.granted,
        expired=booked.expired,
        shortened=_shortened(booked, starts.jobs),
        incidents=booked.incidents,
        next_date=_next_date(
            booked,
            outcomes,
            _first_eviction(booked, _horizon_s(rules, choices)),
            starts.evictions.look_again_at,
            energy.next_date,
        ),
        resumptions=resumptions(world.running, world.platform, choices.freed_types, world.resumed),
        energy=energy,
        took=plan.took,
    )


def _launch(booked: Booked, plan: QueuePlan, rules: Rules, choices: SiteChoices) -> Launches:
    """Choose what starts now, reservations first."""
    world = booked.world
    return launch(
        [*booked.settled.starting, *plan.in_turn],
        world.waiting,
        world.running,
        world.platform,
        now=world.now,
        freed_types=choices.freed_types,
        horizon_s=_horizon_s(rules, choices),
        delayed=booked.settled.delayed,
    )


def _horizon_s(rules: Rules, choices: SiteChoices) -> int:
    """Tell how long before a job is to start besteffort jobs leave for it."""
    return max(choices.evict_before_s, rules.security_time_s)


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


def _first_eviction(booked: Booked, horizon_s: int) -> int | None:
    """Tell when besteffort jobs have to leave for reservations that have a place since now."""
    besteffort = [job.resources for job in booked.world.running if is_besteffort(job)]
    dates = (
        max(place.start_time - horizon_s, booked.world.now + 1)
        for place, _ in booked.answers.places
        if any(resources & place.resources for resources in besteffort)
    )
    return min(dates, default=None)


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
