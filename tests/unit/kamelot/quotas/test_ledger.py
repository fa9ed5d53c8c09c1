"""The specification's numbered scenarios of quotas, with the resources that a job takes told outright."""

from datetime import UTC, datetime

import pytest

from oar.kamelot.occupation import FOREVER
from oar.kamelot.quotas import Allowed, Calendar, Choice, Ledger, Measure, Period, Quotas, Refused
from oar.kamelot.quotas.week import DAY_S, spans_of
from tests.unit.kamelot.quotas.build import HOUR_S, Someone, charge, ledger, place, rules, start

NODE = 8
TOTO, LULU, TUTU, JOHN = (Someone(user) for user in ("toto", "lulu", "tutu", "john"))


def test_q2_without_rules_a_job_starts_now():
    assert start(ledger({}), TOTO, 2 * NODE, 60) == 0


def test_q3_a_limit_of_1_forbids_16_resources():
    assert start(ledger({"*,*,*,/": [1, -1, -1]}), TOTO, 2 * NODE, 60) is None


def test_q3_a_limit_of_16_may_be_reached():
    assert start(ledger({"*,*,*,/": [16, -1, -1]}), TOTO, 2 * NODE, 60) == 0


def test_q4_each_job_waits_for_what_its_own_rule_counts():
    book = ledger({"*,*,*,/": [16], "*,yop,*,*": [-1, 1, -1]})
    yop = Someone("lulu", "yop")
    charge(book, TOTO, 0, 19, 16)
    charge(book, yop, 0, 49, 8)
    assert (place(book, TOTO, NODE, 10), place(book, yop, NODE, 60)) == (20, 50)


def test_q5_a_long_job_waits_until_no_quota_is_exceeded_to_its_end():
    book = ledger({"*,*,*,/": [8]})
    charge(book, TOTO, 50, 149, 8)
    assert (place(book, TOTO, NODE, 200), place(book, LULU, NODE, 100)) == (150, 0)


def test_q6_limits_of_single_users():
    book = ledger({"*,*,*,toto": [1], "*,*,*,john": [150]})
    assert (place(book, TOTO, 2 * NODE, 60), place(book, TUTU, 2 * NODE, 60)) == (None, 0)


def test_q7_a_limit_of_jobs():
    book = ledger({"*,*,besteffort,*": [-1], "*,*,*,yop": [-1, 1, -1]})
    assert [place(book, Someone("yop"), NODE, 50) for _ in range(2)] == [0, 50]


def test_q8_a_limit_of_a_type():
    wanted = rules({"*,*,yop,*": [-1, 1, -1]}, Choice.ONE, ["yop"])
    book = Ledger(Quotas(wanted), 0)
    assert [place(book, Someone(types={"yop": ""}), NODE, 50) for _ in range(2)] == [0, 50]


def test_q9_work_and_jobs_of_one_queue():
    """Security time of 60 s; the rules as OAR 3 chooses them."""
    book = ledger({"*,*,*,/": [-1, -1, -1], "/,*,*,*": [-1, 1, 5 * HOUR_S]}, Choice.ONE)
    found = []
    for walltime in (100, 200, 200):
        answer = book.first_start(TOTO, 0, walltime + 60, walltime, 1)
        found.append(answer.start)
        book.charge(TOTO, answer.start, answer.start + walltime + 59, answer.start + walltime - 1, 1)
    assert found == [0, 160, 420]


def test_q10_a_reservation_is_counted():
    book = ledger({"*,*,*,/": [-1, 1, -1]})
    book.charge(TOTO, 100, 219, 159, 4)
    found = []
    for walltime in (100, 200):
        answer = book.first_start(TOTO, 0, walltime + 60, walltime, 1)
        found.append(answer.start - 100)
        book.charge(TOTO, answer.start, answer.start + walltime + 59, answer.start + walltime - 1, 1)
    assert found == [120, 280]


@pytest.mark.parametrize(("most", "found"), [(63, None), (64, 0)])
def test_q12_two_nodes_of_32(most, found):
    assert start(ledger({"*,*,*,/": [most]}), TOTO, 64, 60) == found


