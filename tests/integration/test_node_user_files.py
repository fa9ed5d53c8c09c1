"""What a user has left on a node is removed by the node's own programs, and nothing else."""

import ctypes
import os
from pathlib import Path

import pytest

from oar.node.user_files import remove_ipc, remove_user_files

pytestmark = pytest.mark.integration

ELSE = 65534
IPC_CREAT, PRIVATE = 0o1000, 0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files of ours and, where we can make them, of another account."""
    for path in ("mine", "tree/deep/mine", "theirs", "shared/mine", "shared/theirs"):
        (tmp_path / "tmp" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tmp" / path).write_text("x")
    (tmp_path / "tmp" / "link").symlink_to(tmp_path / "kept")
    (tmp_path / "kept").write_text("x")
    if os.getuid() == 0:
        for path in ("theirs", "shared", "shared/theirs"):
            os.chown(tmp_path / "tmp" / path, ELSE, -1)
    return tmp_path / "tmp"


def test_files_of_the_user_go_and_the_folder_stays(folder: Path) -> None:
    assert remove_user_files(os.getuid(), [str(folder)]) == ""
    left = sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
    assert left == (["shared", "shared/theirs", "theirs"] if os.getuid() == 0 else [])


def test_what_a_link_leads_to_stays(folder: Path) -> None:
    remove_user_files(os.getuid(), [str(folder)])
    assert (folder.parent / "kept").exists()


def test_a_folder_that_is_not_there_is_no_failure(tmp_path: Path) -> None:
    assert remove_user_files(os.getuid(), [str(tmp_path / "nothing")]) == ""


def test_shared_memory_queues_and_semaphores_are_removed(tmp_path: Path) -> None:
    libc = ctypes.CDLL(None)
    made = {
        "shm": libc.shmget(PRIVATE, 4096, IPC_CREAT | 0o600),
        "msg": libc.msgget(PRIVATE, IPC_CREAT | 0o600),
        "sem": libc.semget(PRIVATE, 1, IPC_CREAT | 0o600),
    }
    # The tables that the kernel would show if nobody else had anything.
    for name, number in made.items():
        (tmp_path / name).write_text(f"key {name}id uid\n0 {number} {os.getuid()}\n")
    assert remove_ipc(os.getuid(), str(tmp_path)) == ""
    for name, number in made.items():
        lines = Path(f"/proc/sysvipc/{name}").read_text().splitlines()[1:]
        assert str(number) not in [line.split()[1] for line in lines]
