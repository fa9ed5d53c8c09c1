"""A timeline tells what is free as a list of dates with the free resources of each would."""

import random

import pytest

from oar.kamelot.timeline import MOST, Timeline

EVERYTHING = (1 << 40) - 1
END = 3000


class SlowTimeline:
    """One set for each second."""

    def __init__(self) -> None:
        self.free = [EVERYTHING] * END

    def take(self, begin: int, after: int, resources: int) -> None:
        for date in range(begin, min(after, END)):
            self.free[date] &= ~resources

    def common(self, begin: int, after: int, among: int) -> int:
        for date in range(begin, min(after, END)):
            among &= self.free[date]
        return among


def drawn(rng: random.Random, takes: int) -> tuple[Timeline, SlowTimeline]:
    timeline, slow = Timeline(0, EVERYTHING), SlowTimeline()
    for _ in range(takes):
        begin = rng.randrange(END - 1)
        after = begin + rng.choice([1, 5, 300, 2000])
        resources = rng.getrandbits(40) & rng.getrandbits(40) & rng.getrandbits(40)
        timeline.take(begin, after, resources)
        slow.take(begin, after, resources)
        if rng.random() < 0.3:
            timeline.at(begin)
    return timeline, slow


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("takes", [0, 3, 2 * MOST, 12 * MOST])
def test_what_is_free_at_a_date_is_what_nobody_has_taken_then(seed: int, takes: int) -> None:
    timeline, slow = drawn(random.Random(seed), takes)  # noqa: S311
    assert [timeline.at(date) for date in range(END)] == slow.free


@pytest.mark.parametrize("seed", range(20))
def test_what_is_free_all_through_a_time_is_free_at_each_of_its_dates(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311
    timeline, slow = drawn(rng, rng.choice([5, 40, 200]))
    for _ in range(30):
        begin = rng.randrange(END - 1)
        after = begin + rng.choice([1, 10, 400])
        among = rng.getrandbits(40)
        assert timeline.common(begin, after, among) == slow.common(begin, after, among)


@pytest.mark.parametrize("seed", range(20))
def test_the_values_are_those_of_the_dates_at_which_something_was_taken_or_ended(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311
    timeline, slow = drawn(rng, 100)
    begin = rng.randrange(END - 500)
    values = timeline.values(begin, begin + 400)
    distinct = [values[n] for n in range(len(values)) if n == 0 or values[n] != values[n - 1]]
    slots = slow.free[begin : begin + 400]
    assert distinct == [slots[n] for n in range(400) if n == 0 or slots[n] != slots[n - 1]]


@pytest.mark.parametrize("seed", range(30))
def test_the_date_after_what_is_to_blame_is_the_first_from_which_enough_stays_free(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311
    timeline, slow = drawn(rng, rng.choice([10, 60, 300]))
    begin = rng.randrange(END - 600)
    after = begin + 500
    enough = slow.common(begin, after, EVERYTHING).bit_count() + 1
    if slow.common(after - 1, after, EVERYTHING).bit_count() < enough:
        expected = after
    else:
        expected = next(
            d for d in range(begin, after) if slow.common(d, after, EVERYTHING).bit_count() >= enough
        )
    found = timeline.after_blocked(begin, after, EVERYTHING, lambda free: free.bit_count() >= enough)
    assert found == expected


def test_a_copy_is_drawn_in_apart() -> None:
    timeline = Timeline(0, EVERYTHING)
    timeline.take(10, 20, 1)
    other = timeline.copy()
    other.take(15, 30, 2)
    assert (timeline.at(15), other.at(15)) == (EVERYTHING ^ 1, EVERYTHING ^ 3)
