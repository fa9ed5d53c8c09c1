from oar.db.known import Known


def made(row: tuple[str, ...]) -> list[str]:
    return list(row)


def test_a_value_is_kept_while_its_rows_are_equal():
    known: Known[tuple[str, ...], list[str]] = Known()
    (before,) = known.all([(1, ("one",))], made)
    (after,) = known.all([(1, ("one",))], made)
    assert after is before


def test_a_value_is_made_anew_when_its_rows_changed():
    known: Known[tuple[str, ...], list[str]] = Known()
    known.all([(1, ("one",))], made)
    assert known.all([(1, ("two",))], made) == (["two"],)


def test_values_come_in_the_order_of_the_rows_and_those_without_rows_are_forgotten():
    known: Known[tuple[str, ...], list[str]] = Known()
    (first, _) = known.all([(1, ("one",)), (2, ("two",))], made)
    assert known.all([(2, ("two",))], made) == (["two"],)
    (again,) = known.all([(1, ("one",))], made)
    assert again == first and again is not first
