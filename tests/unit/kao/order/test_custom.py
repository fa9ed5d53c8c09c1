"""Orders of a site, and the one that comes with OAR."""

import pytest

from oar.kao.order import CustomOrder
from oar.kao.order.custom import BadOrder
from oar.kao.order.simple_priority import BadConfig, simple_priority
from tests.unit.kao.order.build import NOW, facts, ids, job


def test_a_higher_priority_comes_first_and_none_counts_as_0():
    jobs = [job(1), job(2, types={"priority": "0.5"}), job(3, types={"priority": "-1"})]
    assert ids(simple_priority(jobs, facts(), {})) == [2, 1, 3]


@pytest.mark.parametrize("written", ["x", "nan", "inf", ""])
def test_a_priority_that_is_no_number_counts_as_0(written):
    jobs = [job(1, types={"priority": written}), job(2, types={"priority": "0.1"}), job(3)]
    assert ids(simple_priority(jobs, facts(), {})) == [2, 1, 3]


def test_waiting_adds_to_the_priority_when_it_has_a_weight():
    jobs = [job(1, types={"priority": "5"}), job(2, submitted=NOW - 100)]
    assert ids(simple_priority(jobs, facts(), {"waiting_time_weight": 0.1})) == [2, 1]


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        ({"waiting": 1}, "unknown key waiting, known is waiting_time_weight"),
        ({"waiting_time_weight": "x"}, "waiting_time_weight: x: expected a number"),
        ({"waiting_time_weight": float("nan")}, "expected a number"),
        ({"waiting_time_weight": True}, "expected a number"),
    ],
)
def test_a_configuration_that_is_not_understood_is_refused(config, complaint):
    with pytest.raises(BadConfig, match=complaint):
        simple_priority([], facts(), config)


def test_an_order_of_a_site_gets_the_jobs_by_their_id():
    seen = []
    order = CustomOrder(lambda jobs, _facts, _config: seen.extend(ids(jobs)) or jobs)
    order.sort([job(2), job(3), job(1)], facts())
    assert seen == [1, 2, 3]


@pytest.mark.parametrize(
    "wrong",
    [
        lambda jobs: jobs[1:],
        lambda jobs: [*jobs, jobs[0]],
        lambda jobs: [*jobs[1:], jobs[1]],
        lambda _jobs: [job(9)],
    ],
    ids=["one is lost", "one is doubled", "one stands for another", "one is made up"],
)
def test_an_order_that_does_not_give_the_same_jobs_is_refused(wrong):
    with pytest.raises(BadOrder, match="of 3 jobs it gave"):
        CustomOrder(lambda jobs, _facts, _config: wrong(jobs)).sort([job(1), job(2), job(3)], facts())


def test_a_generator_may_give_the_order():
    order = CustomOrder(lambda jobs, _facts, _config: reversed(jobs))
    assert ids(order.sort([job(1), job(2)], facts())) == [2, 1]
