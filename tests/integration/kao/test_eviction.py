"""Besteffort jobs that leave for others, in the database; scenarios R9 to R13."""

from collections.abc import Sequence

import pytest
from sqlalchemy import select, update

from oar.core.events import EventKind
from oar.core.job_life import JobSignal
from oar.core.states import ReservationState
from oar.db.engine import database_now
from oar.db.kills import ask_kill
from oar.db.signals import SignalOrder, answer_signal, order_checkpoints, order_due_checkpoints, signal_orders
from oar.db.tables_admin import EventRow
from oar.db.tables_jobs import JobRow
from oar.db.tables_resources import PredictionRow
from oar.settings import SchedulerSettings
from tests.integration.databases import Database
from tests.integration.kao.site import Site, make_site

FOUR = "resource_id=4,walltime=0:10:0"
"""What the jobs of the scenarios want, of five resources."""


def besteffort(site: Site, *types: str, checkpoint_s: int = 0) -> int:
    """A besteffort job that runs on four resources."""
    job_id = site.job(FOUR, queue="besteffort", types=("besteffort", *types))
    values = {"checkpoint": checkpoint_s}
    with site.engine.begin() as connection:
        connection.execute(update(JobRow).where(JobRow.job_id == job_id).values(values))
    site.metascheduler.run()
    site.run_job(job_id)
    return job_id


def reserve(site: Site, begins_in_s: int) -> int:
    """A reservation of four resources that was granted."""
    job_id = site.job(FOUR)
    with site.engine.begin() as connection:
        start = database_now(connection) + begins_in_s
        connection.execute(
            update(JobRow)
            .where(JobRow.job_id == job_id)
            .values(reservation=ReservationState.TO_SCHEDULE, start_time=start)
        )
    return job_id


def grant(site: Site, job_id: int) -> None:
    site.metascheduler.run()
    if site.states()[job_id] == "toAckReservation":
        site.move(job_id, JobSignal.GRANT_TOLD)


def events(site: Site, job_id: int, *kinds: EventKind) -> list[str]:
    """The events of a job, in order; of some kinds only, where they are given."""
    with site.engine.connect() as connection:
        rows = select(EventRow.type).where(EventRow.job_id == job_id).order_by(EventRow.event_id)
        found = list(connection.scalars(rows))
    return [one for one in found if not kinds or one in kinds]


def orders(site: Site) -> Sequence[SignalOrder]:
    with site.engine.connect() as connection:
        return signal_orders(connection)


def let_seconds_pass(site: Site, job_id: int, seconds: int) -> None:
    """Let what was recorded of a job be so much older."""
    with site.engine.begin() as connection:
        connection.execute(
            update(EventRow).where(EventRow.job_id == job_id).values(date=EventRow.date - seconds)
        )


EVICTED = [EventKind.FRAG_JOB_REQUEST, EventKind.BESTEFFORT_KILL]


def test_r9_a_reservation_that_starts_now_has_the_besteffort_job_killed(five: Site):
    running = besteffort(five)
    reservation = reserve(five, 0)
    grant(five, reservation)
    applied = five.metascheduler.run()
    assert events(five, running) == EVICTED
    assert (applied.to_launch, five.states()[reservation]) == ((), "Waiting")


@pytest.mark.parametrize(("kill_duration_s", "begins_in_s", "evicted"), [(120, 60, True), (60, 120, False)])
def test_r10_besteffort_jobs_leave_a_while_before_a_reservation_starts(
    database: Database, kill_duration_s: int, begins_in_s: int, evicted: bool
):
    settings = SchedulerSettings(check_plans=True, evict_before_s=kill_duration_s, security_time_s=60)
    site = make_site(database, 2, 2, 1, settings=settings)
    running = besteffort(site)
    reservation = reserve(site, begins_in_s + 2)
    grant(site, reservation)
    with site.engine.begin() as connection:  # as the scenario says it, whatever the rounds took
        start = database_now(connection) + begins_in_s
    move_plan(site, start)
    site.metascheduler.run()
    assert events(site, running) == (EVICTED if evicted else [])


