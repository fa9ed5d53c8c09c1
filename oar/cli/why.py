"""``oarstat --why``: reads a job, and asks what the next round would make of it."""

import logging
from dataclasses import replace

from oar.cli.app import Context, fail, warn
from oar.cli.job_reason import JobReason
from oar.cli.output import write
from oar.config import settings_file
from oar.core.states import JobState
from oar.db.engine import database_now, one_moment
from oar.db.listing import JobChoice, read_job_details, read_queue_state
from oar.errors import ExitCode
from oar.kao.foresight import Foresight
from oar.kao.whatif import Forecast, without_conditions


def show_why(context: Context, job_id: int) -> None:
    """Say why a job is where it is; ends with a code when there is none with this number."""
    with one_moment(context.reader) as connection:
        job = next(iter(read_job_details(connection, JobChoice(jobs=(job_id,)))), None)
        if job is None:
            warn(f"there is no job {job_id}")
            fail(ExitCode.FAILURE)
        queue_state = read_queue_state(connection, job.line.queue)
        now = database_now(connection)
    forecast = None
    if job.line.state is JobState.WAITING and queue_state is not None:
        forecast = _ask(context, job_id, job.line.user)
    write(JobReason(job, queue_state, now, forecast))


def open_foresight(context: Context) -> Foresight:
    """Give what plans as the server would; what it has to complain about is for the server's log."""
    logging.getLogger("oar").addHandler(logging.NullHandler())
    return Foresight.of(context.reader, context.settings, settings_file())


def _ask(context: Context, job_id: int, owner: str) -> Forecast | None:
    forecast = open_foresight(context).why(job_id)
    may_see = context.caller.may_touch(owner) or context.settings.display.show_other_users_requests
    if forecast is None or may_see:
        return forecast
    return replace(forecast, advice=without_conditions(forecast.advice))
