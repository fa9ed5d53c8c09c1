"""Which wishes for another walltime are taken, and what those that are not are told."""

from dataclasses import replace

import pytest

from oar.core.job import JobId
from oar.core.states import JobState
from oar.core.walltime_change import (
    JobWithWalltime,
    Refusal,
    WalltimeLimits,
    WalltimeRefused,
    WalltimeRequest,
    WalltimeWish,
    judge,
    limits_of,
    signed,
)
from oar.setting_kinds import ByQueue
from oar.settings import WalltimeSettings

HOUR = 3600
FREE = WalltimeSettings(enabled=True, max_increase=ByQueue(-1.0))
JOB = JobWithWalltime(JobId(12), "alice", "default", JobState.RUNNING, 2 * HOUR)
ASKED = WalltimeRequest(JobId(12), pending_s=HOUR, granted_s=600)


def ask(
    time: str,
    settings: WalltimeSettings = FREE,
    job: JobWithWalltime | None = JOB,
    by: str = "alice",
    *,
    is_admin: bool = False,
    **options: bool,
) -> int:
    wish = WalltimeWish(time, **options)
    return judge(job, 12, wish, asked_by=by, is_admin=is_admin, settings=settings)


def refused(*arguments: object, **options: object) -> tuple[Refusal, str]:
    with pytest.raises(WalltimeRefused) as caught:
        ask(*arguments, **options)
    return caught.value.refusal, str(caught.value)


@pytest.mark.parametrize(
    ("time", "seconds"),
    [("3", HOUR), ("1:30", -1800), ("+0:30", 1800), ("-0:30", -1800), ("+0:0:5", 5), ("-5", -5 * HOUR)],
)
def test_a_walltime_is_given_as_a_whole_or_as_a_change(time, seconds):
    assert ask(time) == seconds


@pytest.mark.parametrize("time", ["", "x", "1:2:3:4", "+", "--1", "+-1", "1h", "1:-2"])
def test_a_time_that_is_none_is_a_bad_request(time):
    refusal, text = refused(time)
    assert (refusal, "syntax error" in text) == (Refusal.BAD_REQUEST, True)


def test_a_walltime_of_more_than_ten_years_is_a_bad_request():
    assert refused("+87600")[0] is Refusal.BAD_REQUEST


def test_nothing_is_taken_where_the_site_does_not_want_it():
    assert refused("3", WalltimeSettings()) == (Refusal.NOT_AVAILABLE, "functionality is disabled")


def test_a_job_that_is_not_there_is_not_found():
    assert refused("3", job=None) == (Refusal.NOT_FOUND, "could not find job 12")


def test_the_job_of_somebody_else_is_forbidden():
    assert refused("3", by="bob") == (Refusal.FORBIDDEN, "job 12 does not belong to you")


def test_an_administrator_changes_the_job_of_anybody():
    assert ask("3", by="root", is_admin=True) == HOUR


@pytest.mark.parametrize("state", [state for state in JobState if state is not JobState.RUNNING])
def test_a_job_that_does_not_run_is_forbidden(state):
    assert refused("3", job=replace(JOB, state=state)) == (Refusal.FORBIDDEN, "job 12 is not running")


def test_a_job_that_is_being_deleted_is_forbidden():
    refusal, text = refused("3", job=replace(JOB, is_killed=True))
    assert (refusal, text) == (Refusal.FORBIDDEN, "job 12 is being deleted")


def test_no_change_takes_back_what_is_pending():
    assert ask("+0", job=replace(JOB, request=ASKED)) == 0


def test_no_change_where_nothing_is_pending_is_a_bad_request():
    assert refused("2")[0] is Refusal.BAD_REQUEST


def test_an_increase_is_bounded_by_what_the_site_allows_beyond_the_first_walltime():
    settings = replace(FREE, max_increase=ByQueue(1800.0))
    assert ask("+0:30", settings) == 1800
    text = "request cannot be accepted because the walltime cannot increase by more than 0:30:0"
    assert refused("+0:30:1", settings) == (Refusal.FORBIDDEN, text)


