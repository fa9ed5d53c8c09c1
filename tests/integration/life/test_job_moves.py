from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from procset import ProcSet
from sqlalchemy import insert, select

from oar.core.job_life import MOVES, JobSignal, accepting
from oar.core.states import FINAL_STATES, JobState, NodeState, RowIndex
from oar.db.moves import assign_jobs, move_job
from oar.db.tables_jobs import JobStateLogRow, MoldableRow
from oar.db.tables_resources import AssignmentRow
from tests.integration.life.build import (
    SUBMITTED,
    add_dependency,
    add_job,
    add_node,
    assign_job,
    assignment_of,
    current_rows,
    job_row,
    job_state,
    open_logs,
    resource_row,
)

pytestmark = pytest.mark.integration

HELD = [JobState.TO_LAUNCH, JobState.LAUNCHING, JobState.RUNNING, JobState.SUSPENDED, JobState.FINISHING]


def test_a_move_writes_the_state_and_the_log_together(connection):
    job = add_job(connection, JobState.LAUNCHING)
    move_job(connection, job, JobSignal.START, now=2000)
    logs = connection.execute(
        select(JobStateLogRow.job_state, JobStateLogRow.date_start, JobStateLogRow.date_stop)
        .where(JobStateLogRow.job_id == job)
        .order_by(JobStateLogRow.job_state_log_id)
    )
    assert job_state(connection, job) is JobState.RUNNING
    assert [tuple(row) for row in logs] == [("Launching", SUBMITTED, 2000), ("Running", 2000, 0)]


def test_a_move_that_is_not_in_the_table_changes_nothing(connection):
    job = add_job(connection, JobState.TERMINATED)
    before = job_row(connection, job)
    assert move_job(connection, job, JobSignal.FAIL, now=2000, message="no") is None
    assert job_row(connection, job) == before


def test_an_unknown_job_does_not_move(connection):
    assert move_job(connection, 12345, JobSignal.KILL, now=2000) is None


def test_the_end_on_the_nodes_dates_the_end_of_the_job(connection):
    job = add_job(connection, JobState.RUNNING, start_time=1500)
    move_job(connection, job, JobSignal.FINISH, now=2000, exit_code=256)
    row = job_row(connection, job)
    assert (row.state, row.stop_time, row.exit_code) == ("Finishing", 2000, 256)


def test_a_job_never_stops_before_its_start(connection):
    job = add_job(connection, JobState.WAITING, start_time=5000)
    move_job(connection, job, JobSignal.KILL, now=2000)
    assert job_row(connection, job).stop_time == 5000


def test_the_final_state_keeps_the_date_of_the_end(connection):
    job = add_job(connection, JobState.FINISHING, stop_time=1800)
    move_job(connection, job, JobSignal.TERMINATE, now=2000)
    assert job_row(connection, job).stop_time == 1800


def test_an_extermination_dates_the_start_of_a_job_that_has_none(connection):
    job = add_job(connection, JobState.LAUNCHING)
    move_job(connection, job, JobSignal.EXTERMINATE, now=2000)
    row = job_row(connection, job)
    assert (row.start_time, row.stop_time) == (2000, 2000)


def test_a_message_is_cut_to_what_the_column_holds(connection):
    job = add_job(connection)
    move_job(connection, job, JobSignal.KILL, now=2000, message="x" * 300)
    assert job_row(connection, job).message == "x" * 255


@pytest.mark.parametrize("state", [state for state in JobState if state not in FINAL_STATES])
def test_a_final_job_has_no_current_rows(connection, state):
    resources = add_node(connection, "n1", 3)
    required = add_job(connection, JobState.TERMINATED)
    job = add_job(connection, state, resources=resources, types=("besteffort", "name=x"))
    add_dependency(connection, job, required)
    move_job(connection, job, JobSignal.FAIL, now=2000)
    assert (job_state(connection, job), current_rows(connection, job)) == (JobState.ERROR, {})


