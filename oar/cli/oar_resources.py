"""``oar-resources``: declares the nodes of a cluster in one file."""

from typing import cast

import click

from oar.cli.admin import NOT_ADMINISTRATOR, require_admin
from oar.cli.app import Context, OarGroup, oar_command
from oar.cli.asked import FileChoices

EXIT_CODES = {
    0: "done, or there was nothing to change",
    1: "a bad option, or the answer to the question was no",
    2: "the database does not answer",
    NOT_ADMINISTRATOR: "only oar and root change resources",
    12: "the file cannot be read",
    78: "the file, or the configuration, says something that cannot be",
}


@oar_command("oar-resources", exit_codes=EXIT_CODES, kind=OarGroup)
def oar_resources() -> None:
    """Declare resources in a file."""


@oar_command("apply", exit_codes=EXIT_CODES)
@click.argument("file")
@click.option("-y", "--yes", is_flag=True, help="Do not ask before writing.")
@click.option("-n", "--dry-run", is_flag=True, help="Show what would change and stop.")
@click.option("--remove", is_flag=True, help="Make the resources that the file does not name Dead.")
@click.pass_obj
def apply(context: Context, /, *, file: str, yes: bool, dry_run: bool, remove: bool) -> None:
    """Make the resources those that FILE (TOML) describes.

    Shows what changes, line by line: + is new, ~ is changed, - is removed. All of it is written, or nothing.
    """
    require_admin(context)
    from oar.cli.cluster_apply import apply_file  # noqa: PLC0415 - --help must not need the database

    apply_file(context, file, FileChoices(yes, dry_run, remove))


cast(OarGroup, oar_resources).add_command(apply)
main = oar_resources
