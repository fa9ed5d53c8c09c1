"""oaraccounting on a real database, through its command line."""

from dataclasses import replace

from sqlalchemy import insert, select

from oar.cli.oaraccounting import oaraccounting
from oar.core.states import JobState
from oar.db.accounting import account_ended_jobs
from oar.db.tables_admin import AccountingRow
from oar.db.tables_jobs import JobRow
from oar.settings import DisplaySettings
from tests.integration.commands.terminal import BOB, Terminal
from tests.integration.life.build import add_job, add_node

DAY = 86400
START = 1000 * DAY + 3600


def ended(
    terminal: Terminal, state: JobState = JobState.TERMINATED, resources: int = 2, **values: object
) -> int:
    defaults = {"start_time": START, "stop_time": START + 100, "walltime_s": 600, "project": "p"}
    with terminal.database.engine.begin() as connection:
        ids = add_node(connection, "node1", resources)
        return add_job(connection, state, resources=ids, **{**defaults, **values})


def windows(terminal: Terminal) -> list[tuple[int, str, int]]:
    row = AccountingRow
    with terminal.database.engine.connect() as connection:
        query = select(row.window_start // DAY, row.consumption_type, row.consumption)
        return [
            tuple(one) for one in connection.execute(query.order_by(row.window_start, row.consumption_type))
        ]


def test_an_ended_job_counts_its_seconds_on_each_resource(terminal: Terminal) -> None:
    ended(terminal)
    assert terminal.output(oaraccounting) == ""
    assert windows(terminal) == [(1000, "ASKED", 1200), (1000, "USED", 200)]


def test_a_window_says_when_it_ends_and_whose_it_is(terminal: Terminal) -> None:
    ended(terminal)
    terminal.output(oaraccounting)
    with terminal.database.engine.connect() as connection:
        row = connection.execute(select(*AccountingRow.__table__.columns)).first()
    assert row is not None
    assert (
        row.window_stop - row.window_start,
        row.accounting_user,
        row.accounting_project,
        row.queue_name,
    ) == (
        DAY - 1,
        "ann",
        "p",
        "default",
    )


def test_a_job_is_counted_once(terminal: Terminal) -> None:
    ended(terminal)
    terminal.output(oaraccounting)
    terminal.output(oaraccounting)
    assert windows(terminal) == [(1000, "ASKED", 1200), (1000, "USED", 200)]


def test_jobs_of_one_user_add_up(terminal: Terminal) -> None:
    ended(terminal)
    terminal.output(oaraccounting)
    ended(terminal, JobState.ERROR, resources=1)
    terminal.output(oaraccounting)
    assert windows(terminal) == [(1000, "ASKED", 1800), (1000, "USED", 300)]


def test_a_job_over_midnight_is_shared_out_to_the_windows(terminal: Terminal) -> None:
    midnight = 1001 * DAY
    ended(terminal, resources=1, start_time=midnight - 10, stop_time=midnight + 30, walltime_s=2 * DAY)
    terminal.output(oaraccounting)
    assert windows(terminal) == [
        (1000, "ASKED", 10),
        (1000, "USED", 10),
        (1001, "ASKED", DAY),
        (1001, "USED", 30),
        (1002, "ASKED", DAY - 10),
    ]


def test_a_job_that_ends_at_midnight_leaves_no_empty_window(terminal: Terminal) -> None:
    midnight = 1001 * DAY
    ended(terminal, resources=1, start_time=midnight - 10, stop_time=midnight, walltime_s=10)
    terminal.output(oaraccounting)
    assert windows(terminal) == [(1000, "ASKED", 10), (1000, "USED", 10)]


def test_only_computing_resources_count(terminal: Terminal) -> None:
    with terminal.database.engine.begin() as connection:
        ids = add_node(connection, "node1") + add_node(connection, "", 3, type="licence")
        add_job(
            connection,
            JobState.TERMINATED,
            resources=ids,
            start_time=START,
            stop_time=START + 5,
            walltime_s=7,
        )
    terminal.output(oaraccounting)
    assert windows(terminal) == [(1000, "ASKED", 7), (1000, "USED", 5)]


def test_jobs_that_never_ran_count_nothing_and_are_not_read_again(terminal: Terminal) -> None:
    with terminal.database.engine.begin() as connection:
        add_job(connection, JobState.ERROR, stop_time=START)
        assert account_ended_jobs(connection, DAY) == 1
        assert account_ended_jobs(connection, DAY) == 0
    assert windows(terminal) == []


def test_live_jobs_are_not_counted(terminal: Terminal) -> None:
    ended(terminal, JobState.RUNNING, stop_time=0)
    terminal.output(oaraccounting)
    assert windows(terminal) == []


def test_two_countings_at_one_time_take_different_jobs(terminal: Terminal) -> None:
    ended(terminal)
    with terminal.database.engine.begin() as one, terminal.database.engine.begin() as two:
        assert account_ended_jobs(one, DAY) == 1
        assert account_ended_jobs(two, DAY) == 0


def test_reinitialising_forgets_and_lets_all_be_counted_again(terminal: Terminal) -> None:
    ended(terminal)
    terminal.output(oaraccounting)
    said = terminal.output(oaraccounting, "--reinitialize")
    assert said == "Deleting all records from the acounting table...\n"
    assert windows(terminal) == []
    terminal.output(oaraccounting)
    assert windows(terminal) == [(1000, "ASKED", 1200), (1000, "USED", 200)]


def test_old_windows_are_deleted(terminal: Terminal) -> None:
    ended(terminal)
    terminal.output(oaraccounting)
    said = terminal.output(oaraccounting, "--delete-before", "3600")
    assert said == "Deleting records older than 3600 seconds ago...\n"
    assert windows(terminal) == []


def test_jobs_are_counted_in_batches(terminal: Terminal) -> None:
    row = {"job_user": "ann", "launching_directory": "/", "checkpoint_signal": 12, "state": JobState.ERROR}
    with terminal.database.engine.begin() as connection:
        connection.execute(insert(JobRow), [row] * 5)
        assert [account_ended_jobs(connection, DAY, limit=2) for _ in range(4)] == [2, 2, 1, 0]


def test_a_window_without_length_is_refused(terminal: Terminal) -> None:
    ended(terminal)
    settings = replace(terminal.settings, display=DisplaySettings(accounting_window_s=0))
    result = replace(terminal, settings=settings).run(oaraccounting)
    assert (result.exit_code, result.stderr.count("\n")) == (78, 1)
    assert "ACCOUNTING_WINDOW" in result.stderr


def test_only_administrators_count(terminal: Terminal) -> None:
    result = terminal.run(oaraccounting, caller=BOB)
    assert (result.exit_code, result.stderr) == (8, "oaraccounting: you must be oar or root\n")
