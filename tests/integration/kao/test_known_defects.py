"""What went wrong in OAR 2 or OAR 3 between a round and the database, so that it does not go wrong here."""

from collections.abc import Sequence

import pytest
from sqlalchemy import delete, select, text, update

from oar.core.job_life import JobSignal
from oar.core.states import JobState
from oar.db.engine import database_now
from oar.db.resources import add_resource, load_resources
from oar.db.tables_admin import EventHostnameRow, EventRow
from oar.db.tables_jobs import JobRow
from oar.db.tables_resources import PredictionRow, ResourceRow
from tests.integration.databases import Database
from tests.integration.kao.site import SETTINGS, Site, make_site

TEN_MINUTES = "walltime=0:10:0"


def run_job(site: Site, request: str, **wishes: object) -> int:
    job = site.job(request, **wishes)
    site.metascheduler.run()
    site.run_job(job)
    return job


def events(site: Site, *jobs: int) -> list[tuple[object, ...]]:
    """What is recorded of jobs: kind, job, whether something is to be done about it, words."""
    columns = EventRow.type, EventRow.job_id, EventRow.to_check, EventRow.description
    query = select(*columns).where(EventRow.job_id.in_(jobs)).order_by(EventRow.event_id)
    with site.engine.connect() as connection:
        assert connection.scalars(select(EventHostnameRow.hostname)).all() == []
        return [tuple(row) for row in connection.execute(query)]


def reserve(site: Site, request: str) -> int:
    """A reservation that was granted, an hour ahead."""
    with site.engine.connect() as connection:
        begin = database_now(connection) + 3600
    job = site.job(request, reserved_from=begin)
    site.metascheduler.run()
    return job


def begin_earlier(site: Site, job: int, seconds_ago: int) -> None:
    with site.engine.begin() as connection:
        begin = database_now(connection) - seconds_ago
        connection.execute(update(JobRow).where(JobRow.job_id == job).values(start_time=begin))
        connection.execute(update(PredictionRow).values(start_time=begin))


def set_state(site: Site, state: str, numbers: Sequence[int]) -> None:
    with site.engine.begin() as connection:
        change = update(ResourceRow).where(ResourceRow.resource_id.in_(numbers))
        connection.execute(change.values(state=state))


def test_resources_with_ids_beyond_100000_are_planned_given_and_freed(database: Database) -> None:
    first = 2**31 - 100
    with database.engine.begin() as connection:
        connection.execute(text(f"ALTER SEQUENCE resources_resource_id_seq RESTART WITH {first}"))
        add_resource(connection, "far", {}, now=1000)
    site = make_site(database, 2, 2)
    job, behind = site.job(f"nodes=3,{TEN_MINUTES}"), site.job(f"nodes=3,{TEN_MINUTES}")
    assert site.metascheduler.run().to_launch == (job,)
    assert site.held(job) == site.plan()[behind][1] == f"{first}-{first + 4}"
    site.run_job(job)
    site.end_job(job)
    assert site.metascheduler.run().to_launch == (behind,)


def test_every_suspended_job_leaves_its_resources_not_only_the_last_of_them(five: Site) -> None:
    jobs = [run_job(five, f"resource_id={count},{TEN_MINUTES}") for count in (2, 3)]
    for job in jobs:
        five.move(job, JobSignal.SUSPEND)
    other = five.job(f"resource_id=5,{TEN_MINUTES}")
    assert five.metascheduler.run().to_launch == (other,)


@pytest.mark.parametrize("state", ["Dead", "Suspected"])
def test_a_condition_that_selects_lost_resources_does_not_add_the_first_ones(five: Site, state: str) -> None:
    set_state(five, state, [4])
    job = five.job(f"resource_id=2,{TEN_MINUTES}", properties="resource_id in (4, 5)")
    five.metascheduler.run()
    assert (five.states()[job], five.plan()) == (JobState.WAITING, {})


