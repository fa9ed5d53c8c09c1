"""What the nodes are told of a job: the programs sent to them, with their data.

The keys of the data are those of OAR 2's node programs, so that a site's own files
(JOB_RESOURCE_MANAGER_FILE, OAREXEC_FILE) find what they look for. ``environment``, ``node_file``,
``properties_file``, ``user_part``, ``is_cleaned``, ``clean_user_directories`` and the limits are ours.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from oar.core.durations import format_duration
from oar.core.frontend import host_of, works_on_nodes
from oar.core.job_key import JobKey
from oar.core.states import JobType
from oar.errors import ConfigurationError
from oar.remote.access import CLASSIC_SSH, access_data
from oar.remote.bundle import bundle
from oar.remote.runner import NodeProgram
from oar.settings import FrontendSettings, NodeSettings, Settings

READY_LINE = "oarexec is initialized and ready to do the job"
"""What oarexec prints, and nothing else, once the job is its own; it then reports over TCP."""

KILL_LIMIT_S = 20.0
"""How long a node may try to kill the processes of a job, so that it can still say that they do not die."""

DEFAULT_TYPE = "default"
"""The type of resource that is a part of a node."""


class NodeSignal(StrEnum):
    """What the server can tell a running oarexec."""

    KILL = "TERM"
    CHECKPOINT = "USR2"
    USER_SIGNAL = "URG"
    END_INTERACTIVE = "USR1"
    REPORT_NOW = "HUP"


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchData:
    """A job as its nodes must know it.

    ``resources`` are the full rows of the assigned resources, as columns by name. ``types`` maps each type of
    the job to its value, "" without value. In the file names the job's id already stands for ``%jobid%``.
    """

    job_id: int
    user: str
    array_id: int
    array_index: int
    job_name: str | None
    project: str
    command: str
    launching_directory: str
    stdout_file: str
    stderr_file: str
    walltime_s: int
    challenge: str
    resources: Sequence[Mapping[str, object]]
    types: Mapping[str, str] = field(default_factory=dict)
    reservation: str = "None"
    mode: str = JobType.PASSIVE
    checkpoint_signal: int = 12
    key: JobKey | None = None
    """Who has it may enter the job; None when nobody shall."""
    whole_nodes: Sequence[str] = ()
    """The nodes that the job has to itself, as far as anybody asked."""

    @property
    def job_user(self) -> str:
        """The account that the command runs as on the nodes."""
        return self.user

    @property
    def cpuset_name(self) -> str:
        """The name of the job's cgroup and of its files."""
        return f"{self.user}_{self.job_id}"

    @property
    def nodes(self) -> tuple[str, ...]:
        """The nodes of the job, in alphabetical order."""
        return tuple(sorted({str(row["network_address"]) for row in self.node_rows}))

    def host(self, frontends: FrontendSettings) -> str:
        """Name the machine that oarexec runs on."""
        return host_of(self.types, self.nodes, frontends)

    @property
    def is_cleaned(self) -> bool:
        """Tell whether ``clean`` runs on the nodes after the job; not so where nodes are installed anew."""
        return works_on_nodes(self.types, self.nodes)

    def cpus_of_nodes(self, cpuset_property: str) -> dict[str, list[str]]:
        """List for each node the different values of the property that numbers its cpus."""
        return self.values_of_nodes(cpuset_property)

    def values_of_nodes(self, name: str) -> dict[str, list[str]]:
        """List for each node the different values of a property of the job's resources there."""
        values: dict[str, list[str]] = {node: [] for node in self.nodes}
        for row in self.node_rows:
            value, known = row.get(name), values[str(row["network_address"])]
            if value is not None and str(value) not in known:
                known.append(str(value))
        return values

    @property
    def node_rows(self) -> list[Mapping[str, object]]:
        """The resources that are a part of a node."""
        return [
            row
            for row in self.resources
            if row.get("type", DEFAULT_TYPE) == DEFAULT_TYPE and row.get("network_address")
        ]


def init_program(launch: LaunchData, settings: Settings) -> NodeProgram:
    """Build what prepares a node for a job; raises ``ConfigurationError`` when the site's file is missing."""
    data = _common_data(launch, settings.nodes) | _job_data(launch, settings.nodes)
    data |= access_data(launch.cpuset_name, launch.key, settings)
    data["classic_ssh_nodes"] = list(launch.whole_nodes) if CLASSIC_SSH in launch.types else []
    return _resource_manager("init", data, settings.nodes)


