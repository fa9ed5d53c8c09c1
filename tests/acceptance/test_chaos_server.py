"""The server and its scheduler are killed again and again, by chance: each job still runs once, ends once.

A test that fails prints its seed; with that in OAR_CHAOS_SEED it plays the same game again.
"""

import os
import random
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL

import pytest

from oar.dev.bed import CallersBed
from oar.dev.namespaces import NamespacesBed
from oar.dev.processes import children, live_processes
from tests.acceptance.site import Site

SEED = "OAR_CHAOS_SEED"
KILLS = 8
WISHES = (("core=1", 22), ("nodes=1", 6), ("nodes=2", 6))
PATIENCE_S = 120.0
"""For what is left when the game is over; a quiet machine needs a tenth of it."""
SCRIPT = """\
#!/bin/sh
echo begin >> "chaos.$1"
sleep "$2"
echo end >> "chaos.$1"
exit "$1"
"""
REMAINS = """
find /var/lib/oar -maxdepth 1 -name '*[0-9]*'
find /sys/fs/cgroup -type d -path '*/oar/*_*'
ps -eo pid,args | grep -e '[O]AREXEC' -e '[c]haos.sh'
true
"""
"""What a node with a machine of its own is asked for."""


@dataclass(frozen=True, slots=True)
class Part:
    """One job of the game: its id, and the exit code that tells it from the others."""

    job_id: int
    code: int

    @property
    def file(self) -> str:
        return f"chaos.{self.code}"


@pytest.fixture
def chance() -> random.Random:
    seed = os.environ.get(SEED) or str(random.SystemRandom().randrange(10**6))
    sys.stdout.write(f"{SEED}={seed}\n")
    return random.Random(seed)  # noqa: S311 - a game


def submit(site: Site, chance: random.Random) -> list[Part]:
    """Submit one array per wish; some jobs last no time at all, some longer than the server lives."""
    site.write("chaos.sh", SCRIPT)
    parts: list[Part] = []
    for wish, count in WISHES:
        codes = range(len(parts) + 1, len(parts) + count + 1)
        lines = "".join(f"{code} {chance.choice((0, 0.2, 0.8, 1.5))}\n" for code in codes)
        site.write("chaos.parameters", lines)
        jobs = site.submit_all("-l", wish, "--array-param-file", "chaos.parameters", "./chaos.sh")
        parts += [Part(job, code) for job, code in zip(sorted(jobs), codes, strict=True)]
    return parts


def play(site: Site, chance: random.Random) -> None:
    """Kill the server, or only its scheduler, at moments of chance."""
    for _ in range(KILLS):
        time.sleep(chance.uniform(0.0, 1.2))
        if chance.random() < 0.25:
            kill_scheduler(site)
        else:
            site.kill_server()
            time.sleep(chance.choice((0.0, 0.3)))
            site.start_server()


def kill_scheduler(site: Site) -> None:
    for pid in children(site.cluster.server.pid or 0):
        with suppress(OSError):
            if b"oar.kao" in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(pid, SIGKILL)


def remains(site: Site) -> list[str]:
    """List what is left of jobs on the nodes: processes, cgroups, files of the runtime folder."""
    bed = site.cluster.bed
    if isinstance(bed, NamespacesBed):
        return [f"{node}: {line}" for node in bed.nodes for line in remains_on(bed, node)]
    assert isinstance(bed, CallersBed)
    folders = [bed.node_folder(node) for node in bed.nodes]
    files = [
        str(file) for folder in folders for file in folder.iterdir() if set(file.name) & set("0123456789")
    ]
    processes = [
        f"{process.pid} {process.title!r}"
        for process in live_processes()
        if process.belongs_to(site.cluster.directory)
        and (b"OAREXEC" in process.title or b"chaos.sh" in process.title)
    ]
    return files + processes


def remains_on(bed: NamespacesBed, node: str) -> list[str]:
    look = bed.on_member(node, ["sh", "-c", REMAINS])
    done = subprocess.run(look.argv, env=dict(look.environment), capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_each_job_runs_and_ends_once_while_the_server_is_killed_again_and_again(
    site: Site, chance: random.Random
) -> None:
    parts = submit(site, chance)
    play(site, chance)
    site.until_ended(*(part.job_id for part in parts), within_s=PATIENCE_S)
    told = {part: (site.job(part.job_id).state, site.job(part.job_id).exit_code) for part in parts}
    assert told == {part: ("Terminated", part.code << 8) for part in parts}
    ends = {
        part: [state for state in site.states(part.job_id) if state in ("Terminated", "Error")]
        for part in parts
    }
    assert ends == {part: ["Terminated"] for part in parts}
    assert {part: site.read(part.file) for part in parts} == dict.fromkeys(parts, "begin\nend\n")
    site.until("nothing is left on the nodes", lambda: not remains(site))