def test_the_end_of_a_job_leaves_the_rows_of_others_alone(connection):
    job = add_job(connection, JobState.FINISHING, types=("besteffort",))
    other = add_job(connection, JobState.WAITING, types=("besteffort",))
    add_dependency(connection, other, job)
    before = current_rows(connection, other)
    move_job(connection, job, JobSignal.TERMINATE, now=2000)
    assert current_rows(connection, other) == before


def test_resources_lost_at_launch_and_those_kept_end_in_one_row_of_history(connection):
    resources = add_node(connection, "n1", 4)
    job = add_job(connection, JobState.FINISHING, resources=resources[:3])
    moldable = job_row(connection, job).assigned_moldable_job
    lost = {"resources": ProcSet(resources[3]), "assigned_resource_index": RowIndex.LOG}
    connection.execute(insert(AssignmentRow).values(moldable_job_id=moldable, **lost))
    move_job(connection, job, JobSignal.TERMINATE, now=2000)
    rows = connection.execute(
        select(AssignmentRow.resources, AssignmentRow.assigned_resource_index).where(
            AssignmentRow.moldable_job_id == moldable
        )
    ).all()
    assert [tuple(row) for row in rows] == [(ProcSet(*resources), "LOG")]


def test_the_end_of_a_job_is_dated_on_its_resources_only(connection):
    used, free = add_node(connection, "n1", 2)
    job = add_job(connection, JobState.FINISHING, resources=[used])
    move_job(connection, job, JobSignal.TERMINATE, now=2000)
    assert [resource_row(connection, one).last_job_date for one in (used, free)] == [2000, 0]


def test_a_suspended_job_marks_its_resources(connection):
    used, free = add_node(connection, "n1", 2)
    job = add_job(connection, JobState.RUNNING, resources=[used])
    move_job(connection, job, JobSignal.SUSPEND, now=2000)
    assert job_row(connection, job).suspended == "YES"
    assert [resource_row(connection, one).suspended_jobs for one in (used, free)] == ["YES", "NO"]


@pytest.mark.parametrize(
    "signals",
    [
        (JobSignal.RESUME, JobSignal.RESUMED),
        (JobSignal.FINISH,),
        (JobSignal.EXTERMINATE,),
        (JobSignal.RESUME, JobSignal.FINISH, JobSignal.FAIL),
        (JobSignal.TERMINATE,),
        (JobSignal.FAIL,),
    ],
)
def test_the_mark_goes_when_the_job_runs_again_or_begins_to_end(connection, signals):
    (used,) = add_node(connection, "n1")
    job = add_job(connection, JobState.RUNNING, resources=[used])
    for signal in (JobSignal.SUSPEND, *signals):
        assert move_job(connection, job, signal, now=2000)
    assert resource_row(connection, used).suspended_jobs == "NO"


def test_the_mark_stays_while_another_suspended_job_is_there(connection):
    (used,) = add_node(connection, "n1")
    first, second = (add_job(connection, JobState.RUNNING, resources=[used]) for _ in range(2))
    for job in (first, second):
        move_job(connection, job, JobSignal.SUSPEND, now=2000)
    move_job(connection, first, JobSignal.FAIL, now=2001)
    assert resource_row(connection, used).suspended_jobs == "YES"


def test_an_assignment_gives_resources_start_and_state_in_one_step(connection):
    resources = add_node(connection, "n1", 2)
    job = add_job(connection)
    chosen = assignment_of(connection, job, resources)
    assert assign_job(connection, chosen, now=2000, message="R=2")
    row = job_row(connection, job)
    given = connection.execute(
        select(AssignmentRow.resources).where(AssignmentRow.moldable_job_id == chosen.moldable_id)
    ).scalar_one()
    assert (row.state, row.start_time, row.message) == ("toLaunch", 2000, "R=2")
    assert (row.assigned_moldable_job, given) == (chosen.moldable_id, ProcSet(*resources))


def test_a_job_never_starts_before_its_submission(connection):
    resources = add_node(connection, "n1")
    job = add_job(connection)
    assign_job(connection, assignment_of(connection, job, resources), now=SUBMITTED - 1, message="")
    assert job_row(connection, job).start_time == SUBMITTED


