"""Nodes with a host name, network, processes, mounts and cgroups of their own; needs root (`nodes.sh`).

The server runs as account ``oar`` in member ``server``; users type there, through sudo, as on a real site.
"""

import hashlib
import os
import pwd
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from oar.dev.bed import PROGRAMS, Bed, BedFailed, Command
from oar.dev.loopback import find_program
from oar.dev.processes import children, is_alive

SERVICE = "oar"
USERS = ("alice", "bob")
FIRST_UID = 61660
PUBLIC = ("oarsub", "oarstat", "oardel", "oarhold", "oarresume", "oarwalltime", "oarnodes", "oarsh")
PRIVILEGED = (
    "oarnodesetting",
    "oarproperty",
    "oarqueue",
    "oarnotify",
    "oaraccounting",
    "oar-resources",
    "oar-rounds",
    "oar-database",
)
HERE = Path(__file__).parent
CHECKOUT = HERE.parent.parent
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def namespaces_missing() -> str | None:
    """Say why members in namespaces cannot be made here; None when nothing speaks against trying."""
    if os.geteuid() != 0:
        return "only root can make namespaces"
    for program in ("sshd", "ssh-keygen", "ip", "unshare", "nsenter", "setpriv", "sudo", "useradd", "bash"):
        if find_program(program) is None:
            return f"no {program} here"
    with_mounts = ["unshare", "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--fork", "true"]
    done = subprocess.run(with_mounts, capture_output=True, text=True, check=False)
    return f"unshare: {done.stderr.strip()}" if done.returncode else None


class NamespacesBed(Bed):
    """The server and the nodes of one cluster as members of a lab made by ``nodes.sh``."""

    kind = "namespaces"
    has_cgroups = True

    def __init__(self, directory: Path, nodes: Sequence[str]) -> None:
        super().__init__(directory, nodes)
        self.user = USERS[0]
        self.lab = "oar-" + hashlib.sha256(str(directory).encode()).hexdigest()[:8]
        """What the names of the cluster's networks and cgroups begin with."""
        self._variables = {
            "LAB": self.lab,
            "LABDIR": str(directory / "lab"),
            "SHARE": str(directory),
            "READABLE": "\n".join(_folders_to_read()),
            "ACCOUNTS": " ".join(f"{name}:{uid}" for name, uid in _accounts()),
            "SETUP": str(HERE / "member.sh"),
            "SSH_OPTIONS": "  ServerAliveInterval 2\n  ServerAliveCountMax 2\n  ControlMaster auto\n"
            "  ControlPath ~/.ssh/%n\n  ControlPersist 60",
            "PROGRAMS": str(PROGRAMS),
            "NODE_PROGRAMS": str(HERE.parent / "node"),
            "CONFIGURATION": str(self.configuration_file),
            "PUBLIC": " ".join(PUBLIC),
            "PRIVILEGED": " ".join(PRIVILEGED),
        }

    def start(self) -> None:
        """Start all members; returns when their sshd listen."""
        self.directory.chmod(0o755)
        for user in USERS:
            self.home(user).mkdir(parents=True, exist_ok=True)
        self._nodes_sh("up", "server", *self.nodes)

    def stop(self) -> None:
        """Remove members, networks and cgroups."""
        self._nodes_sh("down")

    def start_node(self, name: str) -> None:
        """Boot the node with an empty file layer."""
        self._nodes_sh("boot", name)

    def stop_node(self, name: str) -> None:
        """Kill all of the node at once."""
        self._nodes_sh("crash", name)

    def cut_node(self, name: str) -> None:
        """Take the node off the network: it does not answer any more."""
        self._nodes_sh("cut", name)

    def mend_node(self, name: str) -> None:
        """Put the node back on the network."""
        self._nodes_sh("mend", name)

    def living_nodes(self) -> list[str]:
        """Return the nodes whose first process lives."""
        return [name for name in self.nodes if self._first_process(name) is not None]

    def configuration(self) -> dict[str, str]:
        """Reach nodes by the service account's own ssh configuration; jobs get cgroups."""
        taktuk = find_program("taktuk")
        return {
            "SERVER_HOSTNAME": "server",
            "OPENSSH_CMD": f"{find_program('ssh')} -p 6667",
            "TAKTUK_CMD": f"{taktuk} -t 10 -s" if taktuk else "",
            "CPUSET_PATH": "/oar",
            "OAR_RUNTIME_DIRECTORY": "/var/lib/oar",
        }

    def home(self, user: str) -> Path:
        """Return the home that all members share."""
        return self.directory / "home" / (user if user in USERS else self.user)

    def database_group(self) -> int | None:
        """The service account's group, which exists only inside."""
        return int(self._variables["ACCOUNTS"].split()[0].partition(":")[2])

    def command(self, argv: Sequence[str], user: str) -> Command:
        """Prepare a command typed on the server by an ordinary user, or by root as its administrator."""
        return self._inside(argv, user, self.home(user))

    def server(self, argv: Sequence[str]) -> Command:
        """Prepare a command of the service account."""
        return self._inside(argv, SERVICE, Path("/"))

    def server_pid(self, started: int) -> int:
        """The process behind nsenter, which itself stays outside."""
        inside = children(started)
        return inside[0] if inside else started

    def on_member(self, member: str, argv: Sequence[str]) -> Command:
        """Prepare a command of root on any member."""
        return Command((*self._prefix("exec"), member, *argv), self._environment(), Path("/"))

    def _first_process(self, name: str) -> int | None:
        try:
            pid = int((self.directory / "lab" / f"{name}.pid").read_text())
        except (OSError, ValueError):
            return None
        return pid if is_alive(pid) else None

    def _inside(self, argv: Sequence[str], user: str, directory: Path) -> Command:
        become: tuple[str, ...] = ()
        if user != "root":
            become = ("setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--reset-env")
        return Command(
            (*self._prefix("exec"), "server", *become, "--", *argv) if become else
            (*self._prefix("exec"), "server", *argv),
            self._environment(),
            directory,
        )  # fmt: skip

    def _prefix(self, action: str) -> tuple[str, ...]:
        return ("bash", str(HERE / "nodes.sh"), action)

    def _environment(self) -> dict[str, str]:
        return {**self._variables, "PATH": PATH, "TERM": os.environ.get("TERM", "dumb"), "LANG": "C.UTF-8"}

    def _nodes_sh(self, *arguments: str) -> None:
        done = subprocess.run(
            ["bash", str(HERE / "nodes.sh"), *arguments],
            env=self._environment(),
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise BedFailed(f"nodes.sh {arguments[0]}: {(done.stderr or done.stdout).strip()}")


def _folders_to_read() -> list[str]:
    """The checkout, our virtual environment, and the Python it was made with."""
    wanted = [CHECKOUT, PROGRAMS.parent]
    python = Path(shutil.which("python3", path=str(PROGRAMS)) or "/usr/bin/python3").resolve()
    if not python.is_relative_to("/usr"):
        wanted.append(python.parent.parent)
    kept: list[str] = []
    for folder in wanted:
        if not any(folder.is_relative_to(other) for other in kept):
            kept.append(str(folder))
    return kept


def _accounts() -> list[tuple[str, int]]:
    """The accounts inside, with numbers that no account of the machine has."""
    taken = {account.pw_uid for account in pwd.getpwall()}
    free = (uid for uid in range(FIRST_UID, FIRST_UID + 1000) if uid not in taken)
    return [(name, next(free)) for name in (SERVICE, *USERS)]
