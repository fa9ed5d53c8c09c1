"""Rounds that may not look at all jobs: the first in order always, the others in turns."""

from dataclasses import replace

import pytest

from oar.core.job import JobId
from oar.kamelot import Rules
from oar.kao.order import CustomOrder, Orders
from oar.kao.round import run_round
from oar.kao.tell import BEHIND
from oar.kao.turn_state import Turns
from oar.kao.turns import Shares
from oar.testing import make_running, make_waiting, make_world

RULES = Rules(security_time_s=0)
NOW = 1000


class Rounds:
    """Rounds one after the other: nothing starts, the plan is stored, turns are kept."""

    def __init__(self, *jobs, limit=4, running=()):
        self.world = make_world(*jobs, now=NOW, running=tuple(running))
        self.limit = limit
        self.decisions = None
        self.order = range(100)

    def run(self, **changes):
        self.world = replace(self.world, **changes)
        order = CustomOrder(
            lambda jobs, _facts, _config: sorted(jobs, key=lambda job: self.order[job.job_id])
        )
        self.decisions = run_round(
            self.world, RULES, orders=Orders(order), jobs_per_group=self.limit, check_plan=True
        )
        assert self.decisions.flaws == ()
        told = {**self.world.told, **self.decisions.told}
        turns = self.world.turns.after(self.decisions.took)
        self.world = replace(self.world, plan=self.decisions.plan, told=told, turns=turns)
        return self.decisions

    @property
    def starts(self):
        return {one.job_id: one.start_time for one in self.decisions.plan}

    @property
    def looked_at(self):
        return sorted(self.decisions.took.looked_at)


def whole(*numbers):
    """Make jobs of a minute that need all nodes."""
    return [make_waiting(number, "nodes=3,walltime=0:1:0") for number in numbers]


ALL_TAKEN = make_running(99, range(1, 7), start_time=NOW, walltime_s=600)


@pytest.mark.parametrize(
    ("limit", "shares"),
    [(1, (1, 0, 0)), (2, (1, 1, 0)), (3, (2, 1, 0)), (4, (2, 1, 1)), (1000, (500, 250, 250))],
)
def test_half_of_the_limit_is_for_the_first_jobs_in_order(limit, shares):
    found = Shares.of(limit)
    assert (found.first, found.in_turn, found.due) == shares


@pytest.mark.parametrize("limit", [2, 3, 4, 5])
def test_p11_the_first_round_looks_at_as_many_jobs_as_the_limit_says_in_their_order(limit):
    rounds = Rounds(*whole(1, 2, 3, 4, 5, 6), limit=limit)
    rounds.run()
    assert list(rounds.starts) == list(range(1, limit + 1))


