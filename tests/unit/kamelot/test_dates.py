"""Jobs that are not to start before a date, or to have ended by one."""

import pytest

from oar.core.durations import format_date
from oar.core.job import JobId, NeverFits, NoRoom, WaitingJob
from oar.kamelot import Rules
from tests.unit.kamelot.build import NO_MARGIN, checked_plan, found, job, nodes_of_8, place, taken

NOW = 1_000_000


def dated(number: int, *moldables: tuple[str, int], **dates: int) -> WaitingJob:
    """Make a job whose types set dates, told in seconds from now."""
    return job(number, *moldables, types={name: format_date(NOW + date) for name, date in dates.items()})


def start(waiting: WaitingJob, rules: Rules = NO_MARGIN) -> int:
    return found(place(nodes_of_8(), [waiting], now=NOW, rules=rules)[1])[0] - NOW


def test_a_postponed_job_starts_at_its_date() -> None:
    assert start(dated(1, ("node=1", 60), postpone=50)) == 50


def test_a_date_that_is_past_postpones_nothing() -> None:
    assert start(dated(1, ("node=1", 60), postpone=-50)) == 0


def test_a_postponed_job_lets_others_go_before() -> None:
    jobs = [dated(1, ("node=4", 60), postpone=50), job(2, ("node=4", 50)), job(3, ("node=4", 51))]
    outcomes = place(nodes_of_8(), jobs, now=NOW)
    assert [found(outcomes[n])[0] - NOW for n in (1, 2, 3)] == [50, 0, 110]


def test_a_job_ends_by_its_deadline_and_the_security_time_may_come_after_it() -> None:
    assert start(dated(1, ("node=1", 60), deadline=60), Rules(security_time_s=10)) == 0


def test_a_job_that_would_end_after_its_deadline_is_not_placed() -> None:
    late = dated(1, ("node=4", 60), deadline=100)
    outcome = place(nodes_of_8(), [late], [taken(NOW, NOW + 40, "1-8")], now=NOW)[1]
    assert outcome == NoRoom(JobId(1), f"cannot have ended by its deadline, {format_date(NOW + 100)}")


def test_a_shorter_moldable_may_keep_the_deadline() -> None:
    late = dated(1, ("node=1", 60), ("node=2", 30), deadline=40)
    assert found(place(nodes_of_8(), [late], now=NOW)[1]) == (NOW, "1-16")


@pytest.mark.parametrize("name", ["expire", "deadline"])
def test_a_job_whose_date_is_past_never_runs(name: str) -> None:
    outcome = place(nodes_of_8(), [dated(1, ("node=1", 60), **{name: -1})], now=NOW)[1]
    assert outcome == NeverFits(JobId(1), f"will never run: {name}={format_date(NOW - 1)} is past")


def test_a_job_expires_after_its_date_only() -> None:
    assert start(dated(1, ("node=1", 60), expire=0)) == 0


def test_a_date_that_cannot_be_read_is_told() -> None:
    outcome = place(nodes_of_8(), [job(1, ("node=1", 60), types={"deadline": "soon"})], now=NOW)[1]
    assert isinstance(outcome, NoRoom)
    assert "date 'soon' is not understood" in outcome.reason


def test_a_job_is_told_that_it_is_postponed() -> None:
    postponed = dated(1, ("node=1", 60), postpone=50)
    plan = checked_plan(nodes_of_8(), [postponed], now=NOW)
    assert plan.explain(postponed).words() == f"starts {NOW + 50}, since it is postponed until then"
