"""Jobs that take any walltime between a least and a most one."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oar.core.durations import format_date
from oar.core.job import Assignment, JobId, NoRoom, WaitingJob
from oar.kamelot import Gantt, Occupation, Rules, check
from oar.kamelot.best_walltime import lengthened, shortest
from tests.unit.kamelot.build import (
    NO_MARGIN,
    found,
    ids,
    job,
    nodes_of_8,
    place,
    place_checked,
    place_checked_at,
    taken,
)


def between(number: int, request: str, least: int, most: int, **options: object) -> WaitingJob:
    """Make a job of one moldable that takes any walltime between the two."""
    made = job(number, (request, most), **options)  # type: ignore[arg-type]
    return replace(made, moldables=(replace(made.moldables[0], least_walltime_s=least),))


def placed(
    waiting: WaitingJob, running: Sequence[Occupation] = (), now: int = 0, rules: Rules = NO_MARGIN
) -> tuple[int, int, str]:
    """Tell start, walltime and resources of a job that is alone."""
    outcome = place(nodes_of_8(), [waiting], running, now, rules)[1]
    assert isinstance(outcome, Assignment)
    return outcome.start_time, outcome.walltime_s, str(outcome.resources)


def test_a_job_in_an_empty_cluster_gets_the_most() -> None:
    assert placed(between(1, "node=2", 60, 3600)) == (0, 3600, "1-16")


def test_a_job_gets_all_of_the_hole_it_starts_in() -> None:
    assert placed(between(1, "node=4", 60, 3600), [taken(500, 999, "1-8")]) == (0, 500, "1-32")


def test_a_job_starts_where_the_least_fits_and_not_later_for_more() -> None:
    assert placed(between(1, "node=4", 60, 3600), [taken(60, 999, "1-8")]) == (0, 60, "1-32")


def test_a_hole_that_is_too_short_for_the_least_is_left_out() -> None:
    assert placed(between(1, "node=4", 61, 3600), [taken(60, 999, "1-8")]) == (1000, 3600, "1-32")


def test_other_resources_are_taken_where_they_are_free_for_longer() -> None:
    running = [taken(100, 5000, "1-8"), taken(300, 5000, "9-16"), taken(200, 5000, "17-24")]
    assert placed(between(1, "node=2", 60, 3600), running) == (0, 300, "9-16 25-32")


def test_the_first_resources_are_taken_of_those_that_are_free_for_the_longest() -> None:
    assert placed(between(1, "node=1", 60, 3600), [taken(100, 5000, "1-8")]) == (0, 3600, "9-16")


def test_the_security_time_stays_free_before_the_next_job() -> None:
    running = [taken(500, 999, "1-32")]
    assert placed(between(1, "node=1", 60, 3600), running, rules=Rules(security_time_s=40))[:2] == (0, 460)


def test_the_least_leaves_the_security_time_free_too() -> None:
    running = [taken(500, 999, "1-32")]
    assert placed(between(1, "node=1", 461, 3600), running, rules=Rules(security_time_s=40))[0] == 1000


def test_the_job_after_it_starts_where_it_was_granted_to_end() -> None:
    jobs = [between(1, "node=4", 60, 3600), job(2, ("node=4", 10))]
    assert found(place(nodes_of_8(), jobs, [taken(500, 999, "1-8")])[2]) == (1000, "1-32")
    assert found(place(nodes_of_8(), jobs)[2]) == (3600, "1-32")


def test_a_job_that_depends_on_it_waits_for_the_end_it_was_granted() -> None:
    jobs = [between(1, "node=4", 60, 3600), job(2, ("resource_id=1", 10), after=[1])]
    rules = Rules(security_time_s=5)
    outcomes = place(nodes_of_8(), jobs, [taken(500, 999, "1-31")], rules=rules)
    assert found(outcomes[1])[0] + outcomes[1].walltime_s == 495  # type: ignore[union-attr]
    assert found(outcomes[2])[0] == 505


def test_of_two_moldables_the_one_whose_least_walltime_ends_first_is_lengthened() -> None:
    asked = job(1, ("node=1", 100), ("node=4", 3600))
    first, second = asked.moldables
    both = replace(asked, moldables=(first, replace(second, least_walltime_s=50)))
    assert placed(both) == (0, 3600, "1-32")


def test_a_plain_moldable_that_ends_before_the_least_of_the_other_stays_as_it_is() -> None:
    asked = job(1, ("node=1", 40), ("node=4", 3600))
    first, second = asked.moldables
    assert placed(replace(asked, moldables=(first, replace(second, least_walltime_s=50)))) == (0, 40, "1-8")


def test_it_ends_by_its_deadline() -> None:
    now = 1_000_000
    waiting = between(1, "node=1", 60, 3600, types={"deadline": format_date(now + 200)})
    assert placed(waiting, now=now, rules=Rules(security_time_s=10))[1] == 200


def test_the_least_has_to_end_by_the_deadline() -> None:
    now = 1_000_000
    waiting = between(1, "node=4", 60, 3600, types={"deadline": format_date(now + 100)})
    outcome = place(nodes_of_8(), [waiting], [taken(now, now + 40, "1-8")], now=now)[1]
    assert isinstance(outcome, NoRoom)


def test_a_besteffort_job_gets_the_most_and_is_planned_as_short_as_any() -> None:
    waiting = between(1, "node=1", 60, 3600, types={"besteffort": ""})
    jobs = [waiting, job(2, ("node=4", 10), types={"besteffort": ""})]
    outcomes = place(nodes_of_8(), jobs, [taken(700, 5000, "1-32")])
    assert isinstance(outcomes[1], Assignment)
    assert (outcomes[1].start_time, outcomes[1].walltime_s) == (0, 3600)
    assert found(outcomes[2])[0] == 300


def test_a_besteffort_job_ends_by_its_deadline_too() -> None:
    now = 1_000_000
    types = {"besteffort": "", "deadline": format_date(now + 200)}
    assert placed(between(1, "node=1", 60, 3600, types=types), now=now)[1] == 200


def test_an_inner_job_gets_what_its_container_leaves() -> None:
    container = job(1, ("node=2", 500), types={"container": ""})
    inner = between(2, "node=2", 60, 3600, types={"inner": "1"})
    outcome = place(nodes_of_8(), [container, inner])[2]
    assert isinstance(outcome, Assignment)
    assert outcome.walltime_s == 500


def test_a_reservation_gets_the_longest_that_fits_at_its_date() -> None:
    gantt = Gantt(nodes_of_8(), [taken(500, 999, "1-32")], 0)
    outcome = place_checked_at(gantt, between(1, "node=1", 60, 3600), 200, NO_MARGIN)
    assert isinstance(outcome, Assignment)
    assert (outcome.start_time, outcome.walltime_s) == (200, 300)


def test_groups_that_fit_for_longer_only_are_tried_for_longer() -> None:
    """For up to 100 s the first group takes node A whole; from then on it has to leave the rest of A."""
    platform = nodes_of_8({"A": "1-8"})
    running = [taken(0, 5000, "17-32"), taken(100, 5000, "1"), taken(300, 5000, "9")]
    waiting = between(1, "node=1+{A}/resource_id=1", 150, 3600)
    outcome = place(platform, [waiting], running)[1]
    assert isinstance(outcome, Assignment)
    assert (outcome.walltime_s, str(outcome.resources)) == (300, "2 9-16")


def test_the_walltime_of_a_plan_that_goes_on_for_ever_stays_within_what_a_date_can_hold() -> None:
    now = 2**31 - 1000
    assert placed(between(1, "node=1", 60, 3600), now=now)[1] < 1000


def limited(waiting: WaitingJob, most: int, running: Sequence[Occupation] = ()) -> tuple[int, str]:
    """Tell walltime and resources when no more than so many resource-seconds are allowed."""
    platform = nodes_of_8()
    gantt = Gantt(platform, running, 0)
    view = gantt.view(waiting)
    moldable = shortest(waiting.moldables[0])
    wanted = gantt.compiler(platform.everything).moldable(
        waiting, moldable, NO_MARGIN.duration(waiting, moldable)
    )
    assert view is not None
    at_first = view.find(wanted, 0, 0)
    assert at_first is not None
    granted, where = lengthened(
        view,
        waiting,
        wanted,
        at_first,
        allowed=lambda one, place: place.resources.bit_count() * one.moldable.walltime_s <= most,
    )
    assert granted.duration == NO_MARGIN.duration(waiting, granted.moldable)
    return granted.moldable.walltime_s, str(platform.procset(where.resources))


@pytest.mark.parametrize(("most", "walltime"), [(480, 60), (487, 60), (488, 61), (8000, 1000), (10**6, 3600)])
def test_a_quota_ends_a_walltime_to_the_second(most: int, walltime: int) -> None:
    assert limited(between(1, "node=1", 60, 3600), most) == (walltime, "1-8")


def test_what_a_quota_ends_takes_the_first_resources_that_are_free_for_that_time() -> None:
    running = [taken(100, 5000, "1-8"), taken(300, 5000, "9-16")]
    assert limited(between(1, "node=1", 60, 3600), 8 * 200, running) == (200, "9-16")


def test_a_quota_ends_the_walltime_of_a_besteffort_job_too() -> None:
    assert limited(between(1, "node=1", 60, 3600, types={"besteffort": ""}), 8 * 200) == (200, "1-8")


@pytest.mark.parametrize(("walltime", "flaws"), [(60, 0), (3600, 0), (59, 1), (3601, 1)])
def test_the_check_of_a_plan_knows_both_walltimes(walltime: int, flaws: int) -> None:
    waiting = between(1, "node=1", 60, 3600)
    outcomes = {JobId(1): Assignment(JobId(1), waiting.moldables[0].moldable_id, 0, walltime, ids("1-8"))}
    assert len(check(nodes_of_8(), [], [waiting], outcomes, now=0, rules=NO_MARGIN)) == flaws


def test_the_check_of_a_plan_sees_two_jobs_together_until_the_walltime_that_was_granted() -> None:
    waiting = between(1, "node=1", 60, 3600)
    outcomes = {JobId(1): Assignment(JobId(1), waiting.moldables[0].moldable_id, 0, 100, ids("1-8"))}
    assert check(nodes_of_8(), [taken(100, 200, "1-8")], [waiting], outcomes, now=0, rules=NO_MARGIN) == []
    assert check(nodes_of_8(), [taken(99, 200, "1-8")], [waiting], outcomes, now=0, rules=NO_MARGIN) != []


spans = st.tuples(st.integers(0, 60), st.integers(1, 40), st.integers(1, 32), st.integers(0, 12))
requests = st.sampled_from(
    ["node=1", "node=3", "resource_id=20", "switch=1/node=1", "node=BEST", "node=1+resource_id=9"]
)


@pytest.mark.parametrize("security", [0, 3])
@given(st.lists(spans, max_size=8), requests, st.integers(1, 20), st.integers(1, 60))
def test_the_walltime_fits_at_the_start_of_the_least_and_a_second_more_does_not(
    security: int, busy: list[tuple[int, int, int, int]], request: str, least: int, more: int
) -> None:
    platform, rules = nodes_of_8(), Rules(security_time_s=security)
    running = [
        taken(begin, begin + length, f"{first}-{min(first + size, 32)}")
        for begin, length, first, size in busy
    ]

    def at(start: int, walltime_s: int) -> object:
        return place_checked_at(Gantt(platform, running, 0), job(1, (request, walltime_s)), start, rules)

    waiting = between(1, request, least, least + more)
    granted = place_checked(Gantt(platform, running, 0), [waiting], rules)[JobId(1)]
    plain = place_checked(Gantt(platform, running, 0), [job(1, (request, least))], rules)[JobId(1)]
    assert isinstance(granted, Assignment)
    assert isinstance(plain, Assignment)
    assert granted.start_time == plain.start_time
    assert least <= granted.walltime_s <= least + more
    assert at(granted.start_time, granted.walltime_s) == granted
    if granted.walltime_s < least + more:
        assert isinstance(at(granted.start_time, granted.walltime_s + 1), NoRoom)
    assert granted.resources <= ids("1-32")
