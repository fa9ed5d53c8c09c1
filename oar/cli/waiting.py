"""An oarsub that waits: for the answer to its reservation, or for its interactive job to start.

What the server says over the network is shown, and believed only as a hint to look into the database: anybody
can reach the port. The database is also looked into from time to time, so that a word that was lost, or a
server that was down, costs time and nothing else.
"""

import signal
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

import click

from oar import bus
from oar.cli.app import Context
from oar.cli.ear import Ear
from oar.cli.reservation_hook import tell_site
from oar.cli.session import hold_session
from oar.cli.terminal import one_line
from oar.core.client_lines import GOOD_JOB, Client, is_last, without_date
from oar.core.messages import Hint
from oar.core.states import JobState, ReservationState
from oar.db.clients import grant_told, read_client
from oar.db.engine import database_now
from oar.db.kills import ask_kill
from oar.errors import DatabaseUnreachable

LOOK_EVERY_S = 15.0
REFUSED, NOT_STARTED, INTERRUPTED = 10, 11, 1
SIGNALS = (signal.SIGINT, signal.SIGHUP, signal.SIGTERM)

ON_THE_WAY = frozenset(
    {
        JobState.WAITING,
        JobState.HOLD,
        JobState.TO_LAUNCH,
        JobState.LAUNCHING,
        JobState.TO_ACK_RESERVATION,
    }
)
"""States of a job that may still start."""


class Interrupted(Exception):
    """Somebody wants the waiting to end."""


@contextmanager
def interruptible() -> Iterator[None]:
    """Have Ctrl-C, a terminal that hangs up and SIGTERM raise :class:`Interrupted` within the block."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise Interrupted

    before = {number: signal.getsignal(number) for number in SIGNALS}
    for number in SIGNALS:
        if before[number] is not signal.SIG_IGN:  # as nohup wants it
            signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def wait_for_answers(context: Context, ear: Ear, job_ids: Collection[int]) -> int:
    """Wait until each reservation is granted or refused; returns the exit code."""
    with _deleting_when_interrupted(context, ear, job_ids):
        return answers(context, ear, job_ids)


def answers(context: Context, ear: Ear, job_ids: Collection[int]) -> int:
    """Tell the answer to each reservation as it comes; returns the exit code."""
    click.echo("# Advance reservation request: waiting for validation...")
    code, pending = 0, sorted(job_ids)
    while pending:
        ear.hear(LOOK_EVERY_S)
        for job_id in list(pending):
            answer = _answer(context, job_id)
            if answer is None:
                continue
            pending.remove(job_id)
            if answer:
                code = REFUSED
                click.echo(f"# Reservation not valid --> KO ({one_line(answer)})")
            else:
                click.echo("# Reservation valid --> OK")
            tell_site(context.settings.submission.reservation_hook, job_id, granted=not answer)
    return code


def be_in_session(context: Context, ear: Ear, job_id: int) -> int:
    """Wait until an interactive job runs, then have a shell in it; returns the exit code."""
    with _deleting_when_interrupted(context, ear, [job_id]):
        code = _wait_for_start(context, ear, job_id)
        if code == 0 and not hold_session(context, job_id, ends_job=True):
            _delete(context, ear, [job_id])
    return code


def _wait_for_start(context: Context, ear: Ear, job_id: int) -> int:
    click.echo("# Interactive mode: waiting...")
    shown = ""
    while True:
        line = ear.hear(LOOK_EVERY_S)
        if line and line != GOOD_JOB and without_date(line) != shown:
            shown = without_date(line)
            click.echo(f"# {one_line(line)}")
        if line and not is_last(line):
            continue
        seen = _look(context, job_id)
        if seen is not None and seen.state is JobState.RUNNING:
            return 0
        if seen is not None and seen.state not in ON_THE_WAY:
            if not shown:
                click.echo(f"# {one_line(seen.message)}")
            return NOT_STARTED


@contextmanager
def _deleting_when_interrupted(context: Context, ear: Ear, job_ids: Collection[int]) -> Iterator[None]:
    try:
        with interruptible():
            yield
    except (Interrupted, BrokenPipeError, KeyboardInterrupt):
        _say("\n\n# Caught Interrupt (^C), ", newline=False)
        _delete(context, ear, job_ids)
        raise click.exceptions.Exit(INTERRUPTED) from None


def _answer(context: Context, job_id: int) -> str | None:
    """Say why a reservation is refused, "" when it is granted, None while nobody knows."""
    seen = _look(context, job_id, acknowledge=True)
    if seen is None or (seen.reservation is ReservationState.TO_SCHEDULE and seen.state in ON_THE_WAY):
        return None
    return seen.message or "refused" if seen.state in (JobState.TO_ERROR, JobState.ERROR) else ""


def _look(context: Context, job_id: int, *, acknowledge: bool = False) -> Client | None:
    """See how a job stands; None when the database cannot tell now.

    To see that a reservation is granted is to know it: nobody else needs to be told.
    """
    try:
        with context.engine.begin() as connection:
            seen = read_client(connection, job_id)
            if acknowledge and seen is not None and seen.state is JobState.TO_ACK_RESERVATION:
                grant_told(connection, job_id, database_now(connection))
    except DatabaseUnreachable:
        return None
    finally:
        context.engine.dispose()  # connections are few, and the wait may be long
    return seen


def _delete(context: Context, ear: Ear, job_ids: Collection[int]) -> None:
    """Ask for the end of the jobs, and see that it comes; a terminal that is gone is told nothing."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    caller = context.caller
    for job_id in sorted(job_ids):
        _say(f"Deleting the job {job_id}...")
    with context.engine.begin() as connection:
        now = database_now(connection)
        for job_id in sorted(job_ids):
            ask_kill(connection, job_id, caller.name, now, is_admin=caller.is_admin)
    bus.send(context.settings.server, Hint.KILL_ASKED)
    left = [job_id for job_id in sorted(job_ids) if not _has_ended(context, ear, job_id)]
    _say("Job(s) deleted." if not left else "The job(s) will be deleted in the near future.")


def _has_ended(context: Context, ear: Ear, job_id: int) -> bool:
    pauses = [0.1, 0.2, 0.5, 1.0, 2.0, 3.0, 3.0]
    for pause in pauses:
        seen = _look(context, job_id)
        if seen is not None and seen.state.is_final:
            return True
        ear.hear(pause)
    return False


def _say(text: str, *, newline: bool = True) -> None:
    with suppress(OSError):
        click.echo(text, err=True, nl=newline)
