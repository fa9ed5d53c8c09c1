"""Jobs that share, hold others or leave room for them, until they are given their resources."""

from collections.abc import Sequence

import pytest
from sqlalchemy import select, update

from oar.core.durations import format_date
from oar.core.job_life import JobSignal
from oar.core.states import JobState
from oar.db.engine import database_now
from oar.db.resources import add_resource
from oar.db.tables_jobs import JobRow, JobStateLogRow
from oar.db.tables_resources import ResourceRow
from oar.kao.apply import apply
from oar.kao.metascheduler import Metascheduler
from oar.settings import SchedulerSettings
from tests.integration.kao.site import Site

FOUR = "resource_id=4,walltime=0:1:0"


@pytest.mark.parametrize(
    ("words", "users", "together"),
    [
        ("user,*", ("toto", "titi"), False),
        ("user,*", ("toto", "toto"), True),
        ("*,*", ("toto", "titi"), True),
    ],
)
def test_t2_jobs_that_share_with_their_user_start_together_only_with_these(
    five: Site, words: str, users: Sequence[str], together: bool
) -> None:
    jobs = [five.job(FOUR, types=(f"timesharing={words}",), user=user) for user in users]
    launched = five.metascheduler.run().to_launch
    assert launched == (tuple(jobs) if together else (jobs[0],))
    assert five.states()[jobs[1]] == ("toLaunch" if together else "Waiting")


def test_a_job_that_shares_joins_one_that_runs(five: Site) -> None:
    first, second, alone = (
        five.job(FOUR, types=("timesharing=*,name",), name="sim"),
        five.job(FOUR, types=("timesharing=name,*",), name="sim"),
        five.job(FOUR, types=("timesharing=*,name",), name="other"),
    )
    five.metascheduler.run()
    five.run_job(first)
    five.metascheduler.run()
    assert five.states() == {first: "Running", second: "toLaunch", alone: "Waiting"}
    assert five.held(first) == five.held(second) == "1-4"


@pytest.mark.parametrize(
    ("word", "starts"), [("allow=poy", False), ("allow=yop", True), ("allowed=yop", True)]
)
def test_t6_a_job_starts_over_the_placeholder_that_it_is_allowed_on(
    five: Site, word: str, starts: bool
) -> None:
    placeholder = five.job(FOUR, types=("placeholder=yop", "noop"))
    job = five.job(FOUR, types=(word,))
    five.metascheduler.run()
    assert five.states() == {placeholder: "toLaunch", job: "toLaunch" if starts else "Waiting"}


def test_an_inner_job_starts_when_its_container_runs(five: Site) -> None:
    container = five.job("resource_id=4,walltime=1", types=("container", "noop"))
    inner = five.job("resource_id=2,walltime=0:10:0", types=(f"inner={container}",))
    other = five.job("resource_id=2,walltime=0:10:0")
    five.metascheduler.run()
    assert five.states() == {container: "toLaunch", inner: "Waiting", other: "Waiting"}
    assert "container" in five.column(inner, JobRow.scheduler_info)
    five.run_job(container)
    five.metascheduler.run()
    assert five.states() == {container: "Running", inner: "toLaunch", other: "Waiting"}
    assert five.held(inner) == "1-2"


def test_inner_jobs_do_not_share_their_container_s_resources_with_one_another(five: Site) -> None:
    container = five.job("resource_id=2,walltime=1", types=("container=box", "noop"))
    five.metascheduler.run()
    five.run_job(container)
    jobs = [five.job("resource_id=2,walltime=0:1:0", types=("inner=box",)) for _ in range(2)]
    five.metascheduler.run()
    assert [five.states()[one] for one in jobs] == ["toLaunch", "Waiting"]


def launched_after(site: Site, job: int, *signals: JobSignal) -> tuple[int, ...]:
    """Run a round in which something happens to a job between reading and writing."""
    world, orders = site.metascheduler.look()
    decisions = site.metascheduler.decide(world, orders)
    site.move(job, *signals)
    with site.engine.begin() as connection:
        return apply(connection, world, decisions).to_launch


def test_an_inner_job_does_not_start_when_its_container_ends_during_the_round(five: Site) -> None:
    container = five.job("resource_id=4,walltime=1", types=("container=box", "noop"))
    five.metascheduler.run()
    five.run_job(container)
    inner = five.job("resource_id=2,walltime=0:10:0", types=("inner=box",))
    assert launched_after(five, container, JobSignal.TERMINATE) == ()
    assert five.states()[inner] == "Waiting"


def test_an_inner_job_that_outlives_its_container_keeps_its_resources(five: Site) -> None:
    container = five.job("resource_id=4,walltime=1", types=("container=box", "noop"))
    five.metascheduler.run()
    five.run_job(container)
    inner = five.job("resource_id=2,walltime=0:10:0", types=("inner=box",))
    five.metascheduler.run()
    five.run_job(inner)
    five.end_job(container)
    others = [five.job("resource_id=1,walltime=0:5:0") for _ in range(4)]
    assert five.metascheduler.run().to_launch == tuple(others[:3])


def test_inner_jobs_of_a_besteffort_container_are_told_why_they_wait(five: Site) -> None:
    types = ("container=box", "noop", "besteffort")
    container = five.job("resource_id=4,walltime=1", types=types, queue="besteffort")
    five.metascheduler.run()
    five.run_job(container)
    inner = five.job("resource_id=2,walltime=0:10:0", types=("inner=box",))
    five.metascheduler.run()
    assert five.column(inner, JobRow.scheduler_info) == (
        f"its container, job {container}, is besteffort: only jobs of the queue besteffort are placed in it"
    )


