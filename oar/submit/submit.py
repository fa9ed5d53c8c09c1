"""Submits: rules, checks, then one transaction."""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection, Engine

from oar.core.job import Alternative
from oar.core.job_key import JobKey
from oar.core.job_message import job_message
from oar.db.engine import database_now
from oar.db.job_keys import check_key_is_free
from oar.db.jobs import NewJobs, check_required, insert_jobs
from oar.db.queues import list_queues
from oar.errors import BadRequest
from oar.submit.admission import Draft
from oar.submit.feasibility import count_resources
from oar.submit.inner import with_container
from oar.submit.parameters import Submission
from oar.submit.reservation import ReservedFor
from oar.submit.reservation_limit import check_reservations


class NoSuchQueue(BadRequest):
    """The queue does not exist."""

    exit_code = 248


def submit(
    engine: Engine,
    reader: Engine,
    draft: Draft,
    host: str,
    port: int | None = None,
    *,
    keys: Sequence[JobKey] = (),
) -> list[int]:
    """Write the jobs of an admitted submission and return their ids; writes nothing when anything is wrong.

    ``host`` is where it was submitted, ``port`` where somebody listens there who waits for the jobs, ``keys``
    has the key of each job if they have any. Raises a BadRequest.
    """
    with reader.connect() as connection:
        new = replace(_jobs_of(connection, draft, host, port), keys=keys)
    reader.dispose()  # connections are few: a submission that waits to be written holds one, not two
    with engine.begin() as connection:
        new = _placed(connection, new)
        if draft.submission.reserved_for is not None:
            check_reservations(connection, draft, draft.submission.reserved_for)
        if keys and draft.submission.key and draft.submission.key.is_imported:
            check_key_is_free(connection, keys[0].public, draft.author.name)
        return insert_jobs(connection, new, database_now(connection))


def rehearse(reader: Engine, draft: Draft, host: str) -> NewJobs:
    """Do all that ``submit`` does before it writes: give what it would write, or raise what it raises."""
    with reader.connect() as connection:
        new = _placed(connection, _jobs_of(connection, draft, host, port=None))
        check_required(connection, new.required_jobs)
        if draft.submission.reserved_for is not None:
            check_reservations(connection, draft, draft.submission.reserved_for)
    return new


def _jobs_of(reader: Connection, draft: Draft, host: str, port: int | None) -> NewJobs:
    """Make what is to be written of an admitted submission, once it is sure that it can ever run."""
    asked = draft.submission
    default_s = draft.settings.default_walltime_s
    alternatives = [_settled(one, default_s) for one in asked.alternatives]
    counts = count_resources(reader, alternatives, asked.properties)
    queue = asked.queue or draft.settings.default_queue
    message = job_message(
        resources=counts[0],
        walltime_s=alternatives[0].walltime_s or default_s,
        kind=_kind(asked),
        name=asked.name,
        queue=queue,
        project=asked.project,
        types=asked.types,
    )
    return NewJobs(
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
        checkpoint_s=asked.checkpoint_s,
        checkpoint_signal=asked.checkpoint_signal,
        message=message,
        notify=asked.notify,
        interactive=asked.interactive,
        port=port,
        reserved_from=_reserved_from(asked.reserved_for),
    )


def _kind(asked: Submission) -> str:
    if asked.reserved_for is not None:
        return "R"
    return "I" if asked.interactive else "B"


def _reserved_from(dates: ReservedFor | None) -> int | None:
    if dates is None:
        return None
    return 0 if dates.at_once else dates.start


def _placed(connection: Connection, new: NewJobs) -> NewJobs:
    """Check that the queue is there, and the container if the jobs ask for one."""
    queues = [one.name for one in list_queues(connection)]
    if new.queue not in queues:
        raise NoSuchQueue(f"queue '{new.queue}' does not exist; known: {', '.join(queues)}")
    reserves = new.reserved_from is not None
    return replace(new, types=with_container(connection, new.types, reserves=reserves))


def _settled(asked: Alternative, default_s: int) -> Alternative:
    """Settle the walltime; a rule that made it shorter may have left a least one that is not less."""
    walltime_s, least_s = asked.walltime_s or default_s, asked.least_walltime_s
    return replace(
        asked,
        walltime_s=walltime_s,
        least_walltime_s=least_s if least_s is not None and least_s < walltime_s else None,
    )
