"""What oarstat does for each of its options: read a view, write it."""

import os
from collections.abc import Callable, Sequence
from dataclasses import replace

import click
from sqlalchemy import Connection

from oar.cli.app import Context, fail, warn
from oar.cli.asked import HERE, JobsAsked
from oar.cli.job_details import FullJobs
from oar.cli.job_ids import read_job_id
from oar.cli.job_tables import JobEvents, JobStates, JobTable, ResourceProperties
from oar.cli.output import chosen_format, write
from oar.cli.render import Format
from oar.core.listings import JobDetails
from oar.db.engine import database_now, one_moment
from oar.db.listing import (
    JobChoice,
    read_job_details,
    read_job_events,
    read_job_lines,
)
from oar.db.listing_resources import ResourceChoice, read_resources
from oar.errors import ExitCode


def show(context: Context, asked: JobsAsked) -> None:
    """Write what the options ask for; ends with a code when something asked for does not exist."""
    if asked.why is not None:
        from oar.cli.why import show_why  # noqa: PLC0415 - the table pays no scheduler

        show_why(context, asked.why)
        return
    view = next((view for wanted, view in _VIEWS if wanted(asked)), _show_jobs)
    with one_moment(context.reader) as connection:
        view(context, connection, asked)


def _choice(context: Context, asked: JobsAsked) -> JobChoice:
    user = context.caller.name if asked.user == HERE else asked.user
    jobs = tuple(_job_number(text) for text in asked.jobs)
    arrays = (_number("--array", asked.array),) if asked.array else ()
    return JobChoice(jobs, arrays, user, asked.condition)


def _job_number(text: str) -> int:
    if text != HERE:
        return _number("--job", text)
    here = os.environ.get("OAR_JOB_ID") or os.environ.get("OAR_JOBID")
    if not here:
        raise click.UsageError("--job needs a number here, outside of a job OAR_JOB_ID is not set")
    return _number("OAR_JOB_ID", here)


def _number(name: str, text: str) -> int:
    number = read_job_id(text)
    if number is None:
        raise click.UsageError(f"{name}: '{text}' is not a number of a job")
    return number


def _show_jobs(context: Context, connection: Connection, asked: JobsAsked) -> None:
    if asked.full or chosen_format() is not Format.TEXT:
        _show_full(context, connection, asked)
        return
    choice = _choice(context, asked)
    lines = read_job_lines(connection, choice)
    now = database_now(connection)
    write(JobTable(lines, _form(context, asked), now, asked.array is not None, asked.compact))
    _tell_missing(choice, [line.job_id for line in lines])


def _show_full(context: Context, connection: Connection, asked: JobsAsked) -> None:
    choice = _choice(context, asked)
    jobs = read_job_details(connection, choice)
    with_cpuset = bool(context.settings.nodes.cpuset_property)
    write(FullJobs(_without_others_requests(context, jobs), _form(context, asked), with_cpuset))
    _tell_missing(choice, [job.line.job_id for job in jobs])


def _form(context: Context, asked: JobsAsked) -> int:
    return asked.form or context.settings.display.oarstat_format


def _without_others_requests(context: Context, jobs: Sequence[JobDetails]) -> list[JobDetails]:
    if context.settings.display.show_other_users_requests:
        return list(jobs)
    may_see = context.caller.may_touch
    return [job if may_see(job.line.user) else replace(job, initial_request="") for job in jobs]


def _tell_missing(choice: JobChoice, found: Sequence[int]) -> None:
    missing = [job for job in choice.jobs if job not in set(found)]
    whose = "" if choice.user is None else f" of user {choice.user}"
    for job in missing:
        warn(f"there is no job {job}{whose}; oarstat lists the jobs that have not ended")
    if choice.arrays and not found:
        warn(f"there is no array {choice.arrays[0]}{whose}; oarstat --array lists those that have not ended")
    if missing or (choice.arrays and not found):
        fail(ExitCode.FAILURE)


def _show_states(context: Context, connection: Connection, asked: JobsAsked) -> None:
    choice = _choice(context, asked)
    lines = read_job_lines(connection, choice)
    write(JobStates(lines))
    _tell_missing(choice, [line.job_id for line in lines])


def _show_events(context: Context, connection: Connection, asked: JobsAsked) -> None:
    choice = _choice(context, asked)
    ids = [line.job_id for line in read_job_lines(connection, choice)]
    write(JobEvents(read_job_events(connection, ids)))
    _tell_missing(choice, ids)


def _show_properties(context: Context, connection: Connection, asked: JobsAsked) -> None:
    choice = _choice(context, asked)
    jobs = read_job_details(connection, choice)
    ids = tuple(place.resource_id for job in jobs for place in job.assigned)
    write(ResourceProperties(read_resources(connection, ResourceChoice(resources=ids)) if ids else ()))
    _tell_missing(choice, [job.line.job_id for job in jobs])


def _show_period(context: Context, connection: Connection, asked: JobsAsked) -> None:
    from oar.cli.period_listing import show_accounting, show_gantt  # noqa: PLC0415 - the table pays no charts

    if asked.gantt is not None:
        show_gantt(context, connection, asked)
    else:
        show_accounting(context, connection, asked)


_VIEWS: Sequence[tuple[Callable[[JobsAsked], bool], Callable[[Context, Connection, JobsAsked], None]]] = (
    (lambda asked: asked.gantt is not None or asked.accounting is not None, _show_period),
    (lambda asked: asked.state, _show_states),
    (lambda asked: asked.events, _show_events),
    (lambda asked: asked.properties, _show_properties),
)
