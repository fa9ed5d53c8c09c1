"""Starts and kills the processes of a job."""

import ctypes
import os
import signal
import sys
import time

from oar.node.files import put, read
from oar.node.oarexec_job import Job
from oar.node.processes import descendants, living_processes

PR_SET_CHILD_SUBREAPER = 36
KILL_LIMIT_S = 15.0
FREEZERS = (("freezer.state", "THAWED", ("FROZEN", "FREEZING")), ("cgroup.freeze", "0", ("1",)))
"""Files that freeze a group, in cgroup v1 and v2: what thaws it, and what they say while it is frozen."""


def redirect(path: str, flags: int, handles: "tuple[int, ...]") -> None:
    """Open a file in place of standard handles."""
    opened = os.open(path, flags, 0o644)
    for handle in handles:
        os.dup2(opened, handle)
    if opened not in handles:
        os.close(opened)


def execute(argv: "list[str]", environment: "dict[str, str]") -> None:
    """Become another program, with the signals as every program expects them."""
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, set())
    os.execvpe(argv[0], argv, environment)


def run_script(job: Job, path: str) -> bool:
    """Run the site's prologue or epilogue in the job's cgroup; tell whether it ended well and in time."""
    if not path:
        return True
    child = os.fork()
    if child == 0:
        try:
            os.setsid()
            enter_groups(job)
            redirect(os.devnull, os.O_RDWR, (0, 1))
            os.chdir(job.directory)
            words = [path, str(job.job_id), job.user, job.file("{}"), str(job.data["walltime_seconds"])]
            execute(words, job.environment())
        finally:
            os._exit(127)
    deadline = time.monotonic() + job.script_timeout_s
    while time.monotonic() < deadline:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return status == 0
        signal.sigtimedwait({signal.SIGCHLD}, 0.2)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


# ---- into the job's cgroups


def enter_groups(job: Job) -> None:
    """Put the calling process into the job's cgroups that exist, as root where the node wants that."""
    enter_group(job.group)


def enter_group(group: str) -> None:
    """Put the calling process into a cgroup of that name, in each hierarchy that has it."""
    refused = []
    for path in process_files(group):
        try:
            put(path, str(os.getpid()))
        except PermissionError:
            refused.append(path)
    if refused and os.getuid() != 0 and not put_as_root(str(os.getpid()), refused):
        raise OSError("cannot enter the job's cgroup")


def put_as_root(value: str, paths: "list[str]") -> bool:
    """Write a value into files of the kernel with root's rights; tell whether that was done."""
    told, tell = os.pipe()
    os.write(tell, f"{value}\n".encode())
    os.close(tell)
    child = os.fork()
    if child == 0:
        os.dup2(told, 0)
        redirect(os.devnull, os.O_WRONLY, (1,))
        os.execvp("sudo", ["sudo", "-n", "tee", "--", *paths])
    os.close(told)
    return os.waitpid(child, 0)[1] == 0


def process_files(group: str, root: str = "/sys/fs/cgroup") -> "list[str]":
    """List the files that take a process into the job's groups, in whatever hierarchies it has."""
    if not group or not os.path.isdir(root):
        return []
    tops = [root] + [os.path.join(root, name) for name in sorted(os.listdir(root))]
    files = [os.path.realpath(top) + group + "/cgroup.procs" for top in tops]
    return [path for path in dict.fromkeys(files) if os.path.exists(path)]


# ---- to an end


def adopt_orphans() -> None:
    """Become the parent of every process of the job that loses its own, so that none escapes us."""
    try:
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    except (OSError, AttributeError) as error:
        sys.stderr.write(f"orphans of the job will not be found: {error}\n")


def thaw_groups(job: Job) -> None:
    """Let the job's groups go on if they are frozen: what was killed dies only then, the epilogue runs."""
    for path in process_files(job.group):
        for name, value, frozen in FREEZERS:
            file = os.path.join(os.path.dirname(path), name)
            if read(file) in frozen:
                try:
                    put(file, value)
                except PermissionError:
                    put_as_root(value, [file])


def kill_descendants(job: Job) -> None:
    """Kill all processes below us, stopping them first so that none forks while we look."""
    deadline = time.monotonic() + KILL_LIMIT_S
    number, pause = signal.SIGSTOP, 0.0
    while time.monotonic() < deadline:
        left = descendants(os.getpid(), living_processes())
        if not left:
            thaw_groups(job)
            return
        kill_as_user(job, left, number)
        if number == signal.SIGKILL:
            thaw_groups(job)
        time.sleep(pause)
        number, pause = signal.SIGKILL, min(pause * 2 + 0.002, 0.2)


def kill_as_user(job: Job, pids: "list[int]", number: int) -> None:
    """Signal processes of the job, with the user's rights where ours do not reach."""
    foreign = []
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue
        except PermissionError:
            foreign.append(str(pid))
    if foreign:
        child = os.fork()
        if child == 0:
            redirect(os.devnull, os.O_RDWR, (0, 1, 2))
            execute(
                ["sudo", "-n", "-u", job.user, "kill", "-s", str(int(number)), "--", *foreign], job.environ
            )
        os.waitpid(child, 0)