# Work: what running jobs still have to do, and all that the new one will


def test_work_of_a_running_job_falls_while_it_runs():
    book = ledger({"*,*,*,/": [-1, -1, 100]})
    charge(book, TOTO, 0, 19, 4)  # 80 resource-seconds at 0, four less each second
    assert start(book, TOTO, 5, 10) == 8  # at 8 there are 48 left; 50 more make 98


def test_work_may_reach_its_limit():
    book = ledger({"*,*,*,/": [-1, -1, 100]})
    charge(book, TOTO, 0, 9, 5)
    assert start(book, TOTO, 5, 10) == 0


def test_work_ends_with_the_walltime_and_resources_with_the_security_time():
    book = ledger({"*,*,*,toto": [8], "*,*,*,john": [-1, -1, 80]})
    for job in (TOTO, JOHN):
        book.charge(job, 0, 159, 99, 8)
    assert start(book, TOTO, 8, 10) == 160
    assert start(book, JOHN, 8, 10) == 100


def test_work_of_jobs_that_begin_later_counts_when_they_do():
    book = ledger({"*,*,*,/": [-1, -1, 100]})
    charge(book, TOTO, 50, 59, 9)
    assert start(book, TOTO, 1, 50) == 0
    assert start(book, TOTO, 1, 51) is not None
    assert start(book, TOTO, 1, 51) > 50


def test_a_job_without_resources_of_type_default_makes_no_work():
    book = ledger({"*,*,*,/": [8, -1, 100]})
    charge(book, TOTO, 0, 9, 8)
    assert start(book, TOTO, 0, 10**6) == 0


# What one start would exceed


def test_the_quota_that_a_start_exceeds_is_told_with_its_first_date_and_its_end():
    book = ledger({"*,*,*,/": [8]})
    charge(book, TOTO, 20, 39, 8)
    charge(book, TOTO, 60, 79, 4)
    exceeded, after = book.exceeded(TOTO, 10, 15, 15, 6)
    assert (exceeded.date, exceeded.counts.resources, after) == (20, 14, 40)


def test_of_two_quotas_the_first_that_is_met_is_told_not_the_one_that_holds_longest():
    book = ledger({"*,*,*,toto": [8], "*,*,*,*": [-1, 1]})
    charge(book, TOTO, 0, 19, 8)
    charge(book, JOHN, 0, 59, 1)
    exceeded, after = book.exceeded(TOTO, 0, 10, 10, 6)
    assert (str(exceeded.rule), after) == ("*,*,*,toto", 20)


def test_work_is_told_where_it_begins():
    book = ledger({"*,*,*,/": [-1, -1, 100]})
    charge(book, TOTO, 50, 59, 9)
    exceeded, after = book.exceeded(TOTO, 0, 51, 51, 1)
    assert (exceeded.date, exceeded.counts.work_s, after) == (50, 141, 55)


def test_a_start_that_exceeds_nothing_is_told_so():
    assert ledger({"*,*,*,/": [8]}).exceeded(TOTO, 0, 10, 10, 8) is None


def test_what_could_never_be_allowed_is_exceeded_at_once():
    exceeded, after = ledger({"*,*,*,/": [8]}).exceeded(TOTO, 5, 10, 10, 9)
    assert (exceeded.date, exceeded.counts.resources) == (5, 9)
    assert after > 2**31 - 1


# A charge that is looked away from


def test_a_ledger_without_a_charge_allows_what_it_did_before():
    book = ledger({"*,*,*,/": [8, 1, 100]})
    charge(book, TOTO, 0, 19, 8)
    assert start(book, TOTO, 8, 10) == 20
    assert start(book.without(TOTO, 0, 19, 19, 8), TOTO, 8, 10) == 0


def test_the_ledger_itself_keeps_the_charge():
    book = ledger({"*,*,*,/": [8]})
    charge(book, TOTO, 0, 19, 8)
    book.without(TOTO, 0, 19, 19, 8)
    assert start(book, TOTO, 8, 10) == 20


# What is not counted


