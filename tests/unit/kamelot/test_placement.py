"""When jobs start: backfilling, moldables, security time, besteffort, states and ends of availability."""

import pytest
from procset import ProcSet

from oar.core.job import Assignment, JobId, MoldableId, NeverFits, NoRoom, RunningJob, WaitingJob
from oar.core.states import JobState, NodeState
from oar.kamelot import (
    Gantt,
    Occupation,
    Platform,
    Rules,
    occupation_of_planned,
    occupation_of_running,
)
from tests.unit.kamelot.build import (
    NO_MARGIN,
    found,
    ids,
    job,
    nodes_of_8,
    place,
    place_checked,
    place_checked_at,
    place_checked_strictly,
    resource,
    resources_of,
    taken,
)

FIVE = Platform(resources_of(5, node=("1-2", "3-4", "5")), {})


def test_p1_a_job_takes_its_nodes_for_its_walltime_only() -> None:
    outcomes = place(nodes_of_8(), [job(1, ("node=2", 60)), job(2, ("node=4", 40)), job(3, ("node=2", 60))])
    assert [found(outcomes[n]) for n in (1, 2, 3)] == [(0, "1-16"), (60, "1-32"), (0, "17-32")]


def test_p2_a_busy_node_is_passed_over() -> None:
    outcomes = place(nodes_of_8(), [job(1, ("node=2", 60))], [taken(0, 29, "1-8")])
    assert found(outcomes[1]) == (0, "9-24")


def test_p3_a_job_may_start_beside_what_comes_later() -> None:
    nodes = [f"{first}-{first + 1}" for first in range(1, 17, 2)]
    platform = Platform(resources_of(16, node=nodes), {})
    jobs = [job(1, ("node=4", 60)), job(2, ("node=4", 60))]
    outcomes = place(platform, jobs, [taken(10, 609, "1-8")])
    assert [found(outcomes[n]) for n in (1, 2)] == [(0, "9-16"), (60, "9-16")]


def test_p6_moldables_that_would_both_wait_wait() -> None:
    jobs = [job(1, ("resource_id=3", 60)), job(2, ("resource_id=4", 60), ("resource_id=3", 70))]
    outcomes = place(FIVE, jobs)
    assert found(outcomes[1]) == (0, "1-3")
    assert found(outcomes[2]) == (60, "1-4")


def test_p7_the_moldable_that_finishes_first_wins() -> None:
    jobs = [job(1, ("resource_id=3", 60)), job(2, ("resource_id=4", 60), ("resource_id=2", 70))]
    assert found(place(FIVE, jobs)[2]) == (0, "4-5")


def test_of_moldables_that_finish_together_the_first_given_wins() -> None:
    outcome = place(FIVE, [job(1, ("resource_id=1", 60), ("resource_id=2", 60))])[1]
    assert isinstance(outcome, Assignment)
    assert outcome.moldable_id == MoldableId(10)


def test_a_moldable_that_never_fits_does_not_stop_the_others() -> None:
    assert found(place(FIVE, [job(1, ("resource_id=6", 10), ("resource_id=2", 60))])[1]) == (0, "1-2")


def test_a_short_job_fills_the_hole_in_front_of_a_long_one() -> None:
    jobs = [job(1, ("node=4", 100)), job(2, ("node=2", 50)), job(3, ("node=2", 51))]
    outcomes = place(nodes_of_8(), jobs, [taken(0, 49, "1-16")])
    assert [found(outcomes[n]) for n in (1, 2, 3)] == [(50, "1-32"), (0, "17-32"), (150, "1-16")]


def test_security_time_is_kept_between_jobs_and_not_told() -> None:
    outcomes = place(FIVE, [job(1, ("node=3", 60)), job(2, ("node=3", 60))], rules=Rules(security_time_s=7))
    assert found(outcomes[2]) == (67, "1-5")
    assert isinstance(outcomes[1], Assignment)
    assert outcomes[1].walltime_s == 60


def test_ordinary_jobs_do_not_see_besteffort_jobs() -> None:
    jobs = [job(2, ("node=3", 60), types={"besteffort": ""}), job(3, ("node=3", 60))]
    outcomes = place(FIVE, jobs, [taken(0, 999, "1-5", number=1, besteffort=True)])
    assert found(outcomes[3]) == (0, "1-5")
    assert found(outcomes[2]) == (1000, "1-5")


