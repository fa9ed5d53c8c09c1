"""Nothing of a job survives clean, however it tries, in cgroups and by tracking processes."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from oar.node.cgroup_end import freeze, kill_groups, remove_group
from oar.node.cgroup_make import make_group
from oar.node.manager_job import Job
from tests.integration.node_kit import KINDS, Node, is_alive, open_node, wait_for

pytestmark = pytest.mark.integration

ESCAPES = {
    "nohup": "nohup sh -c 'echo $$ > {pid}; sleep 300' > /dev/null 2>&1 &",
    "session": "setsid sh -c 'echo $$ > {pid}; sleep 300' &",
    "orphan": "(setsid sh -c 'echo $$ > {pid}; sleep 300' &) &",
    "no environment": "(env -i setsid sh -c 'echo $$ > {pid}; sleep 300' &) &",
    "deaf": "(trap '' TERM HUP INT; echo $(exec sh -c 'echo $PPID') > {pid}; while :; do sleep 1; done) &",
    "stopped": "sh -c 'echo $$ > {pid}; kill -STOP $$; sleep 300' &",
    "daemon": (
        f'{sys.executable} -I -S -c "import os, time; os.fork() and os._exit(0); os.setsid(); '
        "os.fork() and os._exit(0); open('{pid}', 'w').write(str(os.getpid())); time.sleep(300)\""
    ),
}


OF_THE_NODE = {"job_manager_lock_file", "oarsh_shell", "bin"}
"""What is there for all jobs, once there was one."""


@pytest.fixture(params=KINDS)
def node(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Node]:
    with open_node(tmp_path, request.param) as node:
        yield node


def escaping_command() -> str:
    lines = [line.replace("{pid}", f"pid{index}") for index, line in enumerate(ESCAPES.values())]
    return "\n".join([*lines, "sleep {after}"])


def escaped(node: Node) -> list[int]:
    texts = [node.text(f"pid{index}").strip() for index in range(len(ESCAPES))]
    return [int(text) for text in texts if text.isdigit()]


def test_processes_that_try_to_escape_die_in_clean(node: Node) -> None:
    job = node.launch(node.job(escaping_command().replace("{after}", "300")))
    assert wait_for(lambda: len(escaped(node)) == len(ESCAPES))
    assert all(is_alive(pid) for pid in escaped(node))
    assert node.clean(job).returncode == 0
    assert [name for name, pid in zip(ESCAPES, escaped(node), strict=True) if is_alive(pid)] == []


def test_processes_that_try_to_escape_are_gone_when_the_job_has_ended(node: Node) -> None:
    job = node.launch(node.job(escaping_command().replace("{after}", "0.5")))
    assert node.hears(node.report(0, 0))
    assert node.clean(job).returncode == 0
    assert len(escaped(node)) == len(ESCAPES)
    assert [name for name, pid in zip(ESCAPES, escaped(node), strict=True) if is_alive(pid)] == []


def test_clean_leaves_no_file_and_no_group(node: Node) -> None:
    job = node.launch(node.job("sleep 300"))
    assert node.clean(job).returncode == 0
    assert {path.name for path in node.directory.iterdir()} == OF_THE_NODE
    assert not list(Path("/sys/fs/cgroup").glob(f"*{node.cpuset_path}/{job.cpuset_name}"))


def test_clean_may_be_repeated_and_needs_no_init(node: Node) -> None:
    job = node.job("true")
    assert [node.clean(job).returncode for _ in range(2)] == [0, 0]


def test_init_of_a_job_that_runs_does_not_touch_it(node: Node) -> None:
    job = node.launch(node.job("echo $$ > pid; sleep 300"))
    assert wait_for(lambda: node.text("pid"))
    assert node.init(job).returncode == 0
    assert is_alive(int(node.text("pid")))


def test_clean_of_one_job_spares_another(node: Node) -> None:
    first, second = (node.job(f"echo $$ > pid{number}; sleep 300") for number in (1, 2))
    for job in (first, second):
        node.launch(job)
    assert wait_for(lambda: node.text("pid1") and node.text("pid2"))
    assert node.clean(first).returncode == 0
    assert not is_alive(int(node.text("pid1")))
    assert is_alive(int(node.text("pid2")))


def test_a_job_has_the_cpu_it_was_given_where_there_are_cgroups(node: Node) -> None:
    node.launch(node.job("grep Cpus_allowed_list /proc/self/status | tr -d '\\t'"))
    assert node.hears(node.report(0, 0))
    allowed = node.text("out").strip().rpartition(":")[2]
    if node.shares_machine:
        assert allowed
    else:
        assert allowed == str(min(os.sched_getaffinity(0)))


def test_a_cpu_that_the_node_does_not_have_makes_init_fail_with_5(node: Node) -> None:
    row = {"resource_id": 1, "network_address": "node1", "type": "default", "cpuset": "9999"}
    prepared = node.init(node.job("true", resources=[row]))
    if node.shares_machine:
        assert prepared.returncode == 0
    else:
        assert prepared.returncode == 5
        assert "cannot set up" in prepared.stderr.decode()


def test_the_same_job_number_on_another_node_of_the_machine_is_spared(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
    with open_node(folders[0], "tracking") as one, open_node(folders[1], "tracking") as two:
        for node in (one, two):
            node.launch(node.job("echo $$ > pid; sleep 300"))
        assert wait_for(lambda: one.text("pid") and two.text("pid"))
        assert one.jobs[0].job_id == two.jobs[0].job_id
        assert one.clean(one.jobs[0]).returncode == 0
        assert not is_alive(int(one.text("pid")))
        assert is_alive(int(two.text("pid")))


def test_what_a_dead_oarexec_has_left_is_found_by_its_environment(tmp_path: Path) -> None:
    with open_node(tmp_path, "tracking") as node:
        job = node.launch(node.job("(setsid sh -c 'echo $$ > pid; sleep 300' &) & sleep 300"))
        assert wait_for(lambda: node.text("pid"))
        os.kill(node.oarexec_pid(job), signal.SIGKILL)
        assert node.clean(job).returncode == 0
        assert not is_alive(int(node.text("pid")))


def test_a_node_without_cgroups_says_that_it_tracks_processes(tmp_path: Path) -> None:
    with open_node(tmp_path, "tracking") as node:
        node.shares_machine = False
        job = node.job("true")
        data = {
            "job_id": job.job_id,
            "name": job.cpuset_name,
            "job_user": job.user,
            "oar_tmp_directory": str(node.directory),
            "cpuset_path": "/oar",
            "cgroup_root": str(tmp_path / "nothing"),
            "nodes": {"node1": []},
        }
        described = Job(data, {})
        assert make_group(described, os.getuid()) == f"no cpuset controller below {tmp_path}/nothing"


def groups_to_kill() -> list[str]:
    """List where a group with a freezer can be made: v1, v2, or nowhere but in plain folders."""
    tops = [Path("/sys/fs/cgroup/freezer"), Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup")]
    usable = [str(top) for top in tops if (top / "cgroup.procs").exists() and os.access(top, os.W_OK)]
    return usable or ["plain folders"]


@pytest.mark.parametrize("frozen", [False, True], ids=["running", "frozen"])
@pytest.mark.parametrize("top", groups_to_kill())
def test_a_group_is_killed_whether_it_runs_or_is_frozen(tmp_path: Path, top: str, frozen: bool) -> None:
    folder = Path(top, f"oar_test_kill_{os.getpid()}") if top != "plain folders" else tmp_path / "group"
    folder.mkdir()
    procs = folder / "cgroup.procs"
    try:
        command = f"echo $$ > {procs}; (setsid sleep 300 &); sleep 300 & sleep 300"
        shell = subprocess.Popen(["sh", "-c", command], start_new_session=True)
        if top == "plain folders":
            assert wait_for(lambda: procs.exists() and procs.read_text())
        else:
            assert wait_for(lambda: len(procs.read_text().split()) >= 4)
        if frozen:
            freeze(str(folder))
        assert kill_groups([str(folder)]) >= 1
        assert shell.wait(10) == -signal.SIGKILL
        if top != "plain folders":
            assert wait_for(lambda: kill_groups([str(folder)]) == 0)
    finally:
        if top != "plain folders":
            remove_group(str(folder))
