"""oarsh on frontends: ssh into a job, for who has no key of it but has it running.

Written as ssh is, so its arguments are not click's. ssh runs as the account of OAR; that the job is the
caller's, and that the host is a node of the job, is looked up before. What the user gives to ssh comes
through `oar.core.ssh_call`. With a job's key no right of ours is needed: then ssh runs as the user, or not.
"""

import os
import sys

import click

from oar.cli.app import Context, OarCommand, complain, oar_command
from oar.core.ssh_call import SshCall, describe_dropped, parse_call
from oar.core.states import JobState
from oar.db.jobs_on_node import running_jobs_on
from oar.db.launch import JobOnNodes, read_job
from oar.errors import BadRequest
from oar.remote.access import own_account, user_ssh
from oar.remote.argv import is_node_name, quote_remote
from oar.settings import Settings

EXIT_CODES = {
    1: "the configuration cannot be read, or ssh not be run",
    2: "the database does not answer",
    3: "the job key cannot be read",
    5: "the job is not yours, or does not run",
    6: "no job and no job key to enter with, or several jobs",
    7: "an option that ssh does not have, or no host",
    61: "the host is no node of the job",
    62: "the job's cgroup cannot be entered",
    66: "what was asked for cannot be started on the node",
    255: "the node does not answer",
}
FORCED = (
    "-x", "-e", "none", "-oClearAllForwardings=yes", "-oForwardAgent=no", "-oControlMaster=no",
    "-oControlPath=none", "-oPermitLocalCommand=no",
)  # fmt: skip
"""What the ssh of the account is told before anything of the user: the first word on a matter counts."""
KEPT = ("LANG", "LC_ALL", "TERM", "HOME", "LOGNAME", "USER", "PATH", "TZ")
JOB_VARIABLES = ("OAR_JOB_ID", "OAR_JOBID")
KEY_VARIABLE = "OAR_JOB_KEY_FILE"
REMOTE = """\
set -- "${OAR_RUNDIR:-$1}" "$2"
test -r "$1/oarsh_shell" && exec python3 -I -S "$1/oarsh_shell" "$2"
echo "oarsh: this node has never had a job that oarsh can enter" >&2
exit 61
"""
"""What a node's sh is told, with the folder of the files of jobs and the job's name."""


class NoKey(BadRequest):
    """The key that the user names is not to be had."""

    exit_code = 3


class NotYours(BadRequest):
    """A job that this user may not enter, or that does not run."""

    exit_code = 5


class NoJob(BadRequest):
    """It is not clear which job to enter."""

    exit_code = 6


class NoNodeOfJob(BadRequest):
    """The host is no node of the job."""

    exit_code = 61


class SshLike(OarCommand):
    """A command whose arguments are not click's."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Leave everything to us but a question about the command itself."""
        if args[:1] and args[0] in ("-h", "--help", "-V", "--version"):
            return super().parse_args(ctx, args[:1])
        rest = super().parse_args(ctx, [])
        ctx.params["arguments"] = tuple(args)
        return rest


@oar_command("oarsh", exit_codes=EXIT_CODES, kind=SshLike)
@click.argument("arguments", nargs=-1, metavar="[SSH OPTIONS] NODE [COMMAND]", type=click.UNPROCESSED)
@click.pass_obj
def oarsh(context: Context, /, *, arguments: tuple[str, ...]) -> None:
    """Run COMMAND, or a login shell, in a job of yours on one of its nodes, as ssh does.

    The job is the one that OAR_JOB_ID names, or the only one you have on that node. With -i FILE, or with
    OAR_JOB_KEY_FILE, the key in that file opens its job, here or on another cluster. Options of ssh that
    could do harm are left out; -v tells which.
    """
    settings = context.settings.oarsh
    call = parse_call(arguments, settings.options, settings.passed_on)
    if not is_node_name(call.host):
        raise NoNodeOfJob(f"{call.host!r} is not the name of a node")
    for line in describe_dropped(call) if call.is_verbose else ():
        complain(line)
    key = call.key_file or os.environ.get(KEY_VARIABLE)
    argv = _with_key(context, call, key) if key else _as_account(context, call)
    environment = {name: os.environ[name] for name in KEPT if name in os.environ}
    os.execvpe(argv[0], argv, environment)  # noqa: S606 - nobody needs us any more


