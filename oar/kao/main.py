"""The command ``kao``: one round for a foreign server, or the server's own worker."""

import signal
import sys
from functools import partial
from pathlib import Path

import click

from oar.bus import send
from oar.config import load_settings, settings_file
from oar.core.messages import Hint, LaunchJob
from oar.db.engine import Schema, schema_of
from oar.errors import OarError
from oar.kao.apply import Applied
from oar.kao.metascheduler import Metascheduler
from oar.kao.worker import attempt, serve
from oar.logs import set_up_logs
from oar.settings import Settings

DONE, AGAIN, JOBS_TO_KILL = 0, 1, 2


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--conf", type=click.Path(path_type=Path), help="Configuration file; default $OARCONFFILE.")
@click.option("--worker", metavar="ENDPOINT", help="Serve rounds on this ZeroMQ endpoint (for oar-server).")
def main(conf: Path | None, worker: str | None) -> None:
    """Run one scheduling round over all queues.

    On the database of OAR 2 it does all that OAR 2's server expects of its metascheduler.

    Exit codes: 0 done, 1 the round failed or asks for another one, 2 jobs must be killed first.
    """
    try:
        settings, _ = load_settings(conf)
        set_up_logs(settings.server, "kao")
        metascheduler = Metascheduler.of(settings, settings_file(conf))
    except OarError as error:
        click.echo(f"kao: {error}", err=True)
        sys.exit(error.exit_code if worker else AGAIN)  # a server of OAR 2 ends itself after other codes
    if worker:
        # A terminal's Ctrl-C reaches the whole group; only the server decides when its worker ends.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        serve(worker, metascheduler.run)
        return
    applied = attempt(partial(_run, metascheduler, settings))
    if isinstance(applied, int):
        sys.exit(applied)
    if isinstance(applied, str):
        sys.exit(AGAIN)
    send(settings.server, *(LaunchJob(job_id) for job_id in applied.to_launch))
    if applied.energy:
        send(settings.server, Hint.STATE_CHANGED, Hint.CHECK_ENERGY)
    sys.exit(JOBS_TO_KILL if applied.killed else AGAIN if applied.again else DONE)


def _run(metascheduler: Metascheduler, settings: Settings) -> Applied | int:
    """Run a round; a whole one for OAR 2, with its exit code, on a database that is OAR 2's."""
    with metascheduler.engine.connect() as connection:
        schema = schema_of(connection)
    if schema is Schema.NATIVE:
        return metascheduler.run()
    from oar.kao.oar2.program import run_for_oar2  # noqa: PLC0415 - our own server has no use for it
    from oar.kao.oar2.site import settings_for_oar2  # noqa: PLC0415 - as above

    scheduler = Metascheduler.of(settings_for_oar2(settings), metascheduler.oar_conf)
    return run_for_oar2(scheduler, settings.server)


if __name__ == "__main__":
    main()
