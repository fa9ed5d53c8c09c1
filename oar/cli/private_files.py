"""Files that only their owner can read, written with the rights of who called the command."""

import os
import subprocess
from pathlib import Path

from oar.cli.caller import Caller
from oar.errors import OarError

TIMEOUT_S = 30
MODE = 0o600


class CannotWrite(OarError):
    """A file named by the caller cannot be written by the caller."""


def write_as(caller: Caller, path: Path, text: str) -> None:
    """Put a new file of mode 0600 in place of what is there; raises :class:`CannotWrite`."""
    try:
        if caller.through_sudo:
            _write_through_sudo(caller, path, text)
        else:
            _write(path, text)
    except OSError as error:
        raise CannotWrite(f"'{path}' cannot be written: {error.strerror}") from None


def _write(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE)
    with os.fdopen(handle, "w") as stream:
        stream.write(text)


def _write_through_sudo(caller: Caller, path: Path, text: str) -> None:
    as_caller = ["sudo", "-n", "-u", f"#{caller.uid}", "--"]
    for command, words in (
        # A pipe of ours cannot be opened by another account, so the file is made first and filled then.
        (["/usr/bin/install", "-T", "-m", "600", "--", "/dev/null", str(path)], ""),
        (["/usr/bin/tee", "--", str(path)], text),
    ):
        try:
            done = subprocess.run(
                [*as_caller, *command],
                input=words,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                timeout=TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise CannotWrite(f"'{path}' cannot be written: no answer within {TIMEOUT_S} s") from None
        if done.returncode:
            reason = (done.stderr.strip() or "sudo gave no reason").splitlines()[-1]
            raise CannotWrite(f"'{path}' cannot be written as {caller.name}: {reason.rpartition(': ')[2]}")
