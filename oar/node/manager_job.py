"""The job as the server describes it to the resource manager, and what the node adds to that."""

import os
import sys

CGROUP_ROOT = "/sys/fs/cgroup"
KILL_LIMIT_S = 20.0


class Refused(Exception):
    """The action cannot be done; ``code`` is what the program ends with."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class Job:
    """A job on this node; bad data raises ``ValueError``, ``KeyError`` or ``TypeError``."""

    def __init__(self, data: "dict[str, object]", environ: "dict[str, str]") -> None:
        self.data = data
        self.job_id = int(str(data["job_id"]))
        self.name = str(data["name"])
        self.user = str(data["job_user"])
        if "/" in self.name or self.name.startswith(".") or "/" in self.user:
            raise ValueError("name: not the name of a file")
        shared = environ.get("OAR_RUNDIR", "")
        self.shares_machine = bool(shared)
        self.directory = str(shared or data["oar_tmp_directory"])
        self.node = environ.get("TAKTUK_HOSTNAME") or environ.get("OAR_NODE") or os.uname().nodename
        self.cgroup_root = str(data.get("cgroup_root") or CGROUP_ROOT)
        self.nodes = dict(data["nodes"])  # type: ignore[call-overload]  # anything else is bad data
        self.group = self.group_of(self.name)
        self.kill_limit_s = float(str(data.get("kill_limit_s", KILL_LIMIT_S)))

    def group_of(self, name: str) -> str:
        """Name the group of the job with this name; "" where jobs have none."""
        if not self.data.get("cpuset_path") or self.shares_machine:
            return ""
        return os.path.normpath("/" + str(self.data["cpuset_path"]).strip("/") + "/" + name)

    @property
    def folders_to_clean(self) -> "list[str]":
        """List the folders that lose the files of a user whose last job ends; none where nodes share them."""
        folders = [] if self.shares_machine else list(self.data.get("clean_user_directories") or ())  # type: ignore[call-overload]  # bad data else
        return [str(folder) for folder in folders]

    def file(self, pattern: str) -> str:
        """Name a file of the runtime directory; ``{}`` stands for the job's id."""
        return os.path.join(self.directory, pattern.format(self.job_id))

    def say(self, level: str, text: str) -> None:
        """Write one line that the server logs."""
        sys.stderr.write(f"[job_resource_manager][{self.job_id}][{self.node}][{level}] {text}\n")
