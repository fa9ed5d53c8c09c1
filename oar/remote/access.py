"""What nodes are told so that a job's user can enter the job: its key, and the programs for that."""

import os
import pwd
import shlex
from functools import cache
from pathlib import Path

from oar.core.job_key import JobKey, ssh_keys
from oar.remote.argv import standalone_program
from oar.remote.bundle import bundle
from oar.settings import Settings

CLASSIC_SSH = "allow_classic_ssh"
"""The type of jobs that plain ssh may enter, on the nodes that they have to themselves."""
UNCHECKED_HOSTS = ("-oStrictHostKeyChecking=no", "-oUserKnownHostsFile=/dev/null", "-oLogLevel=ERROR")
"""Users cannot read which host keys the account knows. A site that publishes them asks for more."""
_FOLDER = Path(__file__).parent.parent / "node"
_PROGRAMS = {"oarsh": "oarsh.sh", "oarcp": "oarcp.sh", "oarprint": "oarprint.py"}


def access_data(name: str, key: JobKey | None, settings: Settings) -> dict[str, object]:
    """Write what ``init`` needs to let the user into the job with this name: programs, and the key."""
    programs = {**_programs(), "oarsh.conf": oarsh_conf(settings, own_account())}
    return {
        "oarsh": {"programs": programs, "shell": _shell()},
        "ssh_keys": ssh_keys(key, f"{settings.nodes.runtime_directory}/{name}.jobkey"),
    }


def oarsh_conf(settings: Settings, account: str) -> str:
    """Write how the shell program oarsh connects."""
    words = " ".join(shlex.quote(word) for word in user_ssh(settings, account))
    return f'connect() {{ exec {words} "$@"; }}\n'


def user_ssh(settings: Settings, account: str) -> list[str]:
    """Build the beginning of the ssh command of a user who has a job's key."""
    ssh = settings.oarsh.ssh or settings.nodes.ssh
    return [*ssh, "-l", account, *settings.oarsh.default_options, *UNCHECKED_HOSTS]


@cache
def _programs() -> dict[str, str]:
    return {name: (_FOLDER / file).read_text(encoding="utf-8") for name, file in _PROGRAMS.items()}


@cache
def _shell() -> str:
    return standalone_program(bundle("oarsh_shell"))


@cache
def own_account() -> str:
    """Name the account that we are on nodes too."""
    return pwd.getpwuid(os.geteuid()).pw_name
