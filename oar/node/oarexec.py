"""Runs the command of one job on the job's first node, and reports how it ended.

Sent to the node as one file with its data as JSON; needs python3 >= 3.6 and nothing of ours. Called by the
server with ``OAREXEC_<job>``. Prints one line when the job is its own, leaves the connection, goes on alone:

* prologue, then the command as the job's user in the job's cgroup (user_part.py), then epilogue;
* TERM kills the job, USR2 sends the checkpoint signal to the command, URG the signal named in
  USER_SIGNAL_<job>, USR1 ends an interactive job, HUP repeats the report at once;
* ``OAREXEC_<job>_<code>_<wait status|N>_<challenge>`` goes to the server's text port until ``clean`` ends us.

A job is never started twice, whenever the server asks again: the pid file is locked while an oarexec of the
job lives, and ``oarexec_of_job_<job>`` says that the command was started, and how it ended.

Codes, as exit code before the line and in the report after it: 1 prologue, 2 epilogue, 3 killed, 4 both,
5 node file, 6 pid file, 7 user, 8 runtime directory, 10 launching directory, 20 output files (12, 22 with
epilogue), 30 no data, 31 bad data, 34 interactive end (33 with epilogue), 40 checkpointed (41 with epilogue),
42 user signal.
"""

import contextlib
import ctypes
import fcntl
import json
import os
import pwd
import signal
import socket
import sys
import time

READY_LINE = "oarexec is initialized and ready to do the job"
HANDLED = {
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGURG,
    signal.SIGHUP,
    signal.SIGCHLD,
}
KILLS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
PR_SET_CHILD_SUBREAPER = 36
KILL_LIMIT_S = 15.0
REPORT_AFTER_S = (1, 2, 4, 8, 16, 30, 60, 120, 240, 480) + (900,) * 48
HEARD_ENOUGH = 6
EPILOGUE_FAILED = {0: 2, 3: 4, 10: 12, 20: 22, 34: 33, 40: 41, 42: 2}
PASSED_ON = ("PATH", "OAR_KEY", "OAR_NODE", "OAR_RUNDIR", "TMPDIR", "LANG", "SSH_CONNECTION")


class Failed(Exception):
    """The job cannot be started; ``code`` is told to the server."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class Job:
    """The job as the server describes it, and what the node adds to that."""

    def __init__(self, data: "dict[str, object]", environ: "dict[str, str]") -> None:
        self.data = data
        self.job_id = int(str(data["job_id"]))
        self.user = str(data["job_user"])
        self.challenge = str(data["challenge"])
        self.command = str(data["command"])
        self.interactive = data["mode"] == "INTERACTIVE"
        self.checkpoint_signal = int(str(data["checkpoint_signal"]))
        self.script_timeout_s = float(str(data["pro_epi_timeout"]))
        self.server = (
            server_host(str(data["almighty_hostname"]), environ.get("SSH_CONNECTION", "")),
            int(str(data["almighty_port"])),
        )
        self.is_cleaned = bool(data["is_cleaned"])
        # Nodes that share one machine have no cgroups of their own.
        self.group = "" if environ.get("OAR_RUNDIR") else str(data["cpuset_full_path"] or "")
        self.directory = environ.get("OAR_RUNDIR") or str(data["tmp_directory"])
        self.environ = environ

    def file(self, pattern: str) -> str:
        """Name a file of the runtime directory; ``{}`` stands for the job's id."""
        return os.path.join(self.directory, pattern.format(self.job_id))

    @property
    def pid_file(self) -> str:
        """Where the server's signals find us."""
        return self.file("pid_of_oarexec_for_jobId_{}")

    def environment(self) -> "dict[str, str]":
        """List all variables of the job."""
        entry = pwd.getpwnam(self.user)
        known = {name: self.environ[name] for name in PASSED_ON if name in self.environ}
        known.setdefault("PATH", "/usr/local/bin:/usr/bin:/bin")
        known.update(HOME=entry.pw_dir, USER=self.user, LOGNAME=self.user, TERM="unknown")
        known["SHELL"] = entry.pw_shell or "/bin/sh"
        bashrc = os.path.expanduser("~/.batch_job_bashrc")
        if os.path.exists(bashrc):
            known["BASH_ENV"] = bashrc
        known.update({name: str(value) for name, value in dict(self.data["environment"]).items()})  # type: ignore[call-overload]  # bad data else
        node_file = self.file("{}")
        for name in ("OAR_NODEFILE", "OAR_NODE_FILE", "OAR_FILE_NODES", "OAR_RESOURCE_FILE"):
            known[name] = node_file
        known["OAR_RESOURCE_PROPERTIES_FILE"] = node_file + "_resources"
        return known