@pytest.mark.parametrize("state", [state for state in JobState if state is not JobState.WAITING])
def test_only_waiting_jobs_are_assigned(connection, state):
    resources = add_node(connection, "n1")
    job = add_job(connection, state)
    assert not assign_job(connection, assignment_of(connection, job, resources), now=2000, message="")
    assert job_state(connection, job) is state


@pytest.mark.parametrize("state", [state for state in NodeState if state is not NodeState.ALIVE])
def test_a_resource_that_is_not_alive_is_not_given(connection, state):
    resources = [*add_node(connection, "n1"), *add_node(connection, "n2", state=state)]
    job = add_job(connection)
    assert not assign_job(connection, assignment_of(connection, job, resources), now=2000, message="")
    assert job_state(connection, job) is JobState.WAITING


def test_a_resource_that_does_not_exist_is_not_given(connection):
    job = add_job(connection)
    assert not assign_job(connection, assignment_of(connection, job, [4242]), now=2000, message="")


@pytest.mark.parametrize("state", HELD)
def test_a_resource_that_another_job_holds_is_not_given(connection, state):
    resources = add_node(connection, "n1", 2)
    add_job(connection, state, resources=resources[:1])
    job = add_job(connection)
    assert not assign_job(connection, assignment_of(connection, job, resources), now=2000, message="")
    assert job_state(connection, job) is JobState.WAITING


def test_the_resources_of_an_ended_job_are_given_again(connection):
    resources = add_node(connection, "n1")
    old = add_job(connection, JobState.FINISHING, resources=resources)
    move_job(connection, old, JobSignal.TERMINATE, now=1900)
    job = add_job(connection)
    assert assign_job(connection, assignment_of(connection, job, resources), now=2000, message="")


def test_of_two_jobs_that_are_given_one_resource_the_first_gets_it(connection):
    resources = add_node(connection, "n1", 2)
    first, second = add_job(connection), add_job(connection)
    wanted = [
        (assignment_of(connection, first, resources), ""),
        (assignment_of(connection, second, resources[:1]), ""),
    ]
    assert assign_jobs(connection, wanted, now=2000) == {first}
    assert open_logs(connection, second) == [JobState.WAITING]


def test_a_job_that_shares_gets_what_its_companions_hold_and_nobody_else(connection):
    resources = add_node(connection, "n1", 2)
    companion = add_job(connection, JobState.RUNNING, resources=resources[:1])
    add_job(connection, JobState.RUNNING, resources=resources[1:])
    one, both = add_job(connection), add_job(connection)
    wanted = [
        (assignment_of(connection, one, resources[:1]), ""),
        (assignment_of(connection, both, resources), ""),
    ]
    beside = {one: {companion: None}, both: {companion: None, one: None}}
    assert assign_jobs(connection, wanted, now=2000, beside=beside) == {one}


def test_of_two_jobs_that_start_together_the_second_gets_what_it_shares_with_the_first(connection):
    resources = add_node(connection, "n1", 2)
    first, second = add_job(connection), add_job(connection)
    wanted = [(assignment_of(connection, job, resources), "") for job in (first, second)]
    beside = {second: {first: None}}
    assert assign_jobs(connection, wanted, now=2000, beside=beside) == {first, second}


@pytest.mark.parametrize("state", [JobState.SUSPENDED, JobState.RUNNING, JobState.TERMINATED])
def test_a_job_that_was_suspended_has_to_be_so_when_another_gets_its_resources(connection, state):
    resources = add_node(connection, "n1")
    companion = add_job(connection, JobState.RUNNING, resources=resources)
    move_job(connection, companion, JobSignal.SUSPEND, now=1900)
    ways = {
        JobState.RUNNING: (JobSignal.RESUME, JobSignal.RESUMED),
        JobState.TERMINATED: (JobSignal.TERMINATE,),
    }
    for signal in ways.get(state, ()):
        assert move_job(connection, companion, signal, now=1900)
    job = add_job(connection)
    wanted = [(assignment_of(connection, job, resources), "")]
    given = assign_jobs(connection, wanted, now=2000, beside={job: {companion: JobState.SUSPENDED}})
    assert given == ({job} if state is JobState.SUSPENDED else frozenset())


