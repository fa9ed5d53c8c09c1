"""The jobs inside a container: what becomes of them when it is killed, or when a copy takes its place."""

from collections.abc import Collection

from sqlalchemy import Connection, select, update
from sqlalchemy.orm import aliased

from oar.core.events import EventKind
from oar.core.states import FINAL_STATES, JobState, RowIndex
from oar.db.events import has_event, record_for_jobs
from oar.db.kills import SERVER, ask_kills
from oar.db.tables_jobs import JobRow, JobTypeRow

_LIVE = tuple(sorted(state for state in JobState if state not in FINAL_STATES))
_UNSTARTED = (JobState.WAITING, JobState.HOLD)


def kill_inner_jobs(connection: Connection, container: int, now: int) -> frozenset[int]:
    """Ask for the end of the jobs inside a container that is killed; give those for which that is new.

    They stay when another container of the same name does. When the container is evicted and comes back,
    those that have not started wait for it, and the others are evicted with it.
    """
    types = _types_of(connection, container)
    names = _own_names(connection, container, types)
    if not names:
        return frozenset()
    evicted = has_event(connection, container, EventKind.BESTEFFORT_KILL)
    comes_back = evicted and {"besteffort", "idempotent"} <= set(types)
    found = (
        select(JobRow.job_id)
        .join(JobTypeRow, JobTypeRow.job_id == JobRow.job_id)
        .where(
            JobTypeRow.type.in_([f"inner={name}" for name in sorted(names)]),
            JobTypeRow.types_index == RowIndex.CURRENT,
            JobRow.state.in_([state for state in _LIVE if not (comes_back and state in _UNSTARTED)]),
        )
        .order_by(JobRow.job_id)
    )
    asked = ask_kills(connection, list(connection.scalars(found)), SERVER, now)
    if evicted:
        words = dict.fromkeys(sorted(asked), f"its container {container} makes room")
        record_for_jobs(connection, EventKind.BESTEFFORT_KILL, words, now=now)
    return asked


def follow_copy(connection: Connection, container: int, copy: int) -> None:
    """Let the jobs that wait for a container without a name wait for its copy."""
    if "container" not in _types_of(connection, container):
        return
    waiting = select(JobRow.job_id).where(JobRow.state.in_(_UNSTARTED))
    connection.execute(
        update(JobTypeRow)
        .where(
            JobTypeRow.type == f"inner={container}",
            JobTypeRow.types_index == RowIndex.CURRENT,
            JobTypeRow.job_id.in_(waiting),
        )
        .values(type=f"inner={copy}")
    )


def find_copied_container(connection: Connection, job_id: int) -> None:
    """Let a job that names a container by an id name the copy that has taken its place, if one has."""
    for word in _types_of(connection, job_id):
        name, _, value = word.partition("=")
        if name == "inner" and value.isdecimal() and (copy := _last_copy(connection, int(value))):
            rows = JobTypeRow.job_id == job_id, JobTypeRow.type == word
            connection.execute(update(JobTypeRow).where(*rows).values(type=f"inner={copy}"))


def _types_of(connection: Connection, job_id: int) -> list[str]:
    return list(connection.scalars(select(JobTypeRow.type).where(JobTypeRow.job_id == job_id)))


def _own_names(connection: Connection, container: int, types: Collection[str]) -> set[str]:
    """Give the names by which inner jobs know the container, and no other live one."""
    words = [word for word in types if word == "container" or word.startswith("container=")]
    if not words:
        return set()
    named = {word.partition("=")[2] for word in words} - {""}
    if not named:
        return {str(container)}
    others = connection.scalars(
        select(JobTypeRow.type)
        .join(JobRow, JobRow.job_id == JobTypeRow.job_id)
        .where(
            JobTypeRow.type.in_([f"container={name}" for name in sorted(named)]),
            JobTypeRow.types_index == RowIndex.CURRENT,
            JobRow.state.in_(_LIVE),
            JobRow.job_id != container,
        )
    )
    shared = {word.partition("=")[2] for word in others}
    return {str(container), *named} - shared


def _last_copy(connection: Connection, job_id: int) -> int | None:
    """Follow the copies of a job; a copy has a larger id than its original."""
    last = None
    while True:
        copy = aliased(JobRow)
        found = connection.scalar(
            select(copy.job_id).where(copy.resubmit_job_id == job_id, copy.job_id > job_id).limit(1)
        )
        if found is None:
            return last
        last = job_id = found