def clean_program(launch: LaunchData, settings: Settings) -> NodeProgram:
    """Build what ends everything of a job on a node; raises ``ConfigurationError`` as ``init_program``."""
    nodes = settings.nodes
    data = _common_data(launch, nodes) | {"kill_limit_s": min(KILL_LIMIT_S, nodes.ssh_timeout_s / 2)}
    return _resource_manager("clean", data, nodes)


def suspend_program(action: str, launch: LaunchData, settings: Settings) -> NodeProgram:
    """Build what stops the processes of a job on a node (``suspend``), or lets them go on (``resume``).

    Raises ``ConfigurationError`` when the site's file is missing.
    """
    site_file, directory = settings.suspend.node_file, settings.nodes.runtime_directory
    data = _common_data(launch, settings.nodes)
    data["oarexec_pid_file"] = f"{directory}/pid_of_oarexec_for_jobId_{launch.job_id}"
    return _program(site_file, "suspend_resume", action, data, as_root=True)


def oarexec_program(launch: LaunchData, settings: Settings, *, may_start: bool = True) -> NodeProgram:
    """Build what runs the job's command on its first node, in the cgroup made there before.

    Without ``may_start`` it never starts the command: it reports how the job ended, or that it is lost.
    """
    nodes = settings.nodes
    data = _common_data(launch, nodes) | _job_data(launch, nodes)
    data |= {
        "name": launch.job_name,
        "reservation": launch.reservation,
        "command": launch.command,
        "challenge": launch.challenge,
        "almighty_hostname": settings.server.hostname,
        "almighty_port": settings.server.text_port,
        "checkpoint_signal": launch.checkpoint_signal,
        "debug_mode": 0,
        "mode": str(launch.mode),
        "pro_epi_timeout": nodes.prologue_timeout_s,
        "prologue": nodes.prologue,
        "epilogue": nodes.epilogue,
        "tmp_directory": nodes.runtime_directory,
        "detach_oarexec": 1,
        "cpuset_full_path": cpuset_full_path(launch, nodes),
        "is_cleaned": launch.is_cleaned,
        "may_start": may_start,
        "user_part": bundle("user_part"),
    }
    return _program(nodes.oarexec_file, "oarexec", f"OAREXEC_{launch.job_id}", data, as_root=False)


_SIGNAL_SCRIPT = """\
directory=${OAR_RUNDIR:-$1}
pid=$(cat "$directory/pid_of_oarexec_for_jobId_$2" 2>/dev/null)
[ -n "$pid" ] && grep -qz "^OAREXEC_$2\\$" "/proc/$pid/cmdline" 2>/dev/null || exit 1
[ -z "$4" ] || printf %s "$4" > "$directory/USER_SIGNAL_$2" || exit 2
kill -s CONT "$pid" && kill -s "$3" "$pid"
"""


def signal_argv(
    job_id: int, signal: NodeSignal, runtime_directory: str, user_signal: str = ""
) -> tuple[str, ...]:
    """Build the command that signals the job's oarexec on its first node.

    ``user_signal`` names what USER_SIGNAL is to pass on. The command ends with 1 when no oarexec of the job
    is alive there, so a pid that another process has since received is never signalled.
    """
    return ("sh", "-c", _SIGNAL_SCRIPT, "sh", runtime_directory, str(job_id), signal.value, user_signal)


def cpuset_full_path(launch: LaunchData, nodes: NodeSettings) -> str | None:
    """Name the job's cgroup below each hierarchy; None when jobs get none."""
    if not (nodes.cpuset_property and nodes.cpuset_path and launch.is_cleaned):
        return None
    return f"{nodes.cpuset_path}/{launch.cpuset_name}"