def test_what_was_granted_before_counts_for_the_bound():
    settings = replace(FREE, max_increase=ByQueue(1800.0))
    assert ask("+0:20", settings, replace(JOB, request=ASKED)) == 1200
    refusal, text = refused("+0:21", settings, replace(JOB, request=ASKED))
    assert (refusal, "request cannot be updated" in text) == (Refusal.FORBIDDEN, True)


def test_a_bound_of_0_leaves_increases_to_administrators():
    settings = WalltimeSettings(enabled=True)
    assert refused("+1", settings)[0] is Refusal.FORBIDDEN
    assert ask("+1", settings, by="root", is_admin=True) == HOUR


def test_a_reduction_needs_no_leave_to_increase():
    assert ask("-1", WalltimeSettings(enabled=True)) == -HOUR


def test_reductions_may_be_disallowed():
    settings = replace(FREE, no_reduction=ByQueue(True))
    assert refused("-1", settings) == (Refusal.BAD_REQUEST, "walltime reduction is not allowed")


def test_a_container_is_not_reduced():
    text = "reducing the walltime of a container job is not allowed"
    assert refused("-1", job=replace(JOB, types={"container": ""})) == (Refusal.FORBIDDEN, text)


def test_a_job_of_a_small_walltime_may_have_to_keep_it():
    settings = replace(FREE, least=ByQueue(3.0 * HOUR))
    text = "walltime change is not allowed for a job with walltime < 3:0:0"
    assert refused("+1", settings) == (Refusal.FORBIDDEN, text)


@pytest.mark.parametrize(
    ("option", "key", "text"),
    [
        ("force", "may_force", "walltime change for this job is not allowed to be forced"),
        ("delay_next_jobs", "may_delay", "walltime change for this job is not allowed to delay other jobs"),
    ],
)
def test_force_and_delay_are_for_users_that_the_site_names(option, key, text):
    assert refused("+1", **{option: True}) == (Refusal.FORBIDDEN, text)
    assert ask("+1", replace(FREE, **{key: ByQueue(frozenset({"alice"}))}), **{option: True}) == HOUR
    assert ask("+1", replace(FREE, **{key: ByQueue(frozenset({"*"}))}), **{option: True}) == HOUR
    assert ask("+1", by="root", is_admin=True, **{option: True}) == HOUR


def test_the_whole_cannot_be_asked_for_where_increases_are_granted_in_steps():
    settings = replace(FREE, increment=ByQueue(600.0))
    assert refused("+1", settings, whole=True)[0] is Refusal.BAD_REQUEST


def test_a_limit_below_1_is_a_part_of_the_first_walltime():
    settings = replace(FREE, max_increase=ByQueue(0.5), increment=ByQueue(0.1), apply_time=ByQueue(0.25))
    limits = limits_of(settings, "default", 1000)
    assert (limits.max_increase_s, limits.increment_s, limits.apply_time_s) == (500, 100, 250)


def test_a_queue_may_have_limits_of_its_own():
    settings = replace(FREE, max_increase=ByQueue(-1.0, (("default", 7200.0), ("besteffort", 0.0))))
    found = [limits_of(settings, queue, 60).max_increase_s for queue in ("default", "besteffort", "other")]
    assert found == [7200, 0, None]


def test_the_usual_limits_let_nobody_grow():
    assert limits_of(WalltimeSettings(), "default", 60) == WalltimeLimits()


def test_a_request_with_a_timeout_is_given_up_after_it():
    request = replace(ASKED, timeout_s=60, asked_at=1000)
    assert [request.is_over(now) for now in (1059, 1060)] == [False, True]
    assert not ASKED.is_over(10**9)


@pytest.mark.parametrize(("seconds", "words"), [(0, "0:0:0"), (3663, "+1:1:3"), (-60, "-0:1:0")])
def test_a_change_is_spelled_with_its_sign(seconds, words):
    assert signed(seconds) == words