def test_a_besteffort_job_is_planned_for_its_fixed_duration() -> None:
    long = job(1, ("node=1", 86400), types={"besteffort": ""})
    assert found(place(FIVE, [long], [taken(300, 900, "1-5")])[1]) == (0, "1-2")
    assert found(place(FIVE, [long], [taken(299, 900, "1-5")])[1]) == (901, "1-2")


def test_jobs_start_no_earlier_than_now() -> None:
    assert found(place(FIVE, [job(1, ("node=1", 60))], [taken(0, 50, "1-5")], now=100)[1]) == (100, "1-2")


def test_a_resource_is_used_up_to_its_end_of_availability() -> None:
    ending = [resource(1, {}, available_upto=60), resource(2, {}, available_upto=2147483647)]
    jobs = [job(1, ("resource_id=2", 60)), job(2, ("resource_id=2", 60)), job(3, ("resource_id=1", 60))]
    outcomes = place(Platform(ending, {}), jobs)
    assert found(outcomes[1]) == (0, "1-2")
    assert isinstance(outcomes[2], NoRoom)
    assert found(outcomes[3]) == (60, "2")


def test_absent_resources_are_planned_on_only_when_energy_saving_can_wake_them() -> None:
    standby = Platform([resource(1, {}, NodeState.ABSENT, 5000), resource(2, {}, NodeState.ABSENT)], {})
    jobs = [job(1, ("resource_id=1", 60))]
    assert isinstance(place(standby, jobs)[1], NoRoom)
    assert found(place(standby, jobs, rules=Rules(0, energy_saving=True))[1]) == (0, "1")


@pytest.mark.parametrize("upto", [0, 1, 2147483646, 2147483647])
def test_an_end_of_availability_that_is_no_date_limits_nothing(upto: int) -> None:
    outcomes = place(Platform([resource(1, {}, available_upto=upto)], {}), [job(1, ("resource_id=1", 60))])
    assert found(outcomes[1]) == (0, "1")


@pytest.mark.parametrize(("upto", "wakes"), [(0, False), (1, False), (2147483646, True), (2147483647, True)])
def test_a_resource_that_sleeps_is_woken_unless_its_end_of_availability_is_past(
    upto: int, wakes: bool
) -> None:
    platform = Platform([resource(1, {}, NodeState.ABSENT, upto)], {})
    outcome = place(platform, [job(1, ("resource_id=1", 60))], now=100, rules=Rules(0, energy_saving=True))[1]
    assert isinstance(outcome, NoRoom) is not wakes


def test_permissive_jobs_are_planned_on_suspected_resources() -> None:
    permissive = job(1, ("node=4", 60), types={"state": "permissive"})
    assert found(place(nodes_of_8(suspected="1-8", absent="9"), [permissive])[1]) == (0, "1-32")


def test_one_broken_job_does_not_stop_the_others() -> None:
    broken = [
        job(1, ("{nobody asked}/node=1", 60)),
        job(2),
        job(3, ("node=0", 60)),
        job(4, ("node=1", 60), properties="unheard of"),
    ]
    outcomes = place(nodes_of_8(), [*broken, job(5, ("node=1", 60))])
    reasons = [outcome.reason for outcome in outcomes.values() if isinstance(outcome, NoRoom)]
    assert reasons[0] == 'could not be planned: nobody said which resources match "nobody asked"'
    assert len(reasons) == len(broken)
    assert found(outcomes[5]) == (0, "1-8")


def test_two_equal_rounds_give_equal_plans() -> None:
    jobs = [job(n, ("node=1/cpu=1", 10 * n), ("cpu=3", 5 * n)) for n in range(1, 20)]
    assert place(nodes_of_8(), jobs) == place(nodes_of_8(), jobs)


def test_a_job_that_is_added_last_moves_nobody() -> None:
    jobs = [job(n, (f"node={n % 3 + 1}", 7 * n)) for n in range(1, 20)]
    before = place(nodes_of_8(), jobs)
    after = place(nodes_of_8(), [*jobs, job(20, ("node=1", 1))])
    assert {n: after[n] for n in before} == before


def test_a_job_placed_at_a_date_starts_then_or_not_at_all() -> None:
    gantt = Gantt(FIVE, [taken(50, 99, "1-3")], 0)
    refused = place_checked_at(gantt, job(1, ("resource_id=3", 60)), 20, NO_MARGIN)
    assert isinstance(refused, NoRoom)
    assert refused.reason == "what it asks for is not free from 20 on for as long as it takes"
    assert found(place_checked_at(gantt, job(2, ("resource_id=2", 60)), 20, NO_MARGIN)) == (20, "4-5")


