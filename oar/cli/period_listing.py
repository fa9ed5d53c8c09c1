"""What oarstat shows of a period of time: the Gantt and the accounting."""

from shutil import get_terminal_size

import click
from sqlalchemy import Connection

from oar.cli.accounting_view import UsageByUser, UsageOfUser
from oar.cli.app import Context
from oar.cli.asked import HERE, JobsAsked
from oar.cli.gantt_view import GanttView, Period
from oar.cli.output import write
from oar.core.durations import parse_date
from oar.db.engine import database_now
from oar.db.fair_share import read_last_karma
from oar.db.listing import JobChoice, read_job_details
from oar.db.listing_gantt import plan_period, read_consumption, read_occupants, read_outages
from oar.db.listing_resources import ResourceChoice, read_resources
from oar.errors import BadRequest


def show_gantt(context: Context, connection: Connection, asked: JobsAsked) -> None:
    """Draw a period of the cluster, or spell it."""
    now = database_now(connection)
    begin, end = _dates("--gantt", asked.gantt) if asked.gantt else plan_period(connection, now)
    occupants = read_occupants(connection, begin, end)
    ids = tuple(dict.fromkeys(one.job_id for one in occupants))
    jobs = read_job_details(connection, JobChoice(jobs=ids)) if ids else ()
    period = Period(
        begin,
        end,
        now,
        read_resources(connection, ResourceChoice()),
        occupants,
        {job.line.job_id: job for job in jobs},
        read_outages(connection, begin, end),
    )
    with_cpuset = bool(context.settings.nodes.cpuset_property)
    write(GanttView(period, get_terminal_size((100, 24)).columns, with_cpuset))


def show_accounting(context: Context, connection: Connection, asked: JobsAsked) -> None:
    """Show what was asked and used in a period, by user or by project of one user."""
    begin, end = _dates("--accounting", asked.accounting or "")
    user = context.caller.name if asked.user == HERE else asked.user
    consumptions = read_consumption(connection, begin, end, user)
    if user is None:
        write(UsageByUser(consumptions))
    else:
        write(UsageOfUser(user, begin, end, consumptions, read_last_karma(connection, user)))


def _dates(option: str, text: str) -> tuple[int, int]:
    dates = text.split(",")
    if len(dates) != 2:
        raise click.UsageError(f'{option}: expected two dates and a comma, as "2024-01-01, 2024-01-31"')
    try:
        begin, end = (parse_date(date) for date in dates)
    except BadRequest as error:
        raise click.UsageError(f"{option}: {error}") from None
    if end <= begin:
        raise click.UsageError(f"{option}: the second date must be later than the first")
    return begin, end
