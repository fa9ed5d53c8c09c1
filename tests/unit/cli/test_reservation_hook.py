"""The program that a site has told of answers to reservations."""

import subprocess
import sys
from pathlib import Path

import pytest

from oar.cli.reservation_hook import HookFailed, tell_site


def program(folder: Path, text: str) -> str:
    file = folder / "hook"
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    return str(file)


@pytest.mark.parametrize(("granted", "word"), [(True, "1"), (False, "0")])
def test_the_program_is_given_the_job_and_the_answer(tmp_path: Path, granted: bool, word: str) -> None:
    tell_site(program(tmp_path, f'echo "$@" > {tmp_path}/heard'), 12, granted=granted)
    assert (tmp_path / "heard").read_text().split() == ["12", word]


def test_the_program_reads_nothing_of_what_the_user_types(tmp_path: Path) -> None:
    file = program(tmp_path, f"cat > {tmp_path}/heard")
    ours = f"from oar.cli.reservation_hook import tell_site; tell_site({file!r}, 12, granted=True)"
    subprocess.run([sys.executable, "-c", ours], input=b"typed", check=True)
    assert (tmp_path / "heard").read_bytes() == b""


def test_no_program_is_no_problem() -> None:
    tell_site("", 12, granted=True)


def test_a_program_that_does_not_agree_is_named_with_its_key(tmp_path: Path) -> None:
    with pytest.raises(
        HookFailed, match=r"ADVANCE_RESERVATION_VALIDATION_HOOK_EXEC_FILE: .*hook ended with 3"
    ):
        tell_site(program(tmp_path, "exit 3"), 12, granted=True)


def test_a_program_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(HookFailed, match="cannot be run: No such file"):
        tell_site(str(tmp_path / "nothing"), 12, granted=True)


def test_a_program_that_does_not_end_is_not_waited_for(tmp_path: Path) -> None:
    with pytest.raises(HookFailed, match=r"did not end within 0\.1 s"):
        tell_site(program(tmp_path, "exec sleep 60"), 12, granted=True, timeout_s=0.1)
