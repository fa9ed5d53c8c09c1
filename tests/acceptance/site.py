"""A whole cluster under test, and what a person at its terminal, its database and its machine can see."""

import itertools
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL, Signals
from typing import Any

from sqlalchemy import URL, create_engine, text

from oar.dev.bed import Bed, Shape
from oar.dev.cluster import Cluster
from oar.dev.postgresql import SUPERUSER

PATIENCE_S = 40.0
"""How long anything may take before a test gives up: many times what it takes on a busy machine."""

GATES = {
    "server-prologue": "SERVER_PROLOGUE_EXEC_FILE",
    "prologue": "PROLOGUE_EXEC_FILE",
    "epilogue": "EPILOGUE_EXEC_FILE",
    "server-epilogue": "SERVER_EPILOGUE_EXEC_FILE",
    "after-suspend": "JUST_AFTER_SUSPEND_EXEC_FILE",
    "before-resume": "JUST_BEFORE_RESUME_EXEC_FILE",
    "reservation-hook": "ADVANCE_RESERVATION_VALIDATION_HOOK_EXEC_FILE",
}
"""Moments of a job's life at which a test can hold it, and the key that puts a script there."""

GATE = """#!/bin/sh
# Notes that job $1 came by, and keeps it while the gate is shut for it.
echo "$$" >> "$0.$1.reached"
while [ -e "$0.$1.shut" ]; do sleep 0.05; done
"""

THREE_NODES = Shape(nodes=3, cpus=1, cores=2)

LOCK = 4711
"""The advisory locks of tests have this number and the one of their job."""

_LASTING = itertools.count(1)
_ENDED = ("Terminated", "Error")


@dataclass(frozen=True, slots=True)
class Job:
    """What the database says of one job."""

    job_id: int
    state: str
    exit_code: int | None
    message: str
    start_time: int
    stop_time: int
    submission_time: int

    @property
    def has_ended(self) -> bool:
        return self.state in _ENDED


