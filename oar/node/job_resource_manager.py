"""Prepares a node for a job, and ends everything of the job there.

Sent to the node with its data as JSON, and with the parts that it imports from here; needs python3 >= 3.6 and
nothing else of ours. Called with ``init`` or ``clean``, each of which may be repeated. It is started as root
where ``sudo -n`` allows that, works as the account that owns the server's files, and uses root's rights for
the cgroups and for killing. A job's group is ``<cpuset_path>/<name>`` in cgroup v2 when the unified hierarchy
has cpuset, in each mounted v1 hierarchy otherwise. Where neither can be written, and on nodes that share one
machine (OAR_RUNDIR is set there), the job's processes are found by their environment and as descendants of
oarexec.

``clean`` removes what the user has left in folders open to all, and System V IPC, when the data lists
``clean_user_directories`` and no other job of the user is on the node; never that of system accounts, and not
on nodes that share a machine.

Exit codes: 2 bad data, 3 bad argument, 4 hierarchy, 5 group not made, 6 not ended or not removed, 7 key not
written, 12 key not removed, 13 runtime directory, 16 and 17 lock file, 19 files of the job.
"""

import json
import os
import sys
import time

from oar.node.cgroup_end import group_folders, kill_groups, left_in, remove_group
from oar.node.cgroup_make import hierarchies, make_group
from oar.node.manager_access import close_job, open_job
from oar.node.manager_account import as_root, work_as_account
from oar.node.manager_files import (
    locked,
    make_directory,
    other_jobs,
    remove_files,
    user_locked,
    write_files,
)
from oar.node.manager_job import Job, Refused
from oar.node.processes import describe
from oar.node.tracking import kill_tracked, kill_until_gone, oarexec_pid, tracked
from oar.node.user_files import remove_ipc, remove_user_files, uid_to_clean


def init(job: Job) -> None:
    """Write the job's files and make its group."""
    why = ""
    make_directory(job)
    with user_locked(job), locked(job):
        write_files(job)
        if job.group:
            account = os.geteuid()
            with as_root():
                why = make_group(job, account)
        open_job(job)
    if why:
        job.say("WARN", "no cgroup for the job, its processes are tracked instead: " + why)


def clean(job: Job) -> None:
    """Let nobody into the job any more, then end all of it."""
    try:
        if os.path.isdir(job.directory):
            with locked(job):
                close_job(job)
    finally:
        end(job)


def end(job: Job) -> None:
    """End the job's processes, remove its groups and files; its files go even if its processes do not."""
    try:
        with as_root():
            end_processes(job)
    finally:
        if os.path.isdir(job.directory):
            with user_locked(job):
                with locked(job):
                    remove_files(job)
                clean_user(job)


def clean_user(job: Job) -> None:
    """Remove what the user has left on the node, if this was the last job of the user here."""
    if not job.folders_to_clean or other_jobs(job, lambda name: has_group(job, name)):
        return
    uid = uid_to_clean(job.user, spared=os.stat(job.directory).st_uid)
    if uid is None:
        return
    with as_root():
        for why in (remove_user_files(uid, job.folders_to_clean), remove_ipc(uid)):
            if why:
                job.say("WARN", f"not all that {job.user} has left is removed: {why}")


def has_group(job: Job, name: str) -> bool:
    """Tell whether the job with this name can be on the node: without groups each of which we know can."""
    version, tops = hierarchies(job.cgroup_root)
    group = job.group_of(name)
    return not (group and version) or any(os.path.isdir(top + group) for top in tops)


def end_processes(job: Job) -> None:
    """Kill everything of the job on this node and remove its groups."""
    groups = group_folders(job)
    oarexec = oarexec_pid(job)
    deadline = time.monotonic() + job.kill_limit_s
    pause = 0.002
    while kill_groups(groups) if groups else kill_tracked(job, oarexec):
        if time.monotonic() > deadline:
            left = sorted(left_in(groups) if groups else tracked(job, oarexec))
            raise Refused(6, f"{len(left)} processes do not die: {describe(left)}")
        time.sleep(pause)
        pause = min(pause * 2, 0.2)
    if oarexec:
        # Last: while it lives, the processes that left their parents are its children.
        kill_until_gone(oarexec, job.kill_limit_s)
    for folder in groups:
        remove_group(folder)


ACTIONS = {"init": init, "clean": clean}


def main(action: str, text: bytes, environ: "dict[str, str]") -> int:
    """Carry out one action; return the exit code."""
    if action not in ACTIONS:
        sys.stderr.write(f"[job_resource_manager][ERROR] {action}: give init or clean\n")
        return 3
    try:
        job = Job(json.loads(text.decode()), environ)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        sys.stderr.write(f"[job_resource_manager][ERROR] bad data: {error!r}\n")
        return 2
    work_as_account(environ)
    try:
        ACTIONS[action](job)
    except Refused as error:
        job.say("ERROR", str(error))
        return error.code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], globals()["DATA"], dict(os.environ)))
