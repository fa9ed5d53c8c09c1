"""The command ``kamelot``: the scheduler of one queue, as a metascheduler calls it.

It obeys OAR 2's protocol: arguments, lines on the standard output, exit codes. Signals are left as the caller
set them: what it ignores, we ignore. A process that is killed leaves the old plan.
"""

import gc
import logging
import os
import signal
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from oar.core.durations import parse_date
from oar.errors import BadRequest

if TYPE_CHECKING:
    from oar.core.job import Assignment

log = logging.getLogger(__name__)

LAST_DATE = 2**31 - 1
"""What the date columns of the database hold."""


class BadArgument(BadRequest):
    """An argument that cannot be understood."""


class QueueCommand(click.Command):
    """A click command that ends with the exit codes of the protocol, whatever happens."""

    def main(self, *args: Any, **options: Any) -> NoReturn:
        """Run and leave the process; what went wrong is one line on the standard error."""
        options["standalone_mode"] = False
        try:
            super().main(*args, **options)
        except Exception as error:  # noqa: BLE001 - one line tells more than a traceback
            _leave(error)
        sys.exit()


@click.command("kamelot", cls=QueueCommand, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--conf", type=click.Path(path_type=Path), help="Configuration file; default $OARCONFFILE.")
@click.argument("queue", default="default")
@click.argument("now", required=False)
@click.argument("date", required=False)
def main(conf: Path | None, queue: str, now: str | None, date: str | None) -> None:
    """Plan the waiting jobs of one QUEUE around everything that runs or is planned already.

    This is the scheduler that a metascheduler runs for each queue, with the protocol of OAR 2. Accepted
    reservations and the plan of other queues stay as they are. NOW is the date of the plan in seconds since
    1970, the database's clock by default; DATE is the same in words and only checked.

    Each job that can start at once is told on the standard output, when its plan is written:

    \b
      SCHEDRUN JOB_ID=<id> MOLDABLE_JOB_ID=<id> RESOURCES=<id>,<id>,...

    \b
    Exit codes:
      0   the queue is planned
      1   nothing was planned, and the next round tries again: there is no such
          queue, or it is not active, another transaction was in the way, the
          database does not answer or refused, or kamelot has a fault, which
          the log describes
      2   bad arguments
      78  oar.conf cannot be read or holds a bad value

    After any code but 0 all is as it was before. A metascheduler of OAR 2
    switches the queue off after the codes above 1, and only then.
    """
    seconds = None if now is None else _read_now(now)
    if date is not None:
        parse_date(date)
    gc.disable()  # we end before there is garbage worth the search
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # Python would not see Ctrl-C while libpq waits
    _announce(_schedule(conf, queue, seconds))


def _read_now(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 0 < int(text) < LAST_DATE):
        raise BadArgument(f"bad date '{text}': seconds since 1970 are expected, such as 1790000000")
    return int(text)


def _schedule(conf: Path | None, queue: str, now: int | None) -> tuple["Assignment", ...]:
    from oar.config import load_settings, settings_file  # noqa: PLC0415 - bad arguments are told without
    from oar.kao.metascheduler import Metascheduler  # noqa: PLC0415 - the database's library is slow to load
    from oar.kao.queue_scheduler import schedule_queue  # noqa: PLC0415 - as above
    from oar.logs import set_up_logs  # noqa: PLC0415 - as above

    settings, _ = load_settings(conf)
    set_up_logs(settings.server, "kamelot")
    return schedule_queue(Metascheduler.of(settings, settings_file(conf)), queue, now)


def _announce(ready: Iterable["Assignment"]) -> None:
    """Tell which jobs can start at once; the plan is written, so it does not matter if nobody listens."""
    lines = [
        f"SCHEDRUN JOB_ID={one.job_id} MOLDABLE_JOB_ID={one.moldable_id} "
        f"RESOURCES={','.join(str(number) for number in one.resources)}\n"
        for one in ready
    ]
    try:
        click.echo("".join(lines), nl=False)
    except OSError as error:
        log.warning("nobody reads what can start now: %s", error.strerror)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python would fail as it ends


def _leave(error: Exception) -> NoReturn:
    from oar.kao.queue_exit import verdict  # noqa: PLC0415 - as above

    code, text = verdict(error)
    click.echo(f"kamelot: {text}", err=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
