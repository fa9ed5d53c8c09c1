"""Removes what a job's user has left on the node: files in folders open to all, System V IPC."""

import os
import pwd
import subprocess

from oar.node.files import read

FIRST_USER_UID = 1000
LIMIT_S = 10.0
"""Less than others wait for the user's lock: what is not removed in time goes after the user's next job."""
IPC = (("shm", "-m"), ("msg", "-q"), ("sem", "-s"))
"""The lists in /proc/sysvipc, and how ipcrm is told of one of their entries."""


def uid_to_clean(user: str, spared: int) -> "int | None":
    """Tell the number of an account whose files may go; None for system accounts and for ``spared``."""
    try:
        uid = pwd.getpwnam(user).pw_uid
    except KeyError:
        return None
    return None if uid < FIRST_USER_UID or uid == spared else uid


def remove_user_files(uid: int, folders: "list[str]") -> str:
    """Remove the files of an account below folders, not those on other file systems; say what went wrong.

    What lies in a folder with files of others goes too, the folder stays.
    """
    there = [folder for folder in folders if os.path.isdir(folder)]
    command = ["find", *there, "-xdev", "-ignore_readdir_race", "-mindepth", "1", "-uid", str(uid), "-delete"]
    return run(command) if there else ""


def remove_ipc(uid: int, lists: str = "/proc/sysvipc") -> str:
    """Remove the shared memory, queues and semaphores of an account; say what went wrong."""
    words = [
        word
        for name, option in IPC
        for found in owned(read(f"{lists}/{name}"), uid)
        for word in (option, found)
    ]
    return run(["ipcrm", *words]) if words else ""


def owned(table: str, uid: int) -> "list[str]":
    """List the ids in a table of /proc/sysvipc that belong to an account."""
    lines = [line.split() for line in table.splitlines()]
    if not lines:
        return []
    owner, name = lines[0].index("uid"), 1
    return [line[name] for line in lines[1:] if line[owner] == str(uid)]


def run(command: "list[str]") -> str:
    """Run a command for a while; return why it did not run to its end, "" when it did."""
    try:
        subprocess.run(
            command,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=LIMIT_S,
        )
    except subprocess.TimeoutExpired:
        return f"{command[0]} did not end within {LIMIT_S:.0f} s"
    except OSError as error:
        return f"cannot run {command[0]}: {error.strerror}"
    return ""
