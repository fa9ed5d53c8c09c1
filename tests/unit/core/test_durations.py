"""Durations and dates, from text and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oar.core.durations import (
    LONGEST_S,
    BadDate,
    BadDuration,
    format_date,
    format_duration,
    parse_date,
    parse_duration,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("2", 7200), ("2:30", 9000), ("2:30:0", 9000), ("0:0:1", 1), ("0:90", 5400), (" 01:00:00 ", 3600)],
)
def test_a_duration_is_hours_then_minutes_then_seconds(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "-1", "1h", "1:", ":30", "1:2:3:4", "1.5", "two", "²"])
def test_a_duration_that_is_something_else_is_refused_with_its_text(text: str) -> None:
    with pytest.raises(BadDuration, match="is not understood; write hours"):
        parse_duration(text)


def test_a_duration_no_column_can_hold_is_refused() -> None:
    with pytest.raises(BadDuration, match="too long"):
        parse_duration("999999999")


def test_durations_are_printed_without_padding() -> None:
    assert format_duration(3600) == "1:0:0"


def test_a_negative_duration_is_printed_with_one_sign() -> None:
    assert format_duration(-90) == "-0:1:30"


@given(st.integers(min_value=0, max_value=LONGEST_S))
def test_a_printed_duration_reads_back_as_itself(seconds: int) -> None:
    assert parse_duration(format_duration(seconds)) == seconds


@given(st.integers(min_value=86400, max_value=2**31 - 1))
def test_a_printed_date_reads_back_as_itself_within_the_hour_that_clocks_repeat(epoch: int) -> None:
    assert abs(parse_date(format_date(epoch)) - epoch) in (0, 3600)


def test_a_date_without_time_is_its_midnight() -> None:
    assert parse_date("2026-05-03") == parse_date("2026-05-03 00:00:00")


@pytest.mark.parametrize("text", ["", "tomorrow", "2026/05/03", "2026-05-03x", "03-05-2026 10:00"])
def test_a_date_with_another_spelling_is_refused(text: str) -> None:
    with pytest.raises(BadDate, match="write YYYY-MM-DD hh:mm:ss"):
        parse_date(text)


@pytest.mark.parametrize("text", ["2026-02-30", "2026-13-01", "2026-01-01 25:00", "0000-01-01"])
def test_a_date_no_calendar_has_is_refused(text: str) -> None:
    with pytest.raises(BadDate, match="does not exist"):
        parse_date(text)