def server_host(configured: str, ssh_connection: str) -> str:
    """Choose where to report: a server that calls itself localhost is where our ssh connection came from."""
    caller = ssh_connection.partition(" ")[0]
    is_local = configured == "localhost" or configured.startswith("127.")
    if is_local and caller and not caller.startswith("127.") and caller != "::1":
        return caller
    return configured


# ---- start


def start(job: Job) -> int:
    """Take the job and do it; return the exit code that the server's connection ends with.

    Returns twice: in the process that the server waits for, and in the detached one when all is done.
    """
    try:
        os.makedirs(job.directory, mode=0o755, exist_ok=True)
        lock = claim(job)
    except OSError as error:
        raise Failed(8, f"cannot use {job.directory}: {error}") from error
    if lock is None:
        return say_ready()
    record = read_record(job)
    if record is None:
        prepare(job)
    if detach(job, lock):
        return say_ready()
    if record is None:
        record = carry_out(job)
    elif record["code"] is None:
        # The command was started and its oarexec is gone, with whatever it knew: that job was killed.
        record = write_record(job, 3, None)
    report(job, record)
    return 0


def say_ready() -> int:
    """Tell the server that the job will be reported."""
    sys.stdout.write(READY_LINE + "\n")
    sys.stdout.flush()
    return 0


def claim(job: Job) -> "int | None":
    """Lock the pid file; None when a living oarexec of the job has left its connection already."""
    while True:
        handle = os.open(job.pid_file, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.exists(job.pid_file) and os.path.samestat(os.fstat(handle), os.stat(job.pid_file)):
                os.ftruncate(handle, 0)
                return handle
        except BlockingIOError:
            if os.pread(handle, 16, 0):
                return None
            # It is still in its prologue: either it gets ready, or it fails and the job is ours.
            time.sleep(0.05)
        os.close(handle)


def prepare(job: Job) -> None:
    """Do what comes before the command and can still refuse the job."""
    try:
        write(job.file("{}"), str(job.data["node_file"]), 0o644)
        write(job.file("{}_resources"), str(job.data["properties_file"]), 0o644)
    except OSError as error:
        raise Failed(5, f"cannot write the node file: {error}") from error
    try:
        pwd.getpwnam(job.user)
    except KeyError:
        raise Failed(7, f"there is no user {job.user} here") from None
    if not run_script(job, str(job.data["prologue"])):
        raise Failed(1, "the prologue failed")


def detach(job: Job, lock: int) -> bool:
    """Go on in a process of our own session; True in the one that stays with the server."""
    told, tell = os.pipe()
    if os.fork():
        os.close(tell)
        if os.read(told, 1) != b"+":
            raise Failed(6, "cannot write the pid file")
        return True
    os.close(told)
    os.setsid()
    debug = int(str(job.data.get("debug_mode") or 0))
    log = job.file("oar.log") if debug else os.devnull
    redirect(os.devnull, os.O_RDONLY, (0,))
    redirect(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, (1, 2))
    os.pwrite(lock, str(os.getpid()).encode(), 0)
    os.write(tell, b"+")
    os.close(tell)
    return False


def redirect(path: str, flags: int, handles: "tuple[int, ...]") -> None:
    """Open a file in place of standard handles."""
    opened = os.open(path, flags, 0o644)
    for handle in handles:
        os.dup2(opened, handle)
    if opened not in handles:
        os.close(opened)


# ---- the record that keeps a job from being started twice


def read_record(job: Job) -> "dict[str, object] | None":
    """Read what an oarexec of this very job has left; a job of a former database had another challenge."""
    try:
        with open(job.file("oarexec_of_job_{}")) as stream:
            record = json.load(stream)
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) and record.get("challenge") == job.challenge else None