def job_environment(launch: LaunchData, nodes: NodeSettings) -> dict[str, str]:
    """List the variables a job sees, but for those that depend on the node."""
    variables = {
        ("OAR_JOBID", "OAR_JOB_ID"): str(launch.job_id),
        ("OAR_ARRAYID", "OAR_ARRAY_ID"): str(launch.array_id),
        ("OAR_ARRAYINDEX", "OAR_ARRAY_INDEX"): str(launch.array_index),
        ("OAR_USER",): launch.job_user,
        ("OAR_WORKDIR", "OAR_WORKING_DIRECTORY", "OAR_O_WORKDIR"): launch.launching_directory,
        ("OAR_JOB_NAME",): launch.job_name or "",
        ("OAR_PROJECT_NAME",): launch.project,
        ("OAR_STDOUT",): launch.stdout_file,
        ("OAR_STDERR",): launch.stderr_file,
        ("OAR_JOB_WALLTIME",): format_duration(launch.walltime_s),
        ("OAR_JOB_WALLTIME_SECONDS",): str(launch.walltime_s),
    }
    environment = {name: value for names, value in variables.items() for name in names}
    if (path := cpuset_full_path(launch, nodes)) is not None:
        environment["OAR_CPUSET"] = path
    return environment


def node_file(launch: LaunchData, nodes: NodeSettings) -> str:
    """Write the job's node file: a property of each node's resources, once per distinct value of another."""
    rows = [row for row in launch.node_rows if row.get(nodes.node_file_property)]
    distinct = {str(row.get(nodes.node_file_distinct)): str(row[nodes.node_file_property]) for row in rows}
    return "".join(f"{name}\n" for name in sorted(distinct.values()))


def properties_file(launch: LaunchData) -> str:
    """Write all resources of the job as oarprint reads them, one per line."""
    return "".join(
        ",".join(f" {name} = '{'' if row[name] is None else row[name]}' " for name in sorted(row)) + "\n"
        for row in launch.resources
    )


def _common_data(launch: LaunchData, nodes: NodeSettings) -> dict[str, object]:
    return {
        "job_id": launch.job_id,
        "name": launch.cpuset_name,
        "array_id": launch.array_id,
        "array_index": launch.array_index,
        "cpuset_path": nodes.cpuset_path if nodes.cpuset_property else None,
        "nodes": launch.cpus_of_nodes(nodes.cpuset_property) if nodes.cpuset_property else {},
        "compute_thread_siblings": "yes" if nodes.thread_siblings else "no",
        "oar_tmp_directory": nodes.runtime_directory,
        "user": launch.user,
        "job_user": launch.job_user,
        "types": {name: value or True for name, value in launch.types.items()},
        "stdout_file": launch.stdout_file,
        "stderr_file": launch.stderr_file,
        "launching_directory": launch.launching_directory,
        "job_name": launch.job_name,
        "project": launch.project,
        "clean_user_directories": list(nodes.clean_directories),
        "log_level": 3,
    }


def _job_data(launch: LaunchData, nodes: NodeSettings) -> dict[str, object]:
    return {
        "resources": [dict(row) for row in launch.resources] if _site_reads_rows(nodes) else [],
        "node_file_db_fields": nodes.node_file_property,
        "node_file_db_fields_distinct_values": nodes.node_file_distinct,
        "walltime_seconds": launch.walltime_s,
        "walltime": format_duration(launch.walltime_s),
        "node_file": node_file(launch, nodes),
        "properties_file": properties_file(launch),
        "environment": job_environment(launch, nodes),
        "limit_memory": nodes.memory_limit,
        "memory_nodes": nodes.memory_nodes,
        "pids_limit": nodes.processes_limit,
        "gpus": launch.values_of_nodes(nodes.gpu_property) if nodes.gpu_property else None,
    }


def _site_reads_rows(nodes: NodeSettings) -> bool:
    # Ours need the two files only, and a large job has megabytes of rows.
    return bool(nodes.resource_manager_file or nodes.oarexec_file)


def _resource_manager(action: str, data: Mapping[str, object], nodes: NodeSettings) -> NodeProgram:
    return _program(nodes.resource_manager_file, "job_resource_manager", action, data, as_root=True)


def _program(
    site_file: str, ours: str, action: str, data: Mapping[str, object], *, as_root: bool
) -> NodeProgram:
    if site_file:
        # A site's own program runs as the account, and becomes root as it sees fit.
        return NodeProgram(_source(site_file, ours), action, data)
    return NodeProgram(bundle(ours), action, data, as_root, kept_as=ours)


def _source(site_file: str, ours: str) -> str:
    if not site_file:
        return bundle(ours)
    try:
        return Path(site_file).read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"cannot read {site_file}, a program for nodes: {error.strerror}") from error
