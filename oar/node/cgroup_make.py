"""Makes the group of a job: in cgroup v2 when it has cpuset, in each mounted v1 hierarchy otherwise."""

import contextlib
import os

from oar.node.cgroup_limits import group_values
from oar.node.delegation import ask_for_place, delegated, runs_systemd
from oar.node.device_rules import deny
from oar.node.files import put, read
from oar.node.gpu_devices import denied_devices
from oar.node.manager_job import Job, Refused

V1_CONTROLLERS = ("cpuset", "freezer", "cpu", "cpuacct", "memory", "devices", "pids", "blkio")
V2_CONTROLLERS = ("cpuset", "cpu", "memory", "pids", "io")


def hierarchies(root: str) -> "tuple[int, list[str]]":
    """Find the version of cgroups to use and its top folders; version 0 when there is none."""
    for top in (delegated(root), root):
        if "cpuset" in read(top + "/cgroup.controllers").split():
            return 2, [top]
    tops = [os.path.realpath(root + "/" + name) for name in V1_CONTROLLERS]
    found = list(dict.fromkeys(top for top in tops if os.path.exists(top + "/cgroup.procs")))
    if os.path.realpath(root + "/cpuset") in found:
        return 1, found
    return 0, []


def prepared_hierarchies(job: Job) -> "tuple[int, list[str]]":
    """Find the version of cgroups to use and its top folders, once systemd has given us a place in v2."""
    version, tops = hierarchies(job.cgroup_root)
    if version == 2 and runs_systemd():
        why = ask_for_place(job.cgroup_root)
        if why:
            job.say("WARN", f"systemd gives us no group of our own, using {tops[0]}: {why}")
        version, tops = hierarchies(job.cgroup_root)
    return version, tops


def make_group(job: Job, account: int) -> str:
    """Make the job's group in each hierarchy; say in words why there can be none, "" when there is."""
    version, tops = prepared_hierarchies(job)
    if not version:
        return f"no cpuset controller below {job.cgroup_root}"
    if not all(os.access(top, os.W_OK) for top in tops):
        return f"{job.cgroup_root} cannot be written"
    try:
        if version == 2 and not share_controllers(tops[0], os.path.dirname(job.group)):
            return f"{job.cgroup_root} does not give its controllers to groups"
        for top in tops:
            make_path(top, job.group)
    except OSError as error:
        raise Refused(4, f"cannot make {job.group}: {error}") from error
    try:
        for top in tops:
            feed_group(job, top + job.group)
            if version == 1:
                give_group(top + job.group, account)
        deny_gpus(job, [top + job.group for top in tops], version)
    except OSError as error:
        raise Refused(5, f"cannot set up {job.group}: {error}") from error
    return ""


def share_controllers(top: str, base: str) -> bool:
    """Have v2 give its controllers to the children of each folder down to ``base``; False without cpuset."""
    folder = top
    for part in ["", *base.strip("/").split("/")]:
        folder = os.path.join(folder, part) if part else folder
        os.makedirs(folder, exist_ok=True)
        for name in V2_CONTROLLERS:
            # One that cannot be had, or a folder that holds processes, must not cost us the others.
            with contextlib.suppress(OSError):
                put(folder + "/cgroup.subtree_control", "+" + name)
    return "cpuset" in read(folder + "/cgroup.subtree_control").split()


def make_path(top: str, group: str) -> None:
    """Make a group and those above it; an empty v1 cpuset takes no process, so it is filled."""
    folder = top
    for part in group.strip("/").split("/"):
        parent, folder = folder, os.path.join(folder, part)
        os.makedirs(folder, exist_ok=True)
        for name in ("/cpuset.cpus", "/cpuset.mems"):
            if os.path.exists(parent + name) and not read(folder + name) and read(parent + name):
                put(folder + name, read(parent + name))


def feed_group(job: Job, folder: str) -> None:
    """Give the group of one hierarchy what the job has there; raises ``Refused`` or ``OSError``."""
    for name, value in group_values(job, folder):
        put(folder + "/" + name, value)


def deny_gpus(job: Job, folders: "list[str]", version: int) -> None:
    """Keep the job from GPUs of the node that are not its own, if the site wants that."""
    gpus = job.data.get("gpus")
    if gpus is None:
        return
    values = [str(value) for value in dict(gpus).get(job.node, ())]  # type: ignore[call-overload]  # bad data else
    root = str(job.data.get("device_root") or "")
    deny(denied_devices(values, root), folders, version, root)


def give_group(folder: str, account: int) -> None:
    """Let the account send its processes into a v1 group; in v2 that takes rights on all groups above."""
    for path in (folder, folder + "/cgroup.procs", folder + "/tasks"):
        if os.path.exists(path):
            os.chown(path, account, -1)
