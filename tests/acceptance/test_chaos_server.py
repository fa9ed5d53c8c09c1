"""The server and its scheduler are killed again and again: each job still runs once and ends once."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import text

from oar.core.states import JobState
from oar.db.engine import open_engine
from oar.dev.bed import Shape
from oar.dev.cluster import Cluster
from oar.dev.loopback import LoopbackBed
from oar.dev.main import base_directory, make_base
from oar.dev.namespaces import NamespacesBed
from oar.dev.processes import children, live_processes
from oar.settings import DatabaseSettings

pytestmark = pytest.mark.acceptance

SEED = "OAR_CHAOS_SEED"
"""Set this variable to the seed that a failed test has printed to play the same game again."""

KILLS = 10
PATIENCE_S = 30.0
WISHES = (("-l", "core=1", 24), ("-l", "nodes=1", 8), ("-l", "nodes=2", 8))
SCRIPT = """\
#!/bin/sh
echo begin >> "runs/$1"
sleep "$2"
echo end >> "runs/$1"
exit "$1"
"""


@dataclass(frozen=True)
class Job:
    """One job of the game: its exit code, which tells it from the others, and how long it lasts."""

    code: int
    seconds: float


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """Four nodes of two cores."""
    base = base_directory()
    make_base(base)
    cluster = Cluster.up(base / f"chaos-{os.getpid()}", Shape(nodes=4))
    try:
        yield cluster
    finally:
        cluster.down()


@pytest.fixture
def chance() -> random.Random:
    seed = os.environ.get(SEED) or str(random.SystemRandom().randrange(10**6))
    sys.stdout.write(f"{SEED}={seed}\n")
    return random.Random(seed)  # noqa: S311 - a game


def submit(cluster: Cluster, chance: random.Random) -> list[Job]:
    """Submit one array per wish; the jobs are known by their exit codes."""
    home = cluster.home
    (home / "runs").mkdir()
    (home / "job.sh").write_text(SCRIPT)
    (home / "job.sh").chmod(0o755)
    if os.geteuid() == 0:
        (home / "runs").chmod(0o777)
    jobs: list[Job] = []
    for *wish, count in WISHES:
        these = [Job(len(jobs) + number, chance.choice((0.0, 0.2, 0.8))) for number in range(1, count + 1)]
        parameters = home / "parameters"
        parameters.write_text("".join(f"{job.code} {job.seconds}\n" for job in these))
        cluster.run("oarsub", *wish, "--array-param-file", "parameters", "./job.sh", check=True)
        jobs += these
    return jobs


def play(cluster: Cluster, chance: random.Random) -> None:
    """Kill the server, or only its scheduler, at moments of chance."""
    for _ in range(KILLS):
        time.sleep(chance.uniform(0.0, 1.2))
        if chance.random() < 0.25:
            kill_scheduler(cluster)
        else:
            cluster.kill_server()
            time.sleep(chance.choice((0.0, 0.3)))
            cluster.start_server()


def kill_scheduler(cluster: Cluster) -> None:
    for pid in children(cluster.server.pid or 0):
        with suppress(OSError):
            if b"oar.kao" in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(pid, signal.SIGKILL)


def wait_for_ends(cluster: Cluster) -> list[tuple[str, str, int | None, list[str]]]:
    """Wait until all jobs are final; give command, state, exit code and all final states of each."""
    engine = open_engine(DatabaseSettings(host=str(cluster.database.socket_directory)))
    finals = [state.value for state in JobState if state.is_final]
    query = text(
        "SELECT command, state, exit_code, (SELECT array_agg(job_state) FROM job_state_logs l "
        "WHERE l.job_id = j.job_id AND job_state = ANY(:finals)) FROM jobs j ORDER BY job_id"
    )
    deadline = time.monotonic() + PATIENCE_S
    try:
        while True:
            with engine.connect() as connection:
                rows = [tuple(row) for row in connection.execute(query, {"finals": finals})]
            open_ones = [row for row in rows if row[1] not in finals]
            if not open_ones:
                return rows
            assert time.monotonic() < deadline, f"not final: {open_ones}"
            time.sleep(0.2)
    finally:
        engine.dispose()


def remains(cluster: Cluster) -> list[str]:
    """List what is left of jobs on the nodes: processes, cgroups, files of the runtime folder."""
    if isinstance(cluster.bed, NamespacesBed):
        return [f"{node}: {line}" for node in cluster.bed.nodes for line in remains_on(cluster.bed, node)]
    assert isinstance(cluster.bed, LoopbackBed)
    found = [
        f"process {process.pid}: {process.title!r}"
        for process in live_processes()
        if process.belongs_to(cluster.directory)
        and any(variable.startswith(b"OAR_JOB_ID=") for variable in process.environment)
    ]
    for node in cluster.bed.nodes:
        folder = cluster.bed.node_folder(node)
        found += [str(file) for file in folder.iterdir() if any(letter.isdigit() for letter in file.name)]
    return found


def remains_on(bed: NamespacesBed, node: str) -> list[str]:
    look = """
        find /var/lib/oar -maxdepth 1 -name '*[0-9]*'
        find /sys/fs/cgroup -type d -path '*/oar/*_*'
        ps -eo pid,args | grep -e '[O]AREXEC' -e '[j]ob.sh'
        true
    """
    command = bed.on_member(node, ["sh", "-c", look])
    done = subprocess.run(
        command.argv, env=dict(command.environment), capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


def test_each_job_runs_and_ends_once_while_the_server_is_killed_again_and_again(
    cluster: Cluster, chance: random.Random
) -> None:
    jobs = submit(cluster, chance)
    play(cluster, chance)
    ends = wait_for_ends(cluster)
    expected = [
        (f"./job.sh {job.code} {job.seconds}", "Terminated", job.code << 8, ["Terminated"]) for job in jobs
    ]
    assert ends == expected
    runs = {job.code: (cluster.home / "runs" / str(job.code)).read_text() for job in jobs}
    assert runs == dict.fromkeys(runs, "begin\nend\n")
    deadline = time.monotonic() + 5
    while left := remains(cluster):
        assert time.monotonic() < deadline, left
        time.sleep(0.2)
