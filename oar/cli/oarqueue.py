"""``oarqueue``: shows and changes queues."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import click

from oar import bus
from oar.cli.admin import NOT_ADMINISTRATOR, require_admin
from oar.cli.app import Context, oar_command
from oar.core.messages import Hint

if TYPE_CHECKING:
    from oar.db.queues import Queue

EXIT_CODES = {
    0: "done",
    1: "a bad option or value, a queue that does not exist, exists already or still holds jobs",
    2: "the database does not answer",
    NOT_ADMINISTRATOR: "only oar and root change queues",
    78: "the configuration is missing or wrong",
}


@oar_command("oarqueue", exit_codes=EXIT_CODES)
@click.option("-l", "--list", "listing", is_flag=True, help="List the queues; also without any option.")
@click.option("-e", "--enable", metavar="QUEUE", help="Let the jobs of this queue be scheduled.")
@click.option("-d", "--disable", metavar="QUEUE", help="Leave the waiting jobs of this queue alone.")
@click.option("-E", "--enable-all", is_flag=True, help="Enable every queue.")
@click.option("-D", "--disable-all", is_flag=True, help="Disable every queue.")
@click.option("--add", metavar="NAME,PRIORITY,POLICY", help="Make a queue; a higher priority goes first.")
@click.option(
    "--change", metavar="NAME,PRIORITY,POLICY", help="Change a queue; what is left empty stays as it is."
)
@click.option("--remove", metavar="QUEUE", help="Remove a queue that holds no live job.")
@click.pass_obj
def oarqueue(context: Context, /, listing: bool, **actions: str | bool | None) -> None:
    """List the queues, or change one; one action at a time."""
    asked = [(name, value) for name, value in actions.items() if value not in (None, False)]
    if len(asked) + listing > 1:
        raise click.UsageError("one action at a time")
    if not asked:
        show_queues(context, oar_3=True)
        return
    require_admin(context)
    name, value = asked[0]
    change_queues(context, name, value if isinstance(value, str) else "")
    bus.send(context.settings.server, Hint.SCHEDULE)


def show_queues(context: Context, oar_3: bool) -> None:
    """List the queues, in the lines of OAR 3's oarqueue or of OAR 2's oarnotify."""
    from oar.db.queues import list_queues  # noqa: PLC0415 - --help must not need the database

    with context.reader.connect() as connection:
        queues = list_queues(connection)
    for line in _lines(queues, oar_3):
        click.echo(line)


def _lines(queues: "Iterable[Queue]", oar_3: bool) -> Iterator[str]:
    indent, policy = ("", "policy") if oar_3 else ("\t", "scheduler")
    for queue in queues:
        yield queue.name
        yield f"{indent}priority = {queue.priority}"
        yield f"{indent}{policy} = {queue.policy}"
        yield f"{indent}state = {queue.state}"


def change_queues(context: Context, action: str, text: str) -> None:
    """Carry out one of the actions of :func:`oarqueue`, in one transaction."""
    from oar.db import queues  # noqa: PLC0415 - --help must not need the database

    with context.engine.begin() as connection:
        match action:
            case "enable":
                queues.enable_queue(connection, text)
            case "disable":
                queues.disable_queue(connection, text)
            case "enable_all":
                queues.enable_all_queues(connection)
            case "disable_all":
                queues.disable_all_queues(connection)
            case "add":
                name, priority, policy = read_queue(text, "--add")
                queues.add_queue(connection, name, priority or 0, policy or "kamelot")
            case "change":
                queues.change_queue(connection, *read_queue(text, "--change"))
            case "remove":
                queues.remove_queue(connection, text)


def read_queue(text: str, option: str) -> tuple[str, int | None, str | None]:
    """Read ``name,priority,policy``; the two last may be empty or left out."""
    parts = [part.strip() for part in text.split(",")]
    if len(parts) > 3 or not parts[0]:
        raise click.UsageError(f"{option}: '{text}' is not name,priority,policy")
    name, priority, policy = [*parts, "", ""][:3]
    try:
        return name, int(priority) if priority else None, policy or None
    except ValueError:
        raise click.UsageError(f"{option}: the priority '{priority}' is not a whole number") from None


main = oarqueue