class Site:
    """A cluster of three nodes with two cores each, looked at from all sides."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        url = URL.create(
            "postgresql+psycopg2",
            username=SUPERUSER,
            host=str(cluster.database.socket_directory),
            database="oar",
        )
        self.engine = create_engine(url, isolation_level="AUTOCOMMIT", pool_pre_ping=True)
        self.gates = cluster.directory / "gates"
        self.gates.mkdir()
        self.gates.chmod(0o777)
        for name in GATES:
            (self.gates / name).write_text(GATE)
            (self.gates / name).chmod(0o755)

    @property
    def kind(self) -> str:
        """The kind of the bed: namespaces, loopback or local."""
        return self.cluster.bed.kind

    @property
    def home(self) -> Path:
        """Where the user's jobs start and write."""
        return self.cluster.home

    @property
    def log(self) -> str:
        """What the server has said so far."""
        return self.cluster.server.log_file.read_text(errors="replace")

    # ---- at the terminal -----------------------------------------------------------------------------------

    def run(
        self, *argv: str, user: str | None = None, stdin: str = "", check: bool = False
    ) -> "subprocess.CompletedProcess[str]":
        """Type a command; ``user`` root is the administrator."""
        return self.cluster.run(*argv, user=user, stdin=stdin, check=check)

    def output(self, *argv: str, user: str | None = None) -> str:
        """Type a command that has to succeed; returns what it prints."""
        done = self.run(*argv, user=user)
        assert done.returncode == 0, (
            f"{' '.join(argv)}: exit code {done.returncode}: {done.stderr}{done.stdout}"
        )
        return done.stdout

    def submit(self, *argv: str, user: str | None = None) -> int:
        """Type ``oarsub`` with these arguments; returns the number of the only job."""
        (job_id,) = self.submit_all(*argv, user=user)
        return job_id

    def submit_all(self, *argv: str, user: str | None = None) -> list[int]:
        """Type ``oarsub`` with these arguments; returns the numbers of all jobs."""
        said = self.output("oarsub", *argv, user=user)
        jobs = [int(number) for number in re.findall(r"^OAR_JOB_ID=(\d+)$", said, re.MULTILINE)]
        assert jobs, f"oarsub printed no job: {said}"
        return jobs

    # ---- in the database -----------------------------------------------------------------------------------

    def rows(self, sql: str, **values: Any) -> Sequence[Any]:
        """Read rows."""
        with self.engine.connect() as connection:
            return connection.execute(text(sql), values).all()

    def value(self, sql: str, **values: Any) -> Any:
        """Read one value."""
        with self.engine.connect() as connection:
            return connection.execute(text(sql), values).scalar_one()

    def job(self, job_id: int) -> Job:
        """Read a job."""
        columns = "job_id, state, exit_code, message, start_time, stop_time, submission_time"
        (row,) = self.rows(f"SELECT {columns} FROM jobs WHERE job_id = :id", id=job_id)  # noqa: S608
        return Job(*row)

    def states(self, job_id: int) -> list[str]:
        """List the states a job came through, in order."""
        sql = "SELECT job_state FROM job_state_logs WHERE job_id = :id ORDER BY job_state_log_id"
        return [row[0] for row in self.rows(sql, id=job_id)]

    def events(self, job_id: int) -> list[str]:
        """List the kinds of a job's events, in order."""
        return [
            row[0]
            for row in self.rows(
                "SELECT type FROM event_logs WHERE job_id = :id ORDER BY event_id", id=job_id
            )
        ]

    def nodes_of_events(self, job_id: int) -> set[str]:
        """List the nodes that the events of a job name."""
        sql = "SELECT hostname FROM event_log_hostnames JOIN event_logs USING (event_id) WHERE job_id = :id"
        return {row[0] for row in self.rows(sql, id=job_id)}

    def nodes_of(self, job_id: int) -> set[str]:
        """List the nodes that a job was given."""
        sql = (
            "SELECT DISTINCT network_address FROM resources JOIN assigned_resources USING (resource_id)"
            " JOIN moldable_job_descriptions ON moldable_id = assigned_resources.moldable_job_id"
            " WHERE moldable_job_descriptions.moldable_job_id = :id"
        )
        return {row[0] for row in self.rows(sql, id=job_id)}

    def node_states(self, node: str) -> set[str]:
        """List the states of a node's resources."""
        return {row[0] for row in self.rows("SELECT state FROM resources WHERE network_address = :n", n=node)}

    # ---- waiting -------------------------------------------------------------------------------------------

    def until(self, what: str, holds: Callable[[], Any], within_s: float = PATIENCE_S) -> Any:
        """Wait until ``holds`` returns something true, and return that; fails telling ``what`` is missing."""
        deadline = time.monotonic() + within_s
        while not (found := holds()):
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {within_s:.0f} s: {what}; jobs: {self.describe_jobs()}")
            time.sleep(0.02)
        return found

    def until_state(self, job_id: int, *states: str, within_s: float = PATIENCE_S) -> Job:
        """Wait until a job is in one of these states; fails at once when it has ended in another one."""
        deadline = time.monotonic() + within_s
        while (job := self.job(job_id)).state not in states:
            if job.has_ended or time.monotonic() > deadline:
                raise AssertionError(
                    f"job {job_id} is {job.state} ({job.message}), not {' or '.join(states)}; "
                    f"it came through {self.states(job_id)}, events {self.events(job_id)}"
                )
            time.sleep(0.02)
        return job

    def until_ended(self, *job_ids: int, within_s: float = PATIENCE_S) -> list[Job]:
        """Wait until jobs have ended, well or badly."""
        deadline = time.monotonic() + within_s
        return [self.until_state(one, *_ENDED, within_s=deadline - time.monotonic()) for one in job_ids]

    def until_terminated(self, *job_ids: int, within_s: float = PATIENCE_S) -> list[Job]:
        """Wait until jobs have ended well."""
        deadline = time.monotonic() + within_s
        return [self.until_state(one, "Terminated", within_s=deadline - time.monotonic()) for one in job_ids]

    def describe_jobs(self) -> str:
        """Sum up the jobs that have not ended."""
        live = self.rows("SELECT job_id, state, message FROM jobs WHERE state NOT IN ('Terminated', 'Error')")
        return "; ".join(f"{job} {state} ({message})" for job, state, message in live) or "all have ended"

    # ---- files and processes -------------------------------------------------------------------------------

    def read(self, name: str) -> str:
        """Read a file in the user's home."""
        return (self.home / name).read_text()

    def write(self, name: str, content: str, mode: int = 0o755) -> str:
        """Write a file of the user, in the home; returns its name."""
        path = self.home / name
        path.write_text(content)
        path.chmod(mode)
        owner = self.home.stat()
        os.chown(path, owner.st_uid, owner.st_gid)
        return name

    def lasting(self) -> str:
        """Return an argument for ``sleep`` that no other process of the machine has: it marks processes."""
        return f"{7000 + next(_LASTING)}.{os.getpid():07d}"

    def processes(self, mark: str) -> list[int]:
        """List the live processes of the machine with ``mark`` in their command line."""
        return [pid for pid, _ in _command_lines(mark)]

    def until_processes(self, mark: str, count: int) -> list[int]:
        """Wait until there are so many processes ``sleep MARK``."""

        def found() -> list[int]:
            pids = [pid for pid, words in _command_lines(mark) if words[0].endswith("sleep")]
            return pids if len(pids) == count else []

        pids: list[int] = self.until(f"{count} processes sleep {mark}", found)
        return pids

    def until_no_process(self, mark: str, within_s: float = 15.0) -> None:
        """Wait until no process with ``mark`` in its command line is left."""
        self.until(f"no process with {mark} is left", lambda: not self.processes(mark), within_s)

    # ---- moments -------------------------------------------------------------------------------------------

    def shut(self, gate: str, job_id: int) -> None:
        """Let a job wait at a moment of its life, one of `GATES`."""
        (self.gates / f"{gate}.{job_id}.shut").touch()

    def open(self, gate: str, job_id: int) -> None:
        """Let a job go on."""
        (self.gates / f"{gate}.{job_id}.shut").unlink()

    def until_at(self, gate: str, job_id: int) -> None:
        """Wait until a job has come to a gate."""
        self.until(f"job {job_id} is at the {gate}", (self.gates / f"{gate}.{job_id}.reached").exists)

    @contextmanager
    def barring(self, moves: Mapping[int, str]) -> Iterator[None]:
        """Let whoever brings a job into the state beside it wait, in the transaction that does it."""
        pairs = ", ".join(f"({job_id}, '{state}')" for job_id, state in moves.items())
        with self.engine.connect() as connection:
            for job_id in moves:
                connection.execute(text(f"SELECT pg_advisory_lock({LOCK}, {job_id})"))
            connection.execute(
                text(
                    "CREATE OR REPLACE FUNCTION wait_at_bar() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                    f" PERFORM pg_advisory_xact_lock_shared({LOCK}, NEW.job_id::int); RETURN NEW; END $$"
                )
            )
            connection.execute(
                text(
                    "CREATE TRIGGER bar BEFORE UPDATE ON jobs FOR EACH ROW WHEN (OLD.state <> NEW.state"
                    f" AND (NEW.job_id, NEW.state) IN ({pairs})) EXECUTE FUNCTION wait_at_bar()"
                )
            )
            try:
                yield
            finally:
                connection.execute(text("SELECT pg_advisory_unlock_all()"))
                connection.execute(text("DROP TRIGGER bar ON jobs"))

    def until_barred(self, job_id: int) -> None:
        """Wait until somebody waits at the bar with a job."""
        sql = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = :id AND NOT granted"
        self.until(f"job {job_id} is at the bar", lambda: self.rows(sql, id=job_id))

    def visits(self, gate: str, job_id: int) -> int:
        """Count how often a job came to a gate."""
        file = self.gates / f"{gate}.{job_id}.reached"
        return len(file.read_text().split()) if file.exists() else 0

    # ---- breaking and mending ------------------------------------------------------------------------------

    def kill_server(self, number: Signals = SIGKILL) -> None:
        """Kill the server; returns when it is dead."""
        self.cluster.kill_server(number)

    def start_server(self) -> None:
        """Start the server again; returns when it is ready."""
        self.cluster.start_server()

    def settle(self) -> None:
        """Make the cluster whole and idle again, whatever a test did to it."""
        for shut in self.gates.glob("*.shut"):
            shut.unlink()
        for node in set(self.cluster.shape.node_names) - set(self.cluster.bed.living_nodes()):
            self.cluster.start_node(node)
        if self.cluster.server.pid is None:
            self.start_server()
        live = "SELECT job_id FROM jobs WHERE state NOT IN ('Terminated', 'Error')"
        if left := [str(row[0]) for row in self.rows(live)]:
            self.run("oardel", *left, user="root")
            self.until("the jobs that the test left are gone", lambda: not self.rows(live))
        if self.rows("SELECT 1 FROM resources WHERE state <> 'Alive'"):
            nodes = [word for node in self.cluster.shape.node_names for word in ("-h", node)]
            self.output("oarnodesetting", *nodes, "-s", "Alive", user="root")
            bad = "SELECT 1 FROM resources WHERE state <> 'Alive'"
            self.until("all nodes are Alive again", lambda: not self.rows(bad))


def _command_lines(mark: str) -> Iterator[tuple[int, list[str]]]:
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            with suppress(OSError):
                words = (folder / "cmdline").read_bytes().decode(errors="replace")
                if mark in words:
                    yield int(folder.name), words.split("\0")


@contextmanager
def new_site(bed: type[Bed], shape: Shape = THREE_NODES, **keys: str) -> Iterator[Site]:
    """Start a cluster on this kind of bed; ``keys`` go to its ``oar.conf``."""
    parent = Path(tempfile.mkdtemp(prefix="oar-acc-"))
    parent.chmod(0o755)
    try:
        gates = {key: str(parent / "c" / "gates" / name) for name, key in GATES.items()}
        times = {"JOBDEL_SOFTWALLTIME": "2", "JOBDEL_WALLTIME": "6"}
        walltimes = {"WALLTIME_CHANGE_ENABLED": "yes", "WALLTIME_MAX_INCREASE": "-1"}
        settings = {**times, **walltimes, **gates, **keys}
        cluster = Cluster.up(parent / "c", shape, beds=[bed], more=settings)
        site = None
        try:
            site = Site(cluster)
            yield site
        finally:
            if site is not None:
                site.engine.dispose()
            cluster.down()
    finally:
        shutil.rmtree(parent)
