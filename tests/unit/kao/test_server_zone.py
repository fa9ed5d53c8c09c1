"""The zone of the server tells the wall clock, summer and winter."""

import time
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from oar.kao.server_zone import ServerZone

HALF_HOUR_S = 1800
DAY_S = 86400


@pytest.fixture(params=["Europe/Paris", "America/New_York", "UTC", "Australia/Lord_Howe"])
def known(request, monkeypatch):
    """A zone that the machine is in for once."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield ZoneInfo(request.param)
    monkeypatch.undo()
    time.tzset()


def test_every_half_hour_of_a_year_is_that_of_the_zone(known):
    begin = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())
    for date in range(begin, begin + 366 * DAY_S, HALF_HOUR_S):
        ours, right = datetime.fromtimestamp(date, ServerZone()), datetime.fromtimestamp(date, known)
        assert (ours.replace(tzinfo=None), ours.fold) == (right.replace(tzinfo=None), right.fold)
        assert ours.utcoffset() == right.utcoffset()
        assert int(ours.timestamp()) == date


def test_local_dates_are_those_of_the_zone(known):
    for day in range(1, 29):
        for month in range(1, 13):
            local = datetime(2026, month, day, 1, 59)
            assert local.replace(tzinfo=ServerZone()).timestamp() == local.replace(tzinfo=known).timestamp()


def test_a_time_without_date_has_no_offset():
    assert ServerZone().utcoffset(None) is None
