"""Nodes that die, fall silent and come back."""

import pytest

from oar.dev.namespaces import NamespacesBed
from tests.acceptance.site import Site

ON_NODE2 = ("-l", "core=1", "-p", "network_address = 'node2'")
ELSEWHERE = ("-l", "core=1", "-p", "network_address <> 'node2'")


def test_a_job_whose_node_is_dead_ends_with_an_event_that_names_the_node(site: Site) -> None:
    site.cluster.stop_node("node2")
    job = site.submit(*ON_NODE2, "true")
    assert site.until_ended(job)[0].state == "Error"
    assert site.nodes_of_events(job) == {"node2"}
    assert "node2" in site.output("oarstat", "-e", "-j", str(job))
    site.until("node2 is Suspected", lambda: site.node_states("node2") == {"Suspected"})
    assert site.node_states("node1") == site.node_states("node3") == {"Alive"}


@pytest.mark.best_bed
def test_a_node_that_came_back_runs_jobs_once_it_is_set_alive(site: Site) -> None:
    site.cluster.stop_node("node2")
    site.until_ended(site.submit(*ON_NODE2, "true"))
    site.cluster.start_node("node2")
    site.output("oarnodesetting", "-h", "node2", "-s", "Alive", user="root")
    job = site.submit(*ON_NODE2, "cat $OAR_NODEFILE")
    site.until_terminated(job)
    assert site.read(f"OAR.{job}.stdout") == "node2\n"


@pytest.mark.bed("namespaces")
def test_a_node_off_the_network_delays_no_job_of_other_nodes(site: Site) -> None:
    bed = site.cluster.bed
    assert isinstance(bed, NamespacesBed)
    bed.cut_node("node2")
    try:
        lost = site.submit(*ON_NODE2, "true")
        site.until_state(lost, "Launching")
        site.until_terminated(*site.submit_all(*ELSEWHERE, "--array", "4", "true"))
        assert site.job(lost).state == "Launching"
        assert site.until_ended(lost)[0].state == "Error"
        assert site.nodes_of_events(lost) == {"node2"}
    finally:
        bed.mend_node("node2")


@pytest.mark.best_bed
def test_a_running_job_whose_node_died_can_be_deleted(site: Site) -> None:
    job = site.submit(*ON_NODE2, "sleep 600")
    site.until_state(job, "Running")
    site.cluster.stop_node("node2")
    site.output("oardel", str(job))
    assert site.until_ended(job)[0].state == "Error"
    site.until("node2 is Suspected", lambda: site.node_states("node2") == {"Suspected"})


def test_a_job_over_two_nodes_ends_when_its_second_node_died(site: Site) -> None:
    wish = ("-l", "nodes=2", "-p", "network_address <> 'node3'")
    job = site.submit(*wish, "while [ ! -e go ]; do sleep 0.1; done; rm go; exit 4")
    site.until_state(job, "Running")
    site.cluster.stop_node("node2")
    site.write("go", "")
    assert site.until_terminated(job)[0].exit_code == 4 << 8
    site.until("node2 is Suspected", lambda: site.node_states("node2") == {"Suspected"})
    assert site.nodes_of_events(job) == {"node2"}
