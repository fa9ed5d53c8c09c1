"""The job as the server describes it to oarexec, and what the node adds to that."""

import os
import pwd

PASSED_ON = ("PATH", "OAR_KEY", "OAR_NODE", "OAR_RUNDIR", "TMPDIR", "LANG", "SSH_CONNECTION")


class Failed(Exception):
    """The job cannot be started; ``code`` is told to the server."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class Job:
    """A job on its first node; bad data raises ``ValueError``, ``KeyError`` or ``TypeError``."""

    def __init__(self, data: "dict[str, object]", environ: "dict[str, str]") -> None:
        self.data = data
        self.job_id = int(str(data["job_id"]))
        self.user = str(data["job_user"])
        self.challenge = str(data["challenge"])
        self.command = str(data["command"])
        # A reservation without a command is there to be connected to, as an interactive job is.
        self.interactive = data["mode"] == "INTERACTIVE" or not self.command.strip()
        self.checkpoint_signal = int(str(data["checkpoint_signal"]))
        self.script_timeout_s = float(str(data["pro_epi_timeout"]))
        self.server = (
            server_host(str(data["almighty_hostname"]), environ.get("SSH_CONNECTION", "")),
            int(str(data["almighty_port"])),
        )
        self.is_cleaned = bool(data["is_cleaned"])
        self.may_start = bool(data.get("may_start", True))
        # Nodes that share one machine have no cgroups of their own.
        self.group = "" if environ.get("OAR_RUNDIR") else str(data["cpuset_full_path"] or "")
        self.directory = environ.get("OAR_RUNDIR") or str(data["tmp_directory"])
        self.environ = environ

    def file(self, pattern: str) -> str:
        """Name a file of the runtime directory; ``{}`` stands for the job's id."""
        return os.path.join(self.directory, pattern.format(self.job_id))

    @property
    def pid_file(self) -> str:
        """Where the server's signals find us."""
        return self.file("pid_of_oarexec_for_jobId_{}")

    def environment(self) -> "dict[str, str]":
        """List all variables of the job."""
        entry = pwd.getpwnam(self.user)
        known = {name: self.environ[name] for name in PASSED_ON if name in self.environ}
        path = known.get("PATH", "/usr/local/bin:/usr/bin:/bin")
        known["PATH"] = f"{self.file('bin')}:{path}"
        known.update(HOME=entry.pw_dir, USER=self.user, LOGNAME=self.user, TERM="unknown")
        known["SHELL"] = entry.pw_shell or "/bin/sh"
        bashrc = os.path.expanduser("~/.batch_job_bashrc")
        if os.path.exists(bashrc):
            known["BASH_ENV"] = bashrc
        known.update({name: str(value) for name, value in dict(self.data["environment"]).items()})  # type: ignore[call-overload]  # bad data else
        node_file = self.file("{}")
        for name in ("OAR_NODEFILE", "OAR_NODE_FILE", "OAR_FILE_NODES", "OAR_RESOURCE_FILE"):
            known[name] = node_file
        known["OAR_RESOURCE_PROPERTIES_FILE"] = node_file + "_resources"
        return known


def server_host(configured: str, ssh_connection: str) -> str:
    """Choose where to report: a server that calls itself localhost is where our ssh connection came from."""
    caller = ssh_connection.partition(" ")[0]
    is_local = configured == "localhost" or configured.startswith("127.")
    if is_local and caller and not caller.startswith("127.") and caller != "::1":
        return caller
    return configured
