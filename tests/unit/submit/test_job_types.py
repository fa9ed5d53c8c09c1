"""The types of a job: which there are, and which values they take."""

import re

import pytest

from oar.submit.job_types import BadJobType, check_types


@pytest.mark.parametrize(
    "word",
    [
        "besteffort",
        "idempotent",
        "noop",
        "noop=standby",
        "state=permissive",
        "timesharing=*,*",
        "timesharing=user,name",
        "timesharing=name,user",
        "timesharing=*,user",
        "timesharing=name,*",
        "placeholder=yop",
        "allowed=yop",
        "allow=yop",
        "container",
        "container=box_1",
        "inner=12",
        "inner=box_1",
        "postpone=2030-01-31",
        "expire=2030-01-31 8:30",
        "deadline=2030-01-31 08:30:00",
    ],
)
def test_a_type_that_oar_knows_passes(word: str) -> None:
    check_types([word])


@pytest.mark.parametrize("word", ["deploys", "noops", "", "Besteffort", "token", "token=3"])
def test_a_type_that_means_nothing_here_is_refused_with_those_that_do(word: str) -> None:
    with pytest.raises(BadJobType, match=re.escape(f"unknown job type: {word}; known: besteffort, idemp")):
        check_types([word])


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("besteffort=1", "has a value; write besteffort"),
        ("noop=now", "has a value that means nothing; write noop or noop=standby"),
        ("state", "has no value; write state=permissive"),
        ("state=strict", "has a value that means nothing; write state=permissive"),
        ("timesharing", "has no value; write timesharing=A,B with user or * for A and name or * for B"),
        ("timesharing=user", "has a value that means nothing; write timesharing=A,B"),
        ("timesharing=user,user", "has a value that means nothing"),
        ("timesharing=user, name", "has a value that means nothing"),
        ("placeholder=", "has an empty name; write placeholder=NAME"),
        ("allowed=a b", "has a name with more than letters, digits and _; write allowed=NAME"),
        ("container=", "has an empty name; write container or container=NAME"),
        ("container=12", "has a name that looks like the number of a job; write container or container=NAME"),
        ("inner", "has no value; write inner=JOB or inner=NAME of a container"),
        ("deadline=soon", "is wrong: date 'soon' is not understood; write deadline=YYYY-MM-DD hh:mm:ss"),
        ("expire=2030-02-31", "is wrong: date '2030-02-31' does not exist"),
    ],
)
def test_a_value_that_means_nothing_is_refused_with_what_would(word: str, told: str) -> None:
    with pytest.raises(BadJobType, match=re.escape(f"job type '{word}' {told}")):
        check_types([word])


def test_two_values_of_one_type_are_refused() -> None:
    with pytest.raises(BadJobType, match="'inner=1' and 'inner=2' exclude each other; give one of them"):
        check_types(["inner=1", "noop", "inner=2"])


@pytest.mark.parametrize(
    "one", ["priority=0.5", "priority=-3", "priority=1e3", "qos=0", "qos=1", "nice=0.25"]
)
def test_types_that_the_order_of_jobs_reads_hold_numbers(one):
    check_types([one])


@pytest.mark.parametrize(
    ("one", "right"),
    [
        ("priority=high", "has a value that is no number; write priority=NUMBER"),
        ("priority", "has no value; write priority=NUMBER"),
        ("priority=nan", "has no value to count with"),
        ("qos=2", "is out of its bounds; write qos=NUMBER between 0 and 1"),
        ("nice=-0.1", "is out of its bounds"),
    ],
)
def test_a_type_of_the_order_of_jobs_with_a_wrong_number_is_refused(one, right):
    with pytest.raises(BadJobType, match=right):
        check_types([one])
