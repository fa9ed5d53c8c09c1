"""The resource manager between two accounts: root, which sudo makes it, and the one that owns the files."""

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from oar.remote.argv import END_OF_SOURCE, loader_argv
from oar.remote.bundle import bundle

pytestmark = pytest.mark.integration

JOB_ID = 2_000_000 + os.getpid()
ACCOUNTS = (os.getuid(), 65534) if os.getuid() == 0 else (os.getuid(),)
"""Callers of sudo that can be played here; only root can play another account."""


@pytest.fixture(params=ACCOUNTS)
def account(request: pytest.FixtureRequest) -> int:
    assert isinstance(request.param, int)
    return request.param


@pytest.fixture
def directory(account: int) -> Iterator[Path]:
    """A runtime directory that the account can reach, which pytest's own folders do not allow."""
    with tempfile.TemporaryDirectory() as name:
        os.chown(name, account, -1)
        yield Path(name)


def manage(action: str, directory: Path, account: int) -> int:
    data = {
        "job_id": JOB_ID,
        "name": "alice_12",
        "job_user": "alice",
        "oar_tmp_directory": str(directory),
        "cpuset_path": None,
        "nodes": {},
        "node_file": "node1\n",
        "properties_file": "",
        "environment": {},
    }
    environ = {"PATH": "/usr/bin:/bin", "SUDO_UID": str(account), "SUDO_GID": str(os.getgid())}
    sent = bundle("job_resource_manager") + END_OF_SOURCE + json.dumps(data)
    done = subprocess.run(loader_argv(action), input=sent, text=True, env=environ, check=False, timeout=30)
    return done.returncode


def test_the_files_of_a_job_belong_to_the_account_and_not_to_root(directory: Path, account: int) -> None:
    assert manage("init", directory, account) == 0
    assert {path.name: path.stat().st_uid for path in directory.iterdir()} == dict.fromkeys(
        (f"{JOB_ID}", f"{JOB_ID}_resources", "alice_12.env", "job_manager_lock_file"), account
    )


def test_clean_removes_them_as_the_account(directory: Path, account: int) -> None:
    assert [manage(action, directory, account) for action in ("init", "clean")] == [0, 0]
    assert [path.name for path in directory.iterdir()] == ["job_manager_lock_file"]


def test_processes_of_others_are_killed_with_the_rights_of_root(directory: Path, account: int) -> None:
    victim = subprocess.Popen(["sleep", "300"], env={"OAR_JOB_ID": str(JOB_ID), "PATH": "/usr/bin:/bin"})
    assert manage("clean", directory, account) == 0
    assert victim.wait(10) == -9
