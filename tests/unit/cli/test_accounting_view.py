import pytest

from oar.cli.accounting_view import UsageByUser, UsageOfUser, duration_words
from oar.core.listings import Consumption
from tests.unit.cli.jobs import TEN

ROWS = [
    Consumption("ann", "a", TEN, TEN + 86399, 100, 50),
    Consumption("ann", "b", TEN + 86400, TEN + 172799, 10, 5),
    Consumption("zoe", "b", TEN, TEN + 86399, 1, 1),
]


def test_the_table_is_the_one_of_oar_2():
    assert list(UsageByUser(ROWS).lines()) == [
        "User       First window starts  Last window ends     Asked (seconds)  Used (seconds)",
        "---------- -------------------- -------------------- ---------------- ----------------",
        "ann        2024-01-01 10:00:00  2024-01-03 09:59:59               110               55",
        "zoe        2024-01-01 10:00:00  2024-01-02 09:59:59                 1                1",
    ]


def test_the_summary_of_a_user_goes_by_project():
    lines = list(UsageOfUser("ann", TEN, TEN + 60, ROWS[:2]).lines())
    assert lines[0] == "Usage summary for user 'ann' from 2024-01-01 10:00:00 to 2024-01-01 10:01:00:"
    assert lines[1] == "-" * 61
    assert "Asked consumption:           110 ( 1 minute 50 seconds )" in lines
    assert lines[7:10] == [
        "  a:",
        "    Asked:                   100 ( 1 minute 40 seconds )",
        "    Used:                    50 ( 50 seconds )",
    ]


def test_the_last_karma_of_a_project_is_shown_where_there_is_one():
    lines = list(UsageOfUser("ann", TEN, TEN + 60, ROWS[:2], {"b": -0.0625}).lines())
    assert lines[-4:] == [
        "  b:",
        "    Asked:                   10 ( 10 seconds )",
        "    Used:                    5 ( 5 seconds )",
        "    Last Karma:              -0.062",
    ]
    assert sum("Karma" in line for line in lines) == 1
    projects = UsageOfUser("ann", TEN, TEN, ROWS[:2], {"b": -0.0625}).structure()["ann"]["projects"]
    assert projects["b"]["last_karma"] == -0.0625
    assert "last_karma" not in projects["a"]


def test_a_user_without_rows_is_no_error():
    assert "Start of the first window:   No window found" in UsageOfUser("ann", TEN, TEN, []).lines()


def test_the_structures_have_the_totals():
    assert UsageByUser(ROWS).structure()["ann"]["USED"] == 55
    of_ann = UsageOfUser("ann", TEN, TEN, ROWS[:2]).structure()["ann"]
    assert of_ann["projects"]["b"] == {
        "ASKED": 10,
        "USED": 5,
    }


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 second "), (61, "1 minute 1 second "), (93900, "1 day 2 hours 5 minutes 0 second ")],
)
def test_a_duration_is_spelled_in_words(seconds, words):
    assert duration_words(seconds) == words
