"""oardel: end jobs."""

import click

from oar import bus
from oar.cli.app import Context, complain, fail, oar_command, warn
from oar.cli.job_operands import JobsMeant, chosen_jobs, job_operands
from oar.core.messages import Hint
from oar.db.engine import database_now
from oar.db.kills import KillAnswer, ask_kill

EXIT_CODES = {
    0: "the deletions are registered, also when the server is down",
    1: "a job belongs to somebody else, or an option or a condition is wrong",
    2: "the database does not answer",
    4: "an id is wrong, there is no such job or array, or no job meets the condition",
    6: "a job is being deleted already",
    15: "several of these",
    78: "the configuration is wrong",
}
BAD_OPERAND = 4
MIXED = 15

_FAILURES = {
    KillAnswer.NOT_ALLOWED: (1, "You are not the right user."),
    KillAnswer.ALREADY_ASKED: (6, "This job was already killed."),
    KillAnswer.UNKNOWN: (BAD_OPERAND, "This job does not exist."),
}


@oar_command("oardel", exit_codes=EXIT_CODES)
@job_operands
@click.pass_obj
def oardel(context: Context, ids: tuple[str, ...], array: bool, sql: str | None) -> None:
    """End the jobs ID, and everything they started.

    A job that waits is taken away; a job that runs is told to end, and then forced to.
    """
    answers = [
        (job_id, _ask(context, job_id))
        for job_id in chosen_jobs(context, JobsMeant(ids, array, sql), BAD_OPERAND)
    ]
    registered = [job_id for job_id, answer in answers if answer not in _FAILURES]
    # The server is told first: who reads our output may be gone.
    heard = not registered or bus.send(context.settings.server, Hint.STATE_CHANGED, Hint.KILL_ASKED)
    for job_id, answer in answers:
        _tell(job_id, answer)
    if registered:
        click.echo(f"The job(s) [ {' '.join(map(str, registered))} ] will be deleted in the near future.")
    if not heard:
        server = context.settings.server
        warn(
            f"the server at {server.hostname}:{server.message_port} does not answer; "
            "what was registered will be done when it is back"
        )
    codes = {_FAILURES[answer][0] for _, answer in answers if answer in _FAILURES}
    if codes:
        fail(codes.pop() if len(codes) == 1 else MIXED)


main = oardel


def _ask(context: Context, job_id: int) -> KillAnswer:
    caller = context.caller
    with context.engine.begin() as connection:
        now = database_now(connection)
        return ask_kill(connection, job_id, caller.name, now, is_admin=caller.is_admin)


def _tell(job_id: int, answer: KillAnswer) -> None:
    click.echo(f"Deleting the job = {job_id} ...{'ERROR.' if answer in _FAILURES else 'REGISTERED.'}")
    if answer in _FAILURES:
        complain(f"Cannot frag {job_id} ; {_FAILURES[answer][1]}")
