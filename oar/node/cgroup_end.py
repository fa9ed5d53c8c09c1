"""Ends all processes of a job's groups, and removes the groups."""

import contextlib
import os
import time

from oar.node.cgroup_make import hierarchies
from oar.node.files import put, read
from oar.node.manager_job import Job, Refused
from oar.node.tracking import kill

REMOVE_LIMIT_S = 3.0
FREEZE_LIMIT_S = 0.2


def group_folders(job: Job) -> "list[str]":
    """List the folders of the job's groups that are there."""
    version, tops = hierarchies(job.cgroup_root)
    if version == 2 and job.cgroup_root not in tops:
        # Where the groups of jobs lay that began before systemd gave us a place.
        tops = [*tops, job.cgroup_root]
    folders = [top + job.group for top in tops] if job.group and version else []
    return [folder for folder in folders if os.path.isdir(folder)]


def kill_groups(groups: "list[str]") -> int:
    """Kill the processes of the groups while they stand still; return how many there were."""
    folders = [path for group in groups for path, _, _ in os.walk(group)]
    if not any(members(folder) for folder in folders):
        return 0
    for group in groups:
        freeze(group)
    pids = {pid for folder in folders for pid in members(folder)}
    for group in groups:
        with contextlib.suppress(OSError):
            if os.path.exists(group + "/cgroup.kill"):
                put(group + "/cgroup.kill", "1")
    kill(pids)
    for folder in folders:
        thaw(folder)
    return len(pids)


def left_in(groups: "list[str]") -> "set[int]":
    """Collect the processes of the groups."""
    return {pid for group in groups for path, _, _ in os.walk(group) for pid in members(path)}


def members(folder: str) -> "list[int]":
    """List the processes of one group; 0 stands for one of another pid namespace and is none of ours."""
    return [int(pid) for pid in read(folder + "/cgroup.procs").split() if int(pid) > 1]


def freeze(folder: str) -> None:
    """Stop all processes of a group, for a short while at most: one in the kernel may not stop at once."""
    with contextlib.suppress(OSError):
        if os.path.exists(folder + "/freezer.state"):
            put(folder + "/freezer.state", "FROZEN")
            deadline = time.monotonic() + FREEZE_LIMIT_S
            while read(folder + "/freezer.state") != "FROZEN" and time.monotonic() < deadline:
                time.sleep(0.001)
        elif os.path.exists(folder + "/cgroup.freeze") and not os.path.exists(folder + "/cgroup.kill"):
            put(folder + "/cgroup.freeze", "1")


def thaw(folder: str) -> None:
    """Let a group go on, whoever froze it: killed processes die only then."""
    for name, value in (("/freezer.state", "THAWED"), ("/cgroup.freeze", "0")):
        with contextlib.suppress(OSError):
            if os.path.exists(folder + name):
                put(folder + name, value)


def remove_group(folder: str) -> None:
    """Remove a group and those below; a hierarchy may stay busy for a moment after its last process."""
    deadline = time.monotonic() + REMOVE_LIMIT_S
    for path in [path for path, _, _ in os.walk(folder, topdown=False)]:
        while True:
            try:
                os.rmdir(path)
                break
            except FileNotFoundError:
                break
            except OSError as error:
                if time.monotonic() > deadline:
                    raise Refused(6, f"cannot remove {path}: {error.strerror}") from error
            # Somebody may have sent a process into it meanwhile.
            kill_groups([path])
            time.sleep(0.01)
