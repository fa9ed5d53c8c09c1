"""Becomes another account for good, through sudo where we have not the right ourselves."""

import os
import pwd

from oar.node.oarexec_processes import execute


def execute_as(user: str, command: "list[str]") -> None:
    """Become a program with the user's rights; never returns."""
    entry = pwd.getpwnam(user)
    if os.getuid() not in (0, entry.pw_uid):
        command = ["sudo", "-n", "-u", user, *command]
    elif os.getuid() != entry.pw_uid:
        os.initgroups(user, entry.pw_gid)
        os.setgid(entry.pw_gid)
        os.setuid(entry.pw_uid)
    execute(command, dict(os.environ))
