"""Submits a copy of an ended job in its place."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Table, insert, literal, select, update
from sqlalchemy.orm import DeclarativeBase, aliased

from oar.core.states import JobState, JobType, ReservationState, RowIndex
from oar.db.inner_jobs import find_copied_container, follow_copy
from oar.db.jobs import new_challenge
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

FAILED_COPIES_AT_MOST = 3
"""After so many copies in a row that never gave the user's command an end, the job is at fault."""

_SECRETS = "ssh_private_key", "ssh_public_key"


def resubmit(connection: Connection, job_id: int, now: int, *, after_failure: bool) -> int | None:
    """Submit a copy of a passive job that was no reservation and return its id; only once per job.

    None when the job may not be copied: it has a copy already, or too many copies ``after_failure``. The copy
    keeps array, command, types, files and request; it takes over the keys, and the jobs that wait for it
    or, where it is a container, to be inside it.
    """
    if not _may(connection, job_id) or (after_failure and _too_often(connection, job_id)):
        return None
    changes = {
        "state": JobState.WAITING,
        "resubmit_job_id": job_id,
        "submission_time": now,
        "start_time": 0,
        "stop_time": 0,
        "exit_code": None,
        "message": "",
        "scheduler_info": "",
        "assigned_moldable_job": None,
        "accounted": "NO",
        "suspended": "NO",
    }
    (new_id,) = _copy(connection, JobRow, JobRow.job_id == job_id, changes).values()
    connection.execute(
        insert(JobStateLogRow).values(job_id=new_id, job_state=JobState.WAITING, date_start=now)
    )
    _copy_request(connection, job_id, new_id)
    _copy(connection, JobTypeRow, JobTypeRow.job_id == job_id, _current("types_index", job_id=new_id))
    _hand_over(connection, job_id, new_id)
    follow_copy(connection, job_id, new_id)
    find_copied_container(connection, new_id)
    return new_id


def _may(connection: Connection, job_id: int) -> bool:
    """Tell whether the job is of the right kind and has no copy; the lock makes that hold until the commit.

    A copy has a larger id than its original, so that the primary key bounds the search in databases
    without an index on ``resubmit_job_id``.
    """
    copy = aliased(JobRow)
    has_copy = select(literal(1)).where(copy.resubmit_job_id == job_id, copy.job_id > job_id).exists()
    suits = (
        select(JobRow.job_id)
        .where(
            JobRow.job_id == job_id,
            JobRow.job_type == JobType.PASSIVE,
            JobRow.reservation == ReservationState.NONE,
        )
        .with_for_update(key_share=True)
    )
    if connection.execute(suits).first() is None:
        return False
    return not connection.execute(select(has_copy)).scalar_one()


def _too_often(connection: Connection, job_id: int) -> bool:
    """Tell whether the job is the last of too long a row of copies without an exit code."""
    copies, current = 0, job_id
    while copies < FAILED_COPIES_AT_MOST:
        original = aliased(JobRow)
        found = connection.execute(
            select(original.job_id)
            .join(JobRow, JobRow.resubmit_job_id == original.job_id)
            .where(JobRow.job_id == current, original.exit_code.is_(None))
        ).scalar_one_or_none()
        if found is None:
            return False
        copies, current = copies + 1, found
    return True


def _copy_request(connection: Connection, job_id: int, new_id: int) -> None:
    moldables = _copy(
        connection,
        MoldableRow,
        MoldableRow.moldable_job_id == job_id,
        _current("moldable_index", moldable_job_id=new_id),
    )
    # The original may have been given less than the most it asked for.
    connection.execute(
        update(MoldableRow)
        .where(MoldableRow.moldable_job_id == new_id, MoldableRow.most_walltime.is_not(None))
        .values(moldable_walltime=MoldableRow.most_walltime)
    )
    for moldable_id, new_moldable in moldables.items():
        groups = _copy(
            connection,
            GroupRow,
            GroupRow.res_group_moldable_id == moldable_id,
            _current("res_group_index", res_group_moldable_id=new_moldable),
        )
        for group_id, new_group in groups.items():
            _copy_levels(connection, group_id, new_group)


def _copy_levels(connection: Connection, group_id: int, new_group: int) -> None:
    table = _table(LevelRow)
    changes = _current("res_job_index", res_job_group_id=new_group)
    values = [literal(changes[column.name]) if column.name in changes else column for column in table.columns]
    source = select(*values).where(LevelRow.res_job_group_id == group_id)
    connection.execute(insert(table).from_select([column.name for column in table.columns], source))


def _hand_over(connection: Connection, job_id: int, new_id: int) -> None:
    """Give the copy its own challenge, the original's keys, and the jobs that wait for the original."""
    keys = connection.execute(
        select(ChallengeRow.ssh_private_key, ChallengeRow.ssh_public_key).where(ChallengeRow.job_id == job_id)
    ).one_or_none()
    given = dict(zip(_SECRETS, keys or ("", ""), strict=True))
    connection.execute(insert(ChallengeRow).values(job_id=new_id, challenge=new_challenge(), **given))
    connection.execute(
        update(ChallengeRow).where(ChallengeRow.job_id == job_id).values(dict.fromkeys(_SECRETS, ""))
    )
    connection.execute(
        update(DependencyRow)
        .where(
            DependencyRow.job_id_required == job_id,
            DependencyRow.job_dependency_index == RowIndex.CURRENT,
        )
        .values(job_id_required=new_id)
    )


def _current(column: str, **changes: int) -> dict[str, Any]:
    return {column: RowIndex.CURRENT, **changes}


def _table(row: type[DeclarativeBase]) -> Table:
    table = row.__table__
    assert isinstance(table, Table)  # noqa: S101  the mapping knows no other kind here
    return table


def _copy(
    connection: Connection, row: type[DeclarativeBase], condition: Any, changes: Mapping[str, Any]
) -> dict[int, int]:
    """Copy rows with some columns changed; return the new id of each, in the order of the old ones."""
    table = _table(row)
    (key,) = table.primary_key.columns
    new_ids: dict[int, int] = {}
    for old in connection.execute(select(*table.columns).where(condition).order_by(key)).mappings().all():
        values = {name: value for name, value in old.items() if name != key.name} | dict(changes)
        new_ids[old[key.name]] = connection.execute(insert(table).values(values).returning(key)).scalar_one()
    return new_ids
