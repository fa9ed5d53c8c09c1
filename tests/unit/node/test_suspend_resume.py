"""Stopping a job on a node: processes that are real, and cgroup trees made of plain files."""

import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from oar.node.suspend_resume import is_running, main

NODE = {"TAKTUK_HOSTNAME": "node1"}


def data(directory: Path, **more: object) -> bytes:
    values = {
        "job_id": 4711,
        "name": "alice_4711",
        "job_user": "alice",
        "oar_tmp_directory": str(directory),
        "cpuset_path": None,
        "nodes": {},
        **more,
    }
    return json.dumps(values).encode()


@pytest.fixture
def family() -> Iterator[list[int]]:
    """A process of the job and its child, known by their environment."""
    environment = {**os.environ, "OAR_JOB_ID": "4711"}
    argv = ["sh", "-c", "sleep 600 & echo $!; wait"]
    parent = subprocess.Popen(
        argv, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert parent.stdout is not None
    yield [parent.pid, int(parent.stdout.readline())]
    os.killpg(parent.pid, signal.SIGKILL)
    parent.wait()
    parent.stdout.close()


def test_without_cgroups_all_processes_of_the_job_are_stopped_and_go_on(
    tmp_path: Path, family: list[int]
) -> None:
    assert main("suspend", data(tmp_path), NODE) == 0
    assert not any(is_running(pid) for pid in family)
    assert main("resume", data(tmp_path), NODE) == 0
    assert all(is_running(pid) for pid in family)


def test_both_may_be_repeated(tmp_path: Path, family: list[int]) -> None:
    assert [main("suspend", data(tmp_path), NODE) for _ in range(2)] == [0, 0]
    assert [main("resume", data(tmp_path), NODE) for _ in range(2)] == [0, 0]
    assert all(is_running(pid) for pid in family)


def test_a_job_without_a_process_here_is_suspended_as_well(tmp_path: Path) -> None:
    assert main("suspend", data(tmp_path, job_id=987654321), NODE) == 0


def v1_group(root: Path) -> Path:
    for name in ("cpuset", "freezer"):
        group = root / name / "oar" / "alice_4711"
        group.mkdir(parents=True)
        (root / name / "cgroup.procs").write_text("")
    (group / "freezer.state").write_text("THAWED\n")
    return group / "freezer.state"


def test_in_cgroups_v1_the_freezer_of_the_job_is_frozen_and_thawed(tmp_path: Path) -> None:
    state = v1_group(tmp_path)
    here = data(tmp_path, cpuset_path="/oar", cgroup_root=str(tmp_path))
    assert (main("suspend", here, NODE), state.read_text()) == (0, "FROZEN")
    assert (main("resume", here, NODE), state.read_text()) == (0, "THAWED")


def v2_group(root: Path, frozen: int) -> Path:
    (root / "cgroup.controllers").write_text("cpuset cpu\n")
    group = root / "oar" / "alice_4711"
    group.mkdir(parents=True)
    (group / "cgroup.freeze").write_text("0")
    (group / "cgroup.events").write_text(f"populated 1\nfrozen {frozen}\n")
    return group


def test_in_cgroups_v2_the_group_of_the_job_is_frozen_and_thawed(tmp_path: Path) -> None:
    group = v2_group(tmp_path, 1)
    here = data(tmp_path, cpuset_path="/oar", cgroup_root=str(tmp_path))
    assert (main("suspend", here, NODE), (group / "cgroup.freeze").read_text()) == (0, "1")
    # The kernel's part: its file follows a moment later.
    thawed = threading.Timer(0.05, (group / "cgroup.events").write_text, ["populated 1\nfrozen 0\n"])
    thawed.start()
    assert (main("resume", here, NODE), (group / "cgroup.freeze").read_text()) == (0, "0")


def test_a_job_that_is_ended_while_it_is_suspended_is_not_waited_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    group = v2_group(tmp_path, 0)
    here = data(tmp_path, cpuset_path="/oar", cgroup_root=str(tmp_path))
    # The part of oarexec, which thaws what it kills.
    thawed = threading.Timer(0.05, (group / "cgroup.freeze").write_text, ["0"])
    thawed.start()
    assert main("suspend", here, NODE) == 4
    assert "somebody else lets the processes go on" in capsys.readouterr().err


def test_a_group_that_vanishes_has_no_process_that_could_go_on(tmp_path: Path) -> None:
    group = v2_group(tmp_path, 0)
    here = data(tmp_path, cpuset_path="/oar", cgroup_root=str(tmp_path))
    threading.Timer(0.05, (group / "cgroup.events").unlink).start()
    assert main("suspend", here, NODE) == 0


@pytest.mark.parametrize(
    ("action", "text", "code"), [("stop", b"{}", 3), ("suspend", b"{}", 2), ("resume", b"x", 2)]
)
def test_a_bad_call_has_oar_2s_code(
    action: str, text: bytes, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(action, text, NODE) == code
    assert capsys.readouterr().err.startswith("[suspend_resume][ERROR] ")