@pytest.mark.parametrize("exempt", ["container", "no_quotas"])
def test_containers_and_jobs_without_quotas_are_not_counted(exempt):
    book = ledger({"*,*,*,*": [8]})
    charge(book, Someone(types={exempt: ""}), 0, 99, 32)
    assert start(book, TOTO, 8, 10) == 0


def test_w7_a_job_without_quotas_is_not_limited():
    assert start(ledger({"*,*,*,*": [8]}), Someone(types={"no_quotas": ""}), 32, 10) == 0


def test_inner_jobs_are_counted():
    book = ledger({"*,*,*,*": [8]})
    charge(book, Someone(types={"inner": "7"}), 0, 99, 8)
    assert start(book, TOTO, 8, 10) == 100


def test_what_is_past_is_ignored():
    book = ledger({"*,*,*,*": [8]}, now=1000)
    charge(book, TOTO, 0, 999, 8)
    charge(book, TOTO, 0, 1009, 8)
    assert start(book, TOTO, 8, 10) == 1010


def test_what_never_ends_holds_forever():
    book = ledger({"*,*,*,*": [8]})
    charge(book, TOTO, 0, FOREVER, 8)
    assert start(book, TOTO, 1, 10) is None


def test_a_copy_is_charged_apart():
    book = ledger({"*,*,*,*": [8]})
    charge(book, TOTO, 0, 9, 8)
    other = book.copy()
    charge(other, TOTO, 10, 19, 8)
    assert (start(book, TOTO, 8, 10), start(other, TOTO, 8, 10)) == (10, 20)


# What held a job back


def test_the_answer_names_the_rule_its_limit_and_the_count():
    book = ledger({"*,*,*,/": [16], "*,*,*,*": [-1, 100]})
    charge(book, TOTO, 0, 19, 16)
    answer = book.first_start(TOTO, 0, 10, 10, 8)
    assert isinstance(answer, Allowed)
    assert answer.held_by is not None
    assert (answer.held_by.measure, answer.held_by.date) == (Measure.RESOURCES, 19)
    assert answer.held_by.message() == "quota_exceeded:Gantt_quotas->{*}->{*}->{*}->{/}=[24,-,-]>[16,-1,-1]"
    assert (
        answer.held_by.words()
        == "the quota *,*,*,/ allows user toto 16 resources; with this job it would be 24"
    )


def test_hours_are_told_as_the_file_has_them():
    book = ledger({"*,*,*,/": [-1, 3, 2 * HOUR_S]})
    answer = book.first_start(TOTO, 0, 4 * HOUR_S, 4 * HOUR_S, 1)
    assert isinstance(answer, Refused)
    assert answer.held_by.message() == "quota_exceeded:Gantt_quotas->{*}->{*}->{*}->{/}=[-,1,4]>[-1,3,2]"


def test_a_job_that_starts_at_once_was_held_by_nothing():
    assert ledger({"*,*,*,/": [16]}).first_start(TOTO, 5, 10, 10, 8) == Allowed(5)


# Calendars, in UTC; Monday 00:00 is second 0


