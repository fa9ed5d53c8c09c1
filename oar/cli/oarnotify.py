"""``oarnotify``: sends a message to the server; also OAR 2's way to change queues."""

import click

from oar import bus
from oar.cli.admin import NOT_ADMINISTRATOR, require_admin
from oar.cli.app import Context, fail, oar_command, warn
from oar.cli.oarqueue import change_queues, read_queue, show_queues
from oar.core.messages import Hint, parse_line
from oar.errors import ExitCode

EXIT_CODES = {
    0: "done",
    1: "a bad option, a message that the server would not know, or a queue that cannot be changed so",
    2: "the server or the database does not answer",
    NOT_ADMINISTRATOR: "only oar and root send messages",
    78: "the configuration is missing or wrong",
}


@oar_command("oarnotify", exit_codes=EXIT_CODES)
@click.argument("tag", default=Hint.TERM.value)
@click.option("-e", "--enable-queue", "--enable_queue", metavar="QUEUE", help="Enable a queue.")
@click.option("-d", "--disable-queue", "--disable_queue", metavar="QUEUE", help="Disable a queue.")
@click.option(
    "-E", "--Enable-all-queues", "--Enable_all_queues", "enable_all", is_flag=True, help="Enable every queue."
)
@click.option(
    "-D", "--Disable-all-queues", "--Disable_all_queues", "disable_all", is_flag=True,
    help="Disable every queue.",
)  # fmt: skip
@click.option(
    "--add-queue", "--add_queue", metavar="NAME,PRIORITY,SCHEDULER",
    help="Make a queue; the priority is 0 and the scheduler kamelot unless given.",
)  # fmt: skip
@click.option("--remove-queue", "--remove_queue", metavar="QUEUE", help="Remove a queue.")
@click.option(
    "-l", "--list-queues", "--list_queues", "listing", is_flag=True, help="List the queues and stop."
)
@click.pass_obj
def oarnotify(context: Context, /, tag: str, listing: bool, **actions: str | bool | None) -> None:
    """Send TAG (Term when there is none) to the server, after the changes that the options ask for."""
    if listing:
        show_queues(context, oar_3=False)
        return
    require_admin(context)
    message = parse_line(tag)
    if message is None:
        raise click.UsageError(f"'{tag}' means nothing to the server; it knows {', '.join(Hint)}")
    changed = [_change(context, name, value) for name, value in actions.items() if value not in (None, False)]
    # queues are read in each round: a server that is down needs no message about them
    if not bus.send(context.settings.server, message) and not changed:
        server = context.settings.server
        warn(f"the server does not answer at {server.hostname}, port {server.message_port}")
        fail(ExitCode.NOT_REACHABLE)


def _change(context: Context, option: str, value: str | bool | None) -> bool:
    text = value if isinstance(value, str) else ""
    if option == "add_queue":
        read_queue(text, "--add-queue")  # complains in the name of this command's option
    change_queues(context, option.removesuffix("_queue"), text)
    match option:
        case "enable_queue":
            click.echo(f"Enable queue {text}.")
        case "disable_queue":
            click.echo(f"Disable queue {text}.")
        case "enable_all":
            click.echo("Enable all queues.")
        case "disable_all":
            click.echo("Disable all queues.")
        case "add_queue":
            name, priority, policy = read_queue(text, "--add-queue")
            click.echo(
                f"Add queue {name} with the priority {priority or 0} and the scheduler {policy or 'kamelot'}."
            )
        case "remove_queue":
            click.echo(f"Remove queue {text}.")
    return True


main = oarnotify
