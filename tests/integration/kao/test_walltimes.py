"""Requests for another walltime, and jobs that resume, in rounds on a real database."""

from dataclasses import replace

import pytest
from sqlalchemy import event, insert, select, update

from oar.core.job import JobId
from oar.core.job_life import JobSignal
from oar.core.walltime_change import WalltimeGrant, WalltimeRequest
from oar.db.engine import database_now
from oar.db.kills import ask_kill, kill_overdue
from oar.db.tables_admin import EventRow
from oar.db.tables_jobs import JobRow, MoldableRow, WalltimeChangeRow
from oar.db.walltime_changes import give_up_requests, write_grants
from oar.kao.apply import apply
from oar.kao.metascheduler import Metascheduler
from oar.setting_kinds import ByQueue
from oar.settings import WalltimeSettings
from tests.integration.kao.site import SETTINGS, Site, make_site

ON = WalltimeSettings(enabled=True)


@pytest.fixture
def five(database) -> Site:
    return with_walltimes(make_site(database, 2, 2, 1))


def with_walltimes(site: Site, settings: WalltimeSettings = ON) -> Site:
    engine, reader = site.engine, site.metascheduler.reader
    return replace(site, metascheduler=Metascheduler(engine, reader, SETTINGS, walltimes=settings))


def run_job(site: Site, *requests: str, **wishes: object) -> int:
    job_id = site.job(*requests, **wishes)
    site.metascheduler.run()
    site.run_job(job_id)
    return job_id


def ask(site: Site, job_id: int, pending: int, **values: object) -> None:
    with site.engine.begin() as connection:
        row = {"job_id": job_id, "pending": pending, **values}
        connection.execute(insert(WalltimeChangeRow).values(row))


def row_of(site: Site, job_id: int):
    with site.engine.connect() as connection:
        columns = WalltimeChangeRow.__table__.columns
        return connection.execute(select(*columns).where(WalltimeChangeRow.job_id == job_id)).one()


def walltime(site: Site, job_id: int) -> int:
    with site.engine.connect() as connection:
        of_job = select(MoldableRow.moldable_walltime).where(MoldableRow.moldable_job_id == job_id)
        return connection.scalar(of_job)


def events(site: Site, job_id: int, kind: str = "WALLTIME") -> list[tuple[str, str]]:
    with site.engine.connect() as connection:
        of_job = select(EventRow.description, EventRow.to_check).where(
            EventRow.job_id == job_id, EventRow.type == kind
        )
        return [tuple(row) for row in connection.execute(of_job)]


def test_x1_without_a_request_or_for_a_job_that_waits_nothing_changes(five):
    running = run_job(five, "resource_id=5,walltime=0:1:0")
    waiting = five.job("resource_id=1,walltime=0:1:0")
    ask(five, waiting, 3663)
    five.metascheduler.run()
    assert (walltime(five, running), walltime(five, waiting)) == (60, 60)
    assert row_of(five, waiting).pending == 3663
    assert events(five, running) == events(five, waiting) == []


def test_x2_a_running_job_gets_all_where_its_resources_are_free_behind_it(five):
    job = run_job(five, "resource_id=1,walltime=0:1:0")
    ask(five, job, 3663)
    five.metascheduler.run()
    row = row_of(five, job)
    assert (walltime(five, job), row.granted, row.pending) == (3723, 3663, 0)
    assert events(five, job) == [("walltime changed: 1:2:3 (granted: +1:1:3/pending: 0:0:0)", "NO")]


def test_x3_an_inner_job_gets_what_its_container_has_left(five):
    container = five.job("resource_id=2,walltime=0:1:0", types=("container",))
    five.metascheduler.run()
    five.run_job(container)
    inner = run_job(five, "resource_id=1,walltime=0:0:25", types=(f"inner={container}",))
    with five.engine.begin() as connection:
        start = select(JobRow.start_time).where(JobRow.job_id == container).scalar_subquery()
        connection.execute(update(JobRow).where(JobRow.job_id == inner).values(start_time=start))
    ask(five, inner, 3663)
    five.metascheduler.run()
    row = row_of(five, inner)
    assert (walltime(five, inner), row.granted, row.pending) == (60, 35, 3628)
    assert events(five, inner) == [("walltime changed: 0:1:0 (granted: +0:0:35/pending: +1:0:28)", "NO")]


def test_the_same_round_plans_behind_the_new_walltime(five):
    job = run_job(five, "resource_id=5,walltime=0:1:0")
    ask(five, job, 3600)
    waiting = five.job("resource_id=1,walltime=0:1:0")
    five.metascheduler.run()
    start, _ = five.plan()[waiting]
    assert start == five.column(job, JobRow.start_time) + 60 + 3600 + SETTINGS.security_time_s


