"""The files of jobs in the node's runtime directory, and the lock that keeps jobs apart there."""

import contextlib
import fcntl
import os
import re
import time
from collections.abc import Callable, Iterator

from oar.node.files import write
from oar.node.manager_job import Job, Refused

LOCK_LIMIT_S = 15.0
OF_A_JOB = ("{}", "{}_resources", "pid_of_oarexec_for_jobId_{}", "oarexec_of_job_{}", "USER_SIGNAL_{}")


def make_directory(job: Job) -> None:
    """Make the runtime directory unless it is there and ours."""
    try:
        os.makedirs(job.directory, mode=0o755, exist_ok=True)
        if os.geteuid() not in (0, os.stat(job.directory).st_uid):
            raise Refused(13, f"{job.directory} belongs to another account")
    except OSError as error:
        raise Refused(13, f"cannot make {job.directory}: {error}") from error


@contextlib.contextmanager
def locked(job: Job, name: str = "job_manager_lock_file") -> "Iterator[None]":
    """Hold the node's lock, or another one, for a while."""
    try:
        handle = os.open(job.file(name), os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise Refused(16, f"cannot open the lock file: {error}") from error
    try:
        deadline = time.monotonic() + LOCK_LIMIT_S
        while not try_lock(handle):
            if time.monotonic() > deadline:
                raise Refused(17, "another job holds the lock file for too long")
            time.sleep(0.02)
        yield
    finally:
        os.close(handle)


@contextlib.contextmanager
def user_locked(job: Job) -> "Iterator[None]":
    """Hold the user's lock, where files of users are cleaned: no job of the user may begin meanwhile."""
    if not job.folders_to_clean:
        yield
        return
    with locked(job, "cpuset.lock." + job.user):
        yield


def try_lock(handle: int) -> bool:
    """Take a file's lock unless another process has it."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def write_files(job: Job) -> None:
    """Write the node file, the file of properties and the file of variables, for all to read."""
    environment = dict(job.data["environment"])  # type: ignore[call-overload]  # anything else is bad data
    variables = dict(environment, **file_variables(job.file("{}")))
    try:
        write(job.file("{}"), str(job.data["node_file"]))
        write(job.file("{}_resources"), str(job.data["properties_file"]))
        write(job.file(job.name + ".env"), exports(variables))
    except OSError as error:
        raise Refused(19, f"cannot write the files of the job: {error}") from error


def file_variables(node_file: str) -> "dict[str, str]":
    """Name the job's files as the job sees them."""
    names = ("OAR_NODEFILE", "OAR_NODE_FILE", "OAR_FILE_NODES", "OAR_RESOURCE_FILE")
    return dict(dict.fromkeys(names, node_file), OAR_RESOURCE_PROPERTIES_FILE=node_file + "_resources")


def exports(environment: "dict[str, str]") -> str:
    """Write variables for sh, whatever is in their values."""
    quoted = {name: "'" + str(value).replace("'", "'\\''") + "'" for name, value in environment.items()}
    return "".join(f"export {name}={quoted[name]}\n" for name in sorted(quoted))


def remove_files(job: Job) -> None:
    """Remove what the job has left in the runtime directory."""
    for path in [job.file(name) for name in (*OF_A_JOB, job.name + ".env", job.name + ".jobkey")]:
        try:
            os.unlink(path)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise Refused(19, f"cannot remove {path}: {error.strerror}") from error


def other_jobs(job: Job, has_group: "Callable[[str], bool]") -> bool:
    """Tell whether another job of the user is on the node.

    Each has a file of variables there; one without a group was there before the node was started anew.
    """
    pattern = re.compile("(" + re.escape(job.user) + r"_\d+)\.env$")
    found = [pattern.match(name) for name in os.listdir(job.directory)]
    return any(has_group(match.group(1)) for match in found if match and match.group(1) != job.name)
