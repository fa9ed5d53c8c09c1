"""What jobs get on nodes and what they leave, on a site that limits and cleans; needs root for its nodes."""

import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from oar.dev.namespaces import NamespacesBed
from tests.acceptance.site import Site, new_site

pytestmark = pytest.mark.bed("namespaces")

PIDS_LIMIT = 150
LIMITS = {
    "CGROUP_PIDS_LIMIT": str(PIDS_LIMIT),
    "CGROUP_MEMORY_LIMIT": "yes",
    "CGROUP_GPU_PROPERTY": "gpudevice",
    "CLEAN_USER_DIRECTORIES": "/tmp /var/tmp /dev/shm",
}
ON_NODE1 = ("-l", "core=1", "-p", "network_address = 'node1'")
WAIT = "while [ ! -e {} ]; do sleep 0.1; done"
LEAVE = (
    "mkdir -p /tmp/{0}/deep; touch /tmp/{0}/deep/file /dev/shm/{0} /var/tmp/{0}; ipcmk -M 4096 > /dev/null"
)
BOMB = """python3 -I -S -c 'import os
while True:
    try:
        os.fork()
    except OSError:
        pass'
"""


@pytest.fixture(scope="module")
def limited() -> Iterator[Site]:
    with new_site(NamespacesBed, **LIMITS) as site:
        site.output("oarproperty", "-a", "gpudevice", user="root")
        yield site


@pytest.fixture
def site(limited: Site) -> Iterator[Site]:
    yield limited
    limited.settle()


def on(site: Site, node: str, script: str) -> str:
    """Run a script of root on a node; returns what it prints."""
    bed = site.cluster.bed
    assert isinstance(bed, NamespacesBed)
    command = bed.on_member(node, ["sh", "-ec", script])
    done = subprocess.run(
        command.argv, env=dict(command.environment), cwd="/", capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def left(site: Site, node: str, name: str) -> list[str]:
    """List what a job has left on a node: files with this name, segments of shared memory."""
    files = on(site, node, f"find /tmp /var/tmp /dev/shm -name {name} -o -name '{name}.*'").split()
    return files + on(site, node, "tail -n +2 /proc/sysvipc/shm").splitlines()


def test_what_a_user_leaves_on_a_node_goes_with_the_last_job(site: Site) -> None:
    job = site.submit(*ON_NODE1, LEAVE.format("left"))
    site.until_terminated(job)
    assert left(site, "node1", "left") == []


def test_it_stays_while_another_job_of_the_user_is_there(site: Site) -> None:
    second = site.submit(*ON_NODE1, WAIT.format("go"))
    site.until_state(second, "Running")
    site.until_terminated(site.submit(*ON_NODE1, LEAVE.format("kept")))
    assert len(left(site, "node1", "kept")) == 4
    site.write("go", "")
    site.until_terminated(second)
    (site.home / "go").unlink()
    assert left(site, "node1", "kept") == []


def test_files_of_others_and_of_the_system_stay(site: Site) -> None:
    on(site, "node1", "touch /tmp/of.root; touch /tmp/of.bob; chown bob /tmp/of.bob")
    on(site, "node1", "touch /tmp/of.oar; chown oar /tmp/of.oar")
    site.until_terminated(site.submit(*ON_NODE1, "true"))
    assert sorted(left(site, "node1", "of")) == ["/tmp/of.bob", "/tmp/of.oar", "/tmp/of.root"]


def test_a_job_that_forks_without_end_is_deleted_and_its_node_stays_alive(site: Site) -> None:
    name = site.write("bomb", BOMB)
    job = site.submit(*ON_NODE1, f"sh ./{name}")
    procs = f"/sys/fs/cgroup/pids/oar/alice_{job}/pids.current"
    site.until_state(job, "Running")
    site.until("the bomb is off", lambda: int(on(site, "node1", f"cat {procs}")) >= PIDS_LIMIT - 10)
    site.output("oardel", str(job))
    site.until_ended(job)
    assert site.node_states("node1") == {"Alive"}
    assert on(site, "node1", f"ls -d /sys/fs/cgroup/*/oar/alice_{job} 2>/dev/null || true") == ""


def test_memory_and_processes_are_limited_by_the_site(site: Site) -> None:
    files = ("memory/oar/alice_$OAR_JOB_ID/memory.limit_in_bytes", "pids/oar/alice_$OAR_JOB_ID/pids.max")
    job = site.submit(*ON_NODE1, "cat " + " ".join(f"/sys/fs/cgroup/{file}" for file in files))
    site.until_terminated(job)
    memory, processes = site.read(f"OAR.{job}.stdout").split()
    total_kb = int(on(site, "node1", "awk '/MemTotal/ {print $2}' /proc/meminfo"))
    assert int(memory) < total_kb * 1024
    assert processes == str(PIDS_LIMIT)


def test_a_job_has_its_own_gpu_and_not_the_other(site: Site) -> None:
    """Two device files stand for GPUs; they have the numbers of devices that every machine has."""
    on(site, "node1", "mknod -m 666 /dev/nvidia0 c 1 7; mknod -m 666 /dev/nvidia1 c 1 8")
    cores = [row[0] for row in site.rows("SELECT resource_id FROM resources WHERE network_address = 'node1'")]
    for number, core in enumerate(sorted(cores)):
        site.output("oarnodesetting", "-r", str(core), "-p", f"gpudevice={number}", user="root")
    try:
        script = "for n in 0 1; do (: < /dev/nvidia$n) 2> /dev/null && echo $n; done; true"
        wish = ("-l", "core=1", "-p", "network_address = 'node1' AND gpudevice = {}")
        jobs = [site.submit(*wish[:3], wish[3].format(number), script) for number in (0, 1)]
        site.until_terminated(*jobs)
        assert [site.read(f"OAR.{job}.stdout") for job in jobs] == ["0\n", "1\n"]
    finally:
        on(site, "node1", "rm /dev/nvidia0 /dev/nvidia1")
        with site.engine.connect() as connection:
            connection.exec_driver_sql("UPDATE resources SET gpudevice = NULL")


FROZEN = Path("/sys/fs/cgroup/freezer/oar/freezer.state")


def test_a_node_that_cannot_be_cleaned_is_suspected_with_the_reason_and_only_it(site: Site) -> None:
    """A process does not die while a group above its own is frozen: as if the kernel held it."""
    job = site.submit("-l", "nodes=2", "-p", "network_address <> 'node3'", WAIT.format("end"))
    site.until_state(job, "Running")
    group = f"/sys/fs/cgroup/freezer/oar/alice_{job}/cgroup.procs"
    stray = shlex.quote(f"echo $$ > {group}; exec sleep {site.lasting()}")
    on(site, "node2", f"setsid sh -c {stray} > /dev/null 2>&1 < /dev/null & sleep 0.2")
    site.until("the stray is there", lambda: on(site, "node2", f"cat {group}").strip())
    on(site, "node2", f"echo FROZEN > {FROZEN}")
    try:
        site.write("end", "")
        site.until_terminated(job)
        assert site.nodes_of_events(job) == {"node2"}
        site.until("node2 is Suspected", lambda: site.node_states("node2") == {"Suspected"})
        assert site.node_states("node1") == site.node_states("node3") == {"Alive"}
        said = site.output("oarstat", "-e", "-j", str(job))
        assert "CPUSET_CLEAN_ERROR" in said
        assert "processes do not die" in said
    finally:
        on(site, "node2", f"echo THAWED > {FROZEN}")
        (site.home / "end").unlink()
