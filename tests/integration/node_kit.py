"""Real nodes for tests: programs run as ssh runs them, loopback sshd, a server that hears reports."""

import contextlib
import json
import os
import pwd
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from oar.remote.programs import (
    LaunchData,
    NodeSignal,
    clean_program,
    init_program,
    oarexec_program,
    signal_argv,
)
from oar.remote.runner import NodeProgram
from oar.settings import NodeSettings, ServerSettings, Settings

USER = pwd.getpwuid(os.getuid()).pw_name
CHALLENGE = "4711"


def wait_for(what: Callable[[], object], limit_s: float = 10.0) -> bool:
    """Look again and again until something is true; False when it never was."""
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        if what():
            return True
        time.sleep(0.02)
    return False


def is_alive(pid: int) -> bool:
    """Tell whether a process runs; one that nobody has reaped yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Server:
    """Hears the lines that nodes report; may open its port late."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]

    def open(self) -> None:
        """Take connections from now on."""
        self._socket.listen(16)
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Take no more."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                with connection:
                    self.lines.append(connection.makefile().readline().strip())


@dataclass
class Node:
    """A node's directory, and programs run there as its sshd would run them.

    A node of a shared machine tracks processes; the other uses the cgroups of this machine.
    """

    directory: Path
    home: Path
    server: Server
    shares_machine: bool
    cpuset_path: str
    jobs: list[LaunchData] = field(default_factory=list)
    prologue: str = ""
    epilogue: str = ""
    script_timeout_s: int = 10
    limits: dict[str, Any] = field(default_factory=dict)
    """What else the site sets for nodes, by the names of `NodeSettings`."""

    @property
    def settings(self) -> Settings:
        """The settings of a server that has this node."""
        nodes = NodeSettings(
            runtime_directory=str(self.directory),
            cpuset_path=self.cpuset_path,
            prologue=self.prologue,
            epilogue=self.epilogue,
            prologue_timeout_s=self.script_timeout_s,
            **self.limits,
        )
        return Settings(nodes=nodes, server=ServerSettings(hostname="127.0.0.1", text_port=self.server.port))

    @property
    def environ(self) -> dict[str, str]:
        """The environment that the node's sshd gives."""
        environ = {"PATH": "/usr/local/bin:/usr/bin:/bin", "TAKTUK_HOSTNAME": "node1"}
        if self.shares_machine:
            environ |= {"OAR_NODE": "node1", "OAR_RUNDIR": str(self.directory)}
        return environ

    def job(self, command: str, **more: object) -> LaunchData:
        """Describe a job of the calling user on this node; its ids are not those of other tests."""
        job_id = 1_000_000 + os.getpid() * 100 + len(self.jobs)
        cpu = min(os.sched_getaffinity(0))
        resources = [{"resource_id": 1, "network_address": "node1", "type": "default", "cpuset": cpu}]
        job = LaunchData(
            job_id=job_id,
            user=USER,
            array_id=job_id,
            array_index=1,
            job_name="test",
            project="p",
            command=command,
            launching_directory=str(self.home),
            stdout_file="out",
            stderr_file="err",
            walltime_s=60,
            challenge=CHALLENGE,
            resources=resources,
        )
        job = replace(job, **more)  # type: ignore[arg-type]  # keyword arguments of the test
        self.jobs.append(job)
        return job

    def run(self, program: NodeProgram) -> subprocess.CompletedProcess[bytes]:
        """Run a program here and wait for all that holds its output, as ssh does."""
        stdin = program.to_stdin()
        return subprocess.run(
            program.argv, input=stdin, env=self.environ, capture_output=True, timeout=30, check=False
        )

    def init(self, job: LaunchData) -> subprocess.CompletedProcess[bytes]:
        """Prepare the node."""
        return self.run(init_program(job, self.settings))

    def start(self, job: LaunchData) -> subprocess.CompletedProcess[bytes]:
        """Start the job's oarexec."""
        return self.run(oarexec_program(job, self.settings))

    def launch(self, job: LaunchData) -> LaunchData:
        """Prepare the node and start the job."""
        assert self.init(job).returncode == 0
        assert self.start(job).returncode == 0
        return job

    def clean(self, job: LaunchData) -> subprocess.CompletedProcess[bytes]:
        """End all of the job."""
        return self.run(clean_program(job, self.settings))

    def signal(self, job: LaunchData, signal: NodeSignal, user_signal: str = "") -> int:
        """Signal the job's oarexec."""
        argv = signal_argv(job.job_id, signal, str(self.directory), user_signal)
        return subprocess.run(argv, env=self.environ, check=False).returncode

    def report(self, code: int, status: object = "N", job: LaunchData | None = None) -> str:
        """Write the line that a job is expected to report."""
        return f"OAREXEC_{(job or self.jobs[-1]).job_id}_{code}_{status}_{CHALLENGE}"

    def hears(self, line: str, limit_s: float = 10.0) -> bool:
        """Wait for a report."""
        return wait_for(lambda: line in self.server.lines, limit_s)

    def oarexec_pid(self, job: LaunchData) -> int:
        """Find the job's oarexec."""
        return int((self.directory / f"pid_of_oarexec_for_jobId_{job.job_id}").read_text())

    def record(self, job: LaunchData) -> dict[str, object]:
        """Read what oarexec has noted of the job."""
        record = json.loads((self.directory / f"oarexec_of_job_{job.job_id}").read_text())
        assert isinstance(record, dict)
        return record

    def text(self, name: str) -> str:
        """Read a file that the job has written; "" while it is not there."""
        path = self.home / name
        return path.read_text() if path.exists() else ""


