"""What the end of a job means for those that depend on it, read from the database."""

import pytest
from sqlalchemy import update

from oar.core.events import EventKind
from oar.core.job_life import JobSignal
from oar.db.consequences import apply_event
from oar.db.engine import database_now
from oar.db.events import pending, record
from oar.db.tables_admin import QueueRow
from oar.db.tables_jobs import JobRow
from oar.kao.metascheduler import Metascheduler
from oar.settings import SchedulerSettings
from tests.integration.kao.site import Site

REQUEST = "resource_id=1,walltime=0:1:0"
NEEDS_SUCCESS = SchedulerSettings(dependencies_need_success=True)


def strict(site: Site) -> Metascheduler:
    return Metascheduler(site.engine, site.metascheduler.reader, NEEDS_SUCCESS)


def ended(site: Site, exit_code: int) -> tuple[int, int]:
    """Let a job end, and another wait for it."""
    first = site.job(REQUEST)
    second = site.job(REQUEST, after=(first,))
    site.metascheduler.run()
    site.run_job(first)
    site.end_job(first, exit_code)
    return first, second


@pytest.mark.parametrize("exit_code", [0, 256])
def test_d3_d4_a_job_starts_after_any_end_of_the_job_it_depends_on(site: Site, exit_code: int) -> None:
    _, second = ended(site, exit_code)
    assert site.metascheduler.run().to_launch == (second,)


def test_d3_a_job_that_ended_well_is_enough_where_success_is_required(site: Site) -> None:
    _, second = ended(site, 0)
    assert strict(site).run().to_launch == (second,)


def test_d4_a_job_that_ended_badly_holds_others_back_where_success_is_required(site: Site) -> None:
    first, second = ended(site, 256)
    assert strict(site).run().to_launch == ()
    assert (
        site.column(second, JobRow.scheduler_info) == f"depends on job {first}, which ended with exit code 1"
    )


def test_d2_a_job_that_was_killed_holds_others_back_where_success_is_required(site: Site) -> None:
    first = site.job(REQUEST)
    second = site.job(REQUEST, after=(first,))
    site.move(first, JobSignal.KILL)
    strict(site).run()
    assert site.column(second, JobRow.scheduler_info) == f"depends on job {first}, which ended in error"
    assert site.metascheduler.run().to_launch == (second,)


def test_a_queue_with_a_quota_scheduler_of_oar_2_takes_any_end(site: Site) -> None:
    _, second = ended(site, 256)
    policy = "oar_sched_gantt_with_timesharing_and_fairsharing_and_quotas"
    with site.engine.begin() as connection:
        connection.execute(update(QueueRow).values(scheduler_policy=policy))
    assert strict(site).run().to_launch == (second,)


def test_a_job_waits_for_the_copy_of_a_failed_job_and_not_for_the_failed_one(site: Site) -> None:
    first = site.job(REQUEST)
    second = site.job(REQUEST, after=(first,))
    site.metascheduler.run()
    site.move(first, JobSignal.LAUNCH)
    with site.engine.begin() as connection:
        now = database_now(connection)
        record(connection, EventKind.CPUSET_ERROR, job_id=first, now=now)
        for event in pending(connection):
            copy = apply_event(connection, event, now).resubmitted_as
    for metascheduler in (strict(site), site.metascheduler):
        metascheduler.run()
        assert site.states()[second] == "Waiting"
    assert f"job {copy}" in site.column(second, JobRow.scheduler_info)
    site.run_job(copy)
    site.end_job(copy)
    assert strict(site).run().to_launch == (second,)
