"""Who runs a command."""

import os
import pwd
from pathlib import Path

import pytest

from oar.cli.caller import Caller, Unreadable, find_caller, read_as

OWN_NAME = pwd.getpwuid(os.geteuid()).pw_name


def test_without_sudo_the_caller_is_the_effective_user(tmp_path: Path) -> None:
    assert find_caller(tmp_path).name == OWN_NAME


def test_an_environment_that_names_somebody_else_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUDO_USER", "daemon")
    monkeypatch.setenv("SUDO_UID", "1")
    monkeypatch.setenv("OARDO_USER", "daemon")
    monkeypatch.setenv("USER", "daemon")
    assert find_caller(tmp_path).name == OWN_NAME


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
