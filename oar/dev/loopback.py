"""Nodes as real sshd processes on loopback addresses, for any user and without privileges.

Each cluster takes a loopback network of its own (127.x.y.0), so that several live at once. Nodes share the
machine's processes, disk and host name; sessions learn from OAR_NODE, OAR_RUNDIR and TMPDIR where they are.
"""

import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from oar.dev.bed import PROGRAMS, BedFailed, CallersBed
from oar.dev.processes import Process, is_alive, kill, kill_all, with_children

PORT = 6667
LONGEST_CONTROL_PATH = 100 - 17
"""Bytes for the socket of a shared ssh connection; ssh adds 17 while it makes one."""

SSH_CONFIGURATION = """
Host *
  Port {port}
  User {user}
  IdentityFile {folder}/key
  IdentitiesOnly yes
  UserKnownHostsFile {folder}/known_hosts
  BatchMode yes
  ForwardX11 no
  ConnectTimeout 5
  ServerAliveInterval 2
  ServerAliveCountMax 3
"""


def find_program(name: str) -> str | None:
    """Return the path of a system program, also from the folders that are not in an ordinary PATH."""
    path = os.pathsep.join(
        (os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin", "/sbin", str(PROGRAMS))
    )
    return shutil.which(name, path=path)


def sshd_missing() -> str | None:
    """Say why nodes cannot be sshd processes here; None when they can."""
    for program in ("sshd", "ssh", "ssh-keygen"):
        if find_program(program) is None:
            return f"no {program} here (package openssh)"
    shell = pwd.getpwuid(os.geteuid()).pw_shell
    if shell.endswith(("nologin", "false")):
        return f"the login shell of this account is {shell}"
    return None


class LoopbackBed(CallersBed):
    """The nodes of one cluster as sshd processes of the calling user."""

    kind = "loopback"

    def __init__(self, directory: Path, nodes: Sequence[str]) -> None:
        super().__init__(directory, nodes)
        self._ssh_folder = directory / "ssh"

    def start(self) -> None:
        """Make keys, find a free network, start one sshd per node."""
        self._ssh_folder.mkdir(mode=0o700)
        (self.directory / "home").mkdir(exist_ok=True)
        self._make_keys()
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # sshd of root insists on it
        net, port = free_network(len(self.nodes))
        self._write_client_files(net, port)
        for number, name in enumerate(self.nodes, 1):
            (self.node_folder(name) / "tmp").mkdir(parents=True)
            self._write_server_file(name, f"{net}.{number}", port)
        for name in self.nodes:
            self.start_node(name)

    def stop(self) -> None:
        """End all processes of the cluster."""
        kill_all(lambda process: process.belongs_to(self.directory))

    def start_node(self, name: str) -> None:
        """Start the node's sshd; returns when it listens."""
        folder = self.node_folder(name)
        (folder / "sshd.pid").unlink(missing_ok=True)
        sshd = [str(find_program("sshd")), "-f", str(folder / "sshd_config"), "-E", str(folder / "sshd.log")]
        started = subprocess.run(
            sshd,
            env=dict(self._environment()),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        deadline = time.monotonic() + 10
        while started.returncode == 0 and time.monotonic() < deadline:
            if self._listener(name) is not None:
                return
            time.sleep(0.01)
        said = (folder / "sshd.log").read_text(errors="replace") if (folder / "sshd.log").exists() else ""
        raise BedFailed(f"sshd of {name} did not start: {(said or started.stderr).strip().splitlines()[-1:]}")

    def stop_node(self, name: str) -> None:
        """Kill the node's sshd, its sessions and what they left behind."""
        sessions = with_children(lambda process: self._is_of(process, name))
        kill_all(lambda process: self._is_of(process, name) or process.pid in sessions)

    def hang_node(self, name: str) -> None:
        """Let a node hang: connections are taken, and nothing answers any more."""
        self._signal_node(name, signal.SIGSTOP)

    def wake_node(self, name: str) -> None:
        """Let a node that hangs go on."""
        self._signal_node(name, signal.SIGCONT)

    def _signal_node(self, name: str, number: signal.Signals) -> None:
        for pid in with_children(lambda process: self._is_of(process, name)):
            kill(pid, number)

    def _is_of(self, process: Process, name: str) -> bool:
        here = process.belongs_to(self.directory) and process.has("OAR_NODE", name)
        return here or process.pid == self._listener(name)

    def living_nodes(self) -> list[str]:
        """Return the nodes whose sshd lives."""
        return [name for name in self.nodes if self._listener(name) is not None]

    def configuration(self) -> dict[str, str]:
        """Reach nodes by ssh (and TakTuk where it is); no cgroups: nodes share the machine's."""
        ssh = f"{find_program('ssh')} -F {self._ssh_folder / 'config'}"
        taktuk = find_program("taktuk")
        return {
            "SERVER_HOSTNAME": "127.0.0.1",
            "OPENSSH_CMD": ssh,
            "OARSH_OPENSSH_CMD": f"{find_program('ssh')} -F {self._ssh_folder / 'hosts'}",
            "TAKTUK_CMD": f"{taktuk} -t 10 -s" if taktuk else "",
            "CPUSET_PATH": "",
            "OAR_RUNTIME_DIRECTORY": str(self.directory / "run"),
        }

    def _listener(self, name: str) -> int | None:
        try:
            pid = int((self.node_folder(name) / "sshd.pid").read_text())
        except (OSError, ValueError):
            return None
        return pid if is_alive(pid) else None

    def _make_keys(self) -> None:
        for key in ("host_key", "key"):
            command = [str(find_program("ssh-keygen")), "-q", "-t", "ed25519", "-N", "", "-C", "oar-dev"]
            subprocess.run(
                [*command, "-f", str(self._ssh_folder / key)], check=True, stdin=subprocess.DEVNULL
            )
        public = (self._ssh_folder / "key.pub").read_text()
        (self._ssh_folder / "authorized_keys").write_text(f'environment="OAR_KEY=1" {public}')

    def _write_client_files(self, net: str, port: int) -> None:
        host_key = " ".join((self._ssh_folder / "host_key.pub").read_text().split()[:2])
        hosts = [(name, f"{net}.{number}") for number, name in enumerate(self.nodes, 1)]
        (self._ssh_folder / "known_hosts").write_text(
            "".join(f"[{address}]:{port} {host_key}\n" for _, address in hosts)
        )
        user = pwd.getpwuid(os.geteuid()).pw_name
        words = "".join(f"Host {name}\n  HostName {address}\n" for name, address in hosts)
        (self._ssh_folder / "hosts").write_text(f"{words}Host *\n  Port {port}\n  BatchMode yes\n")
        words += SSH_CONFIGURATION.format(port=port, user=user, folder=self._ssh_folder)
        control = f"{self._ssh_folder}/%n"
        if len(control) + 8 < LONGEST_CONTROL_PATH:
            words += f"  ControlMaster auto\n  ControlPath {control}\n  ControlPersist 60\n"
        (self._ssh_folder / "config").write_text(words)

    def _write_server_file(self, name: str, address: str, port: int) -> None:
        folder = self.node_folder(name)
        # with SHLVL bash does not take itself for the first shell, which would read a person's .bashrc
        variables = {**self.node_environment(name), "SHLVL": "1"}
        environment = " ".join(f'"{key}={value}"' for key, value in variables.items())
        (folder / "sshd_config").write_text(
            f"""\
Port {port}
ListenAddress {address}
HostKey {self._ssh_folder}/host_key
PidFile {folder}/sshd.pid
AuthorizedKeysFile {self._ssh_folder}/authorized_keys {folder}/job_keys
UsePAM {"yes" if _account_is_locked() else "no"}
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
PermitUserEnvironment yes
Subsystem sftp internal-sftp
SetEnv {environment}
MaxStartups 1024
MaxSessions 1024
PrintMotd no
{_session_program()}
"""
        )


def free_network(nodes: int) -> tuple[str, int]:
    """Return the first three numbers of a loopback network and a port that is free on ``nodes`` addresses.

    The port is another one than OAR's own where something listens on that one of all addresses.
    """
    choice = random.SystemRandom()
    for port in [PORT] * 20 + [choice.randint(10000, 30000) for _ in range(50)]:
        net = f"127.{choice.randint(1, 254)}.{choice.randint(1, 254)}"
        if all(_is_free(f"{net}.{number}", port) for number in range(1, nodes + 1)):
            return net, port
    raise BedFailed("no free loopback addresses for sshd (127.x.y.z)")


def _is_free(address: str, port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True


def _account_is_locked() -> bool:
    """Without PAM sshd turns away an account whose password field begins with an exclamation mark."""
    name = pwd.getpwuid(os.geteuid()).pw_name
    try:
        lines = Path("/etc/shadow").read_text().splitlines()
    except OSError:
        return False
    return any(line.startswith(f"{name}:!") for line in lines)


def _session_program() -> str:
    """Newer OpenSSH runs sessions by programs beside it; name them where they were unpacked for us."""
    folder = PROGRAMS.parent / "packages" / "usr" / "lib" / "openssh"
    lines = [
        f"{option} {folder / program}"
        for option, program in (("SshdSessionPath", "sshd-session"), ("SshdAuthPath", "sshd-auth"))
        if (folder / program).exists()
    ]
    return "\n".join(lines)
