"""Submits: rules, checks, then one transaction."""

from dataclasses import replace

from sqlalchemy import Engine

from oar.core.job import Alternative
from oar.core.job_message import job_message
from oar.db.engine import database_now
from oar.db.jobs import NewJobs, insert_jobs
from oar.db.queues import list_queues
from oar.errors import BadRequest
from oar.submit.admission import Draft
from oar.submit.feasibility import count_resources
from oar.submit.inner import with_container


class NoSuchQueue(BadRequest):
    """The queue does not exist."""

    exit_code = 248


def submit(engine: Engine, reader: Engine, draft: Draft, host: str) -> list[int]:
    """Write the jobs of an admitted submission and return their ids; writes nothing when anything is wrong.

    ``host`` is where it was submitted. Raises a BadRequest.
    """
    asked = draft.submission
    default_s = draft.settings.default_walltime_s
    alternatives = [_settled(one, default_s) for one in asked.alternatives]
    with reader.connect() as connection:
        counts = count_resources(connection, alternatives, asked.properties)
    reader.dispose()  # connections are few: a submission that waits to be written holds one, not two
    queue = asked.queue or draft.settings.default_queue
    message = job_message(
        resources=counts[0],
        walltime_s=alternatives[0].walltime_s or default_s,
        name=asked.name,
        queue=queue,
        project=asked.project,
        types=asked.types,
    )
    new = NewJobs(
        user=draft.author.name,
        group=draft.author.group,
        host=host,
        queue=queue,
        project=asked.project,
        name=asked.name,
        properties=draft.properties,
        types=asked.types,
        alternatives=alternatives,
        commands=asked.commands,
        directory=asked.directory,
        stdout=asked.stdout,
        stderr=asked.stderr,
        hold=asked.hold,
        required_jobs=asked.required_jobs,
        initial_request=asked.initial_request,
        message=message,
    )
    with engine.begin() as connection:
        queues = [one.name for one in list_queues(connection)]
        if queue not in queues:
            raise NoSuchQueue(f"queue '{queue}' does not exist; known: {', '.join(queues)}")
        new = replace(new, types=with_container(connection, asked.types))
        return insert_jobs(connection, new, database_now(connection))


def _settled(asked: Alternative, default_s: int) -> Alternative:
    """Settle the walltime; a rule that made it shorter may have left a least one that is not less."""
    walltime_s, least_s = asked.walltime_s or default_s, asked.least_walltime_s
    return replace(
        asked,
        walltime_s=walltime_s,
        least_walltime_s=least_s if least_s is not None and least_s < walltime_s else None,
    )
