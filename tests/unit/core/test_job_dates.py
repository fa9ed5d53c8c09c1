"""Dates in a job's types are read, and known to be missed."""

import pytest

from oar.core.durations import BadDate, parse_date
from oar.core.job_dates import NO_DATES, JobDates, job_dates


def test_a_job_without_such_types_has_no_dates() -> None:
    assert job_dates({"besteffort": ""}) == NO_DATES == job_dates({})


def test_each_date_is_read_as_local_time() -> None:
    types = {"postpone": "2026-01-02", "expire": "2026-01-03 10:00", "deadline": "2026-01-03 10:00:01"}
    dates = [parse_date(text) for text in types.values()]
    assert job_dates(types) == JobDates(*dates)


@pytest.mark.parametrize("text", ["", "tomorrow", "2026-02-30"])
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(BadDate):
        job_dates({"deadline": text})


def test_a_date_is_missed_from_the_next_second_on() -> None:
    assert JobDates(expire=10).missed(10) == ""
    assert JobDates(expire=10).missed(11) == "expire"
    assert JobDates(deadline=10).missed(11) == "deadline"
    assert JobDates(postpone=10).missed(11) == ""