@pytest.mark.parametrize("limit", [2, 3, 4, 7])
def test_p11_every_job_has_a_prediction_after_a_bounded_number_of_rounds(limit):
    rounds = Rounds(*whole(*range(1, 21)), limit=limit, running=[ALL_TAKEN])
    for _ in range(-(-20 // Shares.of(limit).in_turn)):
        rounds.run()
    assert rounds.starts == {number: NOW + 600 + 60 * (number - 1) for number in range(1, 21)}


def test_no_round_looks_at_more_jobs_than_the_limit_says():
    rounds = Rounds(*whole(*range(1, 21)), limit=4, running=[ALL_TAKEN])
    for _ in range(10):
        assert len(rounds.run().took.looked_at) <= 4


def test_the_first_jobs_are_looked_at_in_every_round():
    rounds = Rounds(*whole(*range(1, 21)), limit=4, running=[ALL_TAKEN])
    for _ in range(10):
        rounds.run()
        assert rounds.looked_at[:2] == [1, 2]


def test_jobs_that_are_not_looked_at_keep_what_they_were_told():
    rounds = Rounds(*whole(1, 2, 3, 4, 5), limit=2, running=[ALL_TAKEN])
    rounds.run()
    rounds.run()
    before = rounds.world.told[JobId(2)]
    assert 2 not in rounds.looked_at
    assert rounds.starts[2] == NOW + 660
    assert rounds.world.told[JobId(2)] == before


def test_a_job_that_was_not_looked_at_yet_is_told_so():
    rounds = Rounds(*whole(1, 2, 3, 4, 5), limit=2, running=[ALL_TAKEN])
    rounds.run()
    assert "did not come to it" in rounds.world.told[JobId(5)].reason


def test_a_job_appended_last_moves_nobody():
    jobs = whole(*range(1, 11))
    one, other = Rounds(*jobs, running=[ALL_TAKEN]), Rounds(*jobs, running=[ALL_TAKEN])
    for _ in range(6):
        one.run()
        other.run()
    one.run()
    other.run(waiting=(*jobs, make_waiting(11, "core=1,walltime=0:1:0")))
    assert {job: start for job, start in other.starts.items() if job < 11} == one.starts


def test_a_kept_start_that_an_earlier_job_needs_is_given_up_and_looked_for_again():
    """The first job may start earlier now, where the last one had its place."""
    first = make_waiting(1, "nodes=3,walltime=0:10:0")
    others = whole(2, 3)
    small = make_waiting(4, "nodes=1,walltime=0:5:0")
    rounds = Rounds(first, *others, small, limit=4, running=[make_running(99, [1, 2], NOW, 600)])
    rounds.run()
    assert rounds.starts[4] == NOW
    rounds.limit = 2
    rounds.run(running=())
    assert rounds.starts[1] == NOW
    assert 4 not in rounds.starts or rounds.starts[4] >= NOW + 600


def test_a_later_job_does_not_start_while_an_earlier_one_was_not_looked_at():
    jobs = [make_waiting(number, "core=2,walltime=0:1:0") for number in range(2, 6)]
    seen = Turns(5, {JobId(5): 1, JobId(2): 5, JobId(3): 5, JobId(4): 5}, frozenset({JobId(3)}))
    rounds = Rounds(*jobs, limit=2)
    decisions = rounds.run(turns=seen)
    assert rounds.starts[5] == NOW
    assert [one.job_id for one in decisions.launches] == [2]
    assert decisions.told[JobId(5)].reason == BEHIND


def test_a_kept_start_whose_date_has_come_is_now():
    jobs = [make_waiting(number, "core=2,walltime=0:1:0") for number in range(1, 6)]
    rounds = Rounds(*jobs, limit=2, running=[ALL_TAKEN])
    for _ in range(4):
        rounds.run()
    assert rounds.starts[3] == NOW + 600
    decisions = rounds.run(running=(), now=NOW + 600)
    assert [one.job_id for one in decisions.launches] == [1, 2, 3]


def test_a_kept_start_before_the_end_of_a_required_job_is_given_up():
    first = make_waiting(1, "nodes=3,walltime=0:1:0")
    last = make_waiting(4, "core=1,walltime=0:1:0", dependencies=(1,))
    rounds = Rounds(first, *whole(2, 3), last, limit=4)
    rounds.run()
    assert rounds.starts[4] >= NOW + 60
    rounds.limit = 2
    rounds.run(running=(ALL_TAKEN,))
    assert 4 not in rounds.starts or rounds.starts[4] >= NOW + 660


def test_a_job_without_a_place_does_not_take_the_turn_of_others():
    never = [make_waiting(number, "nodes=4,walltime=0:1:0") for number in range(3, 9)]
    rounds = Rounds(*whole(1, 2), *never, *whole(9, 10), limit=4, running=[ALL_TAKEN])
    for _ in range(8):
        rounds.run()
    assert list(rounds.starts) == [1, 2, 9, 10]
    assert "asks for 4" in rounds.world.told[JobId(5)].reason


def test_an_order_that_changes_starves_nobody():
    """Each round has another order, as fair share may do."""
    rounds = Rounds(*whole(*range(1, 13)), limit=3, running=[ALL_TAKEN])
    seen = set()
    for turn in range(12):
        rounds.order = [(5 * number + 7 * turn) % 13 for number in range(13)]
        rounds.run()
        seen |= set(rounds.looked_at)
    assert seen == set(range(1, 13))
