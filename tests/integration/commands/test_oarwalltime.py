"""oarwalltime on jobs of a real database, through its command line."""

from dataclasses import replace

import pytest
from sqlalchemy import insert, select

from oar.cli.caller import Caller
from oar.cli.oarwalltime import oarwalltime
from oar.core.states import JobState
from oar.db.tables_admin import EventRow
from oar.db.tables_jobs import JobRow, WalltimeChangeRow
from oar.setting_kinds import ByQueue
from oar.settings import WalltimeSettings
from tests.integration.commands.terminal import ADMIN, BOB, Terminal, open_terminal
from tests.integration.life.build import add_job, add_node

ANN = Caller("ann", 1001, is_admin=False)
ON = WalltimeSettings(enabled=True, max_increase=ByQueue(3600.0), timeout_s=90)


@pytest.fixture
def terminal(database) -> Terminal:
    """Job 1 of ann runs with a walltime of 2 h, job 2 waits."""
    with database.engine.begin() as connection:
        resources = add_node(connection, "node1")
        add_job(connection, JobState.RUNNING, resources=resources, walltime_s=7200, start_time=2000)
        add_job(connection)
    return with_settings(open_terminal(database), ON)


def with_settings(terminal: Terminal, settings: WalltimeSettings) -> Terminal:
    return replace(terminal, settings=replace(terminal.settings, walltime=settings))


def requests(terminal: Terminal) -> list[tuple[int, int, str, str, str, int]]:
    row = WalltimeChangeRow
    with terminal.database.engine.connect() as connection:
        columns = (row.job_id, row.pending, row.force, row.whole, row.delay_next_jobs, row.timeout)
        return [tuple(one) for one in connection.execute(select(*columns))]


def test_a_request_is_taken_with_oar_2s_words(terminal):
    said = terminal.output(oarwalltime, "1", "+0:30", caller=ANN)
    assert said == "Accepted: walltime change request accepted for job 1, it will be handled shortly.\n"
    assert requests(terminal) == [(1, 1800, "NO", "NO", "NO", 90)]


def test_another_request_takes_the_place_of_the_first(terminal):
    terminal.output(oarwalltime, "1", "+0:30", "--whole", caller=ANN)
    said = terminal.output(oarwalltime, "1", "2:40", caller=ANN)
    assert said == "Accepted: walltime change request updated for job 1, it will be handled shortly.\n"
    assert requests(terminal) == [(1, 2400, "NO", "NO", "NO", 90)]


def test_a_reduction_needs_no_dashes_before_it(terminal):
    terminal.output(oarwalltime, "1", "-0:30", caller=ANN)
    assert requests(terminal)[0][:2] == (1, -1800)


def test_options_are_kept_with_the_request(terminal):
    terminal.output(
        oarwalltime, "--force", "--delay-next-jobs", "--whole", "--timeout", "5", "1", "+1", caller=ADMIN
    )
    assert requests(terminal) == [(1, 3600, "YES", "YES", "YES", 5)]


def test_plus_0_takes_a_request_back(terminal):
    terminal.output(oarwalltime, "1", "+0:30", "--whole", caller=ANN)
    terminal.output(oarwalltime, "1", "+0", caller=ANN)
    assert requests(terminal) == [(1, 0, "NO", "NO", "NO", 0)]


def test_who_asked_is_recorded(terminal):
    terminal.output(oarwalltime, "1", "+0:30", caller=ANN)
    with terminal.database.engine.connect() as connection:
        (event,) = connection.execute(select(EventRow.type, EventRow.description, EventRow.to_check))
    words = "User ann asked to change the walltime of the job 1 by +0:30:0"
    assert tuple(event) == ("WALLTIME_REQUEST", words, "NO")


