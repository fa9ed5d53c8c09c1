"""A machine with a real OAR 2.5.9: Debian's packages, PostgreSQL, three nodes, in namespaces of its own."""

import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

HERE = Path(__file__).parent
CHECKOUT = HERE.parent.parent
CACHE = "OAR_PEERS_CACHE"
SHIPPED = "oar_sched_gantt_with_timesharing_and_fairsharing_and_quotas"
"""The scheduler that OAR 2 gives its queues."""
OURS = "kamelot"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
NAMESPACES = ("--mount", "--uts", "--ipc", "--net", "--pid")
WITH_US = ("setpriv", "--pdeathsig", "KILL")
"""It ends when the tests do, however they end."""
PATIENCE_S = 90.0
"""How long anything may take on a busy machine."""
NUDGE_S = 3.0
"""How often OAR 2 is asked for a round while a test waits for a job: by itself it often waits 10 s."""


class PeerFailed(Exception):
    """The machine with OAR 2 could not be made, or something in it went wrong."""


def what_is_missing() -> str:
    """Say why there can be no such machine here, "" when nothing speaks against trying."""
    if os.geteuid() != 0:
        return "only root can make it"
    done = subprocess.run(
        ["unshare", *NAMESPACES, "--fork", "true"], capture_output=True, text=True, check=False
    )
    return f"unshare: {done.stderr.strip()}" if done.returncode else ""


