"""A session in a job, started by sshd on a node: what a job's key opens, and where oarsh leads.

Runs as the account of OAR with the job's name as its argument and, in SSH_ORIGINAL_COMMAND, what the user
wants to run; a login shell without it. Enters the job's cgroup while the node's lock is held, so that nothing
enters a job that is being cleaned, and becomes the job's user (through sudo where that is another account).

Ends with the exit code of what it ran, or 61 when the job is not on this node, 62 when it cannot be entered,
66 when what was asked for cannot be started.
"""

import fcntl
import json
import os
import pwd
import re
import sys

from oar.node.as_user import execute_as
from oar.node.oarexec_job import PASSED_ON
from oar.node.oarexec_processes import enter_group

NO_JOB, NO_ENTRY, NO_START = 61, 62, 66
JOB_NAME = re.compile(r"[^/.][^/]*_\d+")
SFTP_SERVERS = (
    "/usr/lib/openssh/sftp-server",
    "/usr/libexec/openssh/sftp-server",
    "/usr/lib/ssh/sftp-server",
)
OF_SSH = ("TERM", "SSH_CLIENT")
BECOME = """\
import json, os, sys
orders = json.loads(sys.argv[1])
try:
    os.chdir(orders["directory"])
except OSError:
    os.chdir("/")
try:
    os.execve(orders["program"], orders["argv"], orders["environment"])
except OSError as error:
    sys.exit("oarsh: cannot start %s: %s" % (orders["program"], error.strerror))
"""
"""What runs with the user's rights; its argument is what to become."""


class NoSession(Exception):
    """The job cannot be entered; ``code`` is what the program ends with."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


def enter_job(directory: str, name: str) -> "dict[str, object]":
    """Put this process into the job; return what is known of the job here."""
    missing = NoSession(NO_JOB, f"job {name.rpartition('_')[2]} is not on {node_name()}")
    if not JOB_NAME.fullmatch(name):
        raise missing
    try:
        with open(os.path.join(directory, "job_manager_lock_file")) as lock:
            fcntl.flock(lock, fcntl.LOCK_SH)
            with open(os.path.join(directory, name + ".oarsh")) as stream:
                job = dict(json.load(stream))
            enter(str(job["group"]))
    except FileNotFoundError:
        raise missing from None
    return job


def enter(group: str) -> None:
    """Enter the job's cgroup, in each hierarchy that it is in."""
    try:
        enter_group(group)
    except OSError as error:
        raise NoSession(NO_ENTRY, f"cannot enter the job's cgroup {group}: {error}") from error


def node_name() -> str:
    """Tell what the node is called."""
    return os.environ.get("OAR_NODE") or os.uname().nodename


def session_environment(job: "dict[str, object]", directory: str) -> "dict[str, str]":
    """List the variables of the session."""
    entry = pwd.getpwnam(str(job["user"]))
    known = {name: os.environ[name] for name in (*PASSED_ON, *OF_SSH) if name in os.environ}
    known.pop("OAR_KEY", None)
    path = known.get("PATH") or "/usr/local/bin:/usr/bin:/bin"
    known.update(HOME=entry.pw_dir, USER=entry.pw_name, LOGNAME=entry.pw_name)
    known.update(SHELL=entry.pw_shell or "/bin/sh", PATH=f"{directory}/bin:{path}")
    known.update({name: str(value) for name, value in dict(job["environment"]).items()})  # type: ignore[call-overload]  # our own
    return known


def orders_for(command: str, environment: "dict[str, str]") -> "dict[str, object]":
    """Say what to become: the user's login shell, a command in it, or a server of sftp."""
    shell = environment["SHELL"]
    argv = ["-" + os.path.basename(shell)]
    if command == "internal-sftp":
        shell, argv = sftp_server(), ["sftp-server"]
    elif command:
        argv = [os.path.basename(shell), "-c", command]
    return {"program": shell, "argv": argv, "environment": environment, "directory": environment["HOME"]}


def sftp_server() -> str:
    """Find the program that serves sftp."""
    for path in SFTP_SERVERS:
        if os.path.exists(path):
            return path
    raise NoSession(NO_START, f"there is no sftp-server on {node_name()}; scp -O does without")


def main() -> int:
    """Enter the job and become its session; returns only when that is not possible."""
    directory, name = os.path.dirname(os.path.abspath(sys.argv[0])), sys.argv[-1]
    try:
        job = enter_job(directory, name)
        environment = session_environment(job, directory)
        orders = orders_for(os.environ.get("SSH_ORIGINAL_COMMAND", ""), environment)
        execute_as(str(job["user"]), [sys.executable, "-I", "-S", "-c", BECOME, json.dumps(orders)])
    except NoSession as error:
        sys.stderr.write(f"oarsh: {error}\n")
        return error.code
    except (OSError, ValueError, KeyError, TypeError) as error:
        sys.stderr.write(f"oarsh: cannot start a session in {name}: {error}\n")
    return NO_START


if __name__ == "__main__":
    sys.exit(main())
