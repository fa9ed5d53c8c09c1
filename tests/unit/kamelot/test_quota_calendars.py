"""Quotas with a calendar where jobs are placed: the specification's scenarios by number."""

import pytest

from oar.core.job import NeverFits
from oar.kamelot import ReasonKind
from oar.kamelot.quotas import Ledger
from tests.unit.kamelot.quota_site import (
    DAY_S,
    MONDAY,
    clock,
    ledger,
    place_of,
    places,
    plan,
    reserve,
    reserves,
    starts,
    wants,
)

EACH_USER = "*,*,*,/"
THURSDAY = 3 * DAY_S
HALF_DAY_S = DAY_S // 2
NOT_ON_THE_MINUTE = MONDAY + 30


def week(oneshot: object = ()) -> Ledger:
    """Allow 16 resources to each user from Monday to Wednesday, 24 from Thursday to Sunday."""
    return ledger(
        {},
        MONDAY,
        periodical=[["* mon-wed * *", "quotas_first", ""], ["* thu-sun * *", "quotas_second", ""]],
        oneshot=oneshot,
        quotas_first={EACH_USER: [16, -1, -1]},
        quotas_second={EACH_USER: [24, -1, -1]},
        quotas_open={EACH_USER: [32, -1, -1]},
    )


OPEN_MIDWEEK = [["2026-11-23 12:00", "2026-11-26 00:00", "quotas_open", ""]]


def now_and_then(usual: list[int], then: list[int], now: int) -> Ledger:
    """Allow something to each user, and something else from five minutes from now until ten."""
    return ledger(
        {},
        now,
        periodical=[["* * * *", "quotas_usual", "default"]],
        oneshot=[[clock(now + 300), clock(now + 600), "quotas_then", ""]],
        quotas_usual={EACH_USER: usual},
        quotas_then={EACH_USER: then},
    )


def open_in_two_days(now: int) -> Ledger:
    """Allow one resource to each user, and any number from two days from now until three."""
    return ledger(
        {},
        now,
        periodical=[["* * * *", "quotas_usual", "default"]],
        oneshot=[[clock(now + 2 * DAY_S), clock(now + 3 * DAY_S), "quotas_open", ""]],
        quotas_usual={EACH_USER: [1, -1, -1]},
        quotas_open={EACH_USER: [-1, -1, -1]},
    )


def test_w5_jobs_of_a_user_start_when_the_rules_of_the_days_allow_it() -> None:
    jobs = [
        wants(1, "toto", "node=3", 60),
        wants(2, "toto", "node=4", 60),
        wants(3, "toto", "node=1", 7 * HALF_DAY_S),
        wants(4, "toto", "node=1", 60),
    ]
    assert places(week(), jobs, now=MONDAY) == [(259200, "1-24"), None, (259260, "1-8"), (0, "1-8")]


def test_w5_a_job_that_no_day_allows_is_told_the_rule() -> None:
    whole = wants(2, "toto", "node=4", 60)
    told = plan(week(), [whole], now=MONDAY).explain(whole)
    assert (told.kind, told.until) == (ReasonKind.QUOTA, None)
    assert told.quota is not None
    assert str(told.quota.rule) == EACH_USER


def test_w6_a_oneshot_lets_a_job_start_that_no_day_of_the_week_allows() -> None:
    jobs = [wants(1, "toto", "node=4", 60)]
    assert places(week(OPEN_MIDWEEK), jobs, now=MONDAY) == [(43200, "1-32")]


def test_w7_a_job_without_quotas_starts_now() -> None:
    jobs = [wants(1, "toto", "node=4", 60, no_quotas="")]
    assert places(week(), jobs, now=MONDAY) == [(0, "1-32")]


def test_w8_three_days_begin_when_the_rules_for_them_do() -> None:
    jobs = [wants(1, "toto", "node=3", 3 * DAY_S), wants(2, "toto", "node=5", 10 * DAY_S)]
    made = plan(week(), jobs, now=MONDAY)
    assert place_of(made.outcomes[jobs[0].job_id], MONDAY) == (259200, "1-24")
    assert isinstance(made.outcomes[jobs[1].job_id], NeverFits)