@pytest.mark.parametrize("state", ["Dead", "Suspected"])
def test_a_job_on_lost_resources_does_not_take_the_first_ones_instead(five: Site, state: str) -> None:
    run_job(five, f"resource_id=2,{TEN_MINUTES}", properties="resource_id in (3, 4)")
    set_state(five, state, [3, 4])
    job = five.job(f"resource_id=3,{TEN_MINUTES}")
    assert five.metascheduler.run().to_launch == (job,)
    assert five.held(job) == "1-2 5"


def test_events_of_an_eviction_are_of_the_right_job_with_the_right_words(five: Site) -> None:
    running = run_job(five, f"resource_id=4,{TEN_MINUTES}", queue="besteffort", types=("besteffort",))
    job = five.job(f"resource_id=4,{TEN_MINUTES}")
    five.metascheduler.run()
    assert events(five, running, job) == [
        ("FRAG_JOB_REQUEST", running, "YES", f"User oar requested to frag the job {running}"),
        ("BESTEFFORT_KILL", running, "NO", f"room for job {job}"),
    ]


def test_events_of_a_checkpoint_are_of_the_right_job_with_the_right_words(five: Site) -> None:
    running = run_job(five, f"resource_id=4,{TEN_MINUTES}", queue="besteffort", types=("besteffort",))
    with five.engine.begin() as connection:
        connection.execute(update(JobRow).where(JobRow.job_id == running).values(checkpoint=60))
    job = five.job(f"resource_id=4,{TEN_MINUTES}")
    five.metascheduler.run()
    assert events(five, running, job) == [("CHECKPOINT", running, "YES", f"room for job {job}")]
    with five.engine.begin() as connection:
        connection.execute(update(EventRow).values(date=EventRow.date - 61))
    five.metascheduler.run()
    assert events(five, running, job)[2:] == [
        ("CHECKPOINT_TIMEOUT", running, "NO", "has not ended in its checkpoint seconds"),
        ("BESTEFFORT_KILL", running, "NO", f"room for job {job}"),
    ]


def test_events_of_a_reservation_that_starts_late_and_smaller_are_of_the_right_job(five: Site) -> None:
    job = reserve(five, "resource_id=3,walltime=2")
    begin_earlier(five, job, 301)
    set_state(five, "Absent", [3])
    assert five.metascheduler.run().to_launch == (job,)
    (shrunk, late) = events(five, job)
    assert shrunk[:3] == ("SCHEDULER_REDUCE_NB_NODES_FOR_RESERVATION", job, "NO")
    assert late[:3] == ("REDUCE_RESERVATION_WALLTIME", job, "NO")
    assert shrunk[3] == "starts with 2 resources of 3: 1 not usable"
    assert str(late[3]).startswith("walltime reduced from 2:0:0 to 1:5")


def test_events_of_a_lost_plan_are_of_the_right_job_with_the_right_words(five: Site) -> None:
    job = reserve(five, f"resource_id=4,{TEN_MINUTES}")
    with five.engine.begin() as connection:
        connection.execute(delete(PredictionRow))
    five.metascheduler.run()
    assert events(five, job) == [
        ("GET_RESOURCES_BACK_FOR_RESERVATION", job, "NO", "Renewed resources for reservation: 1-4")
    ]


@pytest.mark.parametrize("order", [SETTINGS.resource_order, SETTINGS.reservation_order])
def test_names_of_nodes_sort_by_their_numbers_and_not_as_text(database: Database, order: str) -> None:
    names = ["b-1", "a-10", "a-2", "a-1", "b-9", "a-100"]
    with database.engine.begin() as connection:
        for name in names:
            add_resource(connection, name, {}, now=1000)
    with database.reader.connect() as connection:
        sorted_names = [one.node for one in load_resources(connection, order)]
    assert sorted_names == ["a-1", "a-2", "a-10", "a-100", "b-1", "b-9"]
