"""Rounds on a real database: what is read, what is written, and what happens in between."""

from sqlalchemy import event, select, update

from oar.core.job_life import JobSignal
from oar.db.engine import database_now
from oar.db.moves import move_job
from oar.db.properties import add_property
from oar.db.tables_jobs import JobRow, KillRow
from oar.db.tables_resources import AssignmentRow, ResourceRow
from oar.kamelot import Rules
from oar.kao.apply import apply
from oar.kao.load import Kept, load_world
from oar.kao.round import run_round
from tests.integration.kao.site import SETTINGS, make_site


def test_a_job_that_fits_is_given_its_resources_and_handed_to_the_launcher(site):
    (job_id,) = site.submit("nodes=2,walltime=1")
    assert site.metascheduler.run().to_launch == (job_id,)
    assert site.states() == {job_id: "toLaunch"}
    with site.engine.connect() as connection:
        assert str(connection.scalar(select(AssignmentRow.resources))) == "1-4"


def test_a_job_that_waits_has_a_stored_prediction_and_a_reason(site):
    first, second = site.submit("nodes=3,walltime=1")[0], site.submit("nodes=1,walltime=1")[0]
    site.metascheduler.run()
    start, resources = site.plan()[second]
    assert resources == "1-2"
    assert start >= site.column(first, JobRow.start_time) + 3600 + 60
    assert f"job {first}" in site.column(second, JobRow.scheduler_info)


def test_a_second_round_with_nothing_new_writes_no_row(site):
    site.submit("nodes=3,walltime=1")
    site.submit("nodes=1,walltime=1")
    site.metascheduler.run()
    written = []

    def count(_connection, _cursor, statement, *_rest):
        if statement.lstrip().upper().startswith(("INSERT", "UPDATE", "DELETE")):
            written.append(statement)

    event.listen(site.engine, "before_cursor_execute", count)
    site.metascheduler.run()
    assert written == []


def test_a_round_reads_with_the_same_number_of_queries_whatever_waits(site, database):
    counts = []
    for _ in range(2):
        asked = []
        event.listen(database.engine, "before_cursor_execute", lambda *_args, asked=asked: asked.append(1))
        load_world(database.engine, database.reader, SETTINGS.resource_order, Kept())
        counts.append(len(asked))
        site.submit(*["core=1,walltime=1"] * 3, commands=["true"] * 20)
        site.submit("resource_id=1,walltime=1", after=(1,))
    # One query more once a job waits, for what only waiting jobs have.
    assert counts[1] <= counts[0] + 3


def statements_of_a_round(site):
    asked = []
    listener = lambda *_args: asked.append(1)  # noqa: E731 - removed again by its name
    event.listen(site.engine, "before_cursor_execute", listener)
    site.metascheduler.run()
    event.remove(site.engine, "before_cursor_execute", listener)
    return len(asked)


def test_a_round_refuses_many_jobs_with_as_many_statements_as_one(site):
    counts = []
    for jobs in (1, 30):
        ids = site.submit("resource_id=1,walltime=1", types=("expire=2001-01-01",), commands=["true"] * jobs)
        counts.append(statements_of_a_round(site))
        assert {site.states()[one] for one in ids} == {"Error"}
    assert counts[0] == counts[1]


def test_a_round_makes_many_jobs_leave_with_as_many_statements_as_one(database):
    site = make_site(database, 1, 30)
    counts = []
    for node, jobs in (("node1", 1), ("node2", 30)):
        here = f"{{network_address='{node}'}}/resource_id="
        types = {"queue": "besteffort", "types": ("besteffort",)}
        site.submit(f"{here}1,walltime=1", commands=["true"] * jobs, **types)
        site.metascheduler.run()
        site.submit(f"{here}{jobs},walltime=1")
        counts.append(statements_of_a_round(site))
    assert counts[0] == counts[1]


def test_a_condition_selects_the_resources_it_says(site):
    site.submit("{network_address='node3'}/resource_id=1,walltime=1")
    site.metascheduler.run()
    with site.engine.connect() as connection:
        assert str(connection.scalar(select(AssignmentRow.resources))) == "5"


