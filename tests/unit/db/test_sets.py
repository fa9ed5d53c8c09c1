import pytest
from hypothesis import given
from hypothesis import strategies as st
from procset import ProcSet

from oar.db.sets import format_multirange, parse_multirange, set_of_ids, set_of_intervals

sets = st.sets(st.integers(min_value=0, max_value=200)).map(lambda ids: ProcSet(*ids))


def as_postgresql_would(resources: ProcSet) -> str:
    return "{" + ",".join(f"[{begin},{end + 1})" for begin, end in resources.intervals()) + "}"


@given(sets)
def test_a_set_comes_back_from_the_text_that_postgresql_makes_of_it(resources):
    assert parse_multirange(as_postgresql_would(resources)) == resources


@given(sets)
def test_a_set_is_built_from_its_ids(resources):
    assert set_of_ids(list(resources)) == resources


@given(sets, sets)
def test_a_set_that_was_read_takes_part_in_the_algebra_of_sets(one, other):
    read = parse_multirange(as_postgresql_would(one))
    assert read | other == one | other
    assert read - other == one - other
    assert len(read) == len(one)


@pytest.mark.parametrize(
    ("resources", "text"),
    [
        (ProcSet(), "{}"),
        (ProcSet(7), "{[7,7]}"),
        (ProcSet((1, 4), 6, (8, 9)), "{[1,4],[6,6],[8,9]}"),
    ],
)
def test_a_set_is_written_as_closed_ranges(resources, text):
    assert format_multirange(resources) == text


def test_a_set_of_a_thousand_pieces_is_read_as_procset_builds_it():
    pieces = [(3 * i, 3 * i + 1) for i in range(1000)]
    assert parse_multirange(as_postgresql_would(set_of_intervals(pieces))) == ProcSet(*pieces)