def test_the_plan_of_the_last_round_limits_a_job(five):
    job = run_job(five, "resource_id=5,walltime=0:1:0")
    waiting = five.job("resource_id=1,walltime=0:1:0")
    five.metascheduler.run()
    planned = five.plan()[waiting]
    ask(five, job, 3600)
    five.metascheduler.run()
    assert (walltime(five, job), five.plan()[waiting]) == (60, planned)


def test_a_job_may_delay_those_that_are_planned_behind_it(five):
    job = run_job(five, "resource_id=5,walltime=0:1:0")
    waiting = five.job("resource_id=1,walltime=0:1:0")
    five.metascheduler.run()
    before, _ = five.plan()[waiting]
    ask(five, job, 3600, delay_next_jobs="YES")
    five.metascheduler.run()
    row = row_of(five, job)
    assert (walltime(five, job), five.plan()[waiting][0]) == (3660, before + 3600)
    assert (row.granted_with_delay_next_jobs, row.granted_with_force, row.delay_next_jobs) == (3600, 0, "NO")


def test_steps_add_up_round_by_round(five):
    site = with_walltimes(five, replace(ON, increment=ByQueue(600.0)))
    job = run_job(site, "resource_id=1,walltime=1")
    ask(site, job, 1000, force="NO", whole="NO")
    found = []
    for _ in range(2):
        site.metascheduler.run()
        found.append((walltime(site, job), row_of(site, job).pending))
    assert found == [(4200, 400), (4600, 0)]


def test_what_was_granted_by_force_is_counted_and_the_flag_goes(five):
    job = run_job(five, "resource_id=1,walltime=1")
    ask(five, job, 1000, force="YES")
    five.metascheduler.run()
    row = row_of(five, job)
    assert (row.granted_with_force, row.granted, row.force) == (1000, 1000, "NO")


def test_what_was_granted_again_and_again_is_counted_up_to_the_largest_number(five):
    job, other = (run_job(five, "resource_id=1,walltime=1") for _ in range(2))
    many = dict.fromkeys(("granted_with_force", "granted_with_delay_next_jobs"), 2**31 - 10)
    ask(five, job, 1000, force="YES", delay_next_jobs="YES", **many)
    ask(five, other, 1000)
    five.metascheduler.run()
    row = row_of(five, job)
    assert (row.granted_with_force, row.granted_with_delay_next_jobs) == (2**31 - 1, 2**31 - 1)
    assert [walltime(five, one) for one in (job, other)] == [4600, 4600]


def test_a_request_that_is_asked_again_with_all_the_time_there_is_is_not_given_up(five):
    job = run_job(five, "resource_id=1,walltime=1")
    ask(five, job, 1000, timeout=2**31 - 1)
    with five.engine.begin() as connection:
        now = database_now(connection)
        asked = {"type": "WALLTIME_REQUEST", "job_id": job, "to_check": "NO"}
        connection.execute(insert(EventRow).values(**asked, date=now))
        give_up_requests(connection, [WalltimeRequest(JobId(job), 1000, timeout_s=30)], now=now)
    assert row_of(five, job).pending == 1000


def test_a_reduction_counts_as_less_granted(five):
    job = run_job(five, "resource_id=1,walltime=1")
    ask(five, job, -600, force="YES")
    five.metascheduler.run()
    row = row_of(five, job)
    assert (walltime(five, job), row.granted, row.granted_with_force) == (3000, -600, 0)


def test_without_the_feature_nothing_is_granted(five):
    site = with_walltimes(five, WalltimeSettings())
    job = run_job(site, "resource_id=1,walltime=1")
    ask(site, job, 1000)
    site.metascheduler.run()
    assert walltime(site, job) == 3600


def test_a_request_is_given_up_after_its_timeout(five):
    site = with_walltimes(five, replace(ON, apply_time=ByQueue(60.0)))
    job = run_job(site, "resource_id=1,walltime=1")
    ask(site, job, 1000, timeout=30)
    with site.engine.begin() as connection:
        asked = {"type": "WALLTIME_REQUEST", "job_id": job, "to_check": "NO"}
        connection.execute(insert(EventRow).values(**asked, date=database_now(connection) - 30))
    site.metascheduler.run()
    row = row_of(site, job)
    assert (row.pending, row.timeout, walltime(site, job)) == (0, 0, 3600)
    assert events(site, job, "WALLTIME_REQUEST_CANCELLATION") == [("not granted within 30 s: +0:16:40", "NO")]


def test_a_job_that_somebody_has_asked_to_end_gets_nothing(five):
    job = run_job(five, "resource_id=1,walltime=1")
    ask(five, job, 1000)
    with five.engine.begin() as connection:
        ask_kill(connection, job, "alice", database_now(connection))
    five.metascheduler.run()
    assert walltime(five, job) == 3600


