"""What ``oar-resources apply`` does: compares, shows, asks, writes."""

from pathlib import Path

import click

from oar import bus
from oar.cli.app import Context, fail
from oar.cli.asked import FileChoices
from oar.cli.caller import read_as
from oar.core.cluster_difference import Difference, compare
from oar.core.cluster_file import read_cluster_file
from oar.core.messages import Hint
from oar.db.cluster import lock_cluster, read_cluster, write_difference
from oar.db.engine import database_now
from oar.errors import ExitCode, OarError


class ChangedMeanwhile(OarError):
    """Somebody changed the resources after the difference was shown."""


def apply_file(context: Context, file: str, choices: FileChoices) -> None:
    """Make the resources those of a cluster file, in one transaction."""
    wanted = read_cluster_file(read_as(context.caller, Path(file)), file)
    with context.engine.connect() as connection:
        difference = compare(wanted, *read_cluster(connection), file)
    for line in difference.lines(choices.remove):
        click.echo(line)
    if not difference.writes(choices.remove):
        click.echo("nothing to change")
        return
    if choices.dry_run:
        return
    if not choices.yes and not click.confirm("Write this?", err=True):
        fail(ExitCode.FAILURE)
    with context.engine.begin() as connection:
        lock_cluster(connection, new_properties=bool(difference.properties))
        if compare(wanted, *read_cluster(connection), file) != difference:
            raise ChangedMeanwhile(
                "the resources changed meanwhile, nothing was written; apply the file again"
            )
        write_difference(connection, difference, choices.remove, database_now(connection))
    _tell_server(context, difference)


def _tell_server(context: Context, difference: Difference) -> None:
    hints = [Hint.TERM]
    if difference.leftovers:
        hints.append(Hint.STATE_CHANGED)
    bus.send(context.settings.server, *hints)