def write_record(job: Job, code: "int | None", status: "int | None") -> "dict[str, object]":
    """Record how the job ended; code None means that its command is about to be started.

    Raises ``OSError`` before the command only: an end is reported even where it cannot be written down.
    """
    record: "dict[str, object]" = {"challenge": job.challenge, "code": code, "status": status}
    try:
        write(job.file("oarexec_of_job_{}"), json.dumps(record), 0o600)
    except OSError as error:
        if code is None:
            raise
        sys.stderr.write(f"the end of the job is not recorded: {error}\n")
    return record


def write(path: str, text: str, mode: int) -> None:
    """Put a whole file in place of what was there."""
    handle = os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(handle, "w") as stream:
        os.fchmod(handle, mode)
        stream.write(text)
    os.rename(path + ".new", path)


# ---- the job


def carry_out(job: Job) -> "dict[str, object]":
    """Run the command and the epilogue; return the record of the end."""
    adopt_orphans()
    watch = Watch(job)
    try:
        write_record(job, None, None)
        if not job.interactive:
            watch.begin()
    except OSError as error:
        sys.stderr.write(f"the command was not started: {error}\n")
        return write_record(job, 6, None)
    watch.wait()
    code, status = watch.result()
    watch.write_notes()
    kill_descendants(job)
    if not run_script(job, str(job.data["epilogue"])):
        code = EPILOGUE_FAILED.get(code, code)
    remove([job.file(name) for name in ("{}", "{}_resources", "USER_SIGNAL_{}")])
    return write_record(job, code, status)


def remove(paths: "list[str]") -> None:
    """Remove files that may be gone already."""
    for path in paths:
        if os.path.exists(path):
            with contextlib.suppress(OSError):
                os.unlink(path)


def adopt_orphans() -> None:
    """Become the parent of every process of the job that loses its own, so that none escapes us."""
    try:
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    except (OSError, AttributeError) as error:
        sys.stderr.write(f"orphans of the job will not be found: {error}\n")


class Watch:
    """The user's part of a job while it lives: what it has told, and what was asked of it."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.user_part = 0
        self.user_part_status = 0
        self.pipe = -1
        self.told = b""
        self.pending: "list[int]" = []
        self.notes: "list[str]" = []
        self.asked = 0
        self.ended = False

    def begin(self) -> None:
        """Start the user's part, which starts the command."""
        self.user_part, self.pipe = start_user_part(self.job, dict(user_orders(self.job), do="run"))
        os.set_blocking(self.pipe, False)

    def wait(self) -> None:
        """Serve signals until the user's part has ended."""
        while not self.ended:
            info = signal.sigtimedwait(HANDLED, 0.2 if self.pending else 60.0)
            self.listen()
            self.take(info.si_signo if info else 0)
            self.send_pending()

    def listen(self) -> None:
        """Read what the user's part says."""
        while self.pipe >= 0:
            try:
                piece = os.read(self.pipe, 4096)
            except BlockingIOError:
                return
            if not piece:
                os.close(self.pipe)
                self.pipe = -1
            self.told += piece

    def number(self, word: str) -> "int | None":
        """Find the number behind a word of the user's part."""
        for line in self.told.decode(errors="replace").split("\n"):
            if line.startswith(word + " ") and line[len(word) + 1 :].isdigit():
                return int(line[len(word) + 1 :])
        return None

    def take(self, number: int) -> None:
        """Do what a signal asks for."""
        if number == signal.SIGCHLD:
            self.reap()
        elif number in KILLS:
            if self.asked != 3:
                self.notes.append(f"Job {self.job.job_id} KILLED")
            self.asked = 3
            kill_descendants(self.job)
            self.ended = self.ended or self.job.interactive
            self.reap()
        elif number == signal.SIGUSR1 and self.job.interactive:
            self.asked, self.ended = 34, True
        elif number == signal.SIGUSR2 and not self.job.interactive:
            wanted = self.job.checkpoint_signal
            self.ask(40, wanted, f"CHECKPOINTED with signal {wanted}")
        elif number == signal.SIGURG and not self.job.interactive:
            name = read(self.job.file("USER_SIGNAL_{}"))
            wanted = signal_number(name)
            if wanted:
                self.ask(42, wanted, "SIGNALED with " + name)

    def ask(self, code: int, number: int, note: str) -> None:
        """Remember a signal for the command."""
        self.asked = self.asked or code
        self.pending.append(number)
        self.notes.append(f"Job {self.job.job_id} {note}")

    def send_pending(self) -> None:
        """Pass signals on as soon as the command has a pid."""
        command = self.number("USER_CMD_PID")
        if command is not None and self.number("EXIT_CODE") is None:
            for number in self.pending:
                kill_as_user(self.job, [command], number)
            self.pending = []

    def reap(self) -> None:
        """Collect ended children, orphans of the job among them."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self.user_part:
                self.listen()
                self.user_part_status, self.ended = status, True

    def result(self) -> "tuple[int, int | None]":
        """Give oarexec's code and the command's wait status, None when there is none to speak of."""
        failed = self.number("CANNOT")
        if failed is not None:
            return failed * 10, None
        if self.asked == 3 or self.job.interactive:
            return self.asked, None
        status = self.number("EXIT_CODE")
        if status is None and self.number("USER_CMD_PID") is None:
            return 7, None
        # A command that kills all of its user's processes takes the user's part along.
        return self.asked, self.user_part_status if status is None else status

    def write_notes(self) -> None:
        """Append what we did to the job's error file, as the user."""
        if self.notes and self.number("CANNOT") is None and not self.job.interactive:
            stamp = time.strftime("%Y-%m-%d %H:%M:%S")
            text = "".join(f"## OAR [{stamp}] {note} ##\n" for note in self.notes)
            pid, pipe = start_user_part(self.job, dict(user_orders(self.job), do="note", text=text))
            while os.read(pipe, 4096):
                pass
            os.close(pipe)
            os.waitpid(pid, 0)


