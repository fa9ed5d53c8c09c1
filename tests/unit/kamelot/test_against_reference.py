"""kamelot and the slow, obvious scheduler give the same plan on random platforms and queues."""

import pytest

from tests.unit.kamelot.compare import first_problem, report

CASES = 20_000
AT_ONCE = 500


@pytest.mark.parametrize("first", range(0, CASES, AT_ONCE))
def test_the_plan_of_any_world_is_the_plan_that_the_rules_give(first: int) -> None:
    found = first_problem(range(first, first + AT_ONCE))
    if found is not None:
        pytest.fail(report(*found), pytrace=False)
