"""Numbers of jobs as people type them."""

import pytest

from oar.cli.job_ids import read_job_id


@pytest.mark.parametrize(("text", "number"), [("1", 1), ("007", 7), ("2147483647", 2147483647)])
def test_digits_are_the_number_of_a_job(text: str, number: int) -> None:
    assert read_job_id(text) == number


@pytest.mark.parametrize(
    "text", ["", "0", "-1", "+1", "1.5", "x", " 1", "1\n", "1,2", "\u0663", "2147483648", "9" * 5000]
)
def test_anything_else_is_none(text: str) -> None:
    assert read_job_id(text) is None
