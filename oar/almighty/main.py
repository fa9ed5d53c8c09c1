"""The command ``oar-server``."""

import asyncio
import contextlib
import logging
import resource
import signal
import sys
from pathlib import Path

import click
import zmq.asyncio
from sqlalchemy import Engine, inspect

from oar.almighty.energy.words import doubts, effective
from oar.almighty.loop import Almighty, World
from oar.almighty.metascheduler import open_metascheduler
from oar.config import load_settings
from oar.db.engine import open_engine
from oar.db.tables_jobs import JobRow
from oar.errors import ExitCode, OarError
from oar.logs import set_up_logs
from oar.remote.kept import open_kept_remote
from oar.settings import Settings

log = logging.getLogger(__name__)

TRUSTED_FOR_S = 1.0
"""So long after its last use a connection to the database is taken as good."""


class NoSchema(OarError):
    """The database answers, but nobody has built OAR's tables in it."""

    exit_code = ExitCode.NOT_REACHABLE


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--conf", type=click.Path(path_type=Path), help="Configuration file; default $OARCONFFILE.")
@click.option(
    "--foreground", is_flag=True, help="Stay in the foreground; it always does, this is for old scripts."
)
def main(conf: Path | None, foreground: bool) -> None:
    """Run the server until SIGTERM or SIGINT.

    Exit codes: 0 stopped when asked to, 2 database not reachable, 78 bad configuration or port taken.
    """
    try:
        settings, warnings = load_settings(conf)
        set_up_logs(settings.server, "oar-server")
        for warning in warnings:
            log.warning("%s", warning)
        log.info("%s", effective(settings.energy))
        for doubt in doubts(settings.energy):
            log.warning("%s", doubt)
        engine = open_engine(settings.database, TRUSTED_FOR_S)
        _check_database(engine)
        asyncio.run(serve(settings, engine))
    except OarError as error:
        click.echo(f"oar-server: {error}", err=True)
        sys.exit(error.exit_code)


async def serve(settings: Settings, engine: Engine) -> None:
    """Run Almighty with real parts, until a signal asks for the end."""
    _allow_many_files()
    context = zmq.asyncio.Context()
    metascheduler = open_metascheduler(settings.server.metascheduler, context)
    remote = open_kept_remote(settings.nodes)
    world = World(engine, remote, metascheduler, context)
    almighty = Almighty(settings, world)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, almighty.stop)
    try:
        await almighty.run()
    finally:
        await remote.close()
        context.destroy(linger=0)


def _check_database(engine: Engine) -> None:
    """Find out now, while somebody looks at the terminal, whether the database is there."""
    with engine.connect() as connection:
        if not inspect(connection).has_table(JobRow.__tablename__):
            raise NoSchema(f"database {engine.url.database} has no table jobs; run: oar-database init")


def _allow_many_files() -> None:
    """Clients and ssh connections all need descriptors; take as many as the system lets us have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    main()
