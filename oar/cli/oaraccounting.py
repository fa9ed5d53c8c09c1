"""``oaraccounting``: counts what ended jobs asked and used."""

import click

from oar.cli.admin import NOT_ADMINISTRATOR, require_admin
from oar.cli.app import Context, oar_command
from oar.errors import ConfigurationError

EXIT_CODES = {
    0: "done",
    1: "a bad option or value",
    2: "the database does not answer",
    NOT_ADMINISTRATOR: "only oar and root count",
    78: "the configuration is missing or wrong",
}


@oar_command("oaraccounting", exit_codes=EXIT_CODES)
@click.option(
    "--reinitialize", is_flag=True, help="Forget everything that was counted; count again next time."
)
@click.option(
    "--delete-before", type=click.IntRange(min=0), metavar="SECONDS",
    help="Delete the windows that ended more than so many seconds ago.",
)  # fmt: skip
@click.pass_obj
def oaraccounting(context: Context, reinitialize: bool, delete_before: int | None) -> None:
    """Count the jobs that have ended since the last time; oarstat --accounting shows the sums."""
    require_admin(context)
    if reinitialize and delete_before is not None:
        raise click.UsageError("--reinitialize and --delete-before cannot be given together")
    from oar.db.accounting import (  # noqa: PLC0415 - --help must not need the database
        account_ended_jobs,
        delete_windows_before,
        forget_accounting,
    )
    from oar.db.engine import database_now  # noqa: PLC0415 - as above

    if reinitialize:
        click.echo("Deleting all records from the acounting table...")  # spelled so since OAR 2
        with context.engine.begin() as connection:
            forget_accounting(connection)
    elif delete_before is not None:
        click.echo(f"Deleting records older than {delete_before} seconds ago...")
        with context.engine.begin() as connection:
            delete_windows_before(connection, database_now(connection) - delete_before)
    else:
        counted, window_s = 1, context.settings.display.accounting_window_s
        if window_s < 1:
            raise ConfigurationError(f'ACCOUNTING_WINDOW="{window_s}": expected seconds, 1 at least')
        while counted:
            with context.engine.begin() as connection:
                counted = account_ended_jobs(connection, window_s)


main = oaraccounting
