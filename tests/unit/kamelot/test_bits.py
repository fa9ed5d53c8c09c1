import pytest
from hypothesis import given
from hypothesis import strategies as st
from procset import ProcSet

from oar.kamelot import Platform, bits
from tests.unit.kamelot.build import resource

SETS = st.sets(st.integers(0, 300))


@given(SETS)
def test_a_mask_has_the_members_it_was_made_of(numbers: set[int]) -> None:
    assert list(bits.members(bits.mask_of(numbers))) == sorted(numbers)


@given(SETS)
def test_runs_are_the_intervals_of_the_set(numbers: set[int]) -> None:
    intervals = [(first, last) for first, last in ProcSet(*numbers).intervals()]
    assert list(bits.runs(bits.mask_of(numbers))) == intervals


@given(SETS.filter(bool), st.data())
def test_the_first_members_are_the_smallest(numbers: set[int], data: st.DataObject) -> None:
    count = data.draw(st.integers(1, len(numbers)))
    found = bits.first_members(bits.mask_of(numbers), count)
    assert list(bits.members(found)) == sorted(numbers)[:count]


@given(SETS, st.randoms())
def test_a_procset_made_of_intervals_equals_one_made_by_its_constructor(
    numbers: set[int], rng: object
) -> None:
    expected = ProcSet(*numbers)
    pieces = [(number, number) for number in numbers]
    found = bits.procset_of(pieces)
    assert found == expected
    assert str(found | ProcSet((5, 400))) == str(expected | ProcSet((5, 400)))


@given(st.permutations(range(1, 30)), st.sets(st.integers(1, 35)))
def test_ids_survive_the_way_to_ranks_and_back_in_any_order(order: list[int], numbers: set[int]) -> None:
    platform = Platform([resource(number, {}) for number in order], {})
    known = ProcSet(*(number for number in numbers if number < 30))
    mask = platform.mask(ProcSet(*numbers))
    assert platform.procset(mask) == known
    assert [order[rank] for rank in bits.members(mask)] == [number for number in order if number in numbers]


@pytest.mark.parametrize("mask", [0b1, 0b1000, 0b1010])
def test_the_lowest_member_is_the_smallest(mask: int) -> None:
    assert bits.lowest(mask) == min(bits.members(mask))
