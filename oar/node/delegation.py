"""A place in cgroup v2 that systemd leaves to us: groups that it does not know it may strip of controllers.

Where systemd is the first process, a service of the name below is started, once for each boot, with
``Delegate=yes``; the groups of all jobs lie in its group. Its only process sleeps, in a group of its own,
since one that holds processes cannot give controllers to others. Stopping the service spares the jobs.
"""

import os
import subprocess
import time

from oar.node.files import read

UNIT = "oar-jobs.service"
KEEPER = "mkdir -p '{0}' && echo 0 > '{0}/cgroup.procs' && exec sleep infinity"
"""What the service's sh is told; 0 stands for itself. No dollar: systemd would replace it, and so ``$$``."""
PROPERTIES = ("Delegate=yes", "KillMode=process", "TasksMax=infinity", "OOMPolicy=continue", "Slice=-.slice")
LIMIT_S = 10.0


def delegated(root: str) -> str:
    """Name the folder that systemd leaves to us, below the top of the unified hierarchy."""
    return f"{root}/{UNIT}"


def runs_systemd(folder: str = "/run/systemd/system") -> bool:
    """Tell whether systemd is the node's first process."""
    return os.path.isdir(folder)


def ask_for_place(root: str, program: str = "systemd-run") -> str:
    """Have systemd make the folder; say in words why it did not, "" when the folder is there."""
    folder = delegated(root)
    if read(folder + "/keeper/cgroup.procs"):
        return ""
    keeper = KEEPER.format(folder + "/keeper")
    options = [word for value in PROPERTIES for word in ("--property", value)]
    command = [program, "--quiet", "--collect", "--unit", UNIT, *options, "/bin/sh", "-c", keeper]
    try:
        done = subprocess.run(
            command,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=LIMIT_S,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"systemd-run: {error}"
    deadline = time.monotonic() + LIMIT_S
    while not read(folder + "/keeper/cgroup.procs"):
        # Another job may have asked at the same moment: what counts is that the service is there.
        if time.monotonic() > deadline or (done.returncode and not os.path.isdir(folder)):
            return f"{UNIT} did not start: {done.stdout.decode(errors='replace').strip()}"
        time.sleep(0.02)
    return ""
