"""An oarsub that waits: for the answer to its reservation, or for its interactive job to start.

What the server says over the network is shown, and believed only as a hint to look into the database: anybody
can reach the port. The database is also looked into from time to time, so that a word that was lost, or a
server that was down, costs time and nothing else.
"""

import signal
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

import click

from oar import bus
from oar.cli.app import Context, complain
from oar.cli.ear import Ear
from oar.cli.reservation_hook import HookFailed, tell_site
from oar.cli.session import NoConnection, hold_session
from oar.cli.terminal import one_line
from oar.core.client_lines import GOOD_JOB, Client, is_last, without_date
from oar.core.messages import Hint
from oar.core.states import JobState, ReservationState
from oar.db.clients import grant_told, read_client
from oar.db.engine import database_now
from oar.db.kills import ask_kill
from oar.errors import DatabaseUnreachable, OarError

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
        JobState.SUSPENDED,
        JobState.RESUMING,
    }
)
"""States of a job that may still come to run."""


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
    code, pending, failures = 0, sorted(job_ids), list[HookFailed]()
    while pending:
        ear.hear(LOOK_EVERY_S)
        for job_id in list(pending):
            answer = _answer(context, job_id)
            if answer is None:
                continue
            pending.remove(job_id)
            code = REFUSED if answer else code
            click.echo(
                f"# Reservation not valid --> KO ({one_line(answer)})"
                if answer
                else "# Reservation valid --> OK"
            )
            try:
                tell_site(context.settings.submission.reservation_hook, job_id, granted=not answer)
            except HookFailed as error:
                failures.append(error)  # the other answers are still to be told
    for failure in failures:
        complain(f"oarsub: {failure}")
    return HookFailed.exit_code if failures else code


def be_in_session(context: Context, ear: Ear, job_id: int, look_every_s: float = LOOK_EVERY_S) -> int:
    """Wait until an interactive job runs, then have a shell in it; returns the exit code."""
    click.echo("# Interactive mode: waiting...")
    with _deleting_when_interrupted(context, ear, [job_id]):
        while (code := _wait_for_start(context, ear, job_id, look_every_s)) == 0:
            if _was_in(context, ear, job_id):
                break
    return code


def _was_in(context: Context, ear: Ear, job_id: int) -> bool:
    """Have a shell in a job that runs, which ends with it; false when the job has to be waited for again."""
    try:
        is_ended = hold_session(context, job_id, ends_job=True)
    except (NoConnection, DatabaseUnreachable):
        return False  # it was deleted or suspended just now, or nobody can tell how it stands
    except OarError:
        _delete(context, ear, [job_id])  # there is no ssh: nobody will ever be in this job
        raise
    if not is_ended:
        _delete(context, ear, [job_id])
    return True


def _wait_for_start(context: Context, ear: Ear, job_id: int, look_every_s: float) -> int:
    shown, looked_at = "", time.monotonic()
    while True:
        line = ear.hear(look_every_s)
        if line and line != GOOD_JOB and without_date(line) != shown:
            shown = without_date(line)
            click.echo(f"# {one_line(line)}")
        if line and not is_last(line) and time.monotonic() < looked_at + look_every_s:
            continue
        seen, looked_at = _look(context, job_id), time.monotonic()
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
    is_news = False
    try:
        with context.engine.begin() as connection:
            seen = read_client(connection, job_id)
            if acknowledge and seen is not None and seen.state is JobState.TO_ACK_RESERVATION:
                is_news = grant_told(connection, job_id, database_now(connection))
    except DatabaseUnreachable:
        return None
    finally:
        context.engine.dispose()  # connections are few, and the wait may be long
    if is_news:
        bus.send(context.settings.server, Hint.SCHEDULE)  # it may start at once
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
