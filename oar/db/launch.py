"""One job as the server must know it to start it on its nodes, or to end it there."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, func, select, text

from oar.core.frontend import host_of, works_on_nodes
from oar.core.job_key import JobKey
from oar.core.states import JobState, JobType, KillState
from oar.db.endings import resources_of
from oar.db.sets import among
from oar.db.tables_jobs import ChallengeRow, JobRow, JobTypeRow, KillRow, MoldableRow
from oar.db.tables_resources import ResourceRow
from oar.settings import FrontendSettings

DEFAULT_TYPE = "default"
"""The type of the resources that are a part of a node."""


# Built once: SQLAlchemy then knows the statement again, and its text, without looking through it.
_TYPES = (
    select(func.array_agg(JobTypeRow.type)).where(JobTypeRow.job_id == bindparam("job")).scalar_subquery()
)
_JOB = (
    select(
        JobRow.job_id,
        JobRow.state,
        JobRow.job_user,
        JobRow.array_id,
        JobRow.array_index,
        JobRow.job_name,
        JobRow.project,
        JobRow.command,
        JobRow.launching_directory,
        JobRow.stdout_file,
        JobRow.stderr_file,
        JobRow.checkpoint_signal,
        JobRow.reservation,
        JobRow.job_type,
        JobRow.start_time,
        JobRow.assigned_moldable_job,
        MoldableRow.moldable_walltime,
        ChallengeRow.challenge,
        ChallengeRow.ssh_private_key,
        ChallengeRow.ssh_public_key,
        KillRow.frag_state,
        _TYPES.label("types"),
    )
    .join(MoldableRow, MoldableRow.moldable_id == JobRow.assigned_moldable_job)
    .outerjoin(ChallengeRow, ChallengeRow.job_id == JobRow.job_id)
    .outerjoin(KillRow, KillRow.frag_id_job == JobRow.job_id)
    .where(JobRow.job_id == bindparam("job"))
)
_KILL = select(KillRow.frag_state).where(KillRow.frag_id_job == bindparam("job"))


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOnNodes:
    """A job with what it was given; ``resources`` are full rows, ``types`` maps a type to its value or "".

    ``kill`` is how far a kill of it has come, None when none was asked for.
    """

    job_id: int
    state: JobState
    user: str
    array_id: int
    array_index: int
    name: str | None
    project: str
    command: str
    launching_directory: str
    stdout_file: str
    stderr_file: str
    checkpoint_signal: int
    reservation: str
    mode: JobType
    start_time: int
    walltime_s: int
    challenge: str
    resources: tuple[Mapping[str, Any], ...]
    types: Mapping[str, str]
    kill: KillState | None
    key: JobKey | None = None
    """The key that the job was submitted with."""

    @property
    def is_noop(self) -> bool:
        """Tell whether the job only holds its resources: nothing of it ever exists on a node."""
        return "noop" in self.types

    @property
    def kill_is_open(self) -> bool:
        """Tell whether somebody wants the job's end and has not got it yet."""
        return self.kill is not None and self.kill is not KillState.DONE

    @property
    def nodes(self) -> tuple[str, ...]:
        """The nodes of the job, in alphabetical order."""
        addresses = {str(row["network_address"]) for row in self.resources if row.get("type") == DEFAULT_TYPE}
        return tuple(sorted(addresses - {""}))

    @property
    def works_on_nodes(self) -> bool:
        """Tell whether anything of the job is on its nodes; else its command runs on a frontend."""
        return not self.is_noop and works_on_nodes(self.types, self.nodes)

    def host(self, frontends: FrontendSettings) -> str:
        """Name the machine that oarexec runs on."""
        return host_of(self.types, self.nodes, frontends)


def read_job(connection: Connection, job_id: int) -> JobOnNodes | None:
    """Read a job that was given resources; None when it is unknown or was given none."""
    row = connection.execute(_JOB, {"job": job_id}).one_or_none()
    if row is None:
        return None
    return _to_job(row, _resource_rows(connection, resources_of(connection, row.assigned_moldable_job)))


def read_kill(connection: Connection, job_id: int) -> KillState | None:
    """Say how far a kill of the job has come; None when none was asked for."""
    state = connection.execute(_KILL, {"job": job_id}).scalar_one_or_none()
    return None if state is None else KillState(state)


def find_killed(connection: Connection, job_ids: Sequence[int]) -> dict[int, bool]:
    """Tell of each job whether its end is asked for and has not come yet."""
    killed = connection.execute(
        select(KillRow.frag_id_job).where(
            among(KillRow.frag_id_job, job_ids), KillRow.frag_state != KillState.DONE
        )
    )
    found = frozenset(killed.scalars())
    return {job_id: job_id in found for job_id in job_ids}


def whole_nodes(connection: Connection, job: JobOnNodes) -> tuple[str, ...]:
    """Name the nodes of a job that it has all resources of."""
    has = Counter(str(row["network_address"]) for row in job.resources if row.get("type") == DEFAULT_TYPE)
    there = connection.execute(
        select(ResourceRow.network_address, func.count())
        .where(ResourceRow.network_address.in_(job.nodes), ResourceRow.type == DEFAULT_TYPE)
        .group_by(ResourceRow.network_address)
    )
    return tuple(sorted(node for node, count in there if has[node] == count))


def _resource_rows(connection: Connection, ids: Iterable[int]) -> tuple[Mapping[str, Any], ...]:
    # Not the mapped class: sites add columns at run time, and the nodes are told all of them.
    rows = connection.execute(
        select(text("*"))
        .select_from(ResourceRow.__table__)
        .where(among(ResourceRow.resource_id, ids))
        .order_by(ResourceRow.resource_id)
    )
    return tuple(dict(row) for row in rows.mappings())


def _to_job(row: Any, resources: tuple[Mapping[str, Any], ...]) -> JobOnNodes:
    pairs = (word.partition("=") for word in row.types or ())
    return JobOnNodes(
        job_id=row.job_id,
        state=JobState(row.state),
        user=row.job_user,
        array_id=row.array_id,
        array_index=row.array_index,
        name=row.job_name,
        project=row.project,
        command=row.command or "",
        launching_directory=row.launching_directory,
        stdout_file=_file_name(row, row.stdout_file, "stdout"),
        stderr_file=_file_name(row, row.stderr_file, "stderr"),
        checkpoint_signal=row.checkpoint_signal,
        reservation=row.reservation,
        mode=JobType(row.job_type),
        start_time=row.start_time,
        walltime_s=row.moldable_walltime,
        challenge=row.challenge or "",
        resources=resources,
        types={name: value for name, _, value in pairs},
        kill=KillState(row.frag_state) if row.frag_state else None,
        key=JobKey(row.ssh_private_key, row.ssh_public_key) if row.ssh_private_key else None,
    )


def _file_name(row: Any, stored: str | None, kind: str) -> str:
    default = f"OAR.{row.job_name}.%jobid%.{kind}" if row.job_name else f"OAR.%jobid%.{kind}"
    return (stored or default).replace("%jobid%", str(row.job_id))
