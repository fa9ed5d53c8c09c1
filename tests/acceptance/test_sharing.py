"""Jobs on the same cores at the same time: by sharing, in a container, over a placeholder."""

import pytest

from tests.acceptance.site import Site

pytestmark = pytest.mark.best_bed

EVERYTHING = ("-l", "nodes=3,walltime=0:5:0")


def test_the_end_of_a_job_leaves_the_one_that_shares_its_cores_alone(site: Site) -> None:
    marks = [site.lasting(), site.lasting()]
    first, second = (site.submit(*EVERYTHING, "-t", "timesharing=user,*", f"sleep {mark}") for mark in marks)
    for mark in marks:
        site.until_processes(mark, 1)
    assert site.nodes_of(first) == site.nodes_of(second)
    site.output("oardel", str(first))
    site.until_ended(first)
    site.until_no_process(marks[0])
    assert len(site.processes(marks[1])) >= 1
    assert site.job(second).state == "Running"
    site.output("oardel", str(second))
    site.until_ended(second)


def test_inner_jobs_run_on_the_cores_of_their_container_and_others_wait(site: Site) -> None:
    container = site.submit(*EVERYTHING, "-t", "container=box", "-t", "noop")
    inner = site.submit("-l", "nodes=2,walltime=0:1:0", "-t", f"inner={container}", "sort -u $OAR_NODEFILE")
    named = site.submit("-l", "core=1,walltime=0:1:0", "-t", "inner=box", "true")
    other = site.submit("-l", "core=1,walltime=0:1:0", "true")
    site.until_terminated(inner, named)
    assert set(site.read(f"OAR.{inner}.stdout").split()) == site.nodes_of(inner)
    assert (site.job(container).state, site.job(other).state) == ("Running", "Waiting")
    site.output("oardel", str(container))
    site.until_terminated(other)


def test_c11_an_inner_job_left_without_its_container_ends_in_error(site: Site) -> None:
    container = site.submit(*EVERYTHING, "-t", "container", "-t", "noop")
    site.until_state(container, "Running")
    waits = site.submit("-l", "nodes=3,walltime=0:9:0", "-t", f"inner={container}", "true")
    site.until("a reason", lambda: "container" in site.output("oarstat", "--why", str(waits)))
    site.output("oardel", str(container))
    (ended,) = site.until_ended(waits)
    assert (ended.state, site.states(waits)) == ("Error", ["Waiting", "toError", "Error"])
    assert ended.message.startswith(f"Job will never run (inner={container}: ")


def test_t6_a_job_that_is_allowed_runs_over_a_placeholder(site: Site) -> None:
    placeholder = site.submit(*EVERYTHING, "-t", "placeholder=yop", "-t", "noop")
    site.until_state(placeholder, "Running")
    job = site.submit("-l", "nodes=3,walltime=0:1:0", "-t", "allowed=yop", "true")
    site.until_terminated(job)
    assert site.job(placeholder).state == "Running"
    site.output("oardel", str(placeholder))
    site.until_ended(placeholder)
