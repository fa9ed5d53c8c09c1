"""oardel: end jobs, have them save their work, signal them."""

from collections.abc import Sequence

import click

from oar import bus
from oar.cli.app import Context, complain, fail, oar_command, warn
from oar.cli.job_operands import JobsMeant, chosen_jobs, job_operands
from oar.cli.job_signals import MIXED, Wanted, signal_jobs, toggle_jobs
from oar.core.job_signals import BadSignal, signal_number
from oar.core.messages import Hint
from oar.db.engine import database_now
from oar.db.kills import KillAnswer, ask_kill

EXIT_CODES = {
    0: "the deletions are registered, also when the server is down",
    1: "a job belongs to somebody else, or an option or a condition is wrong",
    2: "the database does not answer",
    3: "the node of a job cannot be told (-c, -s)",
    4: "an id is wrong, there is no such job or array, or no job meets the condition",
    5: "a job is not running (-c, -s)",
    6: "a job is being deleted already",
    7: "a job is interactive or of type noop: it has no command (-c, -s)",
    8: "-b is for administrators only",
    9: "a job is not running (-b)",
    15: "several of these",
    78: "the configuration is wrong",
}
BAD_OPERAND = 4

_FAILURES = {
    KillAnswer.NOT_ALLOWED: (1, "You are not the right user."),
    KillAnswer.ALREADY_ASKED: (6, "This job was already killed."),
    KillAnswer.UNKNOWN: (BAD_OPERAND, "This job does not exist."),
}


@oar_command("oardel", exit_codes=EXIT_CODES)
@click.option(
    "-c",
    "--checkpoint",
    is_flag=True,
    help="Do not end the jobs: send their commands the signal of oarsub --signal, to save their work.",
)
@click.option(
    "-s",
    "--signal",
    metavar="SIGNAL",
    help="Do not end the jobs: send their commands this signal, a number or a name such as USR1.",
)
@click.option(
    "-b",
    "--besteffort",
    is_flag=True,
    help="Do not end the jobs: make running jobs besteffort, and those that are no longer so; for "
    "administrators.",
)
@job_operands
@click.pass_obj
def oardel(
    context: Context,
    ids: tuple[str, ...],
    array: bool,
    sql: str | None,
    *,
    checkpoint: bool,
    signal: str | None,
    besteffort: bool,
) -> None:
    """End the jobs ID, and everything they started.

    A job that waits is taken away; a job that runs is told to end, and then forced to.
    """
    if checkpoint + besteffort + (signal is not None) > 1:
        raise click.UsageError("-c, -s and -b exclude each other; give one of them")
    wanted = Wanted(None) if checkpoint else None if signal is None else _read_signal(signal)
    job_ids = chosen_jobs(context, JobsMeant(ids, array, sql), BAD_OPERAND)
    if besteffort:
        toggle_jobs(context, job_ids)
    elif wanted is not None:
        signal_jobs(context, job_ids, wanted)
    else:
        _delete(context, job_ids)


main = oardel


def _read_signal(word: str) -> Wanted:
    try:
        return Wanted(signal_number(word), word)
    except BadSignal as error:
        raise click.UsageError(f"-s: {error}") from None


def _delete(context: Context, job_ids: Sequence[int]) -> None:
    answers = [(job_id, _ask(context, job_id)) for job_id in job_ids]
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


def _ask(context: Context, job_id: int) -> KillAnswer:
    caller = context.caller
    with context.engine.begin() as connection:
        now = database_now(connection)
        return ask_kill(connection, job_id, caller.name, now, is_admin=caller.is_admin)


def _tell(job_id: int, answer: KillAnswer) -> None:
    click.echo(f"Deleting the job = {job_id} ...{'ERROR.' if answer in _FAILURES else 'REGISTERED.'}")
    if answer in _FAILURES:
        complain(f"Cannot frag {job_id} ; {_FAILURES[answer][1]}")