def test_w8_ten_days_of_more_than_any_day_allows_have_no_start() -> None:
    assert places(week(), [wants(1, "toto", "node=4", 10 * DAY_S)], now=MONDAY) == [None]


def test_w9_a_job_that_would_run_into_a_stricter_time_waits_for_its_end() -> None:
    jobs = [wants(1, "toto", "node=1", 300), wants(2, "lulu", "node=2", 300)]
    quotas = now_and_then([24, -1, -1], [8, -1, -1], NOT_ON_THE_MINUTE)
    assert starts(places(quotas, jobs, now=NOT_ON_THE_MINUTE)) == [0, 570]


def test_w9_a_job_that_is_over_when_the_stricter_time_begins_starts_now() -> None:
    quotas = now_and_then([24, -1, -1], [8, -1, -1], MONDAY)
    assert starts(places(quotas, [wants(2, "lulu", "node=2", 300)], now=MONDAY)) == [0]


def test_w10_the_second_job_does_not_run_into_the_time_in_which_a_user_has_one() -> None:
    jobs = [wants(1, "toto", "node=1", 300), wants(2, "toto", "node=1", 300)]
    quotas = now_and_then([-1, 2, -1], [-1, 1, -1], NOT_ON_THE_MINUTE)
    first, second = starts(places(quotas, jobs, now=NOT_ON_THE_MINUTE))
    assert (first, second) == (0, 300)


@pytest.mark.parametrize(("count", "granted"), [(10, True), (20, False)])
def test_w11_ten_resources_on_monday_are_granted_and_twenty_are_not(count: int, granted: bool) -> None:
    wanted = reserves(1, "toto", f"resource_id={count}", 60)
    assert (place_of(reserve(week(), wanted, MONDAY, MONDAY)) is not None) is granted


def test_w11_who_asks_for_twenty_resources_on_monday_is_told_the_rule_and_its_limit() -> None:
    refused = reserve(week(), reserves(1, "toto", "resource_id=20", 60), MONDAY, MONDAY)
    assert place_of(refused) is None
    assert refused.reason == (  # type: ignore[union-attr]
        "quotas do not let it start: the quota *,*,*,/ allows user toto 16 resources; "
        "with this job it would be 20"
    )


def test_w12_a_job_beyond_the_usual_rules_starts_when_the_open_days_begin() -> None:
    now = NOT_ON_THE_MINUTE
    jobs = [wants(1, "toto", "resource_id=5", 100), wants(2, "toto", "resource_id=1", 200)]
    assert starts(places(open_in_two_days(now), jobs, now=now)) == [2 * DAY_S - 30, 0]


def test_w13_a_job_without_quotas_starts_now_where_others_wait_for_the_open_days() -> None:
    now = NOT_ON_THE_MINUTE
    jobs = [wants(1, "toto", "resource_id=5", 100), wants(2, "toto", "resource_id=5", 200, no_quotas="")]
    assert starts(places(open_in_two_days(now), jobs, now=now)) == [2 * DAY_S - 30, 0]


def test_w14_a_reservation_beyond_the_usual_rules_is_refused() -> None:
    wanted = reserves(1, "toto", "resource_id=4", 60)
    assert place_of(reserve(open_in_two_days(MONDAY), wanted, MONDAY + 10, MONDAY)) is None


def test_w14_a_reservation_in_the_open_days_is_granted() -> None:
    wanted = reserves(1, "toto", "resource_id=4", 60)
    date = MONDAY + 2 * DAY_S + 10
    assert place_of(reserve(open_in_two_days(MONDAY), wanted, date, MONDAY)) == (date, "1-4")


def test_a_job_that_would_end_beyond_the_window_has_no_place_and_is_told_so() -> None:
    long = wants(1, "toto", "node=1", 70 * DAY_S)
    made = plan(week(), [long], now=MONDAY)
    assert made.explain(long).words() == (
        "quotas do not let it start: it would end later than their calendar is looked ahead"
    )