def signal_number(name: str) -> int:
    """Read a signal's name or number; 0 when there is no such signal."""
    if name.isdigit():
        return int(name) if 0 < int(name) < signal.NSIG else 0
    found = getattr(signal, "SIG" + name.upper().replace("SIG", "", 1), None)
    return int(found) if isinstance(found, signal.Signals) else 0


# ---- processes


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
            execute([path, str(job.job_id), job.user, job.file("{}")], job.environment())
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


def execute(argv: "list[str]", environment: "dict[str, str]") -> None:
    """Become another program, with the signals as every program expects them."""
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, set())
    os.execvpe(argv[0], argv, environment)


def enter_groups(job: Job) -> None:
    """Put the calling process into the job's cgroups that exist, as root where the node wants that."""
    refused = []
    for path in process_files(job.group):
        try:
            write_in_place(path, str(os.getpid()))
        except PermissionError:
            refused.append(path)
    if refused and os.getuid() != 0:
        told, tell = os.pipe()
        os.write(tell, f"{os.getpid()}\n".encode())
        os.close(tell)
        child = os.fork()
        if child == 0:
            os.dup2(told, 0)
            redirect(os.devnull, os.O_WRONLY, (1,))
            os.execvp("sudo", ["sudo", "-n", "tee", "--", *refused])
        os.close(told)
        if os.waitpid(child, 0)[1] != 0:
            raise OSError("cannot enter the job's cgroup")


def process_files(group: str, root: str = "/sys/fs/cgroup") -> "list[str]":
    """List the files that take a process into the job's groups, in whatever hierarchies it has."""
    if not group:
        return []
    tops = (
        [root] + [os.path.join(root, name) for name in sorted(os.listdir(root))]
        if os.path.isdir(root)
        else []
    )
    files = [os.path.realpath(top) + group + "/cgroup.procs" for top in tops]
    return [path for path in dict.fromkeys(files) if os.path.exists(path)]


def write_in_place(path: str, text: str) -> None:
    """Write into a file of the kernel."""
    with open(path, "w") as stream:
        stream.write(text)


