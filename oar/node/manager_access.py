"""The ways into a job for its user: the job's key, what oarsh_shell reads of the job, and plain ssh.

All of it is written at the job's start and removed before its processes are killed, so that nobody enters
a job that is being cleaned. Called with the node's lock held.
"""

import contextlib
import json
import os
import pwd
import re
import shlex

from oar.node.files import read, write
from oar.node.manager_account import as_root
from oar.node.manager_files import file_variables
from oar.node.manager_job import Job, Refused

KEYS = "job_keys"
"""The file of the runtime directory that the node's sshd reads beside the account's own authorized_keys."""
ACCESS = "access.conf"
"""Who may come by plain ssh, for pam_access."""
SHELL = "oarsh_shell"
CALLED = ".oarsh"
"""What the file is called that oarsh_shell reads of a job, behind the job's name."""
OF_A_JOB = re.compile(r"(.+_\d+)\.oarsh")
PLAIN_NAME = re.compile(r"[A-Za-z0-9._@+-]+\$?")
ONE_KEY = re.compile(r"[a-z0-9@.-]+ [A-Za-z0-9+/=]+")


def open_job(job: Job) -> None:
    """Let the job's user in."""
    if "oarsh" not in job.data:
        return
    try:
        write_programs(job)
        write(job.file(job.name + CALLED), json.dumps(description(job)))
        install_key(job)
        write_access(job)
    except OSError as error:
        raise Refused(7, f"cannot write the key of the job: {error}") from error


def close_job(job: Job) -> None:
    """Let nobody in any more."""
    for name in (job.name + CALLED, job.name + ".jobkey"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(job.file(name))
    try:
        if any(line.endswith(" " + job.name) for line in read(job.file(KEYS)).splitlines()):
            write_keys(job, "")
        if os.path.exists(job.file(ACCESS)):
            write_access(job)
    except OSError as error:
        raise Refused(12, f"cannot remove the key of the job: {error}") from error


def write_programs(job: Job) -> None:
    """Write what users call inside jobs, and what their connections start, where it is not the same yet."""
    sent = dict(job.data["oarsh"])  # type: ignore[call-overload]  # anything else is bad data
    os.makedirs(job.file("bin"), mode=0o755, exist_ok=True)
    for name, text in dict(sent["programs"]).items():
        path = job.file(os.path.join("bin", os.path.basename(str(name))))
        write_changed(path, str(text), 0o644 if str(name).endswith(".conf") else 0o755)
    write_changed(job.file(SHELL), str(sent["shell"]), 0o644)


def write_changed(path: str, text: str, mode: int) -> None:
    """Write a file unless it holds just this."""
    if read(path) != text.strip("\n "):
        write(path, text, mode)


def description(job: Job) -> "dict[str, object]":
    """Tell what a session in the job has to know."""
    environment = dict(job.data["environment"])  # type: ignore[call-overload]  # anything else is bad data
    return {
        "job_id": job.job_id,
        "user": job.user,
        "group": job.group,
        "classic_ssh": has_node_to_itself(job),
        "environment": dict(environment, OAR_JOB_USER=job.user, **file_variables(job.file("{}"))),
    }


def has_node_to_itself(job: Job) -> bool:
    """Tell whether the user may come by plain ssh: the job asked for that, and all of the node is its own."""
    return job.node in list(job.data.get("classic_ssh_nodes") or [])  # type: ignore[call-overload]  # bad data else


# ---- the job's key


def install_key(job: Job) -> None:
    """Give the user the job's private key, and let in who has it."""
    keys = dict(job.data.get("ssh_keys") or {})  # type: ignore[call-overload]  # anything else is bad data
    public, private = (str(dict(keys.get(kind) or {}).get("key") or "") for kind in ("public", "private"))
    if not public or not private:
        return
    if not ONE_KEY.fullmatch(public) or not PLAIN_NAME.fullmatch(job.user):
        job.say("WARN", "no key for the job: the key, or the user's name, is not written in one plain word")
        return
    write_private_key(job, private)
    write_keys(job, key_line(job, public))


def write_private_key(job: Job, text: str) -> None:
    """Write the private key so that its user alone can read it."""
    path = job.file(job.name + ".jobkey")
    for old in (path, path + ".new"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(old)
    handle = os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as stream:
        stream.write(text if text.endswith("\n") else text + "\n")
        stream.flush()
        try:
            with as_root():
                os.fchown(handle, pwd.getpwnam(job.user).pw_uid, -1)
        except (KeyError, PermissionError):
            job.say("WARN", f"the key of the job cannot be given to {job.user}: no oarsh from this node")
    os.rename(path + ".new", path)


def key_line(job: Job, public: str) -> str:
    """Write the line of the job's key: it opens the job, and nothing else of the account."""
    command = f"python3 -I -S {shlex.quote(job.file(SHELL))} {shlex.quote(job.name)}"
    options = [
        "restrict",
        "pty",
        f'environment="OAR_CPUSET={job.group or "undef"}"',
        f'environment="OAR_JOB_USER={job.user}"',
        'command="{}"'.format(command.replace('"', '\\"')),
    ]
    return f"{','.join(options)} {public} {job.name}"


def write_keys(job: Job, line: str) -> None:
    """Put the job's line before those of the other jobs that are here; what others have left is dropped."""
    kept = [line] if line else []
    for other in read(job.file(KEYS)).splitlines():
        name = other.rpartition(" ")[2]
        if name != job.name and os.path.exists(job.file(name + CALLED)):
            kept.append(other)
    write(job.file(KEYS), "".join(one + "\n" for one in kept), 0o600)


# ---- plain ssh


def write_access(job: Job) -> None:
    """Write who may come by plain ssh now."""
    users = sorted({user for user in classic_users(job) if PLAIN_NAME.fullmatch(user)})
    if not users and not os.path.exists(job.file(ACCESS)):
        return
    lines = [f"+:{user}:ALL\n" for user in users]
    write(job.file(ACCESS), "".join(lines) + "-:ALL:ALL\n")


def classic_users(job: Job) -> "list[str]":
    """List the users whose jobs have the node to themselves and let them come by plain ssh."""
    users = []
    for name in os.listdir(job.directory):
        if OF_A_JOB.fullmatch(name):
            with contextlib.suppress(ValueError, KeyError, TypeError):
                told = json.loads(read(job.file(name)))
                if told["classic_ssh"]:
                    users.append(str(told["user"]))
    return users