def test_a_resource_that_is_gone_is_not_given_to_a_job_that_takes_any_state(connection):
    job = add_job(connection)
    wanted = [(assignment_of(connection, job, [4242]), "")]
    assert assign_jobs(connection, wanted, now=2000, in_any_state={job}) == frozenset()


@pytest.mark.parametrize("shares", [True, False])
def test_a_resource_that_is_not_alive_is_given_only_to_a_job_that_takes_any(connection, shares):
    resources = add_node(connection, "n1", state="Suspected", state_num=3)
    job = add_job(connection)
    wanted = [(assignment_of(connection, job, resources), "")]
    beside = {job: {99: None}} if shares else {}
    assert assign_jobs(connection, wanted, now=2000, beside=beside) == frozenset()
    assert assign_jobs(connection, wanted, now=2000, beside=beside, in_any_state={job}) == {job}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(JobSignal), max_size=25))
def test_a_walk_of_random_signals_on_the_database_follows_the_table(connection, signals):
    resources = add_node(connection, "walk", 2)
    job = add_job(connection, resources=resources, types=("x",))
    state = JobState.WAITING
    for now, signal in enumerate(signals, start=2000):
        expected = MOVES.get((state, signal))
        assert move_job(connection, job, signal, now=now) == expected
        state = state if expected is None else expected.to
        assert job_state(connection, job) is state
        assert open_logs(connection, job) == [state]
    assert bool(current_rows(connection, job)) is not state.is_final
    connection.rollback()


def _race(database, work) -> list[object]:
    """Run ``work`` on two connections at the same moment, each in its own transaction."""
    barrier = Barrier(2)

    def one(number: int) -> object:
        with database.engine.begin() as connection:
            connection.exec_driver_sql("SELECT 1")
            barrier.wait()
            return work(connection, number)

    with ThreadPoolExecutor(2) as threads:
        return list(threads.map(one, range(2)))


@pytest.mark.parametrize(
    ("state", "signals"),
    [
        (JobState.TO_LAUNCH, (JobSignal.LAUNCH, JobSignal.LAUNCH)),
        (JobState.TO_LAUNCH, (JobSignal.LAUNCH, JobSignal.KILL)),
        (JobState.FINISHING, (JobSignal.TERMINATE, JobSignal.FAIL)),
    ],
)
def test_of_two_writers_exactly_one_wins(database, state, signals):
    with database.engine.begin() as connection:
        job = add_job(connection, state)
    moves = _race(database, lambda opened, number: move_job(opened, job, signals[number], now=2000))
    (won,) = [move for move in moves if move is not None]
    with database.engine.connect() as connection:
        assert job_state(connection, job) is won.to
        assert open_logs(connection, job) == [won.to]


def test_a_writer_that_waited_moves_from_the_state_it_finds(database):
    with database.engine.begin() as connection:
        job = add_job(connection, JobState.LAUNCHING)
    signals = (JobSignal.START, JobSignal.FAIL)
    _race(database, lambda opened, number: move_job(opened, job, signals[number], now=2000))
    with database.engine.connect() as connection:
        assert job_state(connection, job) is JobState.ERROR


def test_of_two_assignments_of_one_resource_exactly_one_wins(database):
    with database.engine.begin() as connection:
        resources = add_node(connection, "n1", 2)
        jobs = [add_job(connection) for _ in range(2)]
        plans = [assignment_of(connection, job, resources) for job in jobs]
    won = _race(database, lambda opened, number: assign_job(opened, plans[number], now=2000, message=""))
    assert sorted(won) == [False, True]


def test_every_accepting_state_is_reachable_by_the_guard_of_its_signal(connection):
    for signal in JobSignal:
        for state in accepting(signal):
            job = add_job(connection, state)
            assert move_job(connection, job, signal, now=2000) == MOVES[state, signal]


def test_the_walltime_of_an_ended_job_stays_readable(connection):
    job = add_job(connection, JobState.FINISHING, walltime_s=77)
    move_job(connection, job, JobSignal.TERMINATE, now=2000)
    kept = select(MoldableRow.moldable_walltime).where(MoldableRow.moldable_job_id == job)
    assert connection.execute(kept).scalar_one() == 77
