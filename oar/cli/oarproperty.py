"""``oarproperty``: shows and changes the columns of resources."""

import click

from oar.cli.admin import NOT_ADMINISTRATOR, require_admin
from oar.cli.app import Context, oar_command

EXIT_CODES = {
    0: "done",
    1: "a bad option or name, a property that belongs to OAR, exists already or does not exist",
    2: "the database does not answer",
    NOT_ADMINISTRATOR: "only oar and root change properties",
    78: "the configuration is missing or wrong",
}


@oar_command("oarproperty", exit_codes=EXIT_CODES)
@click.option("-l", "--list", "listing", is_flag=True, help="List the properties, one a line.")
@click.option("-a", "--add", "added", multiple=True, metavar="NAME", help="Add a property of whole numbers.")
@click.option("-c", "--varchar", is_flag=True, help="With --add: properties of text.")
@click.option("-d", "--delete", "deleted", multiple=True, metavar="NAME", help="Remove a property.")
@click.option("-r", "--rename", "renamed", multiple=True, metavar="OLD,NEW", help="Rename a property.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing of what was done.")
@click.pass_obj
def oarproperty(
    context: Context,
    /,
    *,
    listing: bool,
    added: tuple[str, ...],
    varchar: bool,
    deleted: tuple[str, ...],
    renamed: tuple[str, ...],
    quiet: bool,
) -> None:
    """List, add, remove and rename properties of resources; all changes are made, or none."""
    if not (listing or added or deleted or renamed):
        raise click.UsageError("give --list, --add, --delete or --rename")
    pairs = [_pair(text) for text in renamed]
    if added or deleted or pairs:
        require_admin(context)
    if listing:
        _list(context)
    done = _change(context, added, varchar, deleted, pairs)
    if not quiet:
        for line in done:
            click.echo(line)


def _list(context: Context) -> None:
    from oar.db.properties import PROTECTED, list_properties  # noqa: PLC0415 - --help needs no database

    with context.reader.connect() as connection:
        for name in list_properties(connection):
            if name not in PROTECTED:
                click.echo(name)


def _change(
    context: Context,
    added: tuple[str, ...],
    varchar: bool,
    deleted: tuple[str, ...],
    renamed: list[tuple[str, str]],
) -> list[str]:
    if not (added or deleted or renamed):
        return []
    from oar.db.properties import add_property, remove_property, rename_property  # noqa: PLC0415 - as above

    done = []
    with context.engine.begin() as connection:
        for name in deleted:
            remove_property(connection, name)
            done.append(f"Removed property: {name}")
        for name in added:
            add_property(connection, name, text=varchar)
            done.append(f"Added property: {name}")
        for old, new in renamed:
            rename_property(connection, old, new)
            done.append(f"Rename property {old} into {new}")
    return done


def _pair(text: str) -> tuple[str, str]:
    old, comma, new = (part.strip() for part in text.partition(","))
    if not (old and comma and new) or "," in new:
        raise click.UsageError(f"--rename: '{text}' is not OLD,NEW")
    return old, new


main = oarproperty
