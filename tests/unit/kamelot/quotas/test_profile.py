"""Amounts over time against their definition, second by second."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oar.kamelot.occupation import FOREVER
from oar.kamelot.quotas.profile import Slopes, Steps

END = 120
"""From here on there is nothing left."""

pieces = st.lists(st.tuples(st.integers(0, 80), st.integers(1, 39), st.integers(1, 5)), max_size=25)


def amount(kind, added, date):
    if kind is Steps:
        return sum(n for begin, length, n in added if begin <= date < begin + length)
    return sum(n * (begin + length - date) for begin, length, n in added if begin <= date < begin + length)


def drawn(kind, added):
    profile = kind(0)
    for begin, length, n in added:
        profile.add(begin, begin + length - 1, n)
    return profile


@pytest.mark.parametrize("kind", [Steps, Slopes])
@settings(max_examples=100, deadline=None)
@given(added=pieces)
def test_an_amount_is_the_sum_of_what_was_added(kind, added):
    profile = drawn(kind, added)
    assert [profile.at(date) for date in range(END)] == [amount(kind, added, date) for date in range(END)]


@pytest.mark.parametrize("kind", [Steps, Slopes])
@settings(max_examples=200, deadline=None)
@given(
    added=st.lists(
        st.tuples(st.integers(0, 80), st.integers(1, 9), st.integers(1, 5)), min_size=8, max_size=25
    ),
    share=st.sampled_from([0, 0.2, 0.4, 0.6, 0.9]),
    begin=st.integers(0, 90),
    first=st.integers(1, 30),
    duration=st.integers(1, 30),
    last=st.integers(60, 150),
)
def test_it_is_clear_from_the_first_date_that_is_within_for_long_enough(
    *, kind, added, share, begin, first, duration, last
):
    begin = min(begin, last)
    end = min(begin + min(first, duration) - 1, last)
    amounts = [amount(kind, added, date) for date in range(2 * END)]
    most = int(share * max(amounts))

    def clear(date):
        until = end if date == begin else min(date + duration - 1, last)
        return all(amounts[at] <= most for at in range(date, until + 1))

    found = drawn(kind, added).clear(begin, end, duration, last, most)
    expected = next((date for date in range(begin, last + 1) if clear(date)), None)
    if expected is None:
        assert found > last
        assert all(beyond > most for beyond in amounts[last:found])
    else:
        assert found == expected


def test_what_never_ends_is_never_within():
    profile = Steps(0)
    profile.add(10, FOREVER, 3)
    assert profile.clear(0, 20, 21, FOREVER, 2) > FOREVER


def test_a_copy_is_added_to_apart():
    for kind in (Steps, Slopes):
        profile = drawn(kind, [(0, 10, 1)])
        profile.copy().add(0, 9, 1)
        assert profile.at(0) == amount(kind, [(0, 10, 1)], 0)