def test_a_job_placed_at_a_past_date_starts_now() -> None:
    gantt = Gantt(FIVE, [], 100)
    assert found(place_checked_at(gantt, job(1, ("resource_id=3", 60)), 20, NO_MARGIN)) == (100, "1-3")


def test_more_filters_than_are_remembered_change_nothing() -> None:
    conditions = [f"n = {n}" for n in range(1, 300)]
    platform = Platform(resources_of(300), {text: ids(str(n)) for n, text in enumerate(conditions, 1)})
    jobs = [job(n, (f"{{{text}}}/resource_id=1", 60)) for n, text in enumerate(conditions, 1)]
    outcomes = place(platform, [*jobs, job(300, ("{n = 1}/resource_id=1", 60))])
    assert all(found(outcomes[n]) == (0, str(n)) for n in range(1, 300))
    assert found(outcomes[300]) == (60, "1")


def test_a_copy_of_a_gantt_can_be_tried_without_changing_the_plan() -> None:
    gantt = Gantt(FIVE, [taken(0, 9, "1")], 0)
    jobs = [job(1, ("node=3", 60))]
    tried = place_checked(gantt.copy(), jobs, NO_MARGIN)
    assert place_checked(gantt, jobs, NO_MARGIN) == tried


def running(start: int, walltime_s: int) -> RunningJob:
    return RunningJob(
        JobId(1),
        MoldableId(1),
        JobState.RUNNING,
        "default",
        "alice",
        "default",
        "",
        start,
        walltime_s,
        ids("1-2"),
    )


def test_a_running_job_occupies_its_walltime_and_the_security_time() -> None:
    taken_ = occupation_of_running(running(100, 50), 120, Rules(security_time_s=10))
    assert (taken_.begin, taken_.end) == (100, 159)


def test_a_job_that_outlives_its_walltime_is_taken_to_end_now() -> None:
    assert occupation_of_running(running(100, 50), 500, Rules(security_time_s=10)).end == 509
    assert occupation_of_running(running(100, 50), 500, NO_MARGIN).end == 500


def test_a_job_without_start_date_starts_now() -> None:
    taken_ = occupation_of_running(running(0, 50), 500, NO_MARGIN)
    assert (taken_.begin, taken_.end, taken_.work_end) == (500, 549, 549)


def test_an_accepted_reservation_occupies_what_it_was_given() -> None:
    granted = Assignment(JobId(1), MoldableId(1), 100, 50, ProcSet((1, 2)))
    assert occupation_of_planned(granted, Rules(10)) == Occupation(100, 159, ids("1-2"), JobId(1))


def in_strict_order(platform: Platform, *jobs: WaitingJob, now: int = 0) -> list[object]:
    outcomes = place_checked_strictly(Gantt(platform, (), now), jobs, NO_MARGIN)
    return [found(one) if isinstance(one, Assignment) else type(one) for one in outcomes.values()]


def test_p12_in_strict_order_jobs_start_until_one_cannot() -> None:
    jobs = [job(n, ("resource_id=2", 60)) for n in (1, 2, 3, 4, 5)]
    assert in_strict_order(FIVE, *jobs) == [(0, "1-2"), (0, "3-4"), NoRoom, NoRoom, NoRoom]


def test_p12_in_strict_order_each_of_three_nodes_gets_a_job() -> None:
    jobs = [job(n, ("node=1", 60)) for n in (1, 2, 3, 4)]
    assert in_strict_order(FIVE, *jobs) == [(0, "1-2"), (0, "3-4"), (0, "5"), NoRoom]


def test_in_strict_order_a_job_does_not_pass_one_that_waits() -> None:
    jobs = [job(1, ("resource_id=3", 60)), job(2, ("resource_id=3", 60)), job(3, ("resource_id=1", 60))]
    gantt = Gantt(FIVE, (), 0)
    outcomes = place_checked_strictly(gantt, jobs, NO_MARGIN)
    assert outcomes[JobId(3)] == NoRoom(JobId(3), "waits behind job 2, in a queue of strict order")


def test_in_strict_order_a_job_that_never_fits_holds_up_nobody() -> None:
    jobs = [job(1, ("resource_id=6", 60)), job(2, ("resource_id=3", 60))]
    assert in_strict_order(FIVE, *jobs) == [NeverFits, (0, "1-3")]
