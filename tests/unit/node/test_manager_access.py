"""Who may enter a job on its node, as the files of the node say it."""

import json
import os
import pwd
import stat
from pathlib import Path
from typing import Any

import pytest

from oar.node.manager_access import close_job, open_job
from oar.node.manager_job import Job

USER = pwd.getpwuid(os.getuid()).pw_name
KEY = "ssh-ed25519 AAAAkey"


def job(folder: Path, job_id: int = 12, **more: object) -> Job:
    data: dict[str, Any] = {
        "job_id": job_id,
        "name": f"{USER}_{job_id}",
        "job_user": USER,
        "oar_tmp_directory": str(folder),
        "cpuset_path": "/oar",
        "nodes": {"node1": ["0"]},
        "environment": {"OAR_JOB_ID": str(job_id)},
        "oarsh": {"programs": {"oarsh": "#!/bin/sh\n", "oarsh.conf": "conf\n"}, "shell": "program\n"},
        "ssh_keys": {"public": {"key": KEY}, "private": {"key": "private"}},
        **more,
    }
    return Job(data, {"TAKTUK_HOSTNAME": "node1"})


def lines(folder: Path) -> list[str]:
    return (folder / "job_keys").read_text().splitlines()


def test_the_key_opens_the_job_and_nothing_else(tmp_path: Path) -> None:
    open_job(job(tmp_path))
    command = f"python3 -I -S {tmp_path}/oarsh_shell {USER}_12"
    variables = f'environment="OAR_CPUSET=/oar/{USER}_12",environment="OAR_JOB_USER={USER}"'
    assert lines(tmp_path) == [f'restrict,pty,{variables},command="{command}" {KEY} {USER}_12']


def test_the_private_key_and_the_list_of_keys_are_read_by_their_owner_alone(tmp_path: Path) -> None:
    open_job(job(tmp_path))
    for name in (f"{USER}_12.jobkey", "job_keys"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    assert (tmp_path / f"{USER}_12.jobkey").read_text() == "private\n"


def test_opening_twice_is_opening_once(tmp_path: Path) -> None:
    open_job(job(tmp_path))
    open_job(job(tmp_path))
    assert len(lines(tmp_path)) == 1


def test_a_job_that_is_closed_leaves_the_keys_of_others(tmp_path: Path) -> None:
    for number in (12, 13):
        open_job(job(tmp_path, number))
    close_job(job(tmp_path, 13))
    assert [line.split()[-1] for line in lines(tmp_path)] == [f"{USER}_12"]
    assert not list(tmp_path.glob("*_13.*"))


def test_closing_twice_or_what_was_never_open_is_no_fault(tmp_path: Path) -> None:
    close_job(job(tmp_path))
    open_job(job(tmp_path))
    close_job(job(tmp_path))
    close_job(job(tmp_path))
    assert lines(tmp_path) == []


def test_keys_of_jobs_that_are_not_there_any_more_are_dropped(tmp_path: Path) -> None:
    open_job(job(tmp_path, 12))
    (tmp_path / f"{USER}_12.oarsh").unlink()
    open_job(job(tmp_path, 13))
    assert [line.split()[-1] for line in lines(tmp_path)] == [f"{USER}_13"]


def test_a_job_without_a_key_is_known_all_the_same(tmp_path: Path) -> None:
    open_job(job(tmp_path, ssh_keys={}))
    assert not (tmp_path / "job_keys").exists()
    assert json.loads((tmp_path / f"{USER}_12.oarsh").read_text())["group"] == f"/oar/{USER}_12"


@pytest.mark.parametrize(
    "public", ['ssh-rsa A",command="id', "ssh-rsa AAAA\nssh-rsa BBBB", "", "ssh-rsa", "é é"]
)
def test_a_key_that_is_not_one_plain_line_opens_nothing(tmp_path: Path, public: str) -> None:
    keys = {"public": {"key": public}, "private": {"key": "private"}}
    open_job(job(tmp_path, ssh_keys=keys))
    assert not (tmp_path / "job_keys").exists()


def test_the_programs_of_users_can_be_run_by_them(tmp_path: Path) -> None:
    open_job(job(tmp_path))
    assert stat.S_IMODE((tmp_path / "bin" / "oarsh").stat().st_mode) == 0o755
    assert (tmp_path / "bin" / "oarsh.conf").read_text() == "conf\n"
    assert (tmp_path / "oarsh_shell").read_text() == "program\n"


def test_who_has_a_node_to_itself_and_wants_it_may_come_by_plain_ssh(tmp_path: Path) -> None:
    open_job(job(tmp_path, classic_ssh_nodes=["node1", "node2"]))
    assert (tmp_path / "access.conf").read_text() == f"+:{USER}:ALL\n-:ALL:ALL\n"
    close_job(job(tmp_path, classic_ssh_nodes=["node1", "node2"]))
    assert (tmp_path / "access.conf").read_text() == "-:ALL:ALL\n"


def test_another_node_of_the_job_does_not_open_this_one(tmp_path: Path) -> None:
    open_job(job(tmp_path, classic_ssh_nodes=["node2"]))
    assert not (tmp_path / "access.conf").exists()
