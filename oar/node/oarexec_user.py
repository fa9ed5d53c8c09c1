"""Starts the part of oarexec that has the rights of the job's user: ``user_part.py``."""

import json
import os
import sys

from oar.node.as_user import execute_as
from oar.node.oarexec_job import Job
from oar.node.oarexec_processes import enter_groups


def run_command(job: Job) -> "tuple[int, int]":
    """Start the job's command; return the pid of the user's part and where it talks to us."""
    return start_user_part(job, dict(user_orders(job), do="run"))


def write_note(job: Job, text: str) -> None:
    """Append a text to the job's error file."""
    pid, pipe = start_user_part(job, dict(user_orders(job), do="note", text=text))
    while os.read(pipe, 4096):
        pass
    os.close(pipe)
    os.waitpid(pid, 0)


def user_orders(job: Job) -> "dict[str, object]":
    """Give what the user's part needs."""
    return {
        "command": job.command,
        "directory": str(job.data["launching_directory"]),
        "stdout": str(job.data["stdout_file"]),
        "stderr": str(job.data["stderr_file"]),
        "environment": job.environment(),
    }


def start_user_part(job: Job, orders: "dict[str, object]") -> "tuple[int, int]":
    """Start a process as the job's user in the job's cgroup; return its pid and where it talks to us."""
    feed, fed = os.pipe()
    told, tell = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            enter_groups(job)
            os.dup2(feed, 0)
            os.dup2(tell, 1)
            become_user(job.user)
        finally:
            os._exit(126)
    os.close(feed)
    os.close(tell)
    try:
        with os.fdopen(fed, "wb") as stream:
            stream.write(f"{job.data['user_part']}\n__END__\n{json.dumps(orders)}".encode())
    except BrokenPipeError:
        pass  # It has died; how, is seen where its end is waited for.
    return child, told


def become_user(user: str) -> None:
    """Run the user's part as the user; never returns."""
    with open("/proc/self/cmdline") as stream:
        # Our own command line with another last word: python3 -c <loader> <action>.
        command = [sys.executable, *stream.read().split("\0")[1:-2], "OAREXEC_USER"]
    execute_as(user, command)