def read(path: str) -> str:
    """Read a small file; "" when it cannot be read."""
    try:
        with open(path, "rb") as stream:
            return stream.read().decode(errors="replace").strip()
    except OSError:
        return ""


def kill_descendants(job: Job) -> None:
    """Kill all processes below us, stopping them first so that none forks while we look."""
    deadline = time.monotonic() + KILL_LIMIT_S
    number, pause = signal.SIGSTOP, 0.0
    while time.monotonic() < deadline:
        left = descendants(os.getpid())
        if not left:
            return
        kill_as_user(job, left, number)
        time.sleep(pause)
        number, pause = signal.SIGKILL, min(pause * 2 + 0.002, 0.2)


def descendants(pid: int) -> "list[int]":
    """List the living processes below one."""
    children: "dict[int, list[int]]" = {}
    for name in os.listdir("/proc"):
        words = read(f"/proc/{name}/stat").rpartition(")")[2].split() if name.isdigit() else []
        if words and words[0] not in "ZX":
            children.setdefault(int(words[1]), []).append(int(name))
    found, new = [], [pid]
    while new:
        new = [child for parent in new for child in children.get(parent, ())]
        found += new
    return found


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


# ---- the user's part: user_part.py, as the job's user


def user_orders(job: Job) -> "dict[str, object]":
    """Give what the user's part needs."""
    return {
        "command": job.command,
        "directory": str(job.data["launching_directory"]),
        "stdout": str(job.data["stdout_file"]),
        "stderr": str(job.data["stderr_file"]),
        "environment": job.environment(),
    }


def start_user_part(job: Job, orders: "dict[str, object]") -> "tuple[int, int]":
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
            stream.write(f"{job.data['user_part']}\n__END__\n{json.dumps(orders)}".encode())
    except BrokenPipeError:
        pass  # It has died; how, is seen where its end is waited for.
    return child, told


def become_user(user: str) -> None:
    """Run the user's part as the user; never returns."""
    with open("/proc/self/cmdline") as stream:
        # Our own command line with another last word: python3 -c <loader> <action>.
        command = [sys.executable, *stream.read().split("\0")[1:-2], "OAREXEC_USER"]
    entry = pwd.getpwnam(user)
    if os.getuid() not in (0, entry.pw_uid):
        command = ["sudo", "-n", "-u", user, *command]
    elif os.getuid() != entry.pw_uid:
        os.initgroups(user, entry.pw_gid)
        os.setgid(entry.pw_gid)
        os.setuid(entry.pw_uid)
    execute(command, dict(os.environ))


# ---- report


def report(job: Job, record: "dict[str, object]") -> None:
    """Tell the server how the job ended, again and again: that it took the line proves little.

    ``clean`` kills us when the end is dealt with. After a job that nobody cleans, being heard a few times is
    enough.
    """
    line = report_line(job.job_id, record["code"], record["status"], job.challenge)
    heard = 0
    for pause in REPORT_AFTER_S:
        heard += send(job.server, line)
        if heard >= HEARD_ENOUGH and not job.is_cleaned:
            break
        signal.sigtimedwait(HANDLED - {signal.SIGCHLD}, pause)
    remove([job.pid_file])


def report_line(job_id: int, code: object, status: object, challenge: str) -> str:
    """Write a report as the server's text port reads it."""
    return f"OAREXEC_{job_id}_{code}_{'N' if status is None else status}_{challenge}\n"


def send(server: "tuple[str, int]", line: str) -> bool:
    """Send one line to the server; tell whether it took it."""
    try:
        with socket.create_connection(server, timeout=10.0) as connection:
            connection.sendall(line.encode())
    except OSError:
        return False
    return True


def main(text: bytes) -> int:
    """Do the job; return the exit code."""
    try:
        data = json.loads(text.decode())
        job = Job(data, dict(os.environ))
    except (ValueError, KeyError, TypeError) as error:
        sys.stderr.write(f"[oarexec][ERROR] bad data: {error!r}\n")
        return 31
    signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)
    try:
        return start(job)
    except Failed as error:
        sys.stderr.write(f"[oarexec][{job.job_id}][ERROR] {error}\n")
        return error.code


if __name__ == "__main__":
    sys.exit(main(globals()["DATA"]))
