"""The command that gives a terminal a shell in a job, on the job's first node."""

import base64
import json
import zlib
from collections.abc import Sequence

from oar.core.states import JobType
from oar.remote.argv import END_OF_SOURCE, argument_loader_argv, is_node_name, quote_remote
from oar.remote.bundle import bundle
from oar.remote.programs import LaunchData, cpuset_full_path, job_environment
from oar.settings import Settings

WORD = "OAR_SESSION"
CONNECTION_LOST = 255
"""What ssh ends with when the node cannot be reached, or the session was ended by force."""


def session_argv(launch: LaunchData, settings: Settings, *, ends_job: bool) -> list[str]:
    """Build the ssh command; with ``ends_job`` the job ends with its shell.

    The program goes on the command line, since the terminal has standard input. Nothing in it is secret.
    """
    node = launch.host(settings.frontends)
    if not is_node_name(node):
        raise ValueError(f"{node} is not a name of a machine")
    data = _session_data(launch, settings) | {"ends_job": ends_job}
    program = f"{bundle('session')}{END_OF_SOURCE}{json.dumps(data)}"
    return terminal_argv(settings.nodes.ssh, node, argument_loader_argv(WORD, pack(program)))


def pack(program: str) -> str:
    """Write a program, with its data, as one word without anything that a shell would have to be told of."""
    return base64.b64encode(zlib.compress(program.encode(), 9)).decode()


def terminal_argv(ssh: Sequence[str], node: str, argv: Sequence[str]) -> list[str]:
    """Build the ssh command that runs ``argv`` at the node's end of a terminal.

    The ssh is that of the account ``oar``: its escape character would let a user forward ports in that name.
    """
    return [*ssh, "-x", "-e", "none", "-t", node, quote_remote(("env", f"TAKTUK_HOSTNAME={node}", *argv))]


def _session_data(launch: LaunchData, settings: Settings) -> dict[str, object]:
    nodes = settings.nodes
    return {
        "job_id": launch.job_id,
        "job_user": launch.job_user,
        "challenge": "",
        "command": "",
        "mode": str(JobType.INTERACTIVE),
        "checkpoint_signal": launch.checkpoint_signal,
        "pro_epi_timeout": nodes.prologue_timeout_s,
        "almighty_hostname": settings.server.hostname,
        "almighty_port": settings.server.text_port,
        "is_cleaned": launch.is_cleaned,
        "tmp_directory": nodes.runtime_directory,
        "cpuset_full_path": cpuset_full_path(launch, nodes),
        "environment": job_environment(launch, nodes),
        "launching_directory": launch.launching_directory,
    }
