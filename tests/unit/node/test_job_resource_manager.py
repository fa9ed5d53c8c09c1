"""The resource manager on a node without cgroups, its pure pieces, and cgroup trees made of plain files."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from oar.node.cgroup_end import group_folders, members
from oar.node.cgroup_limits import cpus_of, group_values
from oar.node.cgroup_make import hierarchies, make_path
from oar.node.job_resource_manager import main
from oar.node.manager_files import exports, other_jobs
from oar.node.manager_job import Job, Refused
from oar.node.processes import ancestors, descendants

ON_NODE1 = {"TAKTUK_HOSTNAME": "node1"}


def job_data(directory: Path, **more: object) -> dict[str, Any]:
    return {
        "job_id": 12,
        "name": "alice_12",
        "job_user": "alice",
        "oar_tmp_directory": str(directory),
        "cpuset_path": None,
        "nodes": {"node1": ["0", "1"]},
        "node_file": "node1\n",
        "properties_file": " cpuset = '0' \n",
        "environment": {"OAR_JOB_ID": "12", "OAR_JOB_NAME": "it's"},
        **more,
    }


def unified(root: Path, controllers: str) -> Path:
    (root / "cgroup.controllers").write_text(controllers + "\n")
    (root / "cgroup.subtree_control").write_text("")
    return root


def mounted(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).mkdir()
        (root / name / "cgroup.procs").write_text("")
    return root


def test_v2_is_used_when_the_unified_hierarchy_has_cpuset(tmp_path: Path) -> None:
    assert hierarchies(str(unified(tmp_path, "cpuset cpu io memory pids"))) == (2, [str(tmp_path)])


def test_the_place_that_systemd_has_given_us_is_preferred_in_v2(tmp_path: Path) -> None:
    unified(tmp_path, "cpuset memory")
    (tmp_path / "oar-jobs.service").mkdir()
    unified(tmp_path / "oar-jobs.service", "cpuset memory")
    assert hierarchies(str(tmp_path)) == (2, [f"{tmp_path}/oar-jobs.service"])


def test_groups_made_before_systemd_gave_us_a_place_are_found_at_the_end(tmp_path: Path) -> None:
    unified(tmp_path, "cpuset")
    (tmp_path / "oar-jobs.service").mkdir()
    unified(tmp_path / "oar-jobs.service", "cpuset")
    (tmp_path / "oar" / "alice_12").mkdir(parents=True)
    job = Job(job_data(tmp_path, cpuset_path="/oar", cgroup_root=str(tmp_path)), ON_NODE1)
    assert group_folders(job) == [f"{tmp_path}/oar/alice_12"]


def test_v1_is_used_when_its_controllers_are_mounted(tmp_path: Path) -> None:
    mounted(tmp_path, "cpuset", "freezer", "memory")
    names = [f"{tmp_path}/{name}" for name in ("cpuset", "freezer", "memory")]
    assert hierarchies(str(tmp_path)) == (1, names)


def test_v1_is_used_beside_a_unified_hierarchy_without_cpuset(tmp_path: Path) -> None:
    mounted(tmp_path, "cpuset", "freezer", "unified")
    unified(tmp_path / "unified", "hugetlb")
    assert hierarchies(str(tmp_path))[0] == 1


def test_controllers_mounted_together_count_once(tmp_path: Path) -> None:
    mounted(tmp_path, "cpuset", "cpu,cpuacct")
    for name in ("cpu", "cpuacct"):
        (tmp_path / name).symlink_to("cpu,cpuacct")
    assert hierarchies(str(tmp_path))[1] == [f"{tmp_path}/cpuset", f"{tmp_path}/cpu,cpuacct"]


def test_without_cpuset_there_is_nothing_to_use(tmp_path: Path) -> None:
    mounted(tmp_path, "freezer", "memory")
    unified(tmp_path, "memory pids")
    assert hierarchies(str(tmp_path)) == (0, [])


def test_an_empty_v1_cpuset_is_filled_from_its_parent(tmp_path: Path) -> None:
    for name, value in (("cpus", "0-3"), ("mems", "0")):
        (tmp_path / f"cpuset.{name}").write_text(value + "\n")
    make_path(str(tmp_path), "/oar/alice_12")
    for folder in ("oar", "oar/alice_12"):
        assert (tmp_path / folder / "cpuset.cpus").read_text() == "0-3"
        assert (tmp_path / folder / "cpuset.mems").read_text() == "0"


def test_a_job_gets_the_cpus_that_the_data_gives_this_node(tmp_path: Path) -> None:
    (tmp_path / "cpuset.cpus").write_text("")
    job = Job(job_data(tmp_path, nodes={"node1": ["0", "2,3"], "node2": ["1"]}), ON_NODE1)
    assert ("cpuset.cpus", "0,2,3") in group_values(job, str(tmp_path))


def test_a_node_that_the_data_does_not_name_is_bad_data(tmp_path: Path) -> None:
    job = Job(job_data(tmp_path), {"TAKTUK_HOSTNAME": "node9"})
    with pytest.raises(Refused) as refused:
        cpus_of(job)
    assert refused.value.code == 2


def test_a_name_that_leaves_its_folder_is_bad_data(tmp_path: Path) -> None:
    data = json.dumps(job_data(tmp_path, name="../../etc/passwd")).encode()
    assert main("init", data, ON_NODE1) == 2


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"{}", b'{"job_id": "x"}'])
def test_bad_data_ends_with_2_and_one_line(text: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    assert main("init", text, ON_NODE1) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_an_unknown_action_ends_with_3() -> None:
    assert main("destroy", b"{}", ON_NODE1) == 3


def test_a_node_that_shares_a_machine_uses_the_folder_its_sshd_names(tmp_path: Path) -> None:
    job = Job(job_data(Path("/var/lib/oar"), cpuset_path="/oar"), {"OAR_RUNDIR": str(tmp_path)})
    assert (job.directory, job.group) == (str(tmp_path), "")


def test_init_writes_the_files_and_clean_removes_them(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    data, environ = json.dumps(job_data(folder)).encode(), {"OAR_RUNDIR": str(folder)}
    assert main("init", data, environ) == 0
    assert (folder / "12").read_text() == "node1\n"
    assert (folder / "12_resources").read_text() == " cpuset = '0' \n"
    assert (folder / "12").stat().st_mode & 0o777 == 0o644
    assert main("clean", data, environ) == 0
    assert [path.name for path in folder.iterdir()] == ["job_manager_lock_file"]


def test_init_and_clean_may_be_repeated(tmp_path: Path) -> None:
    data, environ = json.dumps(job_data(tmp_path)).encode(), {"OAR_RUNDIR": str(tmp_path)}
    assert [main(action, data, environ) for action in ("init", "init", "clean", "clean")] == [0, 0, 0, 0]


def test_a_folder_that_cannot_be_made_ends_with_13(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert main("init", json.dumps(job_data(tmp_path / "file" / "run")).encode(), ON_NODE1) == 13


def test_variables_reach_a_shell_as_they_are(tmp_path: Path) -> None:
    values = {"A": "it's", "B": '$(id) `id` \\ "x"', "C": "two\nlines"}
    (tmp_path / "env").write_text(exports(values))
    command = '. ./env; printf \'%s\\0%s\\0%s\' "$A" "$B" "$C"'
    told = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, check=True)
    assert told.stdout.decode().split("\0") == list(values.values())


def test_descendants_are_children_and_theirs() -> None:
    assert descendants(10, {10: 1, 11: 10, 12: 11, 13: 1, 14: 13}) == [11, 12]


def test_ancestors_go_up_to_the_first_process() -> None:
    assert ancestors(12, {12: 11, 11: 10, 10: 1, 1: 0}) == [11, 10, 1]


def test_files_of_a_user_stay_while_another_job_of_his_is_there(tmp_path: Path) -> None:
    job = Job(job_data(tmp_path), {})
    (tmp_path / "alice_13.env").write_text("")
    assert other_jobs(job, lambda name: name == "alice_13")


def test_jobs_of_others_do_not_count(tmp_path: Path) -> None:
    job = Job(job_data(tmp_path), {})
    for name in ("malice_13.env", "alice_13_14.env", "alice_12.env"):
        (tmp_path / name).write_text("")
    assert not other_jobs(job, lambda _name: True)


def test_a_job_that_a_start_of_the_node_has_ended_does_not_count(tmp_path: Path) -> None:
    job = Job(job_data(tmp_path), {})
    (tmp_path / "alice_13.env").write_text("")
    assert not other_jobs(job, lambda _name: False)


def test_processes_of_another_pid_namespace_are_never_signalled(tmp_path: Path) -> None:
    """They show as 0, and a signal to 0 would reach our own process group."""
    (tmp_path / "cgroup.procs").write_text("0\n0\n4711\n")
    assert members(str(tmp_path)) == [4711]
