"""Finds and kills the processes of a job where no cgroup holds them."""

import contextlib
import os
import signal
import time
from collections.abc import Iterable

from oar.node.files import read
from oar.node.manager_job import Job
from oar.node.processes import ancestors, descendants, living_processes, parent_of


def oarexec_pid(job: Job) -> int:
    """Find the job's living oarexec; 0 when there is none."""
    text = read(job.file("pid_of_oarexec_for_jobId_{}"))
    if not text.isdigit():
        return 0
    words = read(f"/proc/{text}/cmdline").split("\0")
    return int(text) if f"OAREXEC_{job.job_id}" in words else 0


def kill_tracked(job: Job, oarexec: int) -> int:
    """Kill what belongs to the job by its environment or as a descendant of oarexec; return how many."""
    return kill(tracked(job, oarexec))


def tracked(job: Job, oarexec: int) -> "set[int]":
    """Find what belongs to the job by its environment or as a descendant of oarexec, but for oarexec."""
    parents = living_processes()
    spared = {1, oarexec, os.getpid(), *ancestors(os.getpid(), parents)}
    wanted = set(descendants(oarexec, parents)) if oarexec else set()
    marks = {f"OAR_JOB_ID={job.job_id}"}
    if job.shares_machine:
        # Nodes that share a machine see each other's processes, and other clusters may run there too.
        marks.add("OAR_RUNDIR=" + job.directory)
    wanted |= {pid for pid in parents if marks <= set(read(f"/proc/{pid}/environ").split("\0"))}
    return wanted - spared


def kill_until_gone(pid: int, limit_s: float) -> None:
    """Kill one process and wait until it is gone, if we may kill it at all, for so many seconds at most."""
    deadline = time.monotonic() + limit_s
    while parent_of(pid) is not None and kill([pid]) and time.monotonic() < deadline:
        time.sleep(0.005)


def kill(pids: "Iterable[int]") -> int:
    """Kill processes; return how many we were allowed to kill."""
    return signal_all(pids, "KILL")


def signal_all(pids: "Iterable[int]", name: str) -> int:
    """Send processes a signal, such as ``STOP``; return how many we were allowed to send it to."""
    number, sent = getattr(signal, "SIG" + name), 0
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
            sent += 1
    return sent