def can_use_cgroups() -> bool:
    """Tell whether this account can make the groups of jobs on this machine."""
    return any(
        (root / "cgroup.procs").exists() and os.access(root, os.W_OK)
        for root in (Path("/sys/fs/cgroup/cpuset"), Path("/sys/fs/cgroup"))
    )


KINDS = ("cgroups", "tracking") if can_use_cgroups() else ("tracking",)
"""The ways of holding processes that this machine and account allow; tracking always is one."""


@contextlib.contextmanager
def open_node(directory: Path, kind: str) -> Iterator[Node]:
    """Make a node, and end all of its jobs after use."""
    home = directory / "home"
    home.mkdir()
    server = Server()
    path = f"/oar_test_{os.getpid()}"
    node = Node(directory / "run", home, server, kind == "tracking", path)
    server.open()
    try:
        yield node
    finally:
        for job in node.jobs:
            node.clean(job)
        server.close()
        remove_groups(path)


def remove_groups(path: str) -> None:
    """Remove the folder of all jobs' groups, which a node keeps."""
    root = Path("/sys/fs/cgroup")
    for top in (root, *root.iterdir()) if root.is_dir() else ():
        group = top / path.strip("/")
        if group.is_dir():
            group.rmdir()


@dataclass
class Lab:
    """Nodes that are sshd processes on loopback addresses of one port."""

    directory: Path
    port: int
    processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    @property
    def ssh(self) -> tuple[str, ...]:
        """The ssh command that reaches the nodes."""
        return ("ssh", "-F", str(self.directory / "ssh_config"))

    def start(self, name: str, address: str) -> None:
        """Start a node's sshd and wait until it answers."""
        folder = self.directory / name
        folder.mkdir()
        lines = [
            f"Port {self.port}",
            f"ListenAddress {address}",
            f"HostKey {self.directory}/host_key",
            "PidFile none",
            "UsePAM no",
            "StrictModes no",
            f"AuthorizedKeysFile {self.directory}/user_key.pub",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            f"SetEnv OAR_NODE={name} OAR_RUNDIR={folder}",
        ]
        (folder / "sshd_config").write_text("\n".join(lines) + "\n")
        sshd = shutil.which("sshd", path=os.environ["PATH"] + ":/usr/sbin:/sbin")
        assert sshd, "sshd is missing: install openssh-server"
        with (folder / "log").open("wb") as log:
            argv = [sshd, "-D", "-e", "-f", str(folder / "sshd_config")]
            self.processes[name] = subprocess.Popen(argv, stderr=log)
        assert wait_for(lambda: _answers(address, self.port)), (folder / "log").read_text()

    def stop(self) -> None:
        """Stop all nodes."""
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            process.wait(10)


def _answers(address: str, port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((address, port), timeout=1):
        return True
    return False


@contextlib.contextmanager
def open_lab(directory: Path) -> Iterator[Lab]:
    """Start node1 and node2; ``dead`` refuses connections, ``silent`` takes them and never speaks."""
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    for name in ("host_key", "user_key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", directory / name], check=True)
    with socket.socket() as silent:
        silent.bind(("127.0.9.4", 0))
        silent.listen(16)
        lab = Lab(directory, silent.getsockname()[1])
        hosts = {"node1": "127.0.9.1", "node2": "127.0.9.2", "dead": "127.0.9.3", "silent": "127.0.9.4"}
        config = [f"Host {name}\n  HostName {address}" for name, address in hosts.items()]
        config += [
            f"Host *\n  Port {lab.port}\n  User {USER}\n  IdentityFile {directory}/user_key",
            "  IdentitiesOnly yes\n  StrictHostKeyChecking no",
            "  UserKnownHostsFile /dev/null\n  LogLevel ERROR",
        ]
        (directory / "ssh_config").write_text("\n".join(config) + "\n")
        try:
            for name in ("node1", "node2"):
                lab.start(name, hosts[name])
            yield lab
        finally:
            lab.stop()
