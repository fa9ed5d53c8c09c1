"""Who runs a command."""

import os
import pwd
from dataclasses import replace
from pathlib import Path

import pytest

from oar.cli.caller import Caller, UnknownCaller, Unreadable, find_caller, judge_caller, read_as

OWN_NAME = pwd.getpwuid(os.geteuid()).pw_name


def test_without_sudo_the_caller_is_the_effective_user(tmp_path: Path) -> None:
    assert find_caller(tmp_path).name == OWN_NAME


def test_the_account_of_the_installation_believes_sudo() -> None:
    assert judge_caller("oar", 900, "daemon", owns_configuration=True) == Caller(
        "daemon", pwd.getpwnam("daemon").pw_uid, is_admin=False, through_sudo=True
    )


def test_nobody_else_believes_sudo() -> None:
    assert judge_caller("alice", 1000, "root", owns_configuration=False) == Caller(
        "alice", 1000, is_admin=False
    )


def test_root_through_sudo_is_an_administrator() -> None:
    assert judge_caller("oar", 900, "root", owns_configuration=False).is_admin


@pytest.mark.parametrize("name", ["oar", "root"])
def test_the_accounts_that_run_the_place_are_administrators(name: str) -> None:
    assert judge_caller(name, 0, "", owns_configuration=False).is_admin


def test_a_user_whom_only_sudo_knows_is_refused() -> None:
    with pytest.raises(UnknownCaller, match="'nosuchuser'"):
        judge_caller("oar", 900, "nosuchuser", owns_configuration=False)


def test_who_owns_the_configuration_is_an_administrator(tmp_path: Path) -> None:
    assert find_caller(tmp_path).is_admin


def test_an_ordinary_user_may_touch_own_jobs_only() -> None:
    alice = Caller("alice", 1000, is_admin=False)
    assert (alice.may_touch("alice"), alice.may_touch("bob")) == (True, False)


def test_an_administrator_may_touch_every_job() -> None:
    assert Caller("root", 0, is_admin=True).may_touch("alice")


def test_a_file_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "job").write_text("#!/bin/sh\n")
    assert read_as(Caller(OWN_NAME, os.geteuid(), is_admin=False), tmp_path / "job") == "#!/bin/sh\n"


@pytest.mark.parametrize("name", ["absent", "."])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(Unreadable, match=r"cannot be read: (No such file|Is a directory)"):
        read_as(Caller(OWN_NAME, os.geteuid(), is_admin=False), tmp_path / name)


@pytest.mark.parametrize("content", [b"\x7fELF\xff\xfe", b"#!/bin/sh\0"])
def test_a_file_that_is_no_text_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "program").write_bytes(content)
    with pytest.raises(Unreadable, match="not a text"):
        read_as(Caller(OWN_NAME, os.geteuid(), is_admin=False), tmp_path / "program")


SUDO = """#!/bin/sh
shift 4
exec "$@"
"""


@pytest.fixture
def alice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Caller:
    """Somebody who came through sudo; a sudo that changes nothing comes first in PATH."""
    (tmp_path / "sudo").write_text(SUDO)
    (tmp_path / "sudo").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return Caller("alice", 1000, is_admin=False, through_sudo=True)


def test_the_file_of_somebody_else_is_read_by_a_program_that_runs_as_its_owner(
    alice: Caller, tmp_path: Path
) -> None:
    (tmp_path / "-job").write_text("#!/bin/sh\n")
    assert read_as(alice, tmp_path / "-job") == "#!/bin/sh\n"


def test_why_the_owner_cannot_read_it_is_told(alice: Caller, tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match=r"absent' cannot be read as alice: No such file or directory$"):
        read_as(alice, tmp_path / "absent")


@pytest.mark.parametrize("through_sudo", [False, True])
def test_a_file_without_end_is_refused_before_memory_is_full(alice: Caller, through_sudo: bool) -> None:
    with pytest.raises(Unreadable, match="'/dev/zero' is too large: 16777216 bytes are read at most"):
        read_as(replace(alice, through_sudo=through_sudo), Path("/dev/zero"))


def test_a_pipe_that_nobody_writes_to_is_given_up(alice: Caller, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(Unreadable, match=r"no answer within 0\.2 s"):
        read_as(alice, tmp_path / "pipe", timeout_s=0.2)
    os.close(os.open(tmp_path / "pipe", os.O_RDWR))  # lets the program that waits go