main = oarsh


def _with_key(context: Context, call: SshCall, key: str) -> list[str]:
    """Build the ssh command of a user who has a key; run as the user, so it may say what it likes."""
    if context.caller.through_sudo:
        raise NoKey("who has a job key needs no rights of OAR: call oarsh without sudo")
    if not os.access(key, os.R_OK):
        raise NoKey(f"cannot read the job key {key}")
    ssh = user_ssh(context.settings, own_account())
    share_nothing = ["-oControlMaster=no", "-oControlPath=none", "-oIdentitiesOnly=yes", "-i", key]
    words = [call.command] if call.command else []
    return [*ssh, *share_nothing, *call.passed_on, "--", call.host, *words]


def _as_account(context: Context, call: SshCall) -> list[str]:
    """Build the ssh command of the account for a job of the caller."""
    try:
        job = _find(context, call.host)
    finally:
        context.engine.dispose()  # connections are few, and the session may be long
    return account_argv(call, f"{job.user}_{job.job_id}", context.settings, at_terminal=sys.stdin.isatty())


def account_argv(call: SshCall, job_name: str, settings: Settings, *, at_terminal: bool) -> list[str]:
    """Build the ssh command that has the node's oarsh_shell start what the user wants."""
    nodes = settings.nodes
    wanted = (f"SSH_ORIGINAL_COMMAND={call.command}",) if call.command else ()
    remote = ("env", *wanted, "sh", "-c", REMOTE, "sh", nodes.runtime_directory, job_name)
    # ssh gives a shell a terminal by itself; for it, this is a command.
    terminal = ("-t",) if not call.command and call.wants_terminal is None and at_terminal else ()
    forced = (*settings.oarsh.default_options, *FORCED)
    return [*nodes.ssh, *forced, *terminal, *call.passed_on, "--", call.host, quote_remote(remote)]


def _find(context: Context, host: str) -> JobOnNodes:
    named = next((os.environ[name] for name in JOB_VARIABLES if os.environ.get(name)), None)
    if named is None:
        return _only_job(context, host)
    if not (named.isascii() and named.isdecimal() and len(named) < 19):
        raise NoJob(f"OAR_JOB_ID={named!r} is no number of a job")
    return _check(_read(context, int(named)), int(named), context.caller.name, host)


def _check(job: JobOnNodes | None, job_id: int, user: str, host: str) -> JobOnNodes:
    if job is None or job.user != user:
        raise NotYours(f"Permission denied, seems like job {job_id} is not yours.")
    if job.state is not JobState.RUNNING:
        raise NotYours(f"the job {job_id} is not running. Its current state is {job.state}.")
    if host not in job.nodes:
        raise NoNodeOfJob(f"{host} is no node of job {job_id}; it has {', '.join(job.nodes) or 'none'}")
    return job


def _only_job(context: Context, host: str) -> JobOnNodes:
    """Find the caller's only running job on a node."""
    user = context.caller.name
    with context.engine.begin() as connection:
        ids = running_jobs_on(connection, user, host)
    if len(ids) == 1:
        return _check(_read(context, ids[0]), ids[0], user, host)
    if ids:
        raise NoJob(f"you have several jobs on {host}: {', '.join(map(str, ids))}; say which by OAR_JOB_ID")
    raise NoJob(
        f"Cannot connect: you have no running job on {host}. Please set either a job id or a job key in your"
        " environment using the OAR_JOB_ID or the OAR_JOB_KEY_FILE variable."
    )


def _read(context: Context, job_id: int) -> JobOnNodes | None:
    with context.engine.begin() as connection:
        return read_job(connection, job_id)