def move_plan(site: Site, start: int) -> None:
    """Let all that is planned start at a date."""
    with site.engine.begin() as connection:
        connection.execute(update(PredictionRow).values(start_time=start))


def test_r11_an_ordinary_job_has_the_besteffort_job_killed_and_starts_in_a_later_round(five: Site):
    running = besteffort(five)
    job = five.job(FOUR)
    applied = five.metascheduler.run()
    assert (events(five, running), applied.to_launch, applied.killed) == (EVICTED, (), True)
    five.end_job(running)
    assert five.metascheduler.run().to_launch == (job,)


def test_r12_a_besteffort_job_that_asked_for_a_checkpoint_is_told_and_not_killed(five: Site):
    running = besteffort(five, checkpoint_s=10)
    job = five.job(FOUR)
    applied = five.metascheduler.run()
    assert [(one.job_id, one.number) for one in orders(five)] == [(running, None)]
    assert (events(five, running), five.states()[job]) == ([EventKind.CHECKPOINT], "Waiting")
    assert applied.killed  # the server has a signal to send
    assert applied.again_in_s == 11


def test_r13_a_besteffort_job_alone_is_given_to_the_launcher(five: Site):
    job = five.job(FOUR, queue="besteffort", types=("besteffort",))
    assert five.metascheduler.run().to_launch == (job,)


def test_a_besteffort_job_is_told_in_one_round_and_left_alone_in_the_next(five: Site):
    running = besteffort(five, checkpoint_s=60)
    five.job(FOUR)
    five.metascheduler.run()
    let_seconds_pass(five, running, 50)
    assert not five.metascheduler.run().killed
    assert events(five, running) == [EventKind.CHECKPOINT]


def test_a_besteffort_job_that_outstays_its_checkpoint_seconds_is_killed(five: Site):
    running = besteffort(five, checkpoint_s=60)
    five.job(FOUR)
    five.metascheduler.run()
    let_seconds_pass(five, running, 61)
    assert five.metascheduler.run().killed
    assert events(five, running) == [
        EventKind.CHECKPOINT,
        EventKind.FRAG_JOB_REQUEST,
        EventKind.CHECKPOINT_TIMEOUT,
        EventKind.BESTEFFORT_KILL,
    ]


def test_a_job_that_its_owner_has_killed_is_not_told_to_save_its_work(five: Site):
    running = besteffort(five, checkpoint_s=60)
    five.job(FOUR)
    with five.engine.begin() as connection:
        ask_kill(connection, running, "alice", database_now(connection))
    five.metascheduler.run()
    assert orders(five) == []


def test_an_order_to_signal_is_carried_out_once(five: Site):
    running = besteffort(five, checkpoint_s=60)
    five.job(FOUR)
    five.metascheduler.run()
    (order,) = orders(five)
    with five.engine.begin() as connection:
        done = [answer_signal(connection, order, "", "sent", 1000) for _ in range(2)]
    assert (done, orders(five)) == ([True, False], [])
    assert events(five, running)[-1] == EventKind.CHECKPOINT_SUCCESSFULL


@pytest.mark.parametrize(("ran_s", "told"), [(600 - 61, False), (600 - 60, True), (600 - 5, True)])
def test_a_job_is_told_when_its_walltime_ends_within_its_checkpoint_seconds(
    five: Site, ran_s: int, told: bool
):
    running = besteffort(five, checkpoint_s=60)
    with five.engine.begin() as connection:
        now = database_now(connection)
        connection.execute(update(JobRow).where(JobRow.job_id == running).values(start_time=now - ran_s))
        assert order_due_checkpoints(connection, now) == ([running] if told else [])
        if told:
            assert order_due_checkpoints(connection, now + 1) == []


def test_a_round_knows_who_asked_for_a_checkpoint_and_when_it_was_told(five: Site):
    running = besteffort(five, checkpoint_s=60)
    with five.engine.begin() as connection:
        order_checkpoints(connection, {running: "for a test"}, 1234)
    world, _ = five.metascheduler.look()
    read = [(job.job_id, job.checkpoint_s, job.checkpointed_at) for job in world.running]
    assert read == [(running, 60, 1234)]
