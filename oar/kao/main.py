"""The command ``kao``: one round for a foreign server, or the server's own worker."""

import signal
import sys
from pathlib import Path

import click

from oar.bus import send
from oar.config import load_settings, settings_file
from oar.core.messages import Hint, LaunchJob
from oar.errors import OarError
from oar.kao.metascheduler import Metascheduler
from oar.kao.worker import attempt, serve
from oar.logs import set_up_logs

DONE, AGAIN, JOBS_TO_KILL = 0, 1, 2


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--conf", type=click.Path(path_type=Path), help="Configuration file; default $OARCONFFILE.")
@click.option("--worker", metavar="ENDPOINT", help="Serve rounds on this ZeroMQ endpoint (for oar-server).")
def main(conf: Path | None, worker: str | None) -> None:
    """Run one scheduling round over all queues.

    Exit codes: 0 done, 1 the round failed or asks for another one, 2 jobs must be killed first.
    """
    try:
        settings, _ = load_settings(conf)
        set_up_logs(settings.server, "kao")
        metascheduler = Metascheduler.of(settings, settings_file(conf))
    except OarError as error:
        click.echo(f"kao: {error}", err=True)
        sys.exit(error.exit_code)
    if worker:
        # A terminal's Ctrl-C reaches the whole group; only the server decides when its worker ends.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        serve(worker, metascheduler.run)
        return
    applied = attempt(metascheduler.run)
    if isinstance(applied, str):
        sys.exit(AGAIN)
    send(settings.server, *(LaunchJob(job_id) for job_id in applied.to_launch))
    if applied.energy:
        send(settings.server, Hint.STATE_CHANGED, Hint.CHECK_ENERGY)
    sys.exit(JOBS_TO_KILL if applied.killed else AGAIN if applied.again else DONE)


if __name__ == "__main__":
    main()
