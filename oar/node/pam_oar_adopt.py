#!/usr/bin/python3 -IS
"""pam_oar_adopt: lets users of a whole node in by plain ssh, and puts their sessions into the job.

Called by pam_exec, as root. ``-a`` (account) ends with 0 when the user has a job of type allow_classic_ssh
that has the node to itself, with 1 when other rules are to decide. ``-s`` (session) moves sshd's process for
the session into the cgroup of that job, so that what is started there has the job's limits and its end. A
second argument names the folder of the jobs' files. One file of the standard library; sites install it.
"""

import fcntl
import json
import os
import sys
from collections.abc import Iterator

DIRECTORY = "/var/lib/oar"
CGROUPS = "/sys/fs/cgroup"
ACCEPTED, NOT_OURS = 0, 1


def groups_of(user: str, directory: str) -> "list[str]":
    """List the cgroups of the jobs that let the user in here."""
    found = []
    for name in sorted(os.listdir(directory)):
        if name.endswith(".oarsh"):
            with open(os.path.join(directory, name)) as stream:
                job = json.load(stream)
            if job["classic_ssh"] and job["user"] == user:
                found.append(str(job["group"]))
    return found


def adopt(pid: int, group: str) -> None:
    """Move a process into a cgroup, in each hierarchy that has it."""
    for path in process_files(group):
        with open(path, "w") as stream:
            stream.write(str(pid))


def process_files(group: str) -> "Iterator[str]":
    """Give the files that take a process into the cgroup."""
    tops = [CGROUPS] + [os.path.join(CGROUPS, name) for name in sorted(os.listdir(CGROUPS))]
    for top in dict.fromkeys(os.path.realpath(top) for top in tops):
        path = f"{top}{group}/cgroup.procs"
        if group and os.path.exists(path):
            yield path


def main() -> int:
    """Decide, or move the session; return the exit code."""
    action = (sys.argv[1:] or [""])[0]
    if action not in ("-a", "-s"):
        sys.stderr.write("pam_oar_adopt: give -a or -s\n")
        return NOT_OURS
    directory = (sys.argv[2:] or [DIRECTORY])[0]
    user = os.environ.get("PAM_USER", "")
    try:
        with open(os.path.join(directory, "job_manager_lock_file")) as lock:
            # While the lock is held no job is cleaned: nobody enters one that is.
            fcntl.flock(lock, fcntl.LOCK_SH)
            groups = groups_of(user, directory)
            if action == "-s" and os.environ.get("PAM_TYPE") == "open_session" and groups:
                adopt(os.getppid(), groups[0])
    except FileNotFoundError:
        groups = []
    return ACCEPTED if groups or action == "-s" else NOT_OURS


if __name__ == "__main__":
    sys.exit(main())
