"""oarstat on a real database, through its command line."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from procset import ProcSet
from sqlalchemy import event, insert, select

from oar.cli.oarstat import oarstat
from oar.core.states import JobState, ReservationState
from oar.db.events import record
from oar.db.tables_admin import AccountingRow
from oar.db.tables_jobs import DependencyRow, MoldableRow
from oar.db.tables_resources import PredictionRow
from oar.settings import DisplaySettings
from tests.integration.commands.terminal import BOB, Terminal
from tests.integration.life.build import add_job, add_node

NOON = 1704110400


def job(terminal: Terminal, state: JobState = JobState.WAITING, **values: object) -> int:
    with terminal.database.engine.begin() as connection:
        return add_job(connection, state, **values)


def running(terminal: Terminal, **values: object) -> int:
    with terminal.database.engine.begin() as connection:
        resources = add_node(connection, "node1", 2)
        values = {"start_time": NOON, "message": "R=2,W=0:1:0,J=B", **values}
        return add_job(connection, JobState.RUNNING, resources=resources, **values)


def predict(terminal: Terminal, job_id: int, start: int, resources: list[int]) -> None:
    with terminal.database.engine.begin() as connection:
        moldable = select(MoldableRow.moldable_id).where(MoldableRow.moldable_job_id == job_id)
        connection.execute(
            insert(PredictionRow).values(
                moldable_job_id=connection.execute(moldable).scalar_one(),
                start_time=start,
                resources=ProcSet(*resources),
            )
        )


def test_an_empty_database_shows_nothing(terminal: Terminal) -> None:
    assert terminal.output(oarstat) == ""


def test_jobs_that_have_not_ended_are_listed_by_id(terminal: Terminal) -> None:
    ids = [job(terminal), job(terminal, JobState.HOLD), running(terminal)]
    job(terminal, JobState.TERMINATED)
    lines = terminal.output(oarstat).splitlines()[2:]
    assert [(int(line.split()[0]), line.split()[1]) for line in lines] == list(zip(ids, "WHR", strict=True))


def test_the_format_comes_from_the_configuration_and_the_option_wins(terminal: Terminal) -> None:
    job(terminal)
    one = replace(terminal, settings=replace(terminal.settings, display=DisplaySettings(oarstat_format=1)))
    assert one.output(oarstat).startswith("Job id     Name ")
    assert one.output(oarstat, "--format", "2").startswith("Job id    S User")


def test_a_user_sees_only_their_own_jobs_with_a_bare_u(terminal: Terminal) -> None:
    own = job(terminal, job_user="bob")
    job(terminal, job_user="ann")
    lines = terminal.output(oarstat, "-u", caller=BOB).splitlines()[2:]
    assert [int(line.split()[0]) for line in lines] == [own]


def test_a_named_job_is_shown_in_any_state(terminal: Terminal) -> None:
    ended = job(terminal, JobState.TERMINATED)
    assert str(ended) in terminal.output(oarstat, "-j", str(ended))


def test_several_jobs_can_be_named(terminal: Terminal) -> None:
    one, two = job(terminal), job(terminal)
    job(terminal)
    shown = json.loads(terminal.output(oarstat, "-j", str(two), "-j", str(one), "-J"))
    assert list(shown) == [str(one), str(two)]


def test_a_bare_j_means_the_job_it_runs_in(terminal: Terminal) -> None:
    here = job(terminal)
    result = terminal.run(oarstat, "-s", "-j", environment={"OAR_JOB_ID": str(here)})
    assert result.stdout == f"{here}: Waiting\n"


def test_a_bare_j_outside_of_a_job_is_refused(terminal: Terminal) -> None:
    result = terminal.run(oarstat, "-j", environment={"OAR_JOB_ID": None, "OAR_JOBID": None})
    assert (result.exit_code, result.stdout) == (1, "")
    assert "OAR_JOB_ID is not set" in result.stderr


def test_an_unknown_job_is_told_in_one_line_after_those_that_are_there(terminal: Terminal) -> None:
    there = job(terminal)
    result = terminal.run(oarstat, "-s", "-j", str(there), "-j", "999")
    assert (result.exit_code, result.stdout) == (1, f"{there}: Waiting\n")
    assert result.stderr == "oarstat: there is no job 999; oarstat lists the jobs that have not ended\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-j", "x"], "--job: 'x' is not a number of a job"),
        (["-j", "9" * 5000], "is not a number of a job"),
        (["--array", "9" * 5000], "is not a number of a job"),
        (["--why", "9" * 30], "is not in the range"),
        (["-j", "1", "--array", "1"], "--job and --array"),
        (["-s"], "--state need --job"),
        (["-c", "-J"], "--compact shows a table"),
        (["-J", "-Y"], "-J and -Y cannot be given together"),
        (["-g", "2024-01-01"], "--gantt: expected two dates and a comma"),
        (["-g", "2024-01-02, 2024-01-01"], "--gantt: the second date must be later"),
        (["--accounting", "yesterday, today"], "--accounting: date 'yesterday' is not understood"),
        (["--sql", "nonsense ="], 'bad condition "nonsense ="'),
        (["--sql", "1=1; drop table jobs"], "bad condition"),
        (["--why", "77"], "there is no job 77"),
        (["--array", "77"], "there is no array 77"),
        (["--why", "0"], "Invalid value for '--why'"),
        (["--nonsense"], "No such option"),
    ],
)
def test_bad_input_is_told_in_one_line(terminal: Terminal, words: list[str], said: str) -> None:
    result = terminal.run(oarstat, *words)
    assert (result.exit_code, result.stdout) == (1, "")
    assert said in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_database_that_is_down_is_told_in_one_line(tmp_path: Path) -> None:
    configuration = tmp_path / "oar.conf"
    configuration.write_text('DB_HOSTNAME="/nonexistent"\nDB_BASE_NAME="oar"\n')
    ran = subprocess.run(
        [sys.executable, "-c", "from oar.cli.oarstat import main; main()"],
        env={**os.environ, "OARCONFFILE": str(configuration)},
        capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip
    assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (2, "", 1)


def test_the_subjobs_of_an_array_are_listed_with_its_columns(terminal: Terminal) -> None:
    ids = [job(terminal, array_id=7, array_index=index) for index in (1, 2)]
    job(terminal)
    lines = terminal.output(oarstat, "--array", "7").splitlines()
    assert lines[0].startswith("Job id    A. id     index S")
    assert [line.split()[:3] for line in lines[2:]] == [[str(ids[0]), "7", "1"], [str(ids[1]), "7", "2"]]


def test_an_array_is_one_line_in_the_compact_table(terminal: Terminal) -> None:
    for index in (1, 2, 3):
        job(terminal, array_id=7, array_index=index)
    assert [line.split()[:2] for line in terminal.output(oarstat, "-c").splitlines()[2:]] == [["3@7", "-"]]


def test_the_block_of_a_running_job_has_its_lines_where_oar_2_has_them(terminal: Terminal) -> None:
    required = job(terminal, JobState.TERMINATED)
    shown = running(terminal, types=("besteffort",), walltime_s=3600, stdout_file="OAR.%jobid%.stdout")
    with terminal.database.engine.begin() as connection:
        connection.execute(insert(DependencyRow).values(job_id=shown, job_id_required=required))
        record(connection, "LAUNCHING", job_id=shown, description="on its way", now=NOON, to_check=False)
    lines = terminal.output(oarstat, "-fj", str(shown)).splitlines()
    assert lines[0] == f"Job_Id: {shown}"
    assert lines[-1] == ""
    assert "LAUNCHING: on its way" in lines[-2]
    for line in (
        "    state = Running",
        "    owner = ann",
        "    types = besteffort",
        f"    dependencies = {required}",
        "    assigned_resources = 1+2",
        "    assigned_hostnames = node1",
        f"    stdout_file = OAR.{shown}.stdout",
        "    wanted_resources = -l \"{type = 'default'}/resource_id=1,walltime=1:0:0\" ",
        "    walltime = 1:0:0",
    ):
        assert line in lines


def test_json_and_yaml_say_the_same(terminal: Terminal) -> None:
    running(terminal)
    as_json = json.loads(terminal.output(oarstat, "-J"))
    text = terminal.output(oarstat, "-Y")
    assert yaml.safe_load(text) == as_json
    assert not text.lstrip("-\n").startswith("{")


def test_an_ended_job_shows_its_exit_code_and_what_it_had(terminal: Terminal) -> None:
    with terminal.database.engine.begin() as connection:
        resources = add_node(connection, "node1", 2)
        ended = add_job(connection, JobState.TERMINATED, resources=resources, exit_code=256, stop_time=NOON)
    lines = terminal.output(oarstat, "-fj", str(ended)).splitlines()
    assert "    exit_code = 256 (1,0,0)" in lines
    assert "    assigned_resources = 1+2" in lines


def test_the_command_line_of_others_is_hidden(terminal: Terminal) -> None:
    job(terminal, job_user="ann", initial_request="oarsub secret")
    assert "secret" not in terminal.output(oarstat, "-f", caller=BOB)
    assert "secret" in terminal.output(oarstat, "-f")


def test_a_waiting_job_shows_its_predicted_start(terminal: Terminal) -> None:
    waiting = job(terminal)
    assert "    scheduledStart = no prediction" in terminal.output(oarstat, "-f").splitlines()
    predict(terminal, waiting, NOON, [1])
    assert json.loads(terminal.output(oarstat, "-J"))[str(waiting)]["scheduledStart"] == NOON


def test_a_granted_reservation_shows_its_resources(terminal: Terminal) -> None:
    with terminal.database.engine.begin() as connection:
        resources = add_node(connection, "node1", 1) + add_node(connection, "node2", 1, state="Absent")
    reserved = job(terminal, reservation=ReservationState.SCHEDULED, start_time=NOON)
    predict(terminal, reserved, NOON, resources)
    assert "    reserved_resources = 1+(2)" in terminal.output(oarstat, "-f").splitlines()


def test_why_a_job_waits_is_said_with_the_reason_and_the_predicted_start(terminal: Terminal) -> None:
    with terminal.database.engine.begin() as connection:
        add_node(connection, "node1")
    waiting = job(terminal, scheduler_info="job 3 holds node1 until noon")
    predict(terminal, waiting, NOON, [1])
    said = terminal.output(oarstat, "--why", str(waiting))
    assert f"Job {waiting} (ann, queue default) is in state Waiting." in said
    assert "Reason: job 3 holds node1 until noon" in said
    assert "on node1." in said


def test_events_of_a_job_are_listed(terminal: Terminal) -> None:
    waiting = job(terminal)
    with terminal.database.engine.begin() as connection:
        record(connection, "SWITCH_INTO_ERROR_STATE", job_id=waiting, description="why", now=NOON)
    said = terminal.output(oarstat, "-e", "-j", str(waiting))
    assert said.endswith(f"> [{waiting}] SWITCH_INTO_ERROR_STATE: why\n")


def test_properties_of_the_resources_of_a_job_are_listed(terminal: Terminal) -> None:
    shown = running(terminal)
    lines = terminal.output(oarstat, "-p", "-j", str(shown)).splitlines()
    assert len(lines) == 2
    assert all("network_address = 'node1'" in line for line in lines)


def test_a_condition_chooses_jobs_in_any_state(terminal: Terminal) -> None:
    job(terminal, project="a")
    chosen = job(terminal, JobState.TERMINATED, project="b")
    lines = terminal.output(oarstat, "--sql", "project = 'b'").splitlines()[2:]
    assert [int(line.split()[0]) for line in lines] == [chosen]


def test_a_condition_cannot_read_the_secrets_of_jobs(terminal: Terminal) -> None:
    job(terminal)
    result = terminal.run(oarstat, "--sql", "job_id in (select job_id from challenges)", caller=BOB)
    assert result.exit_code == 1
    assert "permission denied" in result.stderr


def test_the_gantt_draws_what_ran_what_runs_and_what_is_planned(terminal: Terminal) -> None:
    with terminal.database.engine.begin() as connection:
        one, two = add_node(connection, "node1", 2)
        past = {"start_time": NOON - 3000, "stop_time": NOON - 2000}
        add_job(connection, JobState.TERMINATED, resources=[one], **past)
        add_job(connection, JobState.RUNNING, resources=[two], walltime_s=3600, start_time=NOON)
        planned = add_job(connection, JobState.WAITING, walltime_s=600)
    predict(terminal, planned, NOON + 3600, [one, two])
    period = "2024-01-01 00:00:00, 2024-01-02 23:00:00"
    chart = terminal.output(oarstat, "-g", period).splitlines()
    first, second = [line for line in chart if "|" in line]
    assert {"A", "C"} <= set(first)
    assert {"B", "C"} <= set(second)
    assert any("predicted" in line for line in chart)
    structure = json.loads(terminal.output(oarstat, "-g", period, "-J"))
    assert sorted(structure) == ["dead_resources", "jobs", "resources"]
    assert [one["resource_id"] for one in structure["jobs"].values()] == [[one], [two], [one, two]]


def test_the_gantt_of_an_idle_cluster_is_empty(terminal: Terminal) -> None:
    with terminal.database.engine.begin() as connection:
        add_node(connection, "node1")
    assert "no job in this time" in terminal.output(oarstat, "-g")


def test_accounting_shows_users_and_the_projects_of_one(terminal: Terminal) -> None:
    window = {"window_start": NOON, "window_stop": NOON + 86399, "queue_name": "default"}
    who = {"accounting_user": "ann", "accounting_project": "p"}
    with terminal.database.engine.begin() as connection:
        for kind, seconds in (("ASKED", 7200), ("USED", 3665)):
            values = {**window, **who, "consumption_type": kind, "consumption": seconds}
            connection.execute(insert(AccountingRow).values(values))
    table = terminal.output(oarstat, "--accounting", "2023-12-31, 2024-01-05").splitlines()
    assert table[2].split()[0] == "ann"
    assert table[2].split()[-2:] == ["7200", "3665"]
    summary = terminal.output(oarstat, "--accounting", "2023-12-31, 2024-01-05", "-u", "ann").splitlines()
    assert "Used consumption:            3665 ( 1 hour 1 minute 5 seconds )" in summary
    assert not any("Karma" in line for line in summary)
    job(terminal, job_user="ann", project="p", last_karma=0.25)
    with_karma = terminal.output(oarstat, "--accounting", "2023-12-31, 2024-01-05", "-u", "ann")
    assert "    Last Karma:              0.250" in with_karma.splitlines()
    nobody = terminal.output(oarstat, "--accounting", "2023-12-31, 2024-01-05", "-u", "zoe")
    assert "No window found" in nobody


def test_a_listing_costs_the_same_queries_for_one_job_and_for_many(terminal: Terminal) -> None:
    counts = []
    for _ in range(2):
        for _ in range(10):
            job(terminal)
        statements: list[str] = []
        event.listen(
            terminal.database.reader,
            "before_cursor_execute",
            lambda *args, seen=statements: seen.append(args[2]),
        )
        terminal.output(oarstat, "-f")
        counts.append(len([one for one in statements if one.startswith("SELECT")]))
    assert counts[1] == counts[0] <= 10
