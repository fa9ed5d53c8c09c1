"""oarhold and oarresume: keep waiting jobs from being scheduled, and let them go."""

from collections.abc import Callable

import click
from sqlalchemy import Connection

from oar import bus
from oar.cli.app import Context, complain, fail, oar_command
from oar.cli.job_operands import JobsMeant, chosen_jobs, job_operands
from oar.core.messages import Hint
from oar.db.engine import database_now
from oar.db.holds import HoldAnswer, hold_job, resume_job

EXIT_CODES = {
    0: "done",
    1: "a job could not be changed, or an option or a condition is wrong",
    2: "a wrong id, no such array, or no job that meets the condition; or the database does not answer",
    78: "the configuration is wrong",
}
BAD_OPERAND = 2

Change = Callable[[Connection, int], HoldAnswer]


@oar_command("oarhold", exit_codes=EXIT_CODES)
@job_operands
@click.pass_obj
def oarhold(context: Context, ids: tuple[str, ...], array: bool, sql: str | None) -> None:
    """Keep the waiting jobs ID from being scheduled until oarresume."""
    caller = context.caller

    def change(connection: Connection, job_id: int) -> HoldAnswer:
        now = database_now(connection)
        return hold_job(connection, job_id, caller.name, now, is_admin=caller.is_admin)

    _change_all(context, JobsMeant(ids, array, sql), "Hold", "Waiting", change)


@oar_command("oarresume", exit_codes=EXIT_CODES)
@job_operands
@click.pass_obj
def oarresume(context: Context, ids: tuple[str, ...], array: bool, sql: str | None) -> None:
    """Let the jobs ID that are held be scheduled again."""
    caller = context.caller

    def change(connection: Connection, job_id: int) -> HoldAnswer:
        now = database_now(connection)
        return resume_job(connection, job_id, caller.name, now, is_admin=caller.is_admin)

    _change_all(context, JobsMeant(ids, array, sql), "Resume", "Hold", change)


hold_main = oarhold
resume_main = oarresume


def _change_all(context: Context, meant: JobsMeant, word: str, state: str, change: Change) -> None:
    reasons = {
        HoldAnswer.UNKNOWN: "there is no such job",
        HoldAnswer.NOT_ALLOWED: "you are not its owner",
        HoldAnswer.WRONG_STATE: f"it is not in state {state}",
    }
    answers = [
        (job_id, _change(context, job_id, change)) for job_id in chosen_jobs(context, meant, BAD_OPERAND)
    ]
    # A server that is down needs no hint: it reads the states when it starts. The job is held or let go
    # already: what is left to do is to plan without it, or with it.
    bus.send(context.settings.server, Hint.STATE_CHANGED, Hint.SCHEDULE)
    for job_id, answer in answers:
        if answer in reasons:
            complain(f"/!\\ Cannot {word.lower()} {job_id}: {reasons[answer]}")
        else:
            click.echo(f"[{job_id}] {word} request was sent to the OAR server.")
    if any(answer in reasons for _, answer in answers):
        fail(1)


def _change(context: Context, job_id: int, change: Change) -> HoldAnswer:
    with context.engine.begin() as connection:
        return change(connection, job_id)
