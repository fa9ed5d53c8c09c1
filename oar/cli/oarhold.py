"""oarhold and oarresume: keep waiting jobs from being scheduled, suspend those that run, and let them go."""

from collections.abc import Callable

import click
from sqlalchemy import Connection

from oar import bus
from oar.cli.app import Context, complain, fail, oar_command
from oar.cli.job_operands import JobsMeant, chosen_jobs, job_operands
from oar.core.messages import Hint
from oar.db.engine import database_now
from oar.db.holds import HoldAnswer, hold_job, resume_job
from oar.errors import OarError

EXIT_CODES = {
    0: "done",
    1: "a job could not be changed, or an option or a condition is wrong",
    2: "a job cannot be suspended, a wrong id, no such array, or no job that meets the condition;"
    " or the database does not answer",
    78: "the configuration is wrong",
}
BAD_OPERAND = 2


class NoSuspending(OarError):
    """The site cannot suspend jobs; ends with OAR 2's code for that."""

    exit_code = 2


Change = Callable[[Connection, int], HoldAnswer]


@oar_command("oarhold", exit_codes=EXIT_CODES)
@click.option(
    "-r", "--running", is_flag=True, help="Suspend jobs that run, too: their processes are stopped."
)
@job_operands
@click.pass_obj
def oarhold(context: Context, ids: tuple[str, ...], array: bool, sql: str | None, *, running: bool) -> None:
    """Keep the waiting jobs ID from being scheduled until oarresume."""
    caller = context.caller
    if running and not context.settings.nodes.cpuset_property:
        raise NoSuspending("-r: jobs cannot be suspended without JOB_RESOURCE_MANAGER_PROPERTY_DB_FIELD")

    def change(connection: Connection, job_id: int) -> HoldAnswer:
        now, may_suspend = database_now(connection), context.settings.suspend.users_may
        return hold_job(
            connection,
            job_id,
            caller.name,
            now,
            is_admin=caller.is_admin,
            running=running,
            may_suspend=may_suspend,
        )

    states = "toLaunch, Launching, Running, Resuming or Waiting" if running else "Waiting or Resuming"
    rights = "only administrators may use -r"
    _change_all(context, JobsMeant(ids, array, sql), "Hold", states, change, rights=rights)


@oar_command("oarresume", exit_codes=EXIT_CODES)
@job_operands
@click.pass_obj
def oarresume(context: Context, ids: tuple[str, ...], array: bool, sql: str | None) -> None:
    """Let the jobs ID that are held be scheduled again, and those that are suspended go on."""
    caller = context.caller

    def change(connection: Connection, job_id: int) -> HoldAnswer:
        now, may_suspend = database_now(connection), context.settings.suspend.users_may
        return resume_job(
            connection, job_id, caller.name, now, is_admin=caller.is_admin, may_suspend=may_suspend
        )

    states, rights = "Hold or Suspended", "only administrators may resume jobs that are suspended"
    _change_all(context, JobsMeant(ids, array, sql), "Resume", states, change, rights=rights)


hold_main = oarhold
resume_main = oarresume


def _change_all(
    context: Context,
    meant: JobsMeant,
    word: str,
    states: str,
    change: Change,
    *,
    rights: str,
) -> None:
    reasons = {
        HoldAnswer.UNKNOWN: "there is no such job",
        HoldAnswer.NOT_ALLOWED: "you are not its owner",
        HoldAnswer.WRONG_STATE: f"it is not in state {states}",
        HoldAnswer.ON_FRONTEND: "jobs of type deploy or cosystem cannot be suspended",
        HoldAnswer.ADMINISTRATORS_ONLY: rights,
    }
    answers = [
        (job_id, _change(context, job_id, change)) for job_id in chosen_jobs(context, meant, BAD_OPERAND)
    ]
    # A server that is down needs no hint: it reads states and events when it starts. A job that waits is held
    # or let go already: what is left to do is to plan without it, or with it.
    bus.send(context.settings.server, Hint.STATE_CHANGED, Hint.SCHEDULE)
    for job_id, answer in answers:
        if answer in reasons:
            complain(f"/!\\ Cannot {word.lower()} {job_id}: {reasons[answer]}")
        else:
            click.echo(f"[{job_id}] {word} request was sent to the OAR server.")
    failed = {answer for _, answer in answers if answer in reasons}
    if failed:
        fail(BAD_OPERAND if failed == {HoldAnswer.ON_FRONTEND} else 1)


def _change(context: Context, job_id: int, change: Change) -> HoldAnswer:
    with context.engine.begin() as connection:
        return change(connection, job_id)
