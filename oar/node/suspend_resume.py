"""Stops all processes of a job on a node, and lets them go on.

Sent to the node with its data as JSON, and with the parts that it imports from here; needs python3 >= 3.6 and
nothing else of ours. Called with ``suspend`` or ``resume``, each of which may be repeated. It is started as
root where ``sudo -n`` allows that. The job's groups are frozen, in cgroup v2 by ``cgroup.freeze``, in v1 in
the hierarchy of the freezer. Without either the job's processes are stopped by a signal, all but oarexec,
which serves the server meanwhile.

Exit codes: 2 bad data, 3 bad argument, 4 the processes did not all stop, or go on, in time.
"""

import json
import os
import sys
import time

from oar.node.cgroup_end import group_folders, members
from oar.node.files import put, read
from oar.node.manager_job import Job, Refused
from oar.node.tracking import oarexec_pid, signal_all, tracked

LIMIT_S = 20.0
PAUSE_S = 0.01


class Freezer:
    """The file that freezes one group, and how its state is told."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.is_v1 = os.path.exists(folder + "/freezer.state")
        self.is_there = self.is_v1 or os.path.exists(folder + "/cgroup.freeze")

    def set(self, frozen: bool) -> None:
        """Ask for a state; the kernel takes its time."""
        if self.is_v1:
            put(self.folder + "/freezer.state", "FROZEN" if frozen else "THAWED")
        else:
            put(self.folder + "/cgroup.freeze", "1" if frozen else "0")

    def has(self, frozen: bool) -> bool:
        """Tell whether all processes of the group stand still, or go on; a group that is gone has none."""
        if self.is_v1:
            return read(self.folder + "/freezer.state") in ("FROZEN" if frozen else "THAWED", "")
        events = read(self.folder + "/cgroup.events")
        return not events or ("frozen 1" in events.split("\n")) is frozen

    def was_let_go(self) -> bool:
        """Tell whether somebody takes back that the group stands still: the job is being ended."""
        if self.is_v1:
            return read(self.folder + "/freezer.state") == "THAWED"
        return read(self.folder + "/cgroup.freeze") == "0"


def suspend(job: Job) -> None:
    """Stop the processes of the job."""
    freezers = freezers_of(job)
    if freezers:
        set_all(freezers, True)
    else:
        stop_processes(job)


def resume(job: Job) -> None:
    """Let the processes of the job go on."""
    freezers = freezers_of(job)
    if freezers:
        set_all(freezers, False)
    else:
        signal_all(processes_of(job), "CONT")


def freezers_of(job: Job) -> "list[Freezer]":
    """List the groups of the job that can be frozen."""
    return [freezer for freezer in map(Freezer, group_folders(job)) if freezer.is_there]


def set_all(freezers: "list[Freezer]", frozen: bool) -> None:
    """Freeze groups, or thaw them, and wait until it is so."""
    deadline = time.monotonic() + LIMIT_S
    try:
        for freezer in freezers:
            freezer.set(frozen)
    except OSError as error:
        raise Refused(4, f"cannot write the freezer: {error}") from error
    while not all(freezer.has(frozen) for freezer in freezers):
        if frozen and any(freezer.was_let_go() for freezer in freezers):
            raise Refused(4, "somebody else lets the processes go on")
        if time.monotonic() > deadline:
            raise Refused(4, "the processes do not " + ("stop" if frozen else "go on"))
        time.sleep(PAUSE_S)


def stop_processes(job: Job) -> None:
    """Stop process by process until no one is left that runs: they may start others meanwhile."""
    deadline = time.monotonic() + LIMIT_S
    while True:
        running = {pid for pid in processes_of(job) if is_running(pid)}
        if not running:
            return
        if time.monotonic() > deadline:
            raise Refused(4, f"{len(running)} processes do not stop")
        if not signal_all(running, "STOP"):
            raise Refused(4, f"{len(running)} processes may not be stopped by us")
        time.sleep(PAUSE_S)


def processes_of(job: Job) -> "set[int]":
    """Find the processes of the job, in groups that cannot be frozen or without a group."""
    groups = group_folders(job)
    if groups:
        return {pid for group in groups for folder, _, _ in os.walk(group) for pid in members(folder)}
    return tracked(job, oarexec_pid(job))


def is_running(pid: int) -> bool:
    """Tell whether a process lives and was not stopped."""
    words = read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return bool(words) and words[0] not in "TtZX"


ACTIONS = {"suspend": suspend, "resume": resume}


def main(action: str, text: bytes, environ: "dict[str, str]") -> int:
    """Carry out one action; return the exit code."""
    if action not in ACTIONS:
        sys.stderr.write(f"[suspend_resume][ERROR] {action}: give suspend or resume\n")
        return 3
    try:
        job = Job(json.loads(text.decode()), environ)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        sys.stderr.write(f"[suspend_resume][ERROR] bad data: {error!r}\n")
        return 2
    try:
        ACTIONS[action](job)
    except Refused as error:
        sys.stderr.write(f"[suspend_resume][{job.job_id}][{job.node}][ERROR] {error}\n")
        return error.code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], globals()["DATA"], dict(os.environ)))
