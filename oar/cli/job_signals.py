"""oardel -c and -s: signals to the commands of running jobs; oardel -b: running jobs that become besteffort.

A signal is ordered in the database and sent by the server, for whose answer the command waits a while.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import click

from oar import bus
from oar.cli.app import Context, complain, fail, warn
from oar.core.messages import Hint
from oar.db.engine import database_now
from oar.db.job_wishes import Refusal, ask_signal, toggle_besteffort
from oar.db.launch import read_job
from oar.db.signals import SignalAnswer, SignalOrder, read_answer

ANSWER_WITHIN_S = 10.0
LOOK_AGAIN_AFTER_S = 0.1
NOT_SENT, NOT_ADMIN, BESTEFFORT_NOT_RUNNING, MIXED = 3, 8, 9, 15

_REFUSALS = {
    Refusal.NOT_ALLOWED: (1, "you are not its owner"),
    Refusal.UNKNOWN: (4, "there is no such job"),
    Refusal.NOT_RUNNING: (5, "it is not Running"),
    Refusal.INTERACTIVE: (7, "it is interactive, and has no command"),
    Refusal.NO_COMMAND: (7, "it is of type noop, and has no command"),
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """A signal by the word that the user gave for it; ``number`` None for the checkpoint signal."""

    number: int | None
    word: str = ""

    def begin(self, job_id: int) -> str:
        """Say what is tried."""
        if self.number is None:
            return f"Checkpointing the job {job_id} ..."
        return f"Signaling the job {job_id} with {self.word} signal."

    def done(self, job_id: int, node: str) -> str:
        """Say what was done."""
        what = "checkpoint itself" if self.number is None else f"signal itself with {self.word}"
        return f"The job {job_id} was notified to {what} on {node}."


def signal_jobs(context: Context, job_ids: Sequence[int], wanted: Wanted) -> None:
    """Order the signals, wait for what comes of them, and tell; ends with the code of what went wrong."""
    caller, server = context.caller, context.settings.server
    orders = {}
    for job_id in job_ids:
        with context.engine.begin() as connection:
            now = database_now(connection)
            orders[job_id] = ask_signal(
                connection, job_id, wanted.number, caller.name, now, is_admin=caller.is_admin
            )
    ordered = [order for order in orders.values() if isinstance(order, SignalOrder)]
    heard = bool(ordered) and bus.send(server, Hint.KILL_ASKED)
    answers = _answers(context, ordered) if heard else {}
    codes = {_tell(context, wanted, job_id, order, answers) for job_id, order in orders.items()} - {0}
    if ordered and not heard:
        warn(
            f"the server at {server.hostname}:{server.message_port} does not answer; "
            "what was registered will be done when it is back"
        )
    _end(codes)


def toggle_jobs(context: Context, job_ids: Sequence[int]) -> None:
    """Make running jobs besteffort, or no longer so; ends with the code of what went wrong."""
    if not context.caller.is_admin:
        complain("oardel: -b is for administrators only")
        fail(NOT_ADMIN)
    codes = set()
    for job_id in job_ids:
        with context.engine.begin() as connection:
            answer = toggle_besteffort(connection, job_id, context.caller.name, database_now(connection))
        if isinstance(answer, Refusal):
            code, why = _REFUSALS[answer]
            codes.add(BESTEFFORT_NOT_RUNNING if answer is Refusal.NOT_RUNNING else code)
            complain(f"/!\\ Cannot change job {job_id}: {why}")
        else:
            click.echo(f"{'Add' if answer else 'Remove'} besteffort type for the job {job_id}.")
    bus.send(context.settings.server, Hint.TERM)
    _end(codes)


def _answers(context: Context, orders: Sequence[SignalOrder]) -> dict[int, SignalAnswer]:
    """Wait until all orders are answered, or for so long as a person would."""
    deadline = time.monotonic() + ANSWER_WITHIN_S
    answers: dict[int, SignalAnswer] = {}
    while len(answers) < len(orders) and time.monotonic() < deadline:
        with context.engine.connect() as connection:
            for order in orders:
                answer = None if order.job_id in answers else read_answer(connection, order.event_id)
                if answer is not None:
                    answers[order.job_id] = answer
        if len(answers) < len(orders):
            time.sleep(LOOK_AGAIN_AFTER_S)
    return answers


def _tell(
    context: Context,
    wanted: Wanted,
    job_id: int,
    order: SignalOrder | Refusal,
    answers: dict[int, SignalAnswer],
) -> int:
    """Say what became of one job's signal; give the exit code for it."""
    same_line = wanted.number is None
    click.echo(wanted.begin(job_id), nl=not same_line)
    if isinstance(order, Refusal):
        code, why = _REFUSALS[order]
        click.echo("ERROR.")
        complain(f"/!\\ Cannot signal {job_id}: {why}")
        return code
    answer = answers.get(job_id)
    if answer is None:
        click.echo("REGISTERED.")
        return 0
    click.echo("ERROR." if answer.trouble else "DONE.")
    if answer.trouble:
        complain(f"/!\\ Cannot signal {job_id}: {answer.trouble}")
        return NOT_SENT
    with context.engine.connect() as connection:
        job = read_job(connection, job_id)
    host = "its node" if job is None else job.host(context.settings.frontends)
    click.echo(wanted.done(job_id, host))
    return 0


def _end(codes: set[int]) -> None:
    if codes:
        fail(codes.pop() if len(codes) == 1 else MIXED)
