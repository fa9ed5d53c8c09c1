"""A shell in a job, on the job's first node and at the terminal that ssh has given us.

``oarsub -I`` and ``oarsub -C`` send it on ssh's command line: standard input is the terminal's. Called with
OAR_SESSION as the account of OAR: puts itself into the job's cgroup, and becomes the job's user (through sudo
where that is another account) in a child that is called with OAR_SHELL and turns into the user's login shell.
When the shell ends, or the terminal hangs up, the session is over; that of ``oarsub -I`` ends the job too,
whatever has become of oarsub.

Ends with the shell's exit code, or 2 when the job's directory cannot be entered, 3 when the job is not here.
"""

import json
import os
import signal
import sys

from oar.node.as_user import execute_as
from oar.node.files import read
from oar.node.oarexec_job import Job
from oar.node.oarexec_processes import enter_groups
from oar.node.oarexec_sessions import note_session

NO_DIRECTORY, NO_JOB = 2, 3
SHELL = "OAR_SHELL"
HANGS_UP = {signal.SIGHUP, signal.SIGTERM}
HELD_BACK = {
    *HANGS_UP,
    signal.SIGCHLD,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGTSTP,
    signal.SIGTTIN,
    signal.SIGTTOU,
}
"""Those of the keyboard are for the shell and what it runs."""


def hold_session(job: Job) -> int:
    """Let the user have a shell in the job; return its exit code. A job of its own ends in any case."""
    try:
        return have_shell(job)
    finally:
        if job.data["ends_job"]:
            end_job(job)


def have_shell(job: Job) -> int:
    """Run the user's shell in the job until it ends, or the terminal hangs up; return an exit code."""
    if not oarexec_of(job):
        return refuse(NO_JOB, f"job {job.job_id} does not run here any more")
    try:
        enter_groups(job)
    except OSError as error:
        return refuse(NO_JOB, f"cannot enter job {job.job_id}: {error}")
    note_session(job)
    signal.pthread_sigmask(signal.SIG_BLOCK, HELD_BACK)
    child = os.fork()
    if child == 0:
        try:
            become_user(job.user)
        finally:
            os._exit(126)
    return wait_for(child)


def wait_for(child: int) -> int:
    """Wait until the shell has ended, or the terminal is gone; return an exit code."""
    while True:
        info = signal.sigwaitinfo({*HANGS_UP, signal.SIGCHLD})
        if info.si_signo in HANGS_UP:
            # We lead the session: when we end, the kernel hangs up on the shell's foreground too.
            return 128 + info.si_signo
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return 128 + (status & 127) if status & 127 else status >> 8


def oarexec_of(job: Job) -> int:
    """Find the process that keeps the job here; 0 when there is none."""
    pid = read(job.pid_file)
    words = read(f"/proc/{pid}/cmdline").split("\0") if pid.isdigit() else []
    return int(pid) if f"OAREXEC_{job.job_id}" in words else 0


def end_job(job: Job) -> None:
    """Tell oarexec that the interactive job is over."""
    pid = oarexec_of(job)
    if pid:
        os.kill(pid, signal.SIGUSR1)


def become_user(user: str) -> None:
    """Start the user's part in our place; never returns."""
    with open("/proc/self/cmdline") as stream:
        # Our own command line with another word: python3 -c <loader> <word> <program>.
        command = stream.read().split("\0")[1:-1]
    execute_as(user, [sys.executable, *command[:-2], SHELL, command[-1]])


def become_shell(job: Job) -> int:
    """Turn into the user's login shell, in the job's directory; returns only when that is not possible."""
    directory = str(job.data["launching_directory"])
    try:
        os.chdir(directory)
    except OSError as error:
        return refuse(NO_DIRECTORY, f"Cannot go into the working directory: {directory} ({error.strerror}).")
    environment = dict(job.environment(), TERM=os.environ.get("TERM") or "dumb")
    shell = environment["SHELL"]
    try:
        os.execve(shell, ["-" + os.path.basename(shell)], environment)
    except OSError as error:
        return refuse(NO_DIRECTORY, f"cannot start {shell}: {error.strerror}")


def refuse(code: int, text: str) -> int:
    """Say why there is no shell; return the exit code."""
    sys.stderr.write(f"[ERROR] {text}\n")
    return code


def main(word: str, text: bytes) -> int:
    """Hold a session, or be its shell."""
    job = Job(json.loads(text.decode()), dict(os.environ))
    return become_shell(job) if word == SHELL else hold_session(job)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], globals()["DATA"]))