def test_c11_an_inner_job_goes_to_error_when_its_container_has_ended_and_others_go_on(five: Site) -> None:
    container = five.job("resource_id=4,walltime=1", types=("container", "noop"))
    inner = five.job("resource_id=2,walltime=0:10:0", types=(f"inner={container}",))
    five.metascheduler.run()
    five.move(container, JobSignal.KILL)
    other = five.job("resource_id=2,walltime=0:10:0")
    applied = five.metascheduler.run()
    assert (applied.to_launch, applied.again) == ((other,), True)
    assert five.states() == {container: "Error", inner: "Error", other: "toLaunch"}
    assert five.column(inner, JobRow.message) == (
        f"Job will never run (inner={container}: this container does not exist or has ended),"
        " setting it to error"
    )
    assert inner not in five.plan()


def test_what_waits_for_a_refused_job_is_planned_in_the_round_that_is_asked_for(five: Site) -> None:
    refused = five.job("resource_id=1,walltime=0:1:0", types=("expire=2001-01-01",))
    after = five.job("resource_id=1,walltime=0:1:0", after=(refused,))
    assert five.metascheduler.run().again
    applied = five.metascheduler.run()
    assert (applied.to_launch, applied.again) == ((after,), False)


@pytest.mark.parametrize("name", ["expire", "deadline"])
def test_a_job_whose_date_is_past_goes_to_error_by_way_of_to_error(five: Site, name: str) -> None:
    with five.engine.connect() as connection:
        word = f"{name}={format_date(database_now(connection) - 10)}"
    job = five.job("resource_id=1,walltime=0:1:0", types=(word,))
    five.metascheduler.run()
    assert five.states() == {job: "Error"}
    assert five.column(job, JobRow.message) == f"Job will never run ({word}), setting it to error"
    with five.engine.connect() as connection:
        log = select(JobStateLogRow.job_state).order_by(JobStateLogRow.job_state_log_id)
        assert list(connection.scalars(log)) == ["Waiting", "toError", "Error"]


def test_a_besteffort_job_that_shares_is_joined_and_another_is_asked_to_leave(five: Site) -> None:
    types = ("besteffort", "timesharing=*,*")
    shares = five.job("resource_id=2,walltime=1", queue="besteffort", types=types)
    leaves = five.job("resource_id=3,walltime=1", queue="besteffort", types=("besteffort",))
    five.metascheduler.run()
    assert [five.held(one) for one in (shares, leaves)] == ["1-2", "3-5"]
    small = five.job("resource_id=2,walltime=0:1:0", types=("timesharing=*,*",))
    assert not five.metascheduler.run().killed
    assert (five.states()[small], five.held(small)) == ("toLaunch", "1-2")
    five.job("resource_id=3,walltime=0:1:0")
    assert five.metascheduler.run().killed


def suspend(site: Site, job: int) -> None:
    site.metascheduler.run()
    site.run_job(job)
    site.move(job, JobSignal.SUSPEND)


def test_a_suspended_job_leaves_its_resources_to_others(five: Site) -> None:
    job = five.job("resource_id=5,walltime=1")
    suspend(five, job)
    other = five.job("resource_id=5,walltime=0:1:0")
    assert five.metascheduler.run().to_launch == (other,)


def test_a_job_that_is_resumed_during_the_round_shares_with_nobody(five: Site) -> None:
    job = five.job("resource_id=5,walltime=1")
    suspend(five, job)
    other = five.job("resource_id=5,walltime=0:1:0")
    assert launched_after(five, job, JobSignal.RESUME, JobSignal.RESUMED) == ()
    assert five.states() == {job: "Running", other: "Waiting"}


def test_a_suspended_job_keeps_its_licences(five: Site) -> None:
    with five.engine.begin() as connection:
        add_resource(connection, "", {"type": "licence"}, now=1000)
    both = "{type = 'default'}/resource_id=5+{type = 'licence'}/resource_id=1,walltime=1"
    suspend(five, five.job(both))
    wants_licence, wants_node = five.job(both), five.job("{type = 'default'}/resource_id=5,walltime=0:1:0")
    assert five.metascheduler.run().to_launch == (wants_node,)
    assert five.states()[wants_licence] == "Waiting"


def test_types_that_suspended_jobs_leave_to_others_are_a_setting(five: Site) -> None:
    suspend(five, five.job("resource_id=5,walltime=1"))
    five.job("resource_id=5,walltime=0:1:0")
    settings = SchedulerSettings(freed_types=("licence",))
    assert Metascheduler(five.engine, five.metascheduler.reader, settings).run().to_launch == ()


def test_the_time_of_a_suspension_is_added_to_what_is_left_of_the_walltime(five: Site) -> None:
    job = five.job("resource_id=5,walltime=1")
    suspend(five, job)
    five.move(job, JobSignal.RESUME, JobSignal.RESUMED)
    with five.engine.begin() as connection:
        log = JobStateLogRow
        was = log.job_state.in_((JobState.SUSPENDED, JobState.RESUMING))
        connection.execute(update(log).where(was).values(date_stop=log.date_start + 300))
    other = five.job("resource_id=5,walltime=0:1:0")
    five.metascheduler.run()
    starts = five.starts()
    assert starts[other] == starts[job] + 3600 + 2 * 300 + 60


def test_a_permissive_noop_job_is_given_nodes_in_any_state(five: Site) -> None:
    with five.engine.begin() as connection:
        connection.execute(update(ResourceRow).values(state="Suspected"))
    noop = five.job("resource_id=2,walltime=1", types=("noop", "state=permissive"))
    other = five.job("resource_id=2,walltime=1", types=("state=permissive",))
    five.metascheduler.run()
    assert five.states() == {noop: "toLaunch", other: "Waiting"}