def test_a_request_that_changes_while_the_round_decides_is_left_to_the_next(five):
    job = run_job(five, "resource_id=1,walltime=1")
    ask(five, job, 1000)
    read = WalltimeRequest(JobId(job), 500)
    grant = WalltimeGrant(read, five.column(job, JobRow.assigned_moldable_job), 3600, 500)
    with five.engine.begin() as connection:
        given = write_grants(connection, [grant], now=2000)
    assert (given, walltime(five, job), row_of(five, job).pending) == (frozenset(), 3600, 1000)


def test_the_watch_over_walltimes_follows_a_grant(five):
    longer, as_it_was = (run_job(five, "resource_id=1,walltime=0:1:0") for _ in range(2))
    ask(five, longer, 600)
    five.metascheduler.run()
    for job in (longer, as_it_was):
        five.age(job, 100)
    with five.engine.begin() as connection:
        assert kill_overdue(connection, database_now(connection)) == [as_it_was]


def test_the_watch_over_walltimes_follows_a_reduction(five):
    job = run_job(five, "resource_id=1,walltime=1")
    five.age(job, 100)
    ask(five, job, -3600)
    five.metascheduler.run()
    with five.engine.begin() as connection:
        assert kill_overdue(connection, database_now(connection) + 2) == [job]


def test_a_job_that_is_extended_at_the_very_moment_is_not_killed(five):
    job = run_job(five, "resource_id=1,walltime=0:1:0")
    five.age(job, 100)
    with five.engine.begin() as granting:
        granting.execute(update(MoldableRow).values(moldable_walltime=660))
        with five.engine.begin() as watching:
            assert kill_overdue(watching, database_now(watching)) == []
    with five.engine.begin() as watching:
        assert kill_overdue(watching, database_now(watching)) == []


def test_many_grants_are_as_many_statements_as_one(database):
    site = with_walltimes(make_site(database, 32))
    counts = []
    for number in (1, 20):
        jobs = site.submit("resource_id=1,walltime=1", commands=["true"] * number)
        site.metascheduler.run()
        for job in jobs:
            site.run_job(job)
            ask(site, job, 60)
        counts.append(statements_of_a_round(site))
        assert {walltime(site, job) for job in jobs} == {3660}
    assert counts[0] == counts[1]


def statements_of_a_round(site: Site) -> int:
    asked = []
    listener = lambda *_args: asked.append(1)  # noqa: E731 - removed again by its name
    event.listen(site.engine, "before_cursor_execute", listener)
    site.metascheduler.run()
    event.remove(site.engine, "before_cursor_execute", listener)
    return len(asked)


# ---- resumed jobs


def grants(site: Site, job_id: int) -> list[str]:
    return [to_check for _, to_check in events(site, job_id, "RESUME_GRANTED")]


def test_r21_a_resuming_job_with_nothing_else_on_its_resources_gets_leave_to_go_on(five):
    job = run_job(five, "resource_id=5,walltime=1")
    five.move(job, JobSignal.SUSPEND, JobSignal.RESUME)
    five.metascheduler.run()
    assert grants(five, job) == ["YES"]


def test_a_resuming_job_gets_leave_once(five):
    job = run_job(five, "resource_id=5,walltime=1")
    five.move(job, JobSignal.SUSPEND, JobSignal.RESUME)
    for _ in range(2):
        five.metascheduler.run()
    assert grants(five, job) == ["YES"]


def test_a_resuming_job_waits_for_the_job_that_got_its_resources(five):
    job = run_job(five, "resource_id=5,walltime=1")
    five.move(job, JobSignal.SUSPEND)
    other = run_job(five, "resource_id=1,walltime=1")
    five.move(job, JobSignal.RESUME)
    five.metascheduler.run()
    assert grants(five, job) == []
    five.end_job(other)
    five.metascheduler.run()
    assert grants(five, job) == ["YES"]


def test_a_job_held_while_the_round_decides_gets_no_leave(five):
    job = run_job(five, "resource_id=5,walltime=1")
    five.move(job, JobSignal.SUSPEND, JobSignal.RESUME)
    world, orders = five.metascheduler.look()
    decisions = five.metascheduler.decide(world, orders)
    five.move(job, JobSignal.HOLD)
    with five.engine.begin() as connection:
        apply(connection, world, decisions)
    assert (len(decisions.resumptions), grants(five, job)) == (1, [])


def test_r22_a_job_that_was_suspended_but_never_started_is_planned_as_any(five):
    job = five.job("resource_id=1,walltime=1")
    with five.engine.begin() as connection:
        connection.execute(update(JobRow).where(JobRow.job_id == job).values(suspended="YES"))
    assert five.metascheduler.run().to_launch == (job,)