@pytest.mark.parametrize(
    ("words", "caller", "code", "told"),
    [
        (["1", "+2"], ANN, 3, "Forbidden: request cannot be accepted because the walltime cannot increase"),
        (["1", "+0:30"], BOB, 3, "Forbidden: job 1 does not belong to you."),
        (["2", "+0:30"], ANN, 3, "Forbidden: job 2 is not running."),
        (["77", "+0:30"], ANN, 4, "Not found: could not find job 77."),
        (["1", "1:2:3:4"], ANN, 1, "Bad request: syntax error"),
        (["1", "+0"], ANN, 1, "Bad request: this changes nothing"),
        (["1", "+0:10", "--force"], ANN, 3, "walltime change for this job is not allowed to be forced."),
        (["x", "+1"], ANN, 4, 'oarwalltime: "x" is not a valid job identifier'),
        (["1", "--frob"], ANN, 4, "oarwalltime: No such option"),
        (["1", "-x"], ANN, 4, "oarwalltime: No such option"),
        ([], ANN, 4, "oarwalltime: Missing argument 'JOB'"),
        (["1", "--force"], ANN, 4, "an option needs the new walltime"),
        (["1", "+1", "--timeout", "-1"], ANN, 4, "oarwalltime: Invalid value for '--timeout'"),
        (["77"], ANN, 2, "UNKNOWN JOB"),
    ],
)
def test_what_cannot_be_is_told_in_one_line_with_oar_2s_code(terminal, words, caller, code, told):
    result = terminal.run(oarwalltime, *words, caller=caller)
    outcome = (result.exit_code, told in result.stderr, result.stderr.count("\n"), requests(terminal))
    assert outcome == (code, True, 1, []), result.stderr


def test_where_the_site_does_not_want_it_a_request_ends_with_5_and_a_look_with_2(terminal):
    off = with_settings(terminal, WalltimeSettings())
    asked, looked = off.run(oarwalltime, "1", "+1"), off.run(oarwalltime, "1")
    assert (asked.exit_code, asked.stderr) == (5, "Not available: functionality is disabled.\n")
    assert (looked.exit_code, looked.stderr) == (2, "FUNCTIONALITY IS DISABLED\n")


def test_a_job_that_runs_shows_what_became_of_its_wish(terminal):
    with terminal.database.engine.begin() as connection:
        row = {"job_id": 1, "pending": 1200, "granted": 600, "granted_with_force": 300, "timeout": 60}
        connection.execute(insert(WalltimeChangeRow).values(**row, whole="YES", delay_next_jobs="YES"))
    assert terminal.output(oarwalltime, "1", caller=BOB) == (
        "Walltime change status for job 1 (job is running):\n"
        "  Current walltime:       2:0:0\n"
        "  Possible increase:    +0:50:0\n"
        "  Already granted:      +0:10:0 (forced: +0:5:0)\n"
        "  Pending/unsatisfied:  +0:20:0 (timeout: 0:1:0) (whole: yes) (will possibly delay next jobs)\n"
    )


def test_where_there_is_no_bound_any_increase_is_possible(terminal):
    free = with_settings(terminal, replace(ON, max_increase=ByQueue(-1.0)))
    assert "  Possible increase:  UNLIMITED\n" in free.output(oarwalltime, "1")


def test_a_job_that_waits_has_nothing_to_show(terminal):
    said = terminal.output(oarwalltime, "2")
    assert said == "Walltime change status for job 2 (job is not running yet):\n  N/A\n"


def test_a_job_that_has_ended_shows_what_it_was_granted(terminal):
    with terminal.database.engine.begin() as connection:
        connection.execute(insert(WalltimeChangeRow).values(job_id=1, pending=1200, granted=600))
        connection.execute(JobRow.__table__.update().where(JobRow.job_id == 1).values(state="Terminated"))
    assert terminal.output(oarwalltime, "1") == (
        "Walltime change status for job 1 (job is not running):\n"
        "  Walltime:       2:0:0\n"
        "  Granted:      +0:10:0\n"
        "  Unsatisfied:  +0:20:0\n"
    )
