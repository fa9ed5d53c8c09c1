"""The scenarios of time sharing and of places kept for others."""

from dataclasses import replace

import pytest

from oar.core.job import JobId, NoRoom, RunningJob, WaitingJob
from oar.core.states import JobState
from oar.kamelot import Gantt, Occupation, Platform, occupation_of_running
from oar.kamelot.sharing import ALONE, Sharing, sharing_of
from tests.unit.kamelot.build import (
    NO_MARGIN,
    found,
    ids,
    job,
    moldable,
    nodes_of_8,
    place,
    place_checked_at,
    resources_of,
)

CPUS_OF_8 = Platform(resources_of(64, cpu=[f"{first}-{first + 7}" for first in range(1, 65, 8)]), {})
NODES_OF_32 = Platform(resources_of(256, node=[f"{first}-{first + 31}" for first in range(1, 257, 32)]), {})
FIVE = Platform(resources_of(5), {})


def typed(
    number: int, request: str, walltime_s: int, user: str = "alice", name: str = "", **types: str
) -> WaitingJob:
    return replace(job(number, (request, walltime_s), types=types), user=user, name=name)


def starts(platform: Platform, *jobs: WaitingJob) -> list[int]:
    outcomes = place(platform, jobs)
    return [found(outcomes[one.job_id])[0] for one in jobs]


def places(platform: Platform, *jobs: WaitingJob) -> list[tuple[int, str]]:
    outcomes = place(platform, jobs)
    return [found(outcomes[one.job_id]) for one in jobs]


def planned(number: int, begin: int, duration: int, resources: str, **types: str) -> Occupation:
    sharing = sharing_of(typed(number, "node=1", duration, **types))
    return Occupation(begin, begin + duration - 1, ids(resources), JobId(number), sharing=sharing)


def test_t1_jobs_that_share_with_everybody_start_together() -> None:
    jobs = [typed(1, "node=4", 60, timesharing="*,*"), typed(2, "node=4", 80, timesharing="*,*")]
    assert places(nodes_of_8(), *jobs) == [(0, "1-32"), (0, "1-32")]


@pytest.mark.parametrize(("words", "second"), [("user,*", 60), ("*,user", 60), ("*,*", 0)])
def test_t2_jobs_of_two_users_share_only_when_they_share_with_every_user(words: str, second: int) -> None:
    toto = typed(1, "resource_id=4", 60, "toto", timesharing=words)
    titi = typed(2, "resource_id=4", 60, "titi", timesharing=words)
    assert starts(FIVE, toto, titi) == [0, second]


def test_t3_pairs_are_resolved_to_user_and_name() -> None:
    jobs = [
        typed(1, "cpu=2", 60),
        typed(2, "cpu=2", 60, "toto", timesharing="user,*"),
        typed(3, "cpu=2", 60, "toto", timesharing="user,*"),
        typed(4, "cpu=7", 60, name="tata", timesharing="*,name"),
        typed(5, "cpu=7", 60, name="tata2", timesharing="*,name"),
    ]
    expected = [(0, "1-16"), (0, "17-32"), (0, "17-32"), (60, "1-56"), (120, "1-56")]
    assert places(CPUS_OF_8, *jobs) == expected


def test_jobs_of_one_name_share_and_jobs_without_name_share_as_with_any_name() -> None:
    named = [typed(n, "resource_id=4", 60, name="sweep", timesharing="*,name") for n in (1, 2)]
    nameless = [typed(3, "resource_id=4", 60, timesharing="*,name")]
    anybody = [typed(4, "resource_id=4", 60, timesharing="*,*")]
    assert starts(FIVE, *named, *nameless, *anybody) == [0, 0, 60, 60]


def test_kinds_of_sharing_do_not_mix() -> None:
    jobs = [typed(1, "node=4", 60, timesharing="*,*"), typed(2, "node=4", 60, timesharing="user,*")]
    assert starts(nodes_of_8(), *jobs) == [0, 60]


def test_words_that_mean_nothing_share_nothing() -> None:
    assert sharing_of(typed(1, "node=1", 60, timesharing="everybody")) == ALONE


def test_t4_a_plain_job_waits_for_the_placeholder_and_an_allowed_one_does_not() -> None:
    jobs = [
        typed(1, "node=4", 80, placeholder="yop"),
        typed(2, "node=4", 50),
        typed(3, "node=4", 60, allowed="yop"),
    ]
    assert starts(nodes_of_8(), *jobs) == [0, 80, 0]


@pytest.mark.parametrize("word", ["allowed", "allow"])
def test_t5_allowed_jobs_go_over_a_planned_placeholder(word: str) -> None:
    running = [planned(9, 200, 150, "7-27", placeholder="yop")]
    jobs = [typed(1, "node=4", 150), typed(2, "node=2", 500, **{word: "yop"})]
    outcomes = place(nodes_of_8(), jobs, running)
    assert [found(outcomes[n]) for n in (1, 2)] == [(0, "1-32"), (150, "1-16")]
    assert found(place(nodes_of_8(), jobs[1:], running)[2]) == (0, "1-16")


