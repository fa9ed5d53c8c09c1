"""What a job gets on a node, as the kernel enforces it; needs the right to make cgroups."""

import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from oar.node.device_filter import attach, device_filter
from oar.node.processes import describe
from oar.remote.programs import LaunchData, init_program
from tests.integration.node_kit import KINDS, Node, open_node, wait_for

pytestmark = pytest.mark.integration

BOMB = """python3 -I -S -c 'import os
while True:
    try:
        os.fork()
    except OSError:
        pass'
"""
RABBITS = """for i in 1 2 3 4; do
    python3 -I -S -c 'import os
while True:
    if os.fork():
        os._exit(0)' &
done
sleep 300
"""
"""Each process of these lives for a moment: its number is another one's before a signal reaches it."""
OF_CGROUPS = [kind for kind in KINDS if kind == "cgroups"]


@pytest.fixture(params=OF_CGROUPS)
def node(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Node]:
    with open_node(tmp_path, request.param) as node:
        yield node


def group_files(node: Node, job: LaunchData, name: str) -> list[Path]:
    """Find a file of the job's groups, whatever the hierarchy."""
    root = Path("/sys/fs/cgroup")
    tops = [root, *(path for path in root.iterdir() if path.is_dir())]
    files = {Path(f"{top.resolve()}{node.cpuset_path}/{job.cpuset_name}/{name}") for top in tops}
    return [file for file in files if file.exists()]


def told(node: Node, job: LaunchData, *names: str) -> str:
    """Read the first file of the job's groups that is there."""
    (file,) = [file for name in names for file in group_files(node, job, name)][:1]
    return file.read_text().strip()


def living(node: Node, job: LaunchData) -> set[str]:
    return {pid for file in group_files(node, job, "cgroup.procs") for pid in file.read_text().split()}


def test_memory_is_limited_to_the_share_of_the_processors(node: Node) -> None:
    node.limits = {"memory_limit": True}
    job = node.job("true")
    assert node.init(job).returncode == 0
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limit = told(node, job, "memory.max", "memory.limit_in_bytes")
    if os.cpu_count() == 1:
        assert limit == "max" or int(limit) >= total
    else:
        assert 0 < int(limit) < total


def test_a_job_has_no_more_processes_than_the_site_allows(node: Node) -> None:
    node.limits = {"processes_limit": 30}
    command = "for i in $(seq 60); do sleep 300 & done 2> refused; wait"
    job = node.launch(node.job(f"bash -c '{command}'"))
    assert wait_for(lambda: node.text("refused"))
    assert len(living(node, job)) <= 30
    assert told(node, job, "pids.max") == "30"


def test_memory_comes_from_the_nodes_of_the_processors(node: Node) -> None:
    job = node.job("true")
    assert node.init(job).returncode == 0
    assert told(node, job, "cpuset.mems") != ""


@pytest.mark.parametrize(("command", "count"), [(BOMB, 150), (RABBITS, 5)], ids=["bomb", "rabbits"])
def test_processes_that_fork_without_end_are_gone_after_clean(node: Node, command: str, count: int) -> None:
    node.limits = {"processes_limit": 200}
    (node.home / "forks").write_text(command)
    job = node.launch(node.job("exec sh ./forks"))
    assert wait_for(lambda: len(living(node, job)) >= count)
    cleaned = node.clean(job)
    assert cleaned.returncode == 0, cleaned.stderr
    assert not group_files(node, job, "cgroup.procs")


def frozen_above(node: Node) -> Path | None:
    """Find the file that freezes all jobs of the node; None where only v2 has one."""
    file = Path(f"/sys/fs/cgroup/freezer{node.cpuset_path}/freezer.state")
    return file if file.exists() else None


def test_processes_that_cannot_die_are_given_up_with_a_reason(node: Node) -> None:
    """In v1 a process does not die while a group above its own is frozen: as if the kernel held it."""
    node.limits = {"ssh_timeout_s": 2}
    job = node.launch(node.job("echo $$ > pid; sleep 300"))
    assert wait_for(lambda: node.text("pid"))
    file = frozen_above(node)
    if file is None:
        assert node.clean(job).returncode == 0
        return
    file.write_text("FROZEN")
    try:
        begin = time.monotonic()
        cleaned = node.clean(job)
        assert time.monotonic() - begin < 20
        assert cleaned.returncode == 6
        last = cleaned.stderr.decode().splitlines()[-1]
        assert "processes do not die: " in last
        assert "in state D" in last
        assert not (node.directory / f"{job.cpuset_name}.env").exists()
    finally:
        file.write_text("THAWED")
    assert node.clean(job).returncode == 0


GPUS = {"nvidia0": (1, 7), "nvidia1": (1, 8)}
"""Files that stand for GPUs, with the numbers of devices that every machine has: full and random."""
OPENED = "for name in full random null; do (: < /dev/$name) 2> /dev/null && echo $name; done; true"


@pytest.fixture
def gpus(tmp_path: Path) -> Path:
    """A folder that stands for the node's /, with two GPUs."""
    (tmp_path / "root" / "dev").mkdir(parents=True)
    for name, numbers in GPUS.items():
        os.mknod(tmp_path / "root" / "dev" / name, 0o20666, os.makedev(*numbers))
    return tmp_path / "root"


def init_with_gpus(node: Node, job: LaunchData, gpus: Path) -> "subprocess.CompletedProcess[bytes]":
    program = init_program(job, node.settings)
    return node.run(replace(program, data={**program.data, "device_root": str(gpus)}))


@pytest.mark.parametrize(("gpu", "opened"), [(0, "full\nnull\n"), (1, "random\nnull\n"), (None, "null\n")])
def test_a_job_can_open_its_own_gpus_only(node: Node, gpus: Path, gpu: int | None, opened: str) -> None:
    node.limits = {"gpu_property": "gpudevice"}
    job = node.job(OPENED)
    job = replace(job, resources=[{**job.resources[0], "gpudevice": gpu}])
    for _ in range(2):
        assert init_with_gpus(node, job, gpus).returncode == 0
    assert node.start(job).returncode == 0
    assert node.hears(node.report(0, 0))
    assert node.text("out") == opened


def test_a_gpu_that_the_node_does_not_have_makes_init_fail_with_5(node: Node, gpus: Path) -> None:
    node.limits = {"gpu_property": "gpudevice"}
    job = node.job("true")
    job = replace(job, resources=[{**job.resources[0], "gpudevice": 4}])
    prepared = init_with_gpus(node, job, gpus)
    assert prepared.returncode == 5
    assert "the node has no GPU 4" in prepared.stderr.decode()


def unified_tops() -> list[str]:
    """List where groups of cgroup v2 can be made."""
    tops = (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/unified"))
    return [str(top) for top in tops if os.access(top / "cgroup.subtree_control", os.W_OK)]


@pytest.mark.parametrize("top", unified_tops())
def test_the_filter_of_v2_denies_what_it_names_however_often_it_is_attached(top: str) -> None:
    group = Path(top, f"oar_test_devices_{os.getpid()}")
    group.mkdir()
    try:
        for _ in range(2):
            attach(device_filter([("c", *GPUS["nvidia0"])]), str(group))
        command = f"echo $$ > {group}/cgroup.procs; {OPENED}"
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
        assert done.stdout == "random\nnull\n"
    finally:
        group.rmdir()


def test_a_process_is_named_with_its_state() -> None:
    assert describe([os.getpid()]).startswith(f"{os.getpid()} ")
    assert describe([os.getpid()]).endswith((" in state R", " in state S"))
