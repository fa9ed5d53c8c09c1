"""Prepares a node for a job, and ends everything of the job there.

Sent to the node as one file with its data as JSON; needs python3 >= 3.6 and nothing of ours. Called with
``init`` or ``clean``, each of which may be repeated. It runs as the account that owns the server's files and
becomes root through ``sudo -n`` for the cgroups. A job's group is ``<cpuset_path>/<name>`` in cgroup v2 when
the unified hierarchy has cpuset, in each mounted v1 hierarchy otherwise. Where neither can be written, and on
nodes that share one machine (OAR_RUNDIR is set there), the job's processes are found by their environment and
as descendants of oarexec.

``clean`` leaves what users wrote in /tmp alone unless the data has a true ``clean_user_files``; even then it
keeps it on nodes that share a machine, for system accounts, and while another job of the user is on the node.

Exit codes: 2 bad data, 3 bad argument, 4 hierarchy, 5 group not made, 6 not ended or not removed, 13 runtime
directory, 16 and 17 lock file, 19 files of the job.
"""

import contextlib
import fcntl
import json
import os
import pwd
import re
import signal
import sys
import time

CGROUP_ROOT = "/sys/fs/cgroup"
V1_CONTROLLERS = ("cpuset", "freezer", "cpu", "cpuacct", "memory", "devices", "pids", "blkio")
V2_CONTROLLERS = ("cpuset", "cpu", "memory", "pids", "io")
KILL_LIMIT_S = 20.0
REMOVE_LIMIT_S = 3.0
LOCK_LIMIT_S = 15.0
FREEZE_LIMIT_S = 0.2
FIRST_USER_UID = 1000


class Refused(Exception):
    """The action cannot be done; ``code`` is what the program ends with."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class Job:
    """The job as the server describes it, and what the node adds to that."""

    def __init__(self, data: "dict[str, object]", environ: "dict[str, str]") -> None:
        self.data = data
        self.job_id = int(str(data["job_id"]))
        self.name = str(data["name"])
        self.user = str(data["job_user"])
        if "/" in self.name or self.name.startswith(".") or "/" in self.user:
            raise ValueError("name: not the name of a file")
        shared = environ.get("OAR_RUNDIR", "")
        self.shares_machine = bool(data.get("shares_machine", shared))
        self.directory = str(shared or data["oar_tmp_directory"])
        self.node = str(data.get("node") or environ.get("TAKTUK_HOSTNAME") or environ.get("OAR_NODE") or "")
        self.node = self.node or os.uname().nodename
        self.account = int(str(data.get("account_uid", os.getuid())))
        self.cgroup_root = str(data.get("cgroup_root") or CGROUP_ROOT)
        self.nodes = dict(data["nodes"])  # type: ignore[call-overload]  # anything else is bad data
        self.group = ""
        if data.get("cpuset_path") and not self.shares_machine:
            self.group = os.path.normpath("/" + str(data["cpuset_path"]) + "/" + self.name)

    def file(self, pattern: str) -> str:
        """Name a file of the runtime directory; ``{}`` stands for the job's id."""
        return os.path.join(self.directory, pattern.format(self.job_id))

    def for_root(self) -> "dict[str, object]":
        """Give what the same program needs when it runs again without our environment."""
        known = {"oar_tmp_directory": self.directory, "node": self.node, "account_uid": self.account}
        return dict(self.data, shares_machine=self.shares_machine, **known)

    def say(self, level: str, text: str) -> None:
        """Write one line that the server logs."""
        sys.stderr.write(f"[job_resource_manager][{self.job_id}][{self.node}][{level}] {text}\n")


# ---- init


def init(job: Job) -> None:
    """Write the job's files and make its group."""
    make_directory(job)
    handle = lock(job)
    try:
        write_files(job)
        why = with_root(job, "init_group") if job.group else ""
    except OSError as error:
        raise Refused(19, f"cannot write the files of the job: {error}") from error
    finally:
        os.close(handle)
    if why:
        job.say("WARN", "no cgroup for the job, its processes are tracked instead: " + why)


