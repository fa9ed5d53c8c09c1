"""Runs a program that a user has named with that user's rights: what ``oarsub --notify exec:`` asks for.

Sent on ssh's command line to the host where the job was submitted. Called with OAR_NOTIFY as the account of
OAR: becomes the user, through sudo where that is another account, and is called again with OAR_TELL, which
turns into the program. The program is ended by a signal when it takes too long; what it prints is nobody's.
"""

import json
import os
import pwd
import signal
import sys

from oar.node.as_user import execute_as
from oar.node.oarexec_processes import execute, redirect

TELL = "OAR_TELL"
NO_USER, NO_PROGRAM = 3, 127


def become_user(user: str) -> int:
    """Start the user's part in our place; returns only when that is not possible."""
    try:
        pwd.getpwnam(user)
    except KeyError:
        sys.stderr.write(f"there is no user {user} here\n")
        return NO_USER
    with open("/proc/self/cmdline") as stream:
        # Our own command line with another word: python3 -c <loader> <word> <program>.
        command = stream.read().split("\0")[1:-1]
    execute_as(user, [sys.executable, *command[:-2], TELL, command[-1]])
    return NO_USER


def become_program(argv: "list[str]", timeout_s: int) -> int:
    """Turn into the program; returns only when that is not possible."""
    entry = pwd.getpwuid(os.getuid())
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": entry.pw_dir,
        "SHELL": entry.pw_shell or "/bin/sh",
    }
    environment.update(USER=entry.pw_name, LOGNAME=entry.pw_name)
    os.chdir(entry.pw_dir if os.access(entry.pw_dir, os.X_OK) else "/")
    signal.alarm(timeout_s)
    heard = os.dup(2)
    os.set_inheritable(heard, False)
    redirect(os.devnull, os.O_RDWR, (0, 1, 2))
    try:
        execute(argv, environment)
    except OSError as error:
        os.write(heard, f"cannot run {argv[0]}: {error.strerror}\n".encode())
    return NO_PROGRAM


def main(word: str, text: bytes) -> int:
    """Become the user, or the user's program."""
    orders = json.loads(text.decode())
    if word == TELL:
        return become_program([str(one) for one in orders["argv"]], int(orders["timeout_s"]))
    return become_user(str(orders["user"]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], globals()["DATA"]))
