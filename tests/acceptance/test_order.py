"""In which order jobs run: after those that they depend on, and by what their users had before."""

from collections.abc import Iterator
from itertools import pairwise

import pytest

from tests.acceptance.site import Site

FAIR = "oar_sched_gantt_with_timesharing_and_fairsharing"
"""The scheduler of OAR 2 whose name tells that a queue is fair."""


@pytest.fixture
def fair_queue(site: Site) -> Iterator[str]:
    site.output("oarqueue", "--add", f"fair,5,{FAIR}", user="root")
    yield "fair"
    site.settle()
    site.output("oarqueue", "--remove", "fair", user="root")


@pytest.mark.best_bed
def test_a_chain_of_dependent_jobs_runs_link_by_link(site: Site) -> None:
    first = site.submit("-l", "core=1", "echo 1 >> chain")
    second = site.submit("-l", "core=1", "-a", str(first), "echo 2 >> chain")
    third = site.submit("-l", "core=1", "-a", str(first), "-a", str(second), "echo 3 >> chain")
    jobs = site.until_terminated(first, second, third)
    assert site.read("chain").split() == ["1", "2", "3"]
    assert all(after.start_time >= before.stop_time for before, after in pairwise(jobs))


@pytest.mark.bed("namespaces")
def test_of_two_users_the_one_who_had_less_goes_first_in_a_fair_queue(site: Site, fair_queue: str) -> None:
    used = site.submit("-q", fair_queue, "-l", "nodes=3", "sleep 2")
    site.until_terminated(used)
    site.output("oaraccounting", user="root")
    holder = site.submit("-q", fair_queue, "-l", "nodes=3,walltime=1", "sleep 600", user="bob")
    site.until_state(holder, "Running")
    of_alice = site.submit("-q", fair_queue, "-l", "nodes=3", "true")
    of_bob = site.submit("-q", fair_queue, "-l", "nodes=3", "true", user="bob")
    for one in (of_alice, of_bob):
        site.until(f"job {one} has a place", lambda job=one: "Karma" in site.job(job).message)
    site.output("oardel", str(holder), user="bob")
    alice, bob = site.until_terminated(of_alice, of_bob)
    assert bob.stop_time <= alice.start_time
