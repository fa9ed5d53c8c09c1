"""Jobs that work on frontends, checks of nodes, healing, and what users and administrators are told."""

import subprocess
from collections.abc import Iterator

import pytest

from oar.dev.choice import possible_beds
from oar.dev.namespaces import NamespacesBed
from tests.acceptance.site import Site, new_site
from tests.acceptance.terminal import at_terminal

FRONTEND = "node3"
KEYS = {
    "DEPLOY_HOSTNAME": FRONTEND,
    "COSYSTEM_HOSTNAME": FRONTEND,
    "FINAUD_FREQUENCY": "1",
    "DEAD_SWITCH_TIME": "0",
}
ON_NODE1 = ("-l", "nodes=1", "-p", "network_address = 'node1'")


@pytest.fixture(scope="module")
def own_site() -> Iterator[Site]:
    """A cluster whose third node is a frontend as well."""
    with new_site(possible_beds(lambda _words: None)[0], **KEYS) as site:
        site.output("oarnodesetting", "-p", "deploy=YES", "-h", "node1", "-h", "node2", user="root")
        yield site


@pytest.fixture
def front(own_site: Site) -> Iterator[Site]:
    yield own_site
    own_site.settle()


def name_of_machine(site: Site) -> str:
    return "hostname" if site.kind == "namespaces" else "echo $OAR_NODE"


@pytest.mark.parametrize("word", ["deploy", "cosystem"])
def test_a_job_that_leaves_its_nodes_alone_works_on_the_frontend(front: Site, word: str) -> None:
    job = front.submit("-t", word, *ON_NODE1, f"{name_of_machine(front)}; cat $OAR_NODEFILE; env; id -un")
    front.until_terminated(job)
    lines = front.read(f"OAR.{job}.stdout").splitlines()
    assert lines[:3] == [FRONTEND, "node1", "node1"]
    assert "OAR_CPUSET" not in {line.partition("=")[0] for line in lines}
    assert lines[-1] == front.cluster.bed.user


def test_a_deploy_job_that_is_deleted_leaves_nothing_on_the_frontend(front: Site) -> None:
    mark = front.lasting()
    job = front.submit("-t", "deploy", *ON_NODE1, f"sleep {mark}")
    front.until_processes(mark, 1)
    front.output("oardel", str(job))
    front.until_ended(job)
    front.until_no_process(mark)
    assert front.node_states("node1") == front.node_states(FRONTEND) == {"Alive"}


def test_the_shell_of_a_job_on_a_frontend_ends_with_the_job(front: Site) -> None:
    mark = front.lasting()
    with at_terminal(front.cluster, "oarsub", "-I", "-t", "cosystem", *ON_NODE1) as terminal:
        job = int(terminal.until(r"OAR_JOB_ID=(\d+)")[1])
        front.until_state(job, "Running")
        terminal.until(r"Connect to OAR job \d+ via node node3")
        terminal.type(f"sleep {mark}\n")
        front.until_processes(mark, 1)
        front.output("oardel", str(job))
        terminal.until("Job was terminated")
    front.until_ended(job)
    front.until_no_process(mark)


def test_a_frontend_that_is_dead_suspects_no_node_of_the_job(front: Site) -> None:
    front.cluster.stop_node(FRONTEND)
    job = front.submit("-t", "deploy", *ON_NODE1, "true")
    assert front.until_ended(job)[0].state == "Error"
    assert front.node_states("node1") == {"Alive"}
    assert "RESUBMIT_JOB_AUTOMATICALLY" not in front.events(job)


def test_a_node_that_dies_is_suspected_by_the_check_and_alive_when_it_is_back(front: Site) -> None:
    front.cluster.stop_node("node2")
    front.until("node2 is Suspected", lambda: front.node_states("node2") == {"Suspected"})
    front.cluster.start_node("node2")
    front.until("node2 is Alive", lambda: front.node_states("node2") == {"Alive"})
    sql = "SELECT type FROM event_logs JOIN event_log_hostnames USING (event_id) WHERE hostname = 'node2'"
    kinds = [row[0] for row in front.rows(f"{sql} ORDER BY event_id")]
    assert [kind for kind in kinds if kind.startswith("FINAUD")] == ["FINAUD_ERROR", "FINAUD_RECOVER"]


