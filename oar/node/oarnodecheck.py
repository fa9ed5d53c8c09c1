#!/usr/bin/python3 -IS
"""Checks of a node that the site writes: oarnodecheckrun, oarnodecheckquery and oarnodechecklist.

One file of the standard library with three names. Each executable of /etc/oar/check.d is a check; it finds a
fault by writing about it into the file that CHECKLOGFILE names. Such a file stays until somebody removes it,
and the node is faulty as long.
"""

import fcntl
import os
import re
import subprocess
import sys
import time

CHECKS = "/etc/oar/check.d"
HOME = "/var/lib/oar"
CHECK_LIMIT_S = 300
LASTS_S = 3600
HEALTHY, FAILED, FAULTY = 0, 1, 2
OF_A_JOB = re.compile(r".+_\d+\.env")
USAGE = """\
Usage: oarnodecheckrun   [--checks FOLDER] [--home FOLDER]
       oarnodecheckquery [--checks FOLDER] [--home FOLDER]
       oarnodechecklist  [--home FOLDER]

  oarnodecheckrun, for root, runs the checks of the node in /etc/oar/check.d, unless a
  job is there. oarnodecheckquery tells whether any has found a fault; it has them run
  when that was not done for an hour. oarnodechecklist names the files in which checks
  say what they found; remove them when the node is mended.

Options:
  --checks FOLDER  The folder of the checks; /etc/oar/check.d if not given.
  --home FOLDER    The folder with the files of jobs and the folder checklogs;
                   /var/lib/oar if not given.
  -h, --help       Print this and stop.

Exit codes:
  0  done; for oarnodecheckquery: no fault is known
  1  a folder is missing, or the checks cannot be run
  2  oarnodecheckquery: a check has found a fault
"""


class Failed(Exception):
    """The checks cannot be run."""


class Places:
    """Where everything is."""

    def __init__(self, checks: str = CHECKS, home: str = HOME) -> None:
        self.checks, self.home = checks, home
        self.logs = os.path.join(home, "checklogs")
        self.stamp = os.path.join(home, "oarnodecheckrun.lastrun")
        self.lock = os.path.join(home, "oarnodecheckrun.lock")


def run(places: Places) -> int:
    """Run the checks, unless a job is on the node or another run is under way."""
    for folder in (places.checks, places.logs):
        if not os.path.isdir(folder):
            raise Failed(f"{folder} is no folder")
    with open(places.lock, "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return HEALTHY
        if has_job(places):
            return HEALTHY
        with open(places.stamp, "w"):
            pass
        for path in executables(places.checks):
            run_check(path, places.logs)
    return HEALTHY


def has_job(places: Places) -> bool:
    """Tell whether a job is on the node: a check must not disturb it."""
    return any(OF_A_JOB.fullmatch(name) for name in os.listdir(places.home))


def executables(folder: str) -> "list[str]":
    """List the checks, in the order of their names."""
    paths = [os.path.join(folder, name) for name in sorted(os.listdir(folder)) if not name.startswith(".")]
    return [path for path in paths if os.path.isfile(path) and os.access(path, os.X_OK)]


def run_check(path: str, logs: str) -> None:
    """Run one check; one that cannot be run, or does not end, is a fault too."""
    log = os.path.join(logs, os.path.basename(path) + time.strftime(".%Y-%m-%d.%H:%M:%S"))
    environment = dict(os.environ, CHECKLOGFILE=log)
    try:
        subprocess.run([path], stdin=subprocess.DEVNULL, env=environment, timeout=CHECK_LIMIT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        with open(log, "a") as stream:
            stream.write(f"{path}: {error}\n")


def query(places: Places) -> int:
    """Tell whether the node is healthy; runs the checks when that was long ago."""
    if is_due(places):
        rerun(places)
    return FAULTY if faults(places) else HEALTHY


def is_due(places: Places) -> bool:
    """Tell whether the last run is older than an hour."""
    try:
        return time.time() - os.stat(places.stamp).st_mtime > LASTS_S
    except FileNotFoundError:
        return True


def rerun(places: Places) -> None:
    """Run the checks, as root."""
    if os.geteuid() == 0:
        run(places)
        return
    program = os.path.join(os.path.dirname(os.path.abspath(sys.argv[0])), "oarnodecheckrun")
    done = subprocess.run(["sudo", "-n", program], stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise Failed(f"{program} ended with {done.returncode}")


def faults(places: Places) -> "list[str]":
    """List the files in which checks say what they found."""
    try:
        return sorted(name for name in os.listdir(places.logs) if not name.startswith("."))
    except FileNotFoundError:
        return []


def show(places: Places) -> int:
    """Name those files."""
    sys.stdout.write(f"Checklogs list in {places.logs}:\n")
    for name in faults(places) or ["<empty>"]:
        sys.stdout.write(f"  {name}\n")
    return HEALTHY


PROGRAMS = {"oarnodecheckrun": run, "oarnodecheckquery": query, "oarnodechecklist": show}


def places_of(arguments: "list[str]") -> Places:
    """Read the options."""
    words, given = list(arguments), {}
    while words:
        word = words.pop(0)
        if word not in ("--checks", "--home") or not words:
            raise Failed(f"{word}: give --checks FOLDER or --home FOLDER")
        given[word[2:]] = words.pop(0)
    return Places(**given)


def main() -> int:
    """Be the program that we are called as; return the exit code."""
    name = os.path.basename(sys.argv[0])
    if name not in PROGRAMS or {"-h", "--help"} & set(sys.argv[1:]):
        sys.stdout.write(USAGE)
        return HEALTHY if name in PROGRAMS else FAILED
    try:
        return PROGRAMS[name](places_of(sys.argv[1:]))
    except (Failed, OSError) as error:
        sys.stderr.write(f"{name}: {error}\n")
        return FAILED


if __name__ == "__main__":
    sys.exit(main())
