"""Who runs a command, and how files are read with that person's rights."""

import grp
import os
import pwd
import select
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from oar.errors import OarError

ACCOUNT = "oar"
"""The account that owns an installation; the public commands reach it through sudo."""

ADMINISTRATORS = frozenset({"root", ACCOUNT})
READ_TIMEOUT_S = 30
LARGEST_FILE = 16 * 2**20
"""Bytes; no script and no list is larger, but a device never ends."""


class UnknownCaller(OarError):
    """The account that runs the command has no name on this machine."""


class Unreadable(OarError):
    """A file named by the caller cannot be read by the caller."""

    exit_code = 12


@dataclass(frozen=True, slots=True)
class Caller:
    """The person at the terminal, as sudo or the kernel says; never as an environment says."""

    name: str
    uid: int
    is_admin: bool
    through_sudo: bool = False

    def may_touch(self, owner: str) -> bool:
        """Tell whether this person may change a job of ``owner``."""
        return self.is_admin or self.name == owner


def find_caller(configuration: Path) -> Caller:
    """Tell who runs this process; ``configuration`` is the ``oar.conf`` in use; raises UnknownCaller."""
    uid = os.geteuid()
    return judge_caller(_name_of(uid), uid, os.environ.get("SUDO_USER", ""), _owns(uid, configuration))


def judge_caller(own_name: str, uid: int, sudo_user: str, owns_configuration: bool) -> Caller:
    """Tell who is behind a process that runs as ``own_name``.

    ``sudo_user`` counts only when we are the account of the installation: then sudo set it, or that account
    did itself, which may do everything anyway. Without sudo, who owns the configuration holds the password
    of the database and is an administrator; that is the owner of an embedded cluster.
    """
    if own_name != ACCOUNT or sudo_user in ("", ACCOUNT):
        return Caller(own_name, uid, own_name in ADMINISTRATORS or owns_configuration)
    try:
        entry = pwd.getpwnam(sudo_user)
    except KeyError:
        raise UnknownCaller(f"sudo names the user '{sudo_user}', who is unknown here") from None
    return Caller(sudo_user, entry.pw_uid, sudo_user in ADMINISTRATORS, through_sudo=True)


def read_as(caller: Caller, path: Path, timeout_s: float = READ_TIMEOUT_S) -> str:
    """Read a text file with the caller's rights, not ours; raises :class:`Unreadable`."""
    try:
        content = _read_through_sudo(caller, path, timeout_s) if caller.through_sudo else _read(path)
    except OSError as error:
        raise Unreadable(f"'{path}' cannot be read: {error.strerror}") from None
    if len(content) > LARGEST_FILE:
        raise Unreadable(f"'{path}' is too large: {LARGEST_FILE} bytes are read at most")
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise Unreadable(f"'{path}' is not a text in UTF-8 (byte {error.start})") from None
    if "\0" in text:
        raise Unreadable(f"'{path}' is not a text (byte {text.index(chr(0))} is 0)")
    return text


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(LARGEST_FILE + 1)


def _read_through_sudo(caller: Caller, path: Path, timeout_s: float) -> bytes:
    command = ["sudo", "-n", "-u", f"#{caller.uid}", "--", "/bin/cat", "--", str(path)]
    pipe = subprocess.PIPE
    reader = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe)
    assert reader.stdout is not None and reader.stderr is not None  # noqa: S101 - both are pipes
    content = _read_pipe(reader.stdout.fileno(), timeout_s)
    reader.stdout.close()  # who still writes is ended by that
    if content is None:
        # sudo runs as root: we may not end it, nor wait for what never comes
        raise Unreadable(f"'{path}' cannot be read: no answer within {timeout_s} s")
    with reader.stderr:
        words = reader.stderr.read().decode(errors="replace").strip().splitlines()
    if reader.wait() != 0 and len(content) <= LARGEST_FILE:
        reason = (words or ["sudo gave no reason"])[-1]
        raise Unreadable(f"'{path}' cannot be read as {caller.name}: {reason.rpartition(': ')[2]}")
    return content


def _read_pipe(pipe: int, timeout_s: float) -> bytes | None:
    """Return what comes, no more than we take of it; None when it did not all come in time."""
    content = b""
    deadline = time.monotonic() + timeout_s
    while len(content) <= LARGEST_FILE:
        if not select.select([pipe], [], [], max(0, deadline - time.monotonic()))[0]:
            return None
        piece = os.read(pipe, 2**20)
        if not piece:
            break
        content += piece
    return content


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        raise UnknownCaller(f"the account number {uid} has no name on this machine") from None


def _owns(uid: int, file: Path) -> bool:
    try:
        return file.stat().st_uid == uid
    except OSError:
        return False


def group_of(caller: Caller) -> str:
    """Name the caller's primary group; its number when it has no name."""
    group = pwd.getpwuid(caller.uid).pw_gid
    try:
        return grp.getgrgid(group).gr_name
    except KeyError:
        return str(group)


def is_member(caller: Caller, group: str) -> bool:
    """Tell whether the caller is listed as a member of a group; False when there is no such group."""
    try:
        return caller.name in grp.getgrnam(group).gr_mem
    except KeyError:
        return False