def test_t6_a_placeholder_of_another_name_is_not_gone_over() -> None:
    jobs = [
        typed(1, "resource_id=4", 60, placeholder="yop"),
        typed(2, "resource_id=4", 60, allow="poy"),
    ]
    assert starts(FIVE, *jobs) == [0, 60]


def test_t7_a_job_allowed_elsewhere_waits_for_the_placeholder() -> None:
    jobs = [typed(1, "node=4", 50, placeholder="yop"), typed(2, "node=5", 30, allowed="poy")]
    assert places(NODES_OF_32, *jobs) == [(0, "1-128"), (50, "1-160")]


def test_t8_an_allowed_job_fits_into_the_placeholder() -> None:
    jobs = [typed(1, "node=3", 60, placeholder="yop"), typed(2, "node=2", 40, allowed="yop")]
    assert places(NODES_OF_32, *jobs) == [(0, "1-96"), (0, "1-64")]


def test_t9_an_allowed_job_may_be_wider_and_longer_than_the_placeholder() -> None:
    jobs = [typed(1, "node=2", 30, placeholder="yop"), typed(2, "node=3", 50, allowed="yop")]
    assert places(NODES_OF_32, *jobs) == [(0, "1-64"), (0, "1-96")]


def test_t10_allowed_jobs_do_not_share_with_one_another() -> None:
    jobs = [
        typed(1, "node=5", 20, placeholder="yop"),
        typed(2, "node=6", 30, allowed="yop"),
        typed(3, "node=3", 30, allowed="yop"),
    ]
    assert places(NODES_OF_32, *jobs) == [(0, "1-160"), (0, "1-192"), (30, "1-96")]


def test_a_job_shares_time_and_goes_over_placeholders_at_once() -> None:
    jobs = [
        typed(1, "node=2", 60, placeholder="yop"),
        typed(2, "node=4", 60, timesharing="*,*", allowed="yop"),
        typed(3, "node=4", 60, timesharing="*,*", allowed="yop"),
        typed(4, "node=2", 60, timesharing="*,*"),
    ]
    expected = [(0, "1-16"), (0, "1-32"), (0, "1-32"), (0, "17-32")]
    assert places(nodes_of_8(), *jobs) == expected


def test_a_running_job_shares_as_its_types_say() -> None:
    ran = RunningJob(
        JobId(9),
        moldable(90, "node=4", 60).moldable_id,
        JobState.RUNNING,
        "default",
        "alice",
        "default",
        "",
        0,
        60,
        ids("1-32"),
        {"timesharing": "user,*"},
    )
    running = [occupation_of_running(ran, 0, NO_MARGIN)]
    assert running[0].sharing == Sharing(("alice", "*"))
    mine = typed(1, "node=4", 60, timesharing="user,*")
    theirs = typed(2, "node=4", 60, "bob", timesharing="user,*")
    outcomes = place(nodes_of_8(), [mine, theirs], running)
    assert [found(outcomes[n])[0] for n in (1, 2)] == [0, 60]


def test_a_container_shares_with_nobody() -> None:
    jobs = [
        typed(1, "node=4", 60, timesharing="*,*", container=""),
        typed(2, "node=4", 60, timesharing="*,*"),
    ]
    assert starts(nodes_of_8(), *jobs) == [0, 60]


def test_inner_jobs_share_inside_their_container() -> None:
    jobs = [
        typed(1, "node=2", 60, container=""),
        typed(2, "node=2", 60, timesharing="*,*", inner="1"),
        typed(3, "node=2", 60, timesharing="*,*", inner="1"),
        typed(4, "node=4", 60, timesharing="*,*"),
    ]
    assert places(nodes_of_8(), *jobs) == [(0, "1-16"), (0, "1-16"), (0, "1-16"), (60, "1-32")]


def test_no_room_is_told_when_sharing_does_not_help() -> None:
    outcome = place(nodes_of_8(suspected="1"), [typed(1, "node=4", 60, timesharing="*,*")])[1]
    assert isinstance(outcome, NoRoom)


def test_t11_a_reservation_that_shares_with_everybody_is_accepted_on_an_empty_plan() -> None:
    reservation = typed(1, "node=4", 60, timesharing="*,*")
    outcome = place_checked_at(Gantt(nodes_of_8(), (), 0), reservation, 100, NO_MARGIN)
    assert found(outcome) == (100, "1-32")


def test_t11_reservations_that_share_with_everybody_are_accepted_at_one_date() -> None:
    gantt = Gantt(nodes_of_8(), (), 0)
    outcomes = [
        place_checked_at(gantt, typed(n, "node=4", 60, timesharing="*,*"), 100, NO_MARGIN) for n in (1, 2)
    ]
    assert [found(one) for one in outcomes] == [(100, "1-32"), (100, "1-32")]
