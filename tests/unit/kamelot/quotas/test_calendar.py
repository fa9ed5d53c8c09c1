"""Which rules hold when: the specification's numbered scenarios, and the clock read minute by minute."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oar.kamelot.occupation import FOREVER
from oar.kamelot.quotas import Calendar, Period, RuleSet
from oar.kamelot.quotas.week import DAY_S, WEEK_S, spans_of
from tests.unit.kamelot.quotas.build import HOUR_S

PARIS = ZoneInfo("Europe/Paris")
SET_16, SET_24, SET_32, FILLING = (RuleSet(name) for name in ("16", "24", "32", "filling"))


def paris(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=PARIS).timestamp())


def weekly(rules: RuleSet, days: str, hours: str = "*") -> list[Period]:
    return [Period(begin, end, rules) for begin, end in spans_of(days, hours)]


def once(rules: RuleSet, begin: str, end: str) -> Period:
    return Period(paris(begin), paris(end), rules)


def calendar(
    *wanted: list[Period], oneshots: tuple[Period, ...] = (), filling: RuleSet = FILLING
) -> Calendar:
    return Calendar([period for periods in wanted for period in periods], oneshots, filling, PARIS)


def spans(book: Calendar, begin: int, length: int) -> list[tuple[int, str]]:
    """Tell how long each of the rules hold between a date and some seconds later."""
    found = []
    date = begin
    while date < begin + length:
        span = book.at(date)
        after = min(span.end + 1, begin + length)
        found.append((after - date, span.rules.name))
        date = after
    return found


MONDAY = paris("2026-11-23")
TWO_HALVES = (weekly(SET_16, "mon-wed"), weekly(SET_24, "thu-sun"))
MIDWEEK = once(SET_32, "2026-11-23 12:00", "2026-11-26 00:00")


def test_w1_the_rule_of_monday_holds_for_three_days():
    span = calendar(*TWO_HALVES).at(MONDAY)
    assert (span.rules, span.end + 1 - MONDAY) == (SET_16, 259200)


def test_w2_the_rules_of_the_time_between_two_dates_come_before_those_of_the_week():
    tuesday_noon = MONDAY + DAY_S + 12 * HOUR_S
    span = calendar(*TWO_HALVES, oneshots=(MIDWEEK,)).at(tuesday_noon)
    assert (span.rules, span.end + 1 - tuesday_noon) == (SET_32, 129600)


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        (4 * DAY_S, [(259200, "16"), (86400, "24")]),
        (2 * WEEK_S, [(259200, "16"), (345600, "24")] * 2),
        (2 * WEEK_S + 1, [*[(259200, "16"), (345600, "24")] * 2, (1, "16")]),
    ],
    ids=["four days", "two weeks", "two weeks and a second"],
)
def test_w3_the_week_comes_back(length, expected):
    assert spans(calendar(*TWO_HALVES), MONDAY, length) == expected


def test_w4_the_week_goes_on_where_the_time_between_two_dates_ends():
    assert spans(calendar(*TWO_HALVES, oneshots=(MIDWEEK,)), MONDAY, 2 * WEEK_S) == [
        (DAY_S // 2, "16"),
        (5 * DAY_S // 2, "32"),
        (4 * DAY_S, "24"),
        (3 * DAY_S, "16"),
        (4 * DAY_S, "24"),
    ]


def test_w15_hours_across_midnight_are_cut_there():
    pieces = spans_of("*", "22:00-02:00")
    assert len(pieces) == 14
    assert sorted(pieces)[:2] == [(0, 2 * HOUR_S), (22 * HOUR_S, DAY_S)]


def test_w15_hours_across_midnight_are_one_night():
    found = spans(calendar(weekly(SET_16, "*", "22:00-02:00")), MONDAY + 12 * HOUR_S, DAY_S)
    assert found == [(10 * HOUR_S, "filling"), (4 * HOUR_S, "16"), (10 * HOUR_S, "filling")]


def test_what_is_after_midnight_belongs_to_the_night_of_the_day_before():
    found = spans(calendar(weekly(SET_16, "sun", "22:00-02:00")), MONDAY, WEEK_S)
    assert found == [(2 * HOUR_S, "16"), (WEEK_S - 4 * HOUR_S, "filling"), (2 * HOUR_S, "16")]


@pytest.mark.parametrize(
    ("days", "hours", "expected"),
    [
        ("*", "*", [(0, 7)]),
        ("sun-mon", "*", [(0, 1), (6, 7)]),
        ("mon,wed-thu", "*", [(0, 1), (2, 4)]),
        ("mon", "00:00-00:00", [(0, 1)]),
        ("fri-sat", "12:00-24:00", [(4.5, 5), (5.5, 6)]),
        ("tue", "6:00-18:00", [(1.25, 1.75)]),
    ],
)
def test_days_and_hours(days, hours, expected):
    found = spans(calendar(weekly(SET_16, days, hours)), MONDAY, WEEK_S)
    held, date = [], 0
    for length, name in found:
        if name == "16":
            held.append((date / DAY_S, (date + length) / DAY_S))
        date += length
    assert held == expected


def test_of_periods_that_overlap_the_first_wins():
    book = calendar(weekly(SET_16, "tue"), weekly(SET_24, "mon-wed"))
    assert spans(book, MONDAY, 3 * DAY_S) == [(DAY_S, "24"), (DAY_S, "16"), (DAY_S, "24")]


def test_of_times_between_two_dates_that_overlap_the_first_wins():
    late = once(SET_16, "2026-11-24 00:00", "2026-11-25 00:00")
    assert spans(calendar(oneshots=(late, MIDWEEK)), MONDAY, 3 * DAY_S) == [
        (DAY_S // 2, "filling"),
        (DAY_S // 2, "32"),
        (DAY_S, "16"),
        (DAY_S, "32"),
    ]


def test_rules_that_never_change_hold_forever():
    assert calendar(weekly(FILLING, "*")).at(MONDAY).end == FOREVER


def test_rules_hold_to_the_end_of_the_last_time_between_two_dates():
    span = calendar(oneshots=(MIDWEEK,)).at(paris("2026-11-26"))
    assert (span.rules, span.end) == (FILLING, FOREVER)


@pytest.mark.parametrize(
    ("monday", "hours"),
    [("2026-03-23", 167), ("2026-10-19", 169), ("2026-11-23", 168)],
    ids=["23", "25", "24"],
)
def test_a_week_is_as_long_as_the_clock_makes_it(monday, hours):
    span = calendar(weekly(SET_16, "mon"), weekly(SET_24, "tue-sun")).at(paris(monday) + DAY_S)
    assert span.end + 1 - paris(monday) == hours * HOUR_S


def test_an_hour_that_the_clock_shows_twice_holds_twice():
    book = calendar(weekly(SET_16, "*", "02:00-03:00"))
    assert spans(book, paris("2026-10-25 00:00"), 6 * HOUR_S) == [
        (2 * HOUR_S, "filling"),
        (2 * HOUR_S, "16"),
        (2 * HOUR_S, "filling"),
    ]


def test_half_an_hour_that_the_clock_shows_twice_holds_twice():
    book = calendar(weekly(SET_16, "*", "02:30-03:00"))
    assert spans(book, paris("2026-10-25 02:00"), 2 * HOUR_S + 1) == [
        (HOUR_S // 2, "filling"),
        (HOUR_S // 2, "16"),
        (HOUR_S // 2, "filling"),
        (HOUR_S // 2, "16"),
        (1, "filling"),
    ]


def test_an_hour_that_the_clock_leaves_out_does_not_hold():
    book = calendar(weekly(SET_16, "*", "02:00-03:00"))
    assert spans(book, paris("2026-03-29 00:00"), DAY_S) == [(DAY_S, "filling")]


def reads(periods: list[tuple[str, str, RuleSet]], oneshots: list[Period], date: int) -> RuleSet:
    """Read the clock, and look through the periods one by one."""
    for period in oneshots:
        if period.begin <= date < period.end:
            return period.rules
    local = datetime.fromtimestamp(date, PARIS)
    clock = f"{local:%H:%M}"
    for first_day, hours, rules in periods:
        if hours == "*":
            if local.weekday() == first_day:
                return rules
            continue
        begin, end = hours.split("-")
        yesterday = (local.weekday() - 1) % 7
        if begin < end and local.weekday() == first_day and begin <= clock < end:
            return rules
        if begin > end and (
            (local.weekday() == first_day and clock >= begin) or (yesterday == first_day and clock < end)
        ):
            return rules
    return FILLING


DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
clocks = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.sampled_from([0, 15, 30, 59]))
hours = st.one_of(st.just("*"), st.lists(clocks, min_size=2, max_size=2, unique=True).map("-".join)).filter(
    lambda text: not text.endswith("-00:00")
)
sets = st.sampled_from([SET_16, SET_24, SET_32])
around = st.sampled_from([paris("2026-03-29"), paris("2026-10-25"), paris("2026-07-05")])


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 6), hours, sets), max_size=5),
    st.lists(st.tuples(st.integers(-2 * 1440, 2 * 1440), st.integers(1, 1440), sets), max_size=2),
    around,
)
def test_rules_are_those_that_the_clock_shows_minute_by_minute(periods, oneshots, center):
    shots = [
        Period(center + minute * 60, center + (minute + length) * 60, rules)
        for minute, length, rules in oneshots
    ]
    book = calendar(
        *(weekly(rules, DAYS[day], hours) for day, hours, rules in periods), oneshots=tuple(shots)
    )
    begin = center - DAY_S // 2
    date, until, holding = begin, begin - 1, None
    while date < begin + 2 * DAY_S:
        expected = reads(periods, shots, date)
        if date > until:
            span = book.at(date)
            assert span.rules is not holding, "two spans one after the other hold the same"
            holding, until = span.rules, span.end
            assert (until + 1) % 60 == 0 or until == FOREVER
        assert holding is expected, datetime.fromtimestamp(date, PARIS)
        date += 60