def file_tree() -> Path:
    """Give the file tree with OAR 2; made when it is not in the folder of ``$OAR_PEERS_CACHE`` yet."""
    usual = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "oar-peers"
    cache = Path(os.environ.get(CACHE) or usual)
    script = HERE / "tree.sh"
    wanted = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]["dependencies"]
    mark = hashlib.sha256("\n".join([script.read_text(), *wanted]).encode()).hexdigest()[:12]
    tree = cache / f"bookworm-{mark}"
    if not tree.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        if shutil.which("mmdebstrap") is None:
            raise PeerFailed("a file tree with OAR 2.5.9 is to be made: install the package mmdebstrap")
        made = subprocess.run(
            ["flock", str(cache / "lock"), "bash", str(script), str(tree), sys.executable, *wanted],
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode:
            raise PeerFailed(f"tree.sh failed: {made.stderr[-2000:]}")
    return tree


@dataclass(frozen=True, slots=True)
class Job:
    """What OAR 2's database says of a job; ``resources`` are those it was given, ever."""

    job_id: int
    state: str
    exit_code: str
    message: str
    start_time: int
    stop_time: int
    resources: tuple[int, ...]


class Peer:
    """One running machine; ``share`` is a folder that it sees as ``/share``."""

    def __init__(self, folder: Path) -> None:
        self.share = folder / "share"
        self._folder = folder
        self._outer: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, with our package installed and nothing made of it yet."""
        (self._folder / "layer").mkdir()
        self.share.mkdir()
        source = self.share / "source"
        for name in ("oar", "migrations"):
            shutil.copytree(
                CHECKOUT / name, source / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
            )
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(CHECKOUT / name, source)
        private = ("--propagation", "private")
        script = [str(HERE / "machine.sh"), str(file_tree()), str(self._folder / "layer"), str(self.share)]
        with (self._folder / "machine.log").open("wb") as log:
            self._outer = subprocess.Popen(
                [*WITH_US, "unshare", *NAMESPACES, "--fork", "--kill-child", *private, "bash", *script],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.wait(lambda: (self.share / "ready").exists() or self._outer_ended(), "the machine to be up")
        if self._outer_ended():
            raise PeerFailed((self._folder / "machine.log").read_text()[-2000:])
        self.root("/opt/oar/bin/pip", "install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation",
                  "/share/source")  # fmt: skip

    def stop(self) -> None:
        """Kill all of it; what it wrote was in memory."""
        if self._outer is not None:
            self._outer.kill()
            self._outer.wait()
            with suppress(OSError):
                (self._folder / "layer").rmdir()

    def _outer_ended(self) -> bool:
        return self._outer is not None and self._outer.poll() is not None

    def inside(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command as root in it; raises PeerFailed when it fails, unless ``check`` is false."""
        assert self._outer is not None
        pid = self._outer.pid
        first = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0]
        enter = ["nsenter", "-t", first, "-m", "-u", "-i", "-n", "-p", "env", "-i"]
        done = subprocess.run(
            [*enter, f"PATH={PATH}", "LANG=C", "HOME=/root", "PGPASSWORD=oar", *words],
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
        )
        if check and done.returncode:
            raise PeerFailed(f"{' '.join(words)}: exit {done.returncode}: {done.stdout}{done.stderr}")
        return done

    def root(self, *words: str) -> str:
        """Give what a command of root's says."""
        return self.inside(*words).stdout

    def user(self, *words: str, name: str = "alice") -> str:
        """Give what a command of a user's says, typed in the own home."""
        quoted = 'cd; exec "$@"'
        return self.inside("runuser", "-u", name, "--", "bash", "-c", quoted, "bash", *words).stdout

    def submit(self, *words: str, name: str = "alice") -> int:
        """Give the id of a job that a user submits."""
        return self.submit_all(*words, name=name)[0]

    def submit_all(self, *words: str, name: str = "alice") -> list[int]:
        """Give the ids of the jobs that one submission makes."""
        said = self.user("oarsub", *words, name=name)
        return [int(one) for one in re.findall(r"^OAR_JOB_ID=(\d+)$", said, re.MULTILINE)]

    @contextmanager
    def terminal(self, *words: str, typed: str = "") -> Iterator[tuple[int, Callable[[], None], Future[str]]]:
        """Submit an interactive job at a terminal: its id, what types the line, what was shown at the end."""
        newest = "SELECT coalesce(max(job_id), 0) FROM jobs"
        before = int(self.query(newest)[0][0])
        line = shlex.quote(f"oarsub -I {shlex.join(words)}")
        go = f"/share/type-{before}"
        keys = f"(while [ ! -e {go} ]; do sleep 0.1; done; echo {shlex.quote(typed)}; sleep 3)"
        command = ("runuser", "-u", "alice", "--", "sh", "-c", f"cd; {keys} | script -qec {line} /dev/null")
        with ThreadPoolExecutor(1) as thread:
            shown = thread.submit(lambda: self.inside(*command, check=False).stdout)
            try:
                self.wait(lambda: int(self.query(newest)[0][0]) > before, "the interactive job to be there")
                yield int(self.query(newest)[0][0]), (self.share / go[7:]).touch, shown
            finally:
                (self.share / go[7:]).touch()

    def query(self, statement: str) -> list[list[str]]:
        """Ask OAR 2's database."""
        said = self.root("psql", "-h", "127.0.0.1", "-U", "oar", "-At", "-F", "\t", "-c", statement, "oar")
        return [line.split("\t") for line in said.splitlines()]

    def job(self, job_id: int) -> Job:
        """Look at a job."""
        ((state, exit_code, message, start, stop, ids),) = self.query(
            "SELECT state, exit_code, message, start_time, stop_time,"  # noqa: S608
            " array_to_string(array(SELECT resource_id FROM assigned_resources"
            "  WHERE moldable_job_id = assigned_moldable_job ORDER BY 1), ',')"
            f" FROM jobs WHERE job_id = {job_id}"
        )
        given = tuple(int(one) for one in ids.split(",") if one)
        return Job(job_id, state, exit_code, message, int(start), int(stop), given)

    def until(self, job_id: int, *states: str) -> Job:
        """Wait until a job is in one of the states; what it is then."""
        what = f"job {job_id} to be {' or '.join(states)}"
        self.wait(lambda: self.job(job_id).state in states, what, job_id)
        return self.job(job_id)

    def ended(self, job_id: int) -> Job:
        """Wait until a job has ended."""
        return self.until(job_id, "Terminated", "Error")

    def planned(self, job_id: int) -> tuple[int, tuple[int, ...]]:
        """Wait until a job has a place in the plan that users see; its start and its resources."""
        query = (
            "SELECT start_time, resource_id FROM gantt_jobs_predictions_visu p"  # noqa: S608
            " JOIN gantt_jobs_resources_visu r ON r.moldable_job_id = p.moldable_job_id"
            " JOIN moldable_job_descriptions m ON m.moldable_id = p.moldable_job_id"
            f" WHERE m.moldable_job_id = {job_id} ORDER BY resource_id"
        )
        self.wait(lambda: bool(self.query(query)), f"job {job_id} to be planned", job_id)
        found = self.query(query)
        return int(found[0][0]), tuple(int(row[1]) for row in found)

    def events(self, job_id: int) -> set[str]:
        """Give the kinds of event of a job."""
        return {row[0] for row in self.query(f"SELECT DISTINCT type FROM event_logs WHERE job_id = {job_id}")}  # noqa: S608

    def date(self, in_s: int) -> tuple[int, str]:
        """Give the date in so many seconds by the clock of the database, also as ``oarsub -r`` wants it."""
        date = int(self.query("SELECT extract(epoch FROM current_timestamp)::int")[0][0]) + in_s
        ((words,),) = self.query(f"SELECT to_char(to_timestamp({date}), 'YYYY-MM-DD HH24:MI:SS')")
        return date, words

    def wait(self, holds: Callable[[], object], what: str, job_id: int | None = None) -> None:
        """Wait until something holds; raises PeerFailed, with what the log says, when it does not in time."""
        begin = time.monotonic()
        nudged = begin
        while not holds():
            now = time.monotonic()
            if now > begin + PATIENCE_S:
                job = "" if job_id is None else f"; {self.job(job_id)}"
                raise PeerFailed(f"waited {PATIENCE_S:g} s for {what}{job}\n{self.log()}")
            if job_id is not None and now > nudged + NUDGE_S:
                self.root("oarnotify", "Term")
                nudged = now
            time.sleep(0.3)

    def log(self) -> str:
        """Give the end of OAR 2's log, without what is only there to find faults in OAR 2 itself."""
        done = self.inside("sh", "-c", "grep -v '^.debug' /var/log/oar.log | tail -n 60", check=False)
        return done.stdout

    def schedule_with(self, scheduler: str, queue: str = "default", priority: int = 3) -> None:
        """Let a program plan a queue from now on; nothing when it does already."""
        now = self.query(f"SELECT scheduler_policy, state FROM queues WHERE queue_name = '{queue}'")  # noqa: S608
        if now != [[scheduler, "Active"]]:
            self.root("oarnotify", "--remove-queue", queue)
            self.root("oarnotify", "--add-queue", f"{queue},{priority},{scheduler}")

    def schedule_rounds_with(self, metascheduler: str) -> None:
        """Let a program be META_SCHED_CMD from now on; OAR 2's server reads that when it starts."""
        self.root("sh", "-c", "kill $(cat /var/run/oar-server.pid)")
        self.wait(
            lambda: not self.inside("pgrep", "-f", "Almighty", check=False).stdout, "the server to stop"
        )
        change = f'/^#*META_SCHED_CMD=/d; $a META_SCHED_CMD="{metascheduler}"'
        self.root("sed", "-i", change, "/etc/oar/oar.conf")
        self.root("bash", "/machine.sh", "start_server")

    def settle(self) -> None:
        """End all jobs, so that the next test finds an idle cluster."""
        live = "SELECT job_id FROM jobs WHERE state NOT IN ('Terminated', 'Error') ORDER BY 1"
        if ids := [row[0] for row in self.query(live)]:
            self.inside("oardel", *ids, check=False)
        self.wait(lambda: not self.query(live), "all jobs to end")


def install_kamelot(peer: Peer) -> None:
    """Put kamelot where OAR 2 looks for schedulers, as docs/mixing-with-oar2.md says."""
    peer.root("ln", "-s", "/opt/oar/bin/kamelot", "/usr/lib/oar/kamelot")
    peer.root("ln", "-s", "../kamelot", "/usr/lib/oar/schedulers/kamelot")


def install_kao(peer: Peer) -> None:
    """Put kao where OAR 2 can run it, as docs/mixing-with-oar2.md says."""
    peer.root("ln", "-sf", "/opt/oar/bin/kao", "/usr/lib/oar/kao")


def as_date(text: str) -> datetime:
    """Read a date as OAR writes it."""
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S")


def nodes_of(resources: Sequence[int]) -> list[str]:
    """Name the nodes of resources: there are two of each."""
    return sorted({f"node{(number + 1) // 2}" for number in resources})
