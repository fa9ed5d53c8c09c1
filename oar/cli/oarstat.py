"""``oarstat``: shows jobs, why they wait, the plan, and what was consumed."""

from typing import Any

import click

from oar.cli.app import Context, oar_command
from oar.cli.asked import HERE, JobsAsked
from oar.cli.job_ids import LARGEST_ID
from oar.cli.output import chosen_format, format_options
from oar.cli.render import Format

EXIT_CODES = {
    0: "the jobs were shown; no job at all is no error",
    1: "a bad option or value, a job or array that does not exist, or a condition that the database refuses",
    2: "the database does not answer",
    78: "the configuration is missing or wrong",
}


@oar_command("oarstat", exit_codes=EXIT_CODES)
@click.option(
    "-j", "--job", "jobs", multiple=True, is_flag=False, flag_value=HERE, metavar="[JOB]",
    help="Show this job, in any state; may be repeated. Without a number: the job of OAR_JOB_ID.",
)  # fmt: skip
@click.option("-f", "--full", is_flag=True, help="Show everything about each job.")
@click.option("-s", "--state", is_flag=True, help="Show only the states; needs --job or --array.")
@click.option(
    "-u", "--user", is_flag=False, flag_value=HERE, metavar="[USER]",
    help="Show the jobs of this user only. Without a name: your own.",
)  # fmt: skip
@click.option(
    "--array", is_flag=False, flag_value=HERE, metavar="[ARRAY]",
    help="Show the jobs of this array. Without a number: show the columns of arrays.",
)  # fmt: skip
@click.option("-c", "--compact", is_flag=True, help="Show one line for each array.")
@click.option(
    "-g", "--gantt", is_flag=False, flag_value=HERE, metavar='["BEGIN, END"]',
    help='Draw what a period held and will hold; dates as "YYYY-MM-DD hh:mm:ss". Without dates: '
    "from a little before now to the end of the plan.",
)  # fmt: skip
@click.option(
    "--why", type=click.IntRange(1, LARGEST_ID), metavar="JOB",
    help="Say in words why a job waits and when it should start, or what became of it.",
)  # fmt: skip
@click.option("-e", "--events", is_flag=True, help="Show what happened to the jobs.")
@click.option("-p", "--properties", is_flag=True, help="Show the resources the jobs hold.")
@click.option(
    "--accounting", metavar='"DAY, DAY"',
    help='Show what was asked and used between two days, "YYYY-MM-DD, YYYY-MM-DD", by user; with '
    "--user, by project.",
)  # fmt: skip
@click.option(
    "--sql", "condition", default="", metavar="CONDITION",
    help="Show the jobs, in any state, that meet this SQL condition on the columns of jobs.",
)  # fmt: skip
@click.option(
    "--format", "form", type=click.IntRange(1, 3), envvar="OAR_OARSTAT_OUTPUT_FORMAT", metavar="1|2",
    help="Choose the columns of the table; OARSTAT_DEFAULT_OUTPUT_FORMAT is the default.",
)  # fmt: skip
@format_options
@click.pass_obj
def oarstat(context: Context, /, **options: Any) -> None:
    """Show jobs: all that have not ended, or those that the options choose."""
    asked = JobsAsked(**options)
    _check(asked)
    from oar.cli.job_listing import show  # noqa: PLC0415 - --help must not need the database

    show(context, asked)


def _check(asked: JobsAsked) -> None:
    if asked.jobs and asked.array:
        raise click.UsageError("--job and --array with a number cannot be given together")
    if (asked.events or asked.properties or asked.state) and not (asked.jobs or asked.array):
        raise click.UsageError("--events, --properties and --state need --job or --array")
    if asked.compact and (asked.full or chosen_format() is not Format.TEXT):
        raise click.UsageError("--compact shows a table; leave out --full, --json and --yaml")
    if asked.condition and asked.properties:
        raise click.UsageError("--sql and --properties cannot be given together")


main = oarstat
