"""A shell in a job: the rest of ``oarsub -I``, and ``oarsub -C``."""

from collections.abc import Sequence

import click

from oar.almighty.node_programs import launch_data
from oar.cli.app import Context, complain
from oar.cli.caller import Caller
from oar.cli.foreground import run_at_terminal
from oar.core.states import JobState
from oar.db.clients import running_jobs_of
from oar.db.launch import JobOnNodes, read_job, read_kill
from oar.db.watch import read_state
from oar.errors import BadRequest, DatabaseUnreachable
from oar.remote.session import CONNECTION_LOST, session_argv

ROOT = "root"


class NoConnection(BadRequest):
    """A job that this caller cannot be connected to now."""

    exit_code = 20


class NoopConnection(BadRequest):
    """A job of which nothing exists on any node."""

    exit_code = 17


def hold_session(context: Context, job_id: int, *, ends_job: bool) -> bool:
    """Give the terminal a shell in a running job; false when the connection was lost, and the job goes on.

    Raises NoConnection, NoopConnection, and CannotRun when there is no ssh.
    """
    job = _find(context, job_id)
    _check(job, context.caller)
    click.echo(f"# Connect to OAR job {job_id} via node {job.host(context.settings.frontends)}")
    argv = session_argv(launch_data(job), context.settings, ends_job=ends_job)
    status = run_at_terminal(argv)
    is_lost = status == CONNECTION_LOST or status < 0
    is_killed = _is_killed(context, job_id)
    if is_lost or is_killed:
        complain("[ERROR] Job was terminated.")
    click.echo(f"Disconnected from OAR job {job_id}.")
    return is_killed or not is_lost


def choose_job(context: Context) -> int | None:
    """Say which job is meant where the caller names none; None, and told, unless there is exactly one."""
    with context.engine.begin() as connection:
        jobs = running_jobs_of(connection, context.caller.name)
    if len(jobs) == 1:
        return jobs[0][0]
    if not jobs:
        click.echo("No running jobs")
        return None
    click.echo("You have several running jobs. Please provide a job id.")
    click.echo(f"Running jobs are: {', '.join(_names(jobs))}")
    return None


def _names(jobs: Sequence[tuple[int, str | None]]) -> list[str]:
    return [f"{job_id} ({name})" if name else str(job_id) for job_id, name in jobs]


def _is_killed(context: Context, job_id: int) -> bool:
    try:
        with context.engine.begin() as connection:
            return read_kill(connection, job_id) is not None
    except DatabaseUnreachable:
        return False


def _find(context: Context, job_id: int) -> JobOnNodes:
    try:
        with context.engine.begin() as connection:
            job, state = read_job(connection, job_id), read_state(connection, job_id)
    finally:
        context.engine.dispose()  # connections are few, and the session may be long
    if state is None:
        raise NoConnection(f"there is no job {job_id}")
    if job is None:
        raise _not_running(job_id, state)
    return job


def _check(job: JobOnNodes, caller: Caller) -> None:
    # On an embedded cluster root is a user like others; elsewhere it has no job, and no business in one.
    if caller.name != job.user and (not caller.is_admin or caller.name == ROOT):
        raise NoConnection(
            f"you are not the right user for the job {job.job_id}. This job is owned by {job.user}."
        )
    if job.is_noop:
        raise NoopConnection(f"the job {job.job_id} is of type noop: nothing of it is on a node")
    if job.state is not JobState.RUNNING:
        raise _not_running(job.job_id, job.state)


def _not_running(job_id: int, state: JobState) -> NoConnection:
    return NoConnection(f"the job {job_id} is not running. Its current state is {state}.")