@pytest.mark.parametrize(
    "keys",
    [
        {"PINGCHECKER_TAKTUK_ARG_COMMAND": "broadcast exec timeout 5 kill 9 [ true ]"},
        {"PINGCHECKER_SENTINELLE_SCRIPT_COMMAND": "/usr/lib/oar/sentinelle.pl -t 30 -w 20"},
    ],
    ids=["taktuk", "sentinelle"],
)
def test_nodes_are_asked_as_the_configuration_of_oar_2_says(keys: dict[str, str]) -> None:
    with new_site(possible_beds(lambda _words: None)[0], FINAUD_FREQUENCY="1", **keys) as site:
        site.until_terminated(site.submit(*ON_NODE1, "true"))
        site.cluster.stop_node("node2")
        site.until("node2 is Suspected", lambda: site.node_states("node2") == {"Suspected"})
        assert site.node_states("node1") == site.node_states("node3") == {"Alive"}
        site.cluster.start_node("node2")
        site.until("node2 is Alive", lambda: site.node_states("node2") == {"Alive"})


@pytest.mark.bed("namespaces")
def test_a_user_s_program_is_told_as_the_user_with_all_its_arguments(front: Site) -> None:
    assert isinstance(front.cluster.bed, NamespacesBed)
    told = front.home / "told"
    script = '#!/bin/sh\nprintf "%s|" "$(id -un)" "$#" "$@" >> $HOME/told; echo >> $HOME/told\n'
    program = front.home / front.write("tell.sh", script)
    job = front.submit("--notify", f"[RUNNING,END] exec:{program} --mark", *ON_NODE1, "true")
    front.until_terminated(job)
    front.until("both were told", lambda: told.exists() and len(told.read_text().splitlines()) == 2)
    user = front.cluster.bed.user
    assert told.read_text().splitlines() == [
        f"{user}|5|--mark|{job}||RUNNING|Job is running.|",
        f"{user}|5|--mark|{job}||END|Job stopped normally.|",
    ]
    front.until("it is on record", lambda: front.events(job).count("USER_EXEC_NOTIFICATION") == 2)


@pytest.mark.bed("namespaces")
def test_a_program_that_fails_harms_no_job_and_is_on_record(front: Site) -> None:
    job = front.submit("--notify", "[RUNNING] exec:/nowhere/at/all", *ON_NODE1, "true")
    front.until_terminated(job)
    kind = "USER_EXEC_NOTIFICATION_ERROR"
    front.until("the failure is on record", lambda: kind in front.events(job))
    sql = "SELECT description FROM event_logs WHERE job_id = :id AND type = :kind"
    assert "/nowhere/at/all" in front.value(sql, id=job, kind=kind)


def test_a_job_in_a_directory_that_is_not_there_says_so_and_suspects_nobody(front: Site) -> None:
    job = front.submit("-d", "/nowhere", *ON_NODE1, "true")
    (ended,) = front.until_ended(job)
    assert (ended.state, ended.message) == ("Error", "cannot enter the working directory /nowhere on node1")
    assert "WORKING_DIRECTORY" in front.events(job)
    assert front.node_states("node1") == {"Alive"}


def test_output_files_that_cannot_be_made_are_the_fault_of_the_job(front: Site) -> None:
    job = front.submit("-O", "/nowhere/out", *ON_NODE1, "true")
    (ended,) = front.until_ended(job)
    assert ended.state == "Error"
    assert ended.message.startswith("cannot open the output files /nowhere/out")
    assert "OUTPUT_FILES" in front.events(job)
    assert front.node_states("node1") == {"Alive"}


def test_each_job_of_an_array_has_its_files(front: Site) -> None:
    jobs = front.submit_all(
        "--array",
        "2",
        "-n",
        "run",
        "-O",
        "%jobname%.%jobid%.out",
        "-E",
        "/dev/null",
        *ON_NODE1,
        "echo $OAR_ARRAY_INDEX",
    )
    front.until_terminated(*jobs)
    assert [front.read(f"run.{job}.out") for job in jobs] == ["1\n", "2\n"]


@pytest.mark.bed("namespaces")
def test_a_node_whose_disk_is_full_is_suspected_and_the_job_runs_elsewhere(front: Site) -> None:
    bed = front.cluster.bed
    assert isinstance(bed, NamespacesBed)
    fill = "cd /var/lib; mount -t tmpfs -o size=16k tmpfs oar && chown oar: oar; cat /dev/zero > oar/full"
    _as_root(bed, "node1", fill)
    try:
        job = front.submit("-l", "nodes=1", "-p", "network_address <> 'node3'", "cat $OAR_NODEFILE")
        front.until_ended(job)
        front.until("node1 is Suspected", lambda: front.node_states("node1") == {"Suspected"})
        (again,) = front.rows("SELECT job_id FROM jobs WHERE resubmit_job_id = :id", id=job)
        front.until_terminated(again[0])
        assert set(front.read(f"OAR.{again[0]}.stdout").split()) == {"node2"}
    finally:
        _as_root(bed, "node1", "umount -l /var/lib/oar")


def _as_root(bed: NamespacesBed, node: str, script: str) -> None:
    command = bed.on_member(node, ["sh", "-c", script])
    subprocess.run(command.argv, env=dict(command.environment), check=False, capture_output=True)
