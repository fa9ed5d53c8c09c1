"""The slot scenarios of the specification; slots here never end, so the far end is left out."""

from itertools import pairwise

import pytest

from oar.core.job import JobId
from oar.kamelot import Gantt, Occupation, Platform, bits
from oar.kamelot.containers import Nesting
from oar.kamelot.hierarchy import Hierarchy
from oar.kamelot.slot_set import SlotSet, Taken
from tests.unit.kamelot.build import ids, job, resources_of

ALL_32 = bits.span(1, 32)
Slots = list[tuple[int, str]]


def slot_set(begin: int, *taken: tuple[int, int, str]) -> SlotSet:
    """Make slots of resources 1-32 and take some: begin, duration, resources."""
    slots = SlotSet(begin, ALL_32)
    for start, duration, resources in taken:
        slots.remove(start, start + duration - 1, Taken(mask(resources)))
    return slots


def mask(text: str) -> int:
    found = 0
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        found |= bits.span(int(first), int(last or first))
    return found


def text(free: int) -> str:
    return ",".join(f"{first}-{last}" if last > first else str(first) for first, last in bits.runs(free))


def told(slots: SlotSet) -> Slots:
    return [(begin, text(free)) for begin, free in zip(slots.begins, slots.free, strict=True)]


def test_s1_two_jobs_cut_time_at_their_begins_and_behind_their_ends() -> None:
    slots = slot_set(1, (5, 10, "10-20"), (30, 20, "5-15,20-28"))
    assert told(slots) == [
        (1, "1-32"),
        (5, "1-9,21-32"),
        (15, "1-32"),
        (30, "1-4,16-19,29-32"),
        (50, "1-32"),
    ]


def test_s2_the_second_after_a_job_is_free() -> None:
    assert told(slot_set(1, (5, 20, "10-20"))) == [(1, "1-32"), (5, "1-9,21-32"), (25, "1-32")]


def test_s3_a_job_in_the_middle_makes_three_slots() -> None:
    assert told(slot_set(1, (5, 10, "1-32"))) == [(1, "1-32"), (5, ""), (15, "1-32")]


def test_s4_a_job_from_the_first_second_on_makes_two_slots() -> None:
    assert told(slot_set(1, (1, 20, "1-32"))) == [(1, ""), (21, "1-32")]


def test_s5_a_job_that_began_before_the_slots_is_cut_at_their_begin() -> None:
    assert told(slot_set(10, (5, 20, "10-20"))) == [(10, "1-9,21-32"), (25, "1-32")]


def test_s6_a_job_that_never_ends_leaves_no_slot_behind_it() -> None:
    slots = SlotSet(10, ALL_32)
    slots.remove(45, 2**31 - 1, Taken(mask("10-20")))
    assert told(slots) == [(10, "1-32"), (45, "1-9,21-32")]


def test_s7_a_job_that_is_over_before_the_slots_changes_nothing() -> None:
    assert told(slot_set(40, (5, 20, "10-20"))) == [(40, "1-32")]


def space_of(*containers: tuple[int, int, str]) -> Slots:
    """Tell what containers of one name, given as begin, duration and resources, have for inner jobs."""
    platform = Platform(resources_of(50), {})
    taken = [
        Occupation(begin, begin + duration - 1, ids(found), JobId(number), nesting=Nesting(opens="box"))
        for number, (begin, duration, found) in enumerate(containers)
    ]
    view = Gantt(platform, taken, now=10).view(job(9, ("node=1", 1), types={"inner": "box"}))
    assert view is not None
    slots = view.slots
    return [
        (begin, str(platform.procset(free))) for begin, free in zip(slots.begins, slots.free, strict=True)
    ]


def test_s8_what_is_added_before_the_slots_begin_is_there_from_their_begin_on() -> None:
    assert space_of((5, 10, "10-50")) == [(10, "10-50"), (15, "")]


def test_s9_what_is_added_twice_is_there_together() -> None:
    assert space_of((20, 200, "40-50"), (100, 30, "10-20")) == [
        (10, ""),
        (20, "40-50"),
        (100, "10-20 40-50"),
        (130, "40-50"),
        (220, ""),
    ]


@pytest.fixture
def three_slots() -> SlotSet:
    """Slots from 50, 250 and 500 on."""
    return slot_set(50, (250, 250, "1"))


@pytest.mark.parametrize(("date", "index"), [(5, -1), (25, -1), (250, 1), (499, 1), (500, 2), (1500, 2)])
def test_s10_a_date_belongs_to_the_slot_that_began_last(three_slots: SlotSet, date: int, index: int) -> None:
    assert three_slots.slot_at(date) == index


def five_slots() -> SlotSet:
    slots = SlotSet(1, ALL_32)
    for date in (10, 11, 50, 500):
        slots.cut(date)
    return slots


@pytest.mark.parametrize(
    ("width", "lasts"), [(15, [2, 2, 2, 3, 4]), (50, [3, 3, 3, 3, 4]), (20_000, [4, 4, 4, 4, 4])]
)
def test_s11_a_window_holds_every_slot_that_it_meets(width: int, lasts: list[int]) -> None:
    slots = five_slots()
    windows = [slots.window(first, begin, width) for first, begin in enumerate(slots.begins)]
    assert [window.start for window in windows] == [0, 1, 2, 3, 4]
    assert [window[-1] for window in windows] == lasts


def test_s12_sets_of_resources_intersect() -> None:
    free = mask("1-32") & mask("1-16,24-28") & mask("1-8,12-26")
    assert text(free) == "1-8,12-16,24-26"


@pytest.mark.parametrize(
    ("begin", "taken"),
    [
        (1, [(10, 20)] * 4),
        (1, [(10, 40), (20, 20), (25, 5)]),
        (1, [(5, 10), (10, 10), (15, 10), (20, 10)]),
        (50, [(250, 250), (249, 1)]),
    ],
    ids=["the same interval four times", "nested", "stairs", "one second on a border"],
)
def test_s13_slots_stay_in_order_and_none_is_empty(begin: int, taken: list[tuple[int, int]]) -> None:
    slots = slot_set(begin, *((start, duration, str(n + 1)) for n, (start, duration) in enumerate(taken)))
    dates = {begin} | {date for start, duration in taken for date in (start, start + duration)}
    assert slots.begins == sorted(dates)
    assert all(before < after for before, after in pairwise(slots.begins))
    assert len(slots.free) == len(slots.begins)


def test_whole_blocks_are_kept_up_to_date_when_resources_are_taken() -> None:
    nodes = Hierarchy(("node",), [(rank, (rank // 8,)) for rank in range(32)])
    slots = SlotSet(0, bits.span(0, 31))
    assert slots.whole(nodes) == [0b1111]
    slots.remove(10, 19, Taken(bits.span(7, 8)))
    slots.remove(15, 29, Taken(bits.span(31, 31)))
    assert slots.whole(nodes) == [0b1111, 0b1100, 0b0100, 0b0111, 0b1111]


def test_a_copy_changes_apart_from_the_original() -> None:
    slots = slot_set(1, (5, 10, "1-8"))
    slots.copy().remove(20, 30, Taken(mask("9")))
    assert told(slots) == [(1, "1-32"), (5, "9-32"), (15, "1-32")]