def test_a_broken_condition_holds_back_its_own_job_only(site):
    broken, good = (
        site.submit("{gone=1}/resource_id=1,walltime=1")[0],
        site.submit("resource_id=1,walltime=1")[0],
    )
    site.metascheduler.run()
    assert site.states() == {broken: "Waiting", good: "toLaunch"}
    assert "gone=1" in site.column(broken, JobRow.scheduler_info)


def test_a_changed_resource_is_seen_by_the_next_round(site):
    site.metascheduler.run()
    with site.engine.begin() as connection:
        connection.execute(update(ResourceRow).values(state="Suspected"))
    (job_id,) = site.submit("resource_id=1,walltime=1")
    site.metascheduler.run()
    assert site.states() == {job_id: "Waiting"}


def test_a_job_held_between_reading_and_writing_is_not_launched(site, database):
    (job_id,) = site.submit("resource_id=1,walltime=1")
    world = load_world(database.engine, database.reader, SETTINGS.resource_order, Kept())
    decisions = run_round(world, Rules())
    with database.engine.begin() as connection:
        move_job(connection, job_id, JobSignal.HOLD, now=world.now)
    with database.engine.begin() as connection:
        assert apply(connection, world, decisions).to_launch == ()
    assert site.states() == {job_id: "Hold"}


def test_two_metaschedulers_give_a_resource_once(site, database):
    (one,) = site.submit("nodes=3,walltime=1")
    site.submit("nodes=3,walltime=1")
    world = load_world(database.engine, database.reader, SETTINGS.resource_order, Kept())
    with database.engine.begin() as connection:
        connection.execute(update(JobRow).where(JobRow.job_id == one).values(state="Hold"))
    other = load_world(database.engine, database.reader, SETTINGS.resource_order, Kept())
    with database.engine.begin() as connection:
        connection.execute(update(JobRow).where(JobRow.job_id == one).values(state="Waiting"))
    for seen in (world, other):
        with database.engine.begin() as connection:
            apply(connection, seen, run_round(seen, Rules()))
    assert sorted(site.states().values()) == ["Waiting", "toLaunch"]
    assert site.states()[one] == "toLaunch"


def test_a_besteffort_job_is_asked_to_leave_once(site):
    (besteffort,) = site.submit("nodes=3,walltime=9", queue="besteffort", types=["besteffort"])
    site.metascheduler.run()
    (other,) = site.submit("nodes=1,walltime=1")
    assert site.metascheduler.run().killed
    assert not site.metascheduler.run().killed
    with site.engine.connect() as connection:
        assert connection.scalars(select(KillRow.frag_id_job)).all() == [besteffort]
    assert site.states()[other] == "Waiting"


def test_the_plan_forgets_a_job_that_was_deleted(site):
    site.submit("nodes=3,walltime=1")
    (second,) = site.submit("nodes=1,walltime=1")
    site.metascheduler.run()
    with site.engine.begin() as connection:
        move_job(connection, second, JobSignal.KILL, now=database_now(connection))
    site.metascheduler.run()
    assert site.plan() == {}


def test_a_broken_condition_is_asked_again_only_when_resources_changed(site, database):
    site.submit("{gone=1}/resource_id=1,walltime=1")
    asked = []

    def note(_connection, _cursor, statement, *_rest):
        if "gone" in statement:
            asked.append(statement)

    event.listen(database.reader, "before_cursor_execute", note)
    site.metascheduler.run()
    site.metascheduler.run()
    assert len(asked) == 1
    with site.engine.begin() as connection:
        add_property(connection, "gone", text=False)
        connection.exec_driver_sql("UPDATE resources SET gone = 1")
    assert len(site.metascheduler.run().to_launch) == 1


def test_a_round_launches_with_the_same_number_of_queries_however_many_jobs(site):
    counts = []
    for count in (1, 5):
        site.submit("resource_id=1,walltime=1", commands=["true"] * count)
        asked = []
        event.listen(site.engine, "before_cursor_execute", lambda *_args, asked=asked: asked.append(1))
        site.metascheduler.run()
        counts.append(len(asked))
    assert counts[0] == counts[1]
