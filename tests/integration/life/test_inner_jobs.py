"""What becomes of the jobs inside a container that is killed, or whose copy takes its place."""

import pytest
from sqlalchemy import Connection, select

from oar.core.events import EventKind
from oar.core.states import JobState
from oar.db.events import record
from oar.db.inner_jobs import kill_inner_jobs
from oar.db.resubmit import resubmit
from oar.db.tables_jobs import JobTypeRow
from tests.integration.life.build import add_job

pytestmark = pytest.mark.integration


def types_of(connection: Connection, job_id: int) -> set[str]:
    return set(connection.scalars(select(JobTypeRow.type).where(JobTypeRow.job_id == job_id)))


def evict(connection: Connection, job_id: int) -> None:
    record(connection, EventKind.BESTEFFORT_KILL, job_id=job_id, now=1000)


@pytest.mark.parametrize("name", ["box", None])
def test_the_jobs_inside_go_with_their_container(connection: Connection, name: str | None):
    container = add_job(connection, JobState.RUNNING, types=(f"container={name}" if name else "container",))
    inner = [
        add_job(connection, state, types=(f"inner={name or container}",))
        for state in (JobState.RUNNING, JobState.WAITING)
    ]
    add_job(connection, JobState.TERMINATED, types=(f"inner={name or container}",))
    add_job(connection, types=("inner=999",))
    assert kill_inner_jobs(connection, container, 1000) == frozenset(inner)


def test_the_jobs_inside_stay_while_another_container_of_the_name_does(connection: Connection):
    container, _ = (add_job(connection, JobState.RUNNING, types=("container=box",)) for _ in range(2))
    add_job(connection, JobState.RUNNING, types=("inner=box",))
    assert kill_inner_jobs(connection, container, 1000) == frozenset()


def test_of_an_evicted_container_that_comes_back_only_the_started_jobs_inside_go(connection: Connection):
    container = add_job(connection, JobState.RUNNING, types=("container", "besteffort", "idempotent"))
    evict(connection, container)
    started = add_job(connection, JobState.RUNNING, types=(f"inner={container}",))
    add_job(connection, types=(f"inner={container}",))
    assert kill_inner_jobs(connection, container, 1000) == frozenset([started])


def test_jobs_that_wait_for_a_container_wait_for_its_copy(connection: Connection):
    container = add_job(connection, JobState.ERROR, types=("container", "idempotent"))
    waiting = add_job(connection, types=(f"inner={container}",))
    running = add_job(connection, JobState.RUNNING, types=(f"inner={container}",))
    copy = resubmit(connection, container, 1000, after_failure=False)
    assert types_of(connection, waiting) == {f"inner={copy}"}
    assert types_of(connection, running) == {f"inner={container}"}


def test_the_copy_of_a_job_inside_goes_into_the_last_copy_of_its_container(connection: Connection):
    container = add_job(connection, JobState.ERROR, types=("container", "idempotent"))
    inner = add_job(connection, JobState.ERROR, types=(f"inner={container}", "idempotent"))
    last = container
    for _ in range(2):
        last = resubmit(connection, last, 1000, after_failure=False)
    copy = resubmit(connection, inner, 1000, after_failure=False)
    assert types_of(connection, copy) == {f"inner={last}", "idempotent"}
