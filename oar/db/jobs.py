"""Writes new jobs: all rows of a submission, for one job as for a large array."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from secrets import randbelow
from typing import Any

from sqlalchemy import Connection, insert, select
from sqlalchemy.orm import DeclarativeBase

from oar.core.job import Alternative
from oar.core.job_key import JobKey
from oar.core.states import JobState, JobType, ReservationState
from oar.db.tables_jobs import (
    ChallengeRow,
    DependencyRow,
    GroupRow,
    JobRow,
    JobStateLogRow,
    JobTypeRow,
    LevelRow,
    MoldableRow,
)
from oar.errors import BadRequest

CHALLENGE_LIMIT = 10**18
"""A challenge is a number below this: the most digits that the server reads."""
CHECKPOINT_SIGNAL = 12
"""SIGUSR2, which oarexec sends to a command that is told to save its work."""


class UnknownJobs(BadRequest):
    """Jobs that a submission depends on are not there."""

    def __init__(self, ids: Iterable[int]) -> None:
        self.ids = sorted(ids)
        super().__init__(f"-a: there is no job {', '.join(map(str, self.ids))}")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJobs:
    """What the jobs of one submission share, and the command of each; each alternative has a walltime."""

    user: str
    group: str
    host: str
    queue: str
    project: str
    name: str
    properties: str
    types: Sequence[str]
    alternatives: Sequence[Alternative]
    commands: Sequence[str]
    directory: str
    stdout: str
    stderr: str
    hold: bool
    required_jobs: Collection[int]
    initial_request: str
    message: str
    checkpoint_s: int = 0
    checkpoint_signal: int = CHECKPOINT_SIGNAL
    notify: str = ""
    interactive: bool = False
    keys: Sequence[JobKey] = ()
    """The key of each job, in the order of the commands; empty when they have none."""
    port: int | None = None
    """Where on ``host`` the oarsub listens that waits for the jobs, None when none does."""
    reserved_from: int | None = None
    """The date of an advance reservation, 0 for the date at which it is written; None for other jobs."""


def insert_jobs(connection: Connection, new: NewJobs, now: int) -> list[int]:
    """Write the jobs as Waiting, or Hold, in the order of their commands; returns their ids.

    Raises :class:`UnknownJobs` when they depend on jobs that do not exist.
    """
    check_required(connection, new.required_jobs, keeps=True)  # until what depends on them is written
    job_ids = _take_ids(connection, "jobs", "job_id", len(new.commands))
    state = JobState.HOLD if new.hold else JobState.WAITING
    shared = _shared_values(new, now)
    _write(
        connection,
        JobRow,
        (
            shared
            | {
                "job_id": job_id,
                "array_id": job_ids[0],
                "array_index": index,
                "command": command,
                "state": state,
            }
            for index, (job_id, command) in enumerate(zip(job_ids, new.commands, strict=True), 1)
        ),
    )
    _write(connection, ChallengeRow, _secrets(job_ids, new.keys))
    _write_requests(connection, job_ids, new.alternatives)
    _write(connection, JobTypeRow, ({"job_id": one, "type": word} for one in job_ids for word in new.types))
    _write(
        connection,
        DependencyRow,
        ({"job_id": one, "job_id_required": other} for one in job_ids for other in sorted(new.required_jobs)),
    )
    logs = ({"job_id": one, "job_state": state, "date_start": now} for one in job_ids)
    _write(connection, JobStateLogRow, logs)
    return job_ids


def _secrets(job_ids: Sequence[int], keys: Sequence[JobKey]) -> Iterator[dict[str, Any]]:
    for job_id, key in zip_longest(job_ids, keys):
        given = {"ssh_private_key": key.private, "ssh_public_key": key.public} if key else {}
        yield {"job_id": job_id, "challenge": new_challenge(), **given}


def new_challenge() -> str:
    """Make the secret that proves that a report is about a job."""
    return str(randbelow(CHALLENGE_LIMIT))


def _shared_values(new: NewJobs, now: int) -> dict[str, Any]:
    return {
        "initial_request": new.initial_request,
        "job_name": new.name or None,
        "job_type": JobType.INTERACTIVE if new.interactive else JobType.PASSIVE,
        "info_type": f"{new.host}:{new.port or ''}",
        "message": new.message,
        "job_user": new.user,
        "project": new.project,
        "job_group": new.group,
        "queue_name": new.queue,
        "properties": new.properties,
        "launching_directory": new.directory,
        "submission_time": now,
        "checkpoint": new.checkpoint_s,
        "checkpoint_signal": new.checkpoint_signal,
        "stdout_file": new.stdout,
        "stderr_file": new.stderr,
        "notify": new.notify or None,
    } | ({} if new.reserved_from is None else _reservation_values(new.reserved_from or now))


def _reservation_values(start: int) -> dict[str, Any]:
    return {"reservation": ReservationState.TO_SCHEDULE, "start_time": start}


def check_required(connection: Connection, required: Collection[int], *, keeps: bool = False) -> None:
    """Raise :class:`UnknownJobs` for jobs that do not exist; ``keeps`` those that do until the commit."""
    if not required:
        return
    query = select(JobRow.job_id).where(JobRow.job_id.in_(required))
    if keeps:
        query = query.with_for_update(read=True, key_share=True)
    if unknown := set(required) - set(connection.scalars(query)):
        raise UnknownJobs(unknown)


def _write_requests(
    connection: Connection, job_ids: Sequence[int], alternatives: Sequence[Alternative]
) -> None:
    """Write the alternatives of each job; ids rise in the order in which they were asked for."""
    of_jobs = [(job_id, one) for job_id in job_ids for one in alternatives]
    moldable_ids = _take_ids(connection, "moldable_job_descriptions", "moldable_id", len(of_jobs))
    moldables = list(zip(moldable_ids, of_jobs, strict=True))
    _write(
        connection,
        MoldableRow,
        (
            {
                "moldable_id": moldable_id,
                "moldable_job_id": job_id,
                "moldable_walltime": one.walltime_s,
                "least_walltime": one.least_walltime_s,
                "most_walltime": one.walltime_s if one.least_walltime_s else None,
            }
            for moldable_id, (job_id, one) in moldables
        ),
    )
    of_moldables = [
        (moldable_id, group) for moldable_id, (_, one) in moldables for group in one.request.groups
    ]
    group_ids = _take_ids(connection, "job_resource_groups", "res_group_id", len(of_moldables))
    groups = list(zip(group_ids, of_moldables, strict=True))
    _write(
        connection,
        GroupRow,
        (
            {
                "res_group_id": group_id,
                "res_group_moldable_id": moldable_id,
                "res_group_property": group.filter,
            }
            for group_id, (moldable_id, group) in groups
        ),
    )
    _write(
        connection,
        LevelRow,
        (
            {
                "res_job_group_id": group_id,
                "res_job_resource_type": level.name,
                "res_job_value": level.count,
                "res_job_order": order,
            }
            for group_id, (_, group) in groups
            for order, level in enumerate(group.levels)
        ),
    )


def _take_ids(connection: Connection, table: str, column: str, count: int) -> list[int]:
    """Reserve new ids, rising; rows that refer to each other can then be written without reading back."""
    query = "SELECT nextval(pg_get_serial_sequence(%s, %s)) FROM generate_series(1, %s)"
    return sorted(connection.exec_driver_sql(query, (table, column, count)).scalars())


def _write(connection: Connection, row: type[DeclarativeBase], values: Iterator[dict[str, Any]]) -> None:
    rows = list(values)
    if rows:
        connection.execute(insert(row), rows)
