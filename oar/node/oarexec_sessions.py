"""The shells of a job where nothing else would end them: a frontend has no cgroup for the job."""

import contextlib
import os
import signal

from oar.node.files import read, remove
from oar.node.oarexec_job import Job

WORD = "OAR_SESSION"
"""What the command line of a session has."""


def note_session(job: Job) -> None:
    """Write down that the calling process holds a session of the job, where nobody cleans after it."""
    if not job.is_cleaned:
        handle = os.open(sessions_file(job), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.write(handle, f"{os.getpid()}\n".encode())
        os.close(handle)


def end_sessions(job: Job) -> None:
    """Hang up on the sessions of the job that were written down."""
    for pid in read(sessions_file(job)).split():
        words = read(f"/proc/{pid}/cmdline").split("\0") if pid.isdigit() else []
        if WORD in words:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGTERM)
    remove([sessions_file(job)])


def sessions_file(job: Job) -> str:
    """Name the file with the process ids."""
    return job.file("oarsub_connections_{}")
