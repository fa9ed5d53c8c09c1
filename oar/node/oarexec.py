"""Runs the command of one job on the job's first node, and reports how it ended.

Sent to the node with its data as JSON, and with the parts that it imports from here; needs python3 >= 3.6 and
nothing else of ours. Called by the server with ``OAREXEC_<job>``. Prints one line when the job is its own,
leaves the connection, goes on alone:

* prologue, then the command as the job's user in the job's cgroup (user_part.py), then epilogue;
* TERM kills the job, USR2 sends the checkpoint signal to the command, URG the signal named in
  USER_SIGNAL_<job>, USR1 ends an interactive job, HUP repeats the report at once;
* ``OAREXEC_<job>_<code>_<wait status|N>_<challenge>`` goes to the server's text port until ``clean`` ends us.

A job is never started twice, whenever the server asks again: the pid file is locked while an oarexec of the
job lives, and ``oarexec_of_job_<job>`` says that the command was started, and how it ended. With a false
``may_start`` in its data it only reports what it finds; a job of which nothing is left was killed (3).

Codes, as exit code before the line and in the report after it: 1 prologue, 2 epilogue, 3 killed, 4 both,
5 node file, 6 pid file, 7 user, 8 runtime directory, 10 launching directory, 20 output files (12, 22 with
epilogue), 30 no data, 31 bad data, 34 interactive end (33 with epilogue), 40 checkpointed (41 with epilogue),
42 user signal.
"""

import fcntl
import json
import os
import pwd
import signal
import sys
import time

from oar.node.files import remove, write
from oar.node.oarexec_job import Failed, Job
from oar.node.oarexec_processes import adopt_orphans, kill_descendants, redirect, run_script
from oar.node.oarexec_record import read_record, write_record
from oar.node.oarexec_report import report
from oar.node.oarexec_sessions import end_sessions
from oar.node.oarexec_signals import HANDLED
from oar.node.oarexec_watch import Watch

READY_LINE = "oarexec is initialized and ready to do the job"
EPILOGUE_FAILED = {0: 2, 3: 4, 10: 12, 20: 22, 34: 33, 40: 41, 42: 2}


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
    if record is None and not job.may_start:
        record = write_record(job, 3, None)
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
        write(job.file("{}"), str(job.data["node_file"]))
        write(job.file("{}_resources"), str(job.data["properties_file"]))
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
    end_sessions(job)
    if not run_script(job, str(job.data["epilogue"])):
        code = EPILOGUE_FAILED.get(code, code)
    remove([job.file(name) for name in ("{}", "{}_resources", "USER_SIGNAL_{}")])
    return write_record(job, code, status)


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
