"""Makes, upgrades, checks and removes the database of an installation."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import click

from oar.cli.app import Context, OarCommand, OarGroup, complain, fail, oar_command
from oar.errors import ExitCode

EXIT_CODES = {
    0: "done, or nothing to do",
    1: "refused by PostgreSQL, or the check found something; nothing was left half-made",
    2: "the database server cannot be reached",
    78: "oar.conf cannot be read or holds a bad value",
}


def _group(command: OarCommand) -> OarGroup:
    return cast(OarGroup, command)


def for_administrator(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say how the administrator of PostgreSQL is reached."""
    url = click.option(
        "--admin-url",
        metavar="URL",
        envvar="OAR_DATABASE_ADMIN_URL",
        help="How the administrator of PostgreSQL connects: postgresql://USER:PASSWORD@HOST:PORT/postgres.",
    )
    user = click.option(
        "--admin-user",
        default="postgres",
        show_default=True,
        help="Without --admin-url: the administrator, over the unix socket.",
    )
    return url(user(command))


@_group
@oar_command("oar-database", EXIT_CODES, kind=OarGroup)
@click.option(
    "--conf",
    type=click.Path(path_type=Path),
    help="Configuration file.  [default: $OARCONFFILE, /etc/oar/oar.conf]",
)
@click.pass_context
def oar_database(context: click.Context, conf: Path | None) -> None:
    """Make, upgrade, check or remove the database of OAR.

    A new installation runs `create` on the machine of PostgreSQL, as root, then `init`. After an upgrade of
    OAR, run `init` again: it brings the tables to the new version.
    """
    if conf is not None:
        from oar.config import load_settings  # noqa: PLC0415 - --help must not need it

        settings, warnings = load_settings(conf)
        for warning in warnings:
            complain(f"warning: {warning}")
        context.obj = Context(settings=settings)


@oar_database.command("create")
@for_administrator
@click.pass_obj
def create_command(context: Context, admin_url: str | None, admin_user: str) -> None:
    """Make the three accounts and the empty database; what is there already stays as it is."""
    from oar.db.administrator import administrator  # noqa: PLC0415 - --help must not need it
    from oar.db.install import create  # noqa: PLC0415

    settings = context.settings.database
    with administrator(settings, admin_url, admin_user) as admin:
        create(admin, settings, click.echo)


@oar_database.command("init")
@click.pass_obj
def init_command(context: Context) -> None:
    """Make the tables, or bring them to this version of OAR; all or nothing, and harmless to repeat."""
    from oar.db.install import initialise  # noqa: PLC0415 - --help must not need it

    try:
        initialise(context.engine, context.settings.database, click.echo)
    finally:
        context.engine.dispose()


@oar_database.command("check")
@click.pass_obj
def check_command(context: Context) -> None:
    """Tell whether the database answers, is complete and has this version's tables."""
    from oar.db.install import problems  # noqa: PLC0415 - --help must not need it

    found = problems(context.settings.database)
    for problem in found:
        click.echo(f"[Failed] {problem}")
    if found:
        fail(ExitCode.FAILURE)
    click.echo("[Success] The OAR database is accessible and ready.")


@oar_database.command("drop")
@click.option("-y", "--force-yes", is_flag=True, help="Do not ask.")
@for_administrator
@click.pass_obj
def drop_command(context: Context, force_yes: bool, admin_url: str | None, admin_user: str) -> None:
    """Remove the database with all its jobs and resources, and its accounts."""
    from oar.db.administrator import administrator  # noqa: PLC0415 - --help must not need it
    from oar.db.install import drop  # noqa: PLC0415

    settings = context.settings.database
    if not force_yes:
        click.confirm(f"Database '{settings.name}' on {settings.host} will be lost. Continue?", abort=True)
    with administrator(settings, admin_url, admin_user) as admin:
        drop(admin, settings, click.echo)


main = oar_database
