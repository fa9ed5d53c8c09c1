"""``oar-rounds``: what the last scheduling rounds decided, and why."""

from typing import cast

import click

from oar.cli.admin import NOT_ADMINISTRATOR, require_admin
from oar.cli.app import Context, OarGroup, fail, oar_command, warn
from oar.cli.job_ids import LARGEST_ID
from oar.cli.output import format_options, write
from oar.errors import ExitCode

EXIT_CODES = {
    0: "the records were shown; none at all is no error",
    1: "a bad option or value, or a round that is not on record",
    2: "the database does not answer",
    NOT_ADMINISTRATOR: "only oar and root see what was decided about everybody's jobs",
    78: "the configuration is missing or wrong",
}
_MANY = click.IntRange(1, 100_000)


@oar_command("oar-rounds", exit_codes=EXIT_CODES, kind=OarGroup)
def oar_rounds() -> None:
    """Show what scheduling rounds decided.

    The last ROUNDS_KEPT records are kept; that of a round which decided nothing new stays until the next one.
    """


@oar_command("show", exit_codes=EXIT_CODES)
@click.argument("number", type=click.IntRange(1, 2**63 - 1), required=False, metavar="[ID]")
@click.option("-n", "--last", type=_MANY, metavar="N", help="Show the last N rounds; 20 if not given.")
@format_options
@click.pass_obj
def show(context: Context, /, *, number: int | None, last: int | None) -> None:
    """List the last rounds; of the round with the number ID, show every decision."""
    require_admin(context)
    if number is not None and last is not None:
        raise click.UsageError("ID and -n cannot be given together")
    from oar.cli.round_views import RoundList, RoundView  # noqa: PLC0415 - --help must not need the database
    from oar.db.rounds import read_rounds  # noqa: PLC0415 - as above

    with context.reader.connect() as connection:
        records = read_rounds(connection, last or 20, number)
    if number is None:
        write(RoundList(records))
    elif records:
        write(RoundView(records[0]))
    else:
        warn(f"round {number} is not on record; oar-rounds show lists those that are")
        fail(ExitCode.FAILURE)


@oar_command("explain", exit_codes=EXIT_CODES)
@click.argument("job", type=click.IntRange(1, LARGEST_ID), metavar="JOB")
@click.option(
    "-n", "--last", type=_MANY, default=50, metavar="N", help="Show the last N decisions; 50 if not given."
)
@format_options
@click.pass_obj
def explain(context: Context, /, *, job: int, last: int) -> None:
    """Show what the rounds on record decided about JOB, the oldest decision first."""
    require_admin(context)
    from oar.cli.round_views import JobHistory  # noqa: PLC0415 - --help must not need the database
    from oar.db.rounds import read_decisions  # noqa: PLC0415 - as above

    with context.reader.connect() as connection:
        found = read_decisions(connection, job, last)
    if not found:
        warn(
            f"no round on record decided anything about job {job}; oarstat --why {job} tells where it stands"
        )
    write(JobHistory(job, found))


for _command in (show, explain):
    cast(OarGroup, oar_rounds).add_command(_command)
main = oar_rounds