MONDAY = int(datetime(2026, 11, 23, tzinfo=UTC).timestamp())
EACH_16, EACH_24, EACH_32 = (rules({"*,*,*,/": [most]}, name=str(most)) for most in (16, 24, 32))
TWO_HALVES = [
    Period(begin, end, limited)
    for limited, days in ((EACH_16, "mon-wed"), (EACH_24, "thu-sun"))
    for begin, end in spans_of(days, "*")
]
MIDWEEK = Period(MONDAY + DAY_S // 2, MONDAY + 3 * DAY_S, EACH_32)


def weekly(*once: Period, window_s: int = 60 * DAY_S) -> Ledger:
    return Ledger(Quotas(rules({}), Calendar(TWO_HALVES, once, rules({}), UTC)), MONDAY, window_s)


def after_monday(book: Ledger, job: Someone, resources: int, walltime: int) -> int | None:
    found = place(book, job, resources, walltime)
    return None if found is None else found - MONDAY


def test_w5_jobs_start_where_the_rules_of_the_day_let_them():
    book = weekly()
    wanted = [(3 * NODE, 60), (4 * NODE, 60), (NODE, 7 * DAY_S // 2), (NODE, 60)]
    assert [after_monday(book, TOTO, *one) for one in wanted] == [259200, None, 259260, 0]


def test_w6_the_rules_of_a_time_between_two_dates_let_a_job_start():
    assert after_monday(weekly(MIDWEEK), TOTO, 4 * NODE, 60) == 43200


def test_w8_a_job_starts_where_the_rules_let_it_run_to_its_end():
    book = weekly()
    assert after_monday(book, TOTO, 3 * NODE, 3 * DAY_S) == 259200
    assert after_monday(book, TOTO, 5 * NODE, 10 * DAY_S) is None


def limited_later(default: list[int], later: list[int], begin: int, end: int, now: int = 0) -> Ledger:
    plain = rules({"*,*,*,/": default})
    return Ledger(
        Quotas(plain, Calendar([], [Period(begin, end, rules({"*,*,*,/": later}))], plain, UTC)), now
    )


def test_w9_the_rules_that_a_job_would_run_into_hold_it_back():
    book = limited_later([24], [8], 300, 600, now=30)
    assert place(book, TOTO, NODE, 300) == 30
    assert place(book, LULU, 2 * NODE, 300) == 600


def test_w10_a_limit_of_jobs_that_falls_holds_back_the_second():
    book = limited_later([-1, 2], [-1, 1], 300, 600, now=30)
    assert [place(book, TOTO, NODE, 300) for _ in range(2)] == [30, 330]


def test_w11_the_rule_of_the_day_is_named():
    book = weekly()
    assert start(book, TOTO, 10, 60) == MONDAY
    answer = book.first_start(TOTO, MONDAY, 60, 60, 20)
    assert isinstance(answer, Allowed)
    assert answer.held_by is not None
    assert str(answer.held_by.rule) == "*,*,*,/"
    assert answer.held_by.rule.limits.resources == 16


def test_w12_jobs_wait_for_rules_that_let_them():
    book = limited_later([1], [-1], 2 * DAY_S, 9 * DAY_S)
    assert [place(book, TOTO, 5, 160), place(book, TOTO, 1, 260)] == [2 * DAY_S, 0]


def test_w13_a_job_without_quotas_does_not_wait_for_them():
    book = limited_later([1], [-1], 2 * DAY_S, 9 * DAY_S)
    free = Someone("toto", types={"no_quotas": ""})
    assert [place(book, TOTO, 5, 160), place(book, free, 5, 260)] == [2 * DAY_S, 0]


def test_w14_a_reservation_is_allowed_inside_the_time_without_limit_only():
    book = limited_later([1], [-1], 2 * DAY_S, 9 * DAY_S)
    assert start(book, TOTO, 4, 100, earliest=10) != 10
    assert start(book, TOTO, 4, 100, earliest=3 * DAY_S) == 3 * DAY_S


def test_with_a_calendar_no_job_ends_later_than_the_window():
    book = weekly(window_s=3 * DAY_S + 59)
    assert after_monday(book, TOTO, 3 * NODE, 60) == 3 * DAY_S
    assert after_monday(book, LULU, 3 * NODE, 61) is None


def test_a_job_longer_than_the_window_is_refused_without_a_rule():
    assert weekly(window_s=DAY_S).first_start(TOTO, MONDAY, 2 * DAY_S, 2 * DAY_S, 1) == Refused()


def test_without_a_calendar_there_is_no_window():
    book = Ledger(Quotas(rules({"*,*,*,/": [8]})), 0, window_s=100)
    charge(book, TOTO, 0, 999, 8)
    assert start(book, TOTO, 8, 500) == 1000


def test_a_job_runs_through_periods_that_all_let_it():
    assert after_monday(weekly(), TOTO, 2 * NODE, 20 * DAY_S) == 0


def test_each_period_counts_only_what_runs_in_it():
    book = weekly()
    charge(book, TOTO, MONDAY, MONDAY + DAY_S - 1, 16)
    charge(book, TOTO, MONDAY + 3 * DAY_S, MONDAY + 4 * DAY_S - 1, 16)
    assert after_monday(book, TOTO, NODE, 3 * DAY_S) == DAY_S
