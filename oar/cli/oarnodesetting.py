"""``oarnodesetting``: adds resources, changes their states and properties."""

from typing import Any

import click

from oar.cli.admin import NOT_ADMINISTRATOR, require_admin
from oar.cli.app import Context, oar_command
from oar.core.states import NodeState

EXIT_CODES = {
    0: "done",
    1: "a bad option or value",
    2: "no resource to change is named, or the database does not answer",
    3: "some of the resources do not exist",
    4: "a node does not exist",
    NOT_ADMINISTRATOR: "a property that belongs to OAR; or you are not oar or root",
    9: "a property does not exist or cannot have this value, or a name is not one of a machine",
    10: "--property is not NAME=VALUE or NAME!",
    11: "a job was still on the resources after 30 s",
    12: "no resource meets the SQL condition",
    13: "the file of --file cannot be read",
    78: "the configuration is missing or wrong",
}
ON_OFF = click.Choice(["on", "off"])


def _not_empty(ctx: click.Context, parameter: click.Parameter, condition: str | None) -> str:
    if condition is not None and not condition.strip():
        raise click.UsageError("--sql: the condition is empty; true means all resources", ctx)
    return condition or ""


@oar_command("oarnodesetting", exit_codes=EXIT_CODES)
@click.option(
    "-a", "--add", is_flag=True, help="Add a resource to each node, Alive unless --state says more."
)
@click.option(
    "-h", "--hostname", "hosts", multiple=True, metavar="NODE",
    help="Change all resources of this node; may be repeated. This machine when nothing is named.",
)  # fmt: skip
@click.option("-f", "--file", metavar="FILE", help="Change the nodes that this file lists, one a line.")
@click.option(
    "-r", "--resource", "resources", multiple=True, type=click.IntRange(min=1), metavar="ID",
    help="Change this resource; may be repeated.",
)  # fmt: skip
@click.option(
    "--sql",
    "condition",
    callback=_not_empty,
    metavar="CONDITION",
    help="Change the resources that meet this condition.",
)
@click.option(
    "-s", "--state", type=click.Choice([state.value for state in NodeState]), help="Ask for this state."
)
@click.option("-m", "--maintenance", "--care", type=ON_OFF, help="Begin or end maintenance.")
@click.option("-d", "--drain", type=ON_OFF, help="Keep new jobs off, or let them come; as --property drain=.")
@click.option(
    "-p", "--property", "properties", multiple=True, metavar="NAME=VALUE|NAME!",
    help="Set a property, or take its value away; may be repeated.",
)  # fmt: skip
@click.option("-n", "--no-wait", is_flag=True, help="Do not wait for the end of the jobs on the resources.")
@click.option(
    "--last-property-value", metavar="NAME", help="Print the greatest value of a property and stop."
)
@click.pass_obj
def oarnodesetting(context: Context, /, **options: Any) -> None:
    """Add resources, ask for other states, set properties; all of it is done, or nothing."""
    require_admin(context)
    from oar.cli.node_setting import Wish, carry_out  # noqa: PLC0415 - --help must not need the database

    carry_out(context, Wish(**options))


# -h means a node here, as in OAR 2
oarnodesetting.context_settings["help_option_names"] = ["--help"]
main = oarnodesetting
