"""Whose files and System V IPC may be removed, and which entries are theirs."""

import os
import pwd
from pathlib import Path

import pytest

from oar.node.manager_job import Job
from oar.node.user_files import owned, remove_ipc, uid_to_clean

SHM = """\
       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid
         0          3  1600                  4096    10    10      0  1001  1001  1001  1001
        17         12   600                  4096    11    11      0     0     0  1001  1001
"""


def test_system_accounts_keep_their_files() -> None:
    assert uid_to_clean(pwd.getpwuid(0).pw_name, spared=61660) is None


def test_the_account_of_oar_keeps_its_files_whatever_its_number() -> None:
    nobody = pwd.getpwuid(65534)
    assert uid_to_clean(nobody.pw_name, spared=65534) is None
    assert uid_to_clean(nobody.pw_name, spared=61660) == 65534


def test_an_account_that_the_node_does_not_know_has_nothing() -> None:
    assert uid_to_clean("no-such-account", spared=0) is None


def test_entries_belong_to_their_owner_and_not_to_their_maker() -> None:
    assert (owned(SHM, 1001), owned(SHM, 0), owned("", 0)) == (["3"], ["12"], [])


def test_who_has_no_ipc_needs_no_program_to_remove_it(tmp_path: Path) -> None:
    assert remove_ipc(1001, str(tmp_path)) == ""


@pytest.mark.parametrize(("environ", "folders"), [({}, ["/scratch"]), ({"OAR_RUNDIR": "/run"}, [])])
def test_nodes_that_share_a_machine_clean_no_folders(environ: dict[str, str], folders: list[str]) -> None:
    data = {
        "job_id": 12,
        "name": "alice_12",
        "job_user": "alice",
        "oar_tmp_directory": os.sep,
        "nodes": {},
        "clean_user_directories": ["/scratch"],
    }
    assert Job(data, environ).folders_to_clean == folders
