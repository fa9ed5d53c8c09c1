"""The embedded cluster as a tool: several at once, and nothing left of any of them."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from oar.dev.bed import PROGRAMS
from oar.dev.choice import VARIABLE
from oar.dev.cluster import Cluster
from oar.dev.main import directory_of
from oar.dev.namespaces import NamespacesBed
from oar.dev.processes import live_processes
from tests.acceptance.site import Site

INTERRUPTED = 130
CGROUPS = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class Tool:
    """``oar-dev`` for one cluster on one kind of bed, with a folder of its own for temporary files."""

    name: str
    kind: str
    temporary: Path

    @property
    def directory(self) -> Path:
        return directory_of(self.name)

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, VARIABLE: self.kind, "TMPDIR": str(self.temporary)}

    def argv(self, verb: str, *words: str) -> list[str]:
        return [str(PROGRAMS / "oar-dev"), verb, "--name", self.name, *words]

    def run(self, verb: str, *words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            self.argv(verb, *words),
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def output(self, verb: str, *words: str) -> str:
        done = self.run(verb, *words)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def processes(self) -> dict[int, bytes]:
        """List the processes of the cluster: by what started them, or the member they live in."""
        spaces = set()
        for file in self.directory.glob("lab/*.pid"):
            with suppress(OSError):
                spaces.add(Path(f"/proc/{file.read_text().strip()}/ns/pid").readlink())
        found = {}
        for one in live_processes():
            with suppress(OSError):
                inside = spaces and Path(f"/proc/{one.pid}/ns/pid").readlink() in spaces
                if inside or one.belongs_to(self.directory) or str(self.directory).encode() in one.title:
                    found[one.pid] = one.title
        return found

    def traces(self, processes: dict[int, bytes]) -> list[str]:
        """List what is left of a cluster that had these processes."""
        still = {one.pid: one.title for one in live_processes() if processes.get(one.pid) == one.title}
        left = [f"process {pid} {title!r}" for pid, title in (self.processes() | still).items()]
        lab = NamespacesBed(self.directory, ()).lab
        places = (self.directory.parent, self.temporary, Path("/run/netns"))
        left += [str(file) for place in places for file in entries(place) if is_named(file, lab, self)]
        left += [str(group) for depth in ("", "*/", "*/*/") for group in CGROUPS.glob(f"{depth}{lab}*")]
        return left


def is_named(file: Path, lab: str, tool: Tool) -> bool:
    return file.parent == tool.temporary or file.name == tool.name or file.name.startswith(lab)


def entries(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


@pytest.fixture
def tool(kind: str) -> Iterator[Tool]:
    temporary = Path(tempfile.mkdtemp(prefix="oar-t-"))
    temporary.chmod(0o755)
    tool = Tool(f"acc{os.getpid()}", kind, temporary)
    try:
        yield tool
    finally:
        tool.run("down")
        shutil.rmtree(temporary)


@pytest.mark.best_bed
def test_a_second_cluster_lives_beside_the_first_and_leaves_nothing(site: Site, tool: Tool) -> None:
    beside = site.submit("-l", "nodes=3", "sleep 600")
    site.until_state(beside, "Running")
    tool.output("up", "--quiet")
    assert tool.kind in tool.output("status")
    mark = site.lasting()
    tool.output("run", "--", "oarsub", "-l", "nodes=3", f"setsid sleep {mark} & sleep {mark}")
    site.until_processes(mark, 2)
    processes = tool.processes()
    assert set(site.processes(mark)) <= set(processes)
    Cluster(tool.directory).kill_server()
    assert tool.run("status").returncode == 1
    tool.output("down")
    assert tool.traces(processes) == []
    assert tool.run("status").returncode == 1
    assert site.job(beside).state == "Running"
    site.until_terminated(beside_it_ends(site, beside))


def beside_it_ends(site: Site, job_id: int) -> int:
    """Delete a job that fills the cluster; returns a job that runs in its place."""
    site.output("oardel", str(job_id))
    return site.submit("-l", "nodes=3", "true")


@pytest.mark.parametrize("moment", ["", "PostgreSQL up"])
def test_an_interrupted_start_leaves_nothing(tool: Tool, moment: str) -> None:
    """Ctrl-C reaches the whole group of processes, as at a terminal."""
    starting = subprocess.Popen(
        tool.argv("up"),
        env=tool.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert starting.stdout is not None
    if moment:
        said = next(line for line in starting.stdout if moment in line)
        assert said
    else:
        while not tool.directory.exists():
            assert starting.poll() is None
    processes = tool.processes()
    os.killpg(starting.pid, signal.SIGINT)
    words = starting.communicate(timeout=60)[0]
    assert starting.returncode == INTERRUPTED, words
    assert "nothing is left behind" in words
    assert "Traceback" not in words
    assert tool.traces(processes) == []


@pytest.mark.bed("namespaces")
def test_nodes_may_have_more_cores_than_the_machine(site: Site, tool: Tool) -> None:
    cores = len(os.sched_getaffinity(0)) + 1
    tool.output("up", "--quiet", "--nodes", "1", "--cores", str(cores))
    said = tool.output("run", "--", "oarsub", "-l", f"core={cores}", "true")
    (job_id,) = re.findall(r"^OAR_JOB_ID=(\d+)$", said, re.MULTILINE)

    def state() -> str:
        words = tool.output("run", "--", "oarstat", "-s", "-j", job_id)
        return words.partition(": ")[2].strip()

    site.until("the job has ended", lambda: state() in ("Terminated", "Error"))
    assert state() == "Terminated"
