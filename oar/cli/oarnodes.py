"""``oarnodes``: shows resources, node by node."""

from typing import Any

import click

from oar.cli.app import Context, oar_command
from oar.cli.asked import LAST, NodesAsked
from oar.cli.output import format_options

EXIT_CODES = {
    0: "the resources were shown; none at all is no error",
    1: "a bad option or value, a node or resource that does not exist, or a bad SQL condition",
    2: "the database does not answer",
    78: "the configuration is missing or wrong",
}


@oar_command("oarnodes", exit_codes=EXIT_CODES)
@click.argument("hosts", nargs=-1)
@click.option(
    "-r", "--resource", "resources", multiple=True, type=click.IntRange(min=1), metavar="ID",
    help="Show this resource; may be repeated.",
)  # fmt: skip
@click.option(
    "--sql", "condition", default="", metavar="CONDITION",
    help="Show the resources that meet this SQL condition on their properties.",
)  # fmt: skip
@click.option("-s", "--state", is_flag=True, help="Show only the states.")
@click.option("-j", "--jobs", is_flag=True, help="Show the jobs on each node.")
@click.option("-l", "--list", "listing", is_flag=True, help="Show only the names of the nodes.")
@click.option(
    "-e", "--events", is_flag=False, flag_value=LAST, metavar="[DATE]",
    help='Show what happened to the nodes since "YYYY-MM-DD hh:mm:ss"; without a date, the last 30 events.',
)  # fmt: skip
@format_options
@click.pass_obj
def oarnodes(context: Context, /, **options: Any) -> None:
    """Show all resources, or those of the nodes HOSTS."""
    asked = NodesAsked(**options)
    _check(asked)
    from oar.cli.node_listing import show  # noqa: PLC0415 - --help must not need the database

    show(context, asked)


def _check(asked: NodesAsked) -> None:
    by_id = bool(asked.resources or asked.condition)
    if by_id and (asked.hosts or asked.events is not None or asked.jobs or asked.listing):
        raise click.UsageError("--resource and --sql go with --state only, not with nodes, -e, -j or -l")
    if sum((asked.state, asked.jobs, asked.listing, asked.events is not None)) > 1:
        raise click.UsageError("--state, --jobs, --list and --events exclude each other")


main = oarnodes
