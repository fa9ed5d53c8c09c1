"""What is written into a job's groups: processors, memory nodes, memory, processes."""

from pathlib import Path
from typing import Any

import pytest

from oar.node.cgroup_limits import (
    cpus_of,
    group_values,
    memory_nodes,
    memory_share,
    numbers,
    thread_siblings,
    usable_cpus,
)
from oar.node.manager_job import Job, Refused

ON_NODE1 = {"TAKTUK_HOSTNAME": "node1"}
FILES = ("cpuset.cpus", "cpuset.mems", "memory.max", "memory.limit_in_bytes", "pids.max")


def job(**more: Any) -> Job:
    data = {
        "job_id": 12,
        "name": "alice_12",
        "job_user": "alice",
        "oar_tmp_directory": "/run",
        "cpuset_path": "/oar",
        "nodes": {"node1": ["0"]},
    }
    return Job({**data, **more}, ON_NODE1)


@pytest.fixture
def group(tmp_path: Path) -> Path:
    """A group with every file that a limit goes into, on a node of four cpus."""
    folder = tmp_path / "top" / "alice_12"
    folder.mkdir(parents=True)
    for name in FILES:
        (folder / name).write_text("")
    (tmp_path / "top" / "cgroup.procs").write_text("")
    (tmp_path / "top" / "cpuset.cpus").write_text("0-3\n")
    return folder


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """Four cpus: 0 and 2, 1 and 3 are threads of one core; node 1 has no memory."""
    for cpu, siblings, node in ((0, "0,2", 0), (1, "1,3", 1), (2, "0,2", 0), (3, "1,3", 1)):
        (tmp_path / f"cpu{cpu}" / "topology").mkdir(parents=True)
        (tmp_path / f"cpu{cpu}" / "topology" / "thread_siblings_list").write_text(siblings + "\n")
        (tmp_path / f"cpu{cpu}" / f"node{node}").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("text", "found"), [("3", {3}), ("0,2-4", {0, 2, 3, 4}), ("1 2", {1, 2}), ("1+2", {1, 2}), ("", set())]
)
def test_lists_of_processors_are_read(text: str, found: set[int]) -> None:
    assert numbers(text) == found


@pytest.mark.parametrize("text", ["x", "1;2", "-1", "1-", "0x1"])
def test_what_is_no_list_of_processors_is_refused_with_5(text: str) -> None:
    with pytest.raises(Refused, match="is no number of a processor") as refused:
        numbers(text)
    assert refused.value.code == 5


def test_other_threads_of_a_core_are_found(machine: Path) -> None:
    assert thread_siblings(0, str(machine)) == {0, 2}


def test_a_job_has_its_own_threads_only_unless_the_site_wants_the_siblings() -> None:
    assert cpus_of(job(nodes={"node1": ["0", "0", "1"]})) == {0, 1}


def test_memory_nodes_are_those_of_the_processors(machine: Path) -> None:
    assert memory_nodes({0, 1}, str(machine), str(machine)) == "0,1"


def test_memory_nodes_without_memory_are_left_out(machine: Path) -> None:
    (machine / "has_memory").write_text("0\n")
    assert memory_nodes({0, 1}, str(machine), str(machine)) == "0"


def test_processors_without_memory_of_their_own_have_that_of_the_whole_node(machine: Path) -> None:
    (machine / "has_memory").write_text("0\n")
    assert memory_nodes({1}, str(machine), str(machine)) == ""


def test_all_memory_nodes_leaves_what_the_groups_above_have(group: Path) -> None:
    assert "cpuset.mems" not in dict(group_values(job(memory_nodes="all"), str(group)))


def test_no_limit_is_written_that_the_site_does_not_ask_for(group: Path) -> None:
    assert set(dict(group_values(job(), str(group)))) <= {"cpuset.cpus", "cpuset.mems"}


def test_the_limit_of_processes_is_written_as_it_is(group: Path) -> None:
    assert ("pids.max", "300") in group_values(job(pids_limit=300), str(group))


def test_memory_goes_into_the_file_that_the_hierarchy_has(group: Path) -> None:
    (group / "memory.max").unlink()
    values = dict(group_values(job(limit_memory=True), str(group)))
    assert int(values["memory.limit_in_bytes"]) > 0
    assert "memory.max" not in values


def test_memory_is_shared_as_the_processors_are(tmp_path: Path) -> None:
    (tmp_path / "meminfo").write_text("MemTotal:       8192 kB\nMemFree: 1 kB\n")
    assert memory_share({0}, 4, str(tmp_path / "meminfo")) == str(8192 * 1024 // 4)


@pytest.mark.parametrize("cpus", [set(), {0, 1, 2, 3}])
def test_who_has_the_whole_node_has_no_limit_of_memory(cpus: set[int]) -> None:
    assert memory_share(cpus, 4) == ""


def test_the_processors_of_a_node_are_those_that_it_gives_to_groups(group: Path) -> None:
    assert usable_cpus(str(group)) == 4
