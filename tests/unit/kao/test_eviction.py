"""Which besteffort jobs leave for whom, how, and when; scenarios R9 to R13 of the round."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from oar.core.job import JobId, RunningJob, WaitingJob
from oar.core.states import JobState, NodeState, ReservationState
from oar.kamelot import Rules
from oar.kao.evict import CHECKPOINT_COUNTS_FOR_S, Leave, departure
from oar.kao.metascheduler import choices_of, rules_of
from oar.kao.model import Decisions, SiteChoices, World
from oar.kao.round import run_round
from oar.settings import SchedulerSettings
from oar.testing import make_resources, make_running, make_waiting, make_world

NOW = 1000
RULES = Rules(security_time_s=60)
EVERYTHING = range(1, 7)


def besteffort(job_id: int = 7, resources: object = EVERYTHING, **values: object) -> RunningJob:
    """A besteffort job of three hours that runs since a while."""
    types: Mapping[str, str] = {"besteffort": ""}
    job = make_running(job_id, resources, start_time=500, walltime_s=10800, types=types)  # type: ignore[arg-type] # ids
    return replace(job, **values)  # type: ignore[arg-type] # fields of the job


def saving(**values: object) -> RunningJob:
    """One that asked for 10 seconds to save its work."""
    return besteffort(**{"checkpoint_s": 10, **values})


def decide(world: World, choices: SiteChoices | None = None) -> Decisions:
    decisions = run_round(world, RULES, choices or SiteChoices(), check_plan=True)
    assert decisions.flaws == ()
    return decisions


def reserved(job_id: int, start_time: int, nodes: int = 2) -> tuple[World, WaitingJob]:
    """A world with a reservation that was granted on the first nodes."""
    job = replace(
        make_waiting(job_id, f"nodes={nodes},walltime=1"),
        reservation=ReservationState.SCHEDULED,
        start_time=start_time,
    )
    place = replace(decide(make_world(make_waiting(job_id, f"nodes={nodes},walltime=1"))).plan[0])
    return replace(make_world(job), plan=(replace(place, start_time=start_time),)), job


def test_r9_a_reservation_that_starts_now_has_the_besteffort_job_on_its_resources_killed():
    world, _ = reserved(8, NOW)
    decisions = decide(replace(world, running=(besteffort(),)))
    assert (decisions.evictions, decisions.launches) == ((7,), ())


@pytest.mark.parametrize(
    ("kill_duration_s", "begins_in_s", "evicted"), [(120, 60, (7,)), (60, 120, ()), (0, 60, (7,))]
)
def test_r10_besteffort_jobs_leave_a_while_before_a_reservation_starts(
    kill_duration_s: int, begins_in_s: int, evicted: tuple[int, ...]
):
    world, _ = reserved(8, NOW + begins_in_s)
    choices = SiteChoices(evict_before_s=kill_duration_s)
    assert decide(replace(world, running=(besteffort(),)), choices).evictions == evicted


def test_r11_a_besteffort_job_leaves_for_an_ordinary_one_that_starts_in_a_later_round():
    first = decide(make_world(make_waiting(8, "nodes=2"), running=(besteffort(),)))
    assert (first.evictions, first.launches) == ((7,), ())
    later = decide(make_world(make_waiting(8, "nodes=2")))
    assert [one.job_id for one in later.launches] == [8]


def test_r12_a_besteffort_job_that_asked_for_a_checkpoint_is_told_and_not_killed():
    decisions = decide(make_world(make_waiting(8, "nodes=2"), running=(saving(),)))
    assert (decisions.evictions, decisions.leaving.checkpoints, decisions.launches) == ((), (7,), ())


def test_r13_a_besteffort_job_alone_is_launched_with_its_whole_walltime():
    job = make_waiting(1, "nodes=1,walltime=3", queue="besteffort", types={"besteffort": ""})
    assert [(one.job_id, one.walltime_s) for one in decide(make_world(job)).launches] == [(1, 10800)]


def test_a_job_that_starts_soon_has_room_made_for_it_before_its_date():
    ends_soon = make_running(5, [1, 2], start_time=NOW - 3600, walltime_s=3600)
    world = make_world(make_waiting(8, "nodes=3"), running=(ends_soon, besteffort(resources=[3, 4])))
    decisions = decide(world)
    assert decisions.plan[0].start_time == NOW + 60
    assert (decisions.evictions, decisions.launches) == ((7,), ())


def test_a_job_planned_far_ahead_evicts_nobody_yet_and_says_when_it_will():
    ends_later = make_running(5, [1, 2], start_time=NOW, walltime_s=3600)
    world = make_world(make_waiting(8, "nodes=3"), running=(ends_later, besteffort(resources=[3, 4])))
    decisions = decide(world)
    assert (decisions.evictions, decisions.leaving.look_again_at) == ((), NOW + 3600)


def test_only_the_jobs_that_need_the_resources_wait_for_them():
    world = make_world(
        make_waiting(8, "nodes=2"), make_waiting(9, "nodes=1"), running=(saving(resources=[1, 2]),)
    )
    decisions = decide(world)
    assert [one.job_id for one in decisions.launches] == [9]


def test_a_job_that_waits_for_a_checkpoint_is_told_for_how_long():
    decisions = decide(make_world(make_waiting(8, "nodes=2"), running=(saving(),)))
    assert "besteffort job 7, which may save its work until" in decisions.told[JobId(8)].reason


def test_a_round_is_wanted_when_the_seconds_of_a_checkpoint_are_over():
    decisions = decide(make_world(make_waiting(8, "nodes=2"), running=(saving(),)))
    assert decisions.next_date == NOW + 11


def test_a_besteffort_job_is_told_once_in_its_seconds():
    world = make_world(make_waiting(8, "nodes=2"), running=(saving(checkpointed_at=NOW - 10),))
    leaving = decide(world).leaving
    assert (leaving.kills, leaving.checkpoints, leaving.look_again_at) == ((), (), NOW + 1)


def test_a_besteffort_job_that_has_not_left_in_its_seconds_is_killed():
    world = make_world(make_waiting(8, "nodes=2"), running=(saving(checkpointed_at=NOW - 11),))
    leaving = decide(world).leaving
    assert (leaving.kills, leaving.late, leaving.checkpoints) == ((7,), (7,), ())


def test_a_checkpoint_of_long_ago_was_for_another_reason():
    world = make_world(
        make_waiting(8, "nodes=2"),
        running=(saving(checkpointed_at=NOW - 11 - CHECKPOINT_COUNTS_FOR_S),),
    )
    assert decide(world).leaving.checkpoints == (7,)


@pytest.mark.parametrize(
    "job",
    [
        saving(state=JobState.LAUNCHING),
        saving(state=JobState.TO_LAUNCH),
        saving(interactive=True),
        saving(types={"besteffort": "", "noop": ""}),
        besteffort(),
    ],
    ids=["launching", "toLaunch", "interactive", "noop", "without a checkpoint"],
)
def test_a_job_that_a_signal_is_of_no_use_to_is_killed_at_once(job: RunningJob):
    assert decide(make_world(make_waiting(8, "nodes=2"), running=(job,))).evictions == (7,)


def test_a_job_without_a_node_is_killed_at_once():
    assert departure(saving(), NOW, has_node=False).how is Leave.KILLED


@pytest.mark.parametrize("kind", ["deploy", "cosystem"])
def test_a_job_on_a_frontend_can_be_told_without_a_node(kind: str):
    job = saving(types={"besteffort": "", kind: ""})
    assert departure(job, NOW, has_node=False).how is Leave.SAVES


def test_a_job_that_is_ending_is_waited_for_and_not_killed():
    ending = besteffort(state=JobState.FINISHING)
    decisions = decide(make_world(make_waiting(8, "nodes=2"), running=(ending,)))
    assert (decisions.evictions, decisions.launches) == ((), ())


def test_a_job_that_cannot_start_for_another_reason_evicts_nobody():
    world = make_world(
        make_waiting(8, "nodes=3"),
        running=(besteffort(),),
        resources=make_resources(next_states={"node1": "Dead"}),
    )
    assert decide(world).evictions == ()


def test_a_reservation_that_lacks_a_node_evicts_on_the_others_all_the_same():
    world, _ = reserved(8, NOW)
    platform = make_world(resources=make_resources(states={"node1": NodeState.SUSPECTED})).platform
    decisions = decide(replace(world, platform=platform, running=(besteffort(resources=[3, 4]),)))
    assert decisions.evictions == (7,)


@pytest.mark.parametrize(("kill_duration_s", "least_s"), [(0, 300), (600, 601)])
def test_a_besteffort_job_is_not_started_only_to_be_told_to_leave(kill_duration_s: int, least_s: int):
    settings = SchedulerSettings(evict_before_s=kill_duration_s)
    rules, choices = rules_of(settings, RULES.plugins), choices_of(settings)
    job = make_waiting(9, "nodes=3,walltime=1", queue="besteffort", types={"besteffort": ""})
    for gap_s, starts in ((least_s, True), (least_s - 1, False)):
        world, reservation = reserved(8, NOW + gap_s)
        world = replace(world, waiting=(reservation, job))
        launched = [one.job_id for one in run_round(world, rules, choices).launches]
        assert launched == ([9] if starts else [])
