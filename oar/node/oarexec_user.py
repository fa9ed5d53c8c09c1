"""Starts the part of oarexec that has the rights of the job's user: ``user_part.py``."""

import os
import sys

from oar.node.as_user import execute_as
from oar.node.oarexec_job import Job
from oar.node.oarexec_processes import enter_groups

LOADER = """\
import sys
source, _, DATA = sys.stdin.buffer.read().partition(b"\\n__END__\\n")
exec(source)
"""
"""What the user's python3 is told on its command line."""


def run_command(job: Job) -> "tuple[int, int]":
    """Start the job's command; return the pid of the user's part and where it talks to us."""
    return start_user_part(job, user_orders(job, "run", job.command))


def write_note(job: Job, text: str) -> None:
    """Append a text to the job's error file."""
    pid, pipe = start_user_part(job, user_orders(job, "note", text))
    while os.read(pipe, 4096):
        pass
    os.close(pipe)
    os.waitpid(pid, 0)


def user_orders(job: Job, what: str, text: str) -> bytes:
    """Write what the user's part needs, as it reads it."""
    words = [what, *(str(job.data[name]) for name in ("launching_directory", "stdout_file", "stderr_file"))]
    variables = [f"{name}={value}" for name, value in job.environment().items()]
    return "".join(f"{word}\0" for word in (*words, text, *variables)).encode(errors="surrogateescape")


def start_user_part(job: Job, orders: bytes) -> "tuple[int, int]":
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
            stream.write(str(job.data["user_part"]).encode() + b"\n__END__\n" + orders)
    except BrokenPipeError:
        pass  # It has died; how, is seen where its end is waited for.
    return child, told


def become_user(user: str) -> None:
    """Run the user's part as the user; never returns."""
    execute_as(user, [sys.executable, "-I", "-S", "-c", LOADER, "OAREXEC_USER"])