def make_directory(job: Job) -> None:
    """Make the runtime directory unless it is there and ours."""
    try:
        os.makedirs(job.directory, mode=0o755, exist_ok=True)
        if os.getuid() not in (0, os.stat(job.directory).st_uid):
            raise Refused(13, f"{job.directory} belongs to another account")
    except OSError as error:
        raise Refused(13, f"cannot make {job.directory}: {error}") from error


def lock(job: Job) -> int:
    """Take the node's lock, to be given back by closing the handle."""
    try:
        handle = os.open(job.file("job_manager_lock_file"), os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise Refused(16, f"cannot open the lock file: {error}") from error
    deadline = time.monotonic() + LOCK_LIMIT_S
    while not try_lock(handle):
        if time.monotonic() > deadline:
            os.close(handle)
            raise Refused(17, "another job holds the lock file for too long")
        time.sleep(0.02)
    return handle


def try_lock(handle: int) -> bool:
    """Take a file's lock unless another process has it."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def write_files(job: Job) -> None:
    """Write the node file, the file of properties and the file of variables."""
    write(job.file("{}"), str(job.data["node_file"]))
    write(job.file("{}_resources"), str(job.data["properties_file"]))
    environment = dict(job.data["environment"])  # type: ignore[call-overload]  # checked by Job
    write(job.file(job.name + ".env"), exports(dict(environment, **file_variables(job.file("{}")))))


def file_variables(node_file: str) -> "dict[str, str]":
    """Name the job's files as the job sees them."""
    names = ("OAR_NODEFILE", "OAR_NODE_FILE", "OAR_FILE_NODES", "OAR_RESOURCE_FILE")
    return dict(dict.fromkeys(names, node_file), OAR_RESOURCE_PROPERTIES_FILE=node_file + "_resources")


def exports(environment: "dict[str, str]") -> str:
    """Write variables for sh, whatever is in their values."""
    quoted = {name: "'" + str(value).replace("'", "'\\''") + "'" for name, value in environment.items()}
    return "".join(f"export {name}={quoted[name]}\n" for name in sorted(quoted))


def write(path: str, text: str) -> None:
    """Put a whole file in place of what was there, readable by all."""
    handle = os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    with os.fdopen(handle, "w") as stream:
        os.fchmod(handle, 0o644)
        stream.write(text)
    os.rename(path + ".new", path)


# ---- becoming root


def with_root(job: Job, action: str) -> str:
    """Do a part as root if we can be root, else as we are; say in words why it could not be done."""
    if os.getuid() == 0 or job.shares_machine:
        return ROOT_PARTS[action](job)
    import subprocess  # only here: it costs some milliseconds

    # The same command line with another last word: python3 -c <loader> <action>.
    with open("/proc/self/cmdline") as stream:
        command = stream.read().split("\0")[1:-2]
    stdin = globals()["SOURCE"] + b"\n__END__\n" + json.dumps(job.for_root()).encode()
    try:
        ended = subprocess.run(
            ["sudo", "-n", sys.executable, *command, action], input=stdin, stderr=subprocess.PIPE, check=False
        )
    except OSError as error:
        return ROOT_PARTS[action](job) and f"cannot run sudo: {error}"
    told = str(ended.stderr, errors="replace").strip()
    if ended.returncode == 1:
        # Our own codes begin at 2: sudo has refused. What needs no root is done all the same.
        return ROOT_PARTS[action](job) and f"cannot become root: {told}"
    if ended.returncode:
        raise Refused(ended.returncode, f"as root: {told}")
    return told


# ---- cgroups: which, and made


def hierarchies(root: str) -> "tuple[int, list[str]]":
    """Find the version of cgroups to use and its top folders; version 0 when there is none."""
    if "cpuset" in read(root + "/cgroup.controllers").split():
        return 2, [root]
    tops = [os.path.realpath(root + "/" + name) for name in V1_CONTROLLERS]
    found = list(dict.fromkeys(top for top in tops if os.path.exists(top + "/cgroup.procs")))
    if os.path.realpath(root + "/cpuset") in found:
        return 1, found
    return 0, []


def init_group(job: Job) -> str:
    """Make the job's group in each hierarchy; say in words why there can be none."""
    version, tops = hierarchies(job.cgroup_root)
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
            feed_group(job, top + job.group, version)
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


def feed_group(job: Job, folder: str, version: int) -> None:
    """Give the group its cpus, and the account the right to send its processes there."""
    for name, value in group_values(job, folder):
        put(folder + "/" + name, value)
    if version == 1:
        for path in (folder, folder + "/cgroup.procs", folder + "/tasks"):
            if os.path.exists(path):
                os.chown(path, job.account, -1)


def group_values(job: Job, folder: str) -> "list[tuple[str, str]]":
    """List what is written into the job's group of one hierarchy: the place for every limit of a job."""
    cpus = cpus_of(job)
    if not cpus or not os.path.exists(folder + "/cpuset.cpus"):
        return []
    mems = memory_nodes(cpus)
    return [("cpuset.cpus", cpus)] + ([("cpuset.mems", mems)] if mems else [])


def cpus_of(job: Job) -> str:
    """Join the cpus that the job has here; "" means all of them."""
    if job.node not in job.nodes:
        raise Refused(2, f"the data names no cpus of the node {job.node}")
    return ",".join(str(value) for value in job.nodes[job.node])


def memory_nodes(cpus: str) -> str:
    """Join the memory nodes that are near these cpus; "" when the kernel does not say."""
    found = set()
    for first, last in re.findall(r"(\d+)(?:-(\d+))?", cpus):
        for cpu in range(int(first), int(last or first) + 1):
            with contextlib.suppress(OSError):
                names = os.listdir(f"/sys/devices/system/cpu/cpu{cpu}")
                found |= {name[4:] for name in names if re.match(r"node\d+$", name)}
    return ",".join(sorted(found, key=int))


# ---- clean


def clean(job: Job) -> None:
    """End the job's processes, remove its groups and files."""
    told = with_root(job, "clean_group")
    if told:
        job.say("WARN", told)
    if not os.path.isdir(job.directory):
        return
    handle = lock(job)
    try:
        remove_files(job)
        if job.data.get("clean_user_files") and not job.shares_machine and not other_jobs(job):
            with_root(job, "clean_user_files")
    finally:
        os.close(handle)


def clean_group(job: Job) -> str:
    """Kill everything of the job on this node and remove its groups."""
    groups = [folder for folder in group_folders(job) if os.path.isdir(folder)]
    oarexec = oarexec_pid(job)
    deadline = time.monotonic() + KILL_LIMIT_S
    pause = 0.002
    while True:
        alive = kill_groups(groups) + (0 if groups else kill_tracked(job, oarexec))
        if not alive:
            break
        if time.monotonic() > deadline:
            raise Refused(6, f"{alive} processes do not die")
        time.sleep(pause)
        pause = min(pause * 2, 0.2)
    # Last: while it lives, the processes that left their parents are its children.
    while oarexec and oarexec in living_processes() and kill([oarexec]):
        time.sleep(0.005)
    for folder in groups:
        remove_group(folder)
    return ""


def group_folders(job: Job) -> "list[str]":
    """List the folders the job's groups have, should they exist."""
    version, tops = hierarchies(job.cgroup_root)
    return [top + job.group for top in tops] if job.group and version else []


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
            time.sleep(0.01)


# ---- process tracking


def oarexec_pid(job: Job) -> int:
    """Find the job's living oarexec; 0 when there is none."""
    text = read(job.file("pid_of_oarexec_for_jobId_{}"))
    if not text.isdigit():
        return 0
    words = read(f"/proc/{text}/cmdline").split("\0")
    return int(text) if f"OAREXEC_{job.job_id}" in words else 0


def kill_tracked(job: Job, oarexec: int) -> int:
    """Kill what belongs to the job by its environment or as a descendant of oarexec; return how many."""
    parents = living_processes()
    spared = {1, oarexec} | set(ancestors(os.getpid(), parents)) | {os.getpid()}
    wanted = descendants(oarexec, parents) if oarexec else set()
    marks = [f"OAR_JOB_ID={job.job_id}"]
    if job.shares_machine:
        # Nodes that share a machine see each other's processes, and other clusters may run there too.
        marks.append("OAR_RUNDIR=" + job.directory)
    wanted |= {pid for pid in parents if set(marks) <= set(read(f"/proc/{pid}/environ").split("\0"))}
    return kill(wanted - spared)


def living_processes() -> "dict[int, int]":
    """Map each process that is not a zombie to its parent."""
    parents = {}
    for name in os.listdir("/proc"):
        words = read(f"/proc/{name}/stat").rpartition(")")[2].split() if name.isdigit() else []
        if words and words[0] not in "ZX":
            parents[int(name)] = int(words[1])
    return parents


def ancestors(pid: int, parents: "dict[int, int]") -> "list[int]":
    """List the parent of a process, the parent's parent, and so on."""
    line = []
    while parents.get(pid, 0) > 0:
        pid = parents[pid]
        line.append(pid)
    return line


def descendants(pid: int, parents: "dict[int, int]") -> "set[int]":
    """Collect the children of a process, their children, and so on."""
    found = {pid}
    grown = True
    while grown:
        more = {child for child, parent in parents.items() if parent in found} - found
        found |= more
        grown = bool(more)
    return found - {pid}


def kill(pids: "set[int] | list[int]") -> int:
    """Kill processes; return how many we were allowed to kill."""
    killed = 0
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
            killed += 1
    return killed


# ---- files


def remove_files(job: Job) -> None:
    """Remove what the job has left in the runtime directory."""
    ids = ("{}", "{}_resources", "pid_of_oarexec_for_jobId_{}", "oarexec_of_job_{}", "USER_SIGNAL_{}")
    for path in [job.file(name) for name in (*ids, job.name + ".env", job.name + ".jobkey")]:
        try:
            os.unlink(path)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise Refused(19, f"cannot remove {path}: {error.strerror}") from error


def other_jobs(job: Job) -> bool:
    """Tell whether another job of the user is on the node."""
    pattern = re.compile(re.escape(job.user) + r"_\d+\.env")
    return any(pattern.match(name) for name in os.listdir(job.directory))


def clean_user_files(job: Job) -> str:
    """Remove what the user has left in the folders that everyone can write to."""
    uid = pwd.getpwnam(job.user).pw_uid
    if uid < FIRST_USER_UID:
        return ""
    for top in ("/tmp", "/var/tmp", "/dev/shm"):  # noqa: S108 - these are what is to be cleaned
        for _, folders, files, handle in os.fwalk(top, topdown=False):
            for name in files + folders:
                with contextlib.suppress(OSError):
                    if os.stat(name, dir_fd=handle, follow_symlinks=False).st_uid == uid:
                        remove_at(name, handle)
    return ""


def remove_at(name: str, handle: int) -> None:
    """Remove a file, a link or an empty folder of an open folder."""
    try:
        os.unlink(name, dir_fd=handle)
    except (IsADirectoryError, PermissionError):
        os.rmdir(name, dir_fd=handle)


# ---- all of it


def read(path: str) -> str:
    """Read a small file; "" when it cannot be read."""
    try:
        with open(path, "rb") as stream:
            return stream.read().decode(errors="replace").strip("\n ")
    except OSError:
        return ""


def put(path: str, value: str) -> None:
    """Write a value into a file of the kernel, in one write."""
    with open(path, "w") as stream:
        stream.write(value)


ROOT_PARTS = {"init_group": init_group, "clean_group": clean_group, "clean_user_files": clean_user_files}
ACTIONS = dict(ROOT_PARTS, init=init, clean=clean)


def main(action: str, text: bytes) -> int:
    """Carry out one action; return the exit code."""
    if action not in ACTIONS:
        sys.stderr.write(f"[job_resource_manager][ERROR] {action}: give init or clean\n")
        return 3
    try:
        job = Job(json.loads(text.decode()), dict(os.environ))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        sys.stderr.write(f"[job_resource_manager][ERROR] bad data: {error!r}\n")
        return 2
    try:
        told = ACTIONS[action](job)
        if told:
            sys.stderr.write(told + "\n")
    except Refused as error:
        job.say("ERROR", str(error))
        return error.code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], globals()["DATA"]))
