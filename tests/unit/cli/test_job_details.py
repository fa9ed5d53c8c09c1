import json

import pytest

from oar.cli.job_details import FullJobs
from oar.core.job import JobId, Moldable, MoldableId
from oar.core.listings import Place, Requirement
from oar.core.states import JobState, NodeState, ReservationState
from tests.unit.cli.jobs import REQUEST, TEN, a_job, an_event

KEYS = {
    "Job_Id",
    "array_id",
    "array_index",
    "name",
    "owner",
    "job_user",
    "state",
    "assigned_resources",
    "assigned_network_address",
    "queue",
    "command",
    "launchingDirectory",
    "jobType",
    "properties",
    "reservation",
    "walltime",
    "submissionTime",
    "startTime",
    "stopTime",
    "message",
    "scheduledStart",
    "resubmit_job_id",
    "events",
    "wanted_resources",
    "project",
    "cpuset_name",
    "types",
    "dependencies",
    "exit_code",
    "stdout_file",
    "stderr_file",
    "initial_request",
}


def lines_of(job, **options):
    return list(FullJobs([job], **options).lines())


def test_the_block_of_an_ended_job_is_the_one_of_oar_2_byte_for_byte():
    job = a_job(
        state=JobState.TERMINATED,
        start_time=TEN + 60,
        stop_time=TEN + 120,
        exit_code=256,
        types=("besteffort", "idempotent"),
        dependencies=(Requirement(JobId(10), JobState.TERMINATED), Requirement(JobId(11), None)),
        events=(an_event(), an_event(description="one\ntwo")),
    )
    assert "\n".join(lines_of(job)) == (
        "Job_Id: 12\n"
        "    job_array_id = 12\n"
        "    job_array_index = 1\n"
        "    name = \n"
        "    project = default\n"
        "    owner = bob\n"
        "    state = Terminated\n"
        "    wanted_resources = -l \"{type = 'default'}/network_address=1,walltime=2:0:0\" \n"
        "    types = besteffort, idempotent\n"
        "    dependencies = 10 11\n"
        "    assigned_resources = 1+2\n"
        "    assigned_hostnames = node1+node2\n"
        "    queue = default\n"
        "    command = ./run\n"
        "    exit_code = 256 (1,0,0)\n"
        "    launchingDirectory = /home/bob\n"
        "    stdout_file = OAR.12.stdout\n"
        "    stderr_file = OAR.12.stderr\n"
        "    jobType = PASSIVE\n"
        "    properties = desktop_computing = 'NO'\n"
        "    reservation = None\n"
        "    walltime = 2:0:0\n"
        "    submissionTime = 2024-01-01 10:00:00\n"
        "    startTime = 2024-01-01 10:01:00\n"
        "    stopTime = 2024-01-01 10:02:00\n"
        "    cpuset_name = bob_12\n"
        "    initial_request = oarsub ./run\n"
        "    message = R=2,W=2:0:0,J=B\n"
        "    scheduledStart = no prediction\n"
        "    resubmit_job_id = 0\n"
        "    events = \n"
        "2024-01-01 10:01:00> TYPE: description\n"
        "2024-01-01 10:01:00> TYPE: one\n"
        "                     two\n"
    )


@pytest.mark.parametrize(
    "line", ["Job_Id: 12", "    state = Running", "    owner = bob", "    assigned_hostnames = node1+node2"]
)
def test_lines_that_other_programs_parse_do_not_change(line):
    assert line in lines_of(a_job())


@pytest.mark.parametrize(
    ("raw", "words"), [(0, "0 (0,0,0)"), (256, "256 (1,0,0)"), (9, "9 (0,9,0)"), (139, "139 (0,11,1)")]
)
def test_the_exit_code_is_shown_raw_and_in_its_parts(raw, words):
    assert f"    exit_code = {words}" in lines_of(a_job(exit_code=raw))


def names(job, **options):
    return [line.split(" =")[0].strip() for line in lines_of(job, **options)]


def test_without_an_exit_code_there_is_no_line_for_it():
    assert "exit_code" not in names(a_job())


def test_the_last_karma_is_shown_in_the_form_of_oar_3_only():
    job = a_job(last_karma=0.125)
    assert "    last_karma = 0.125" in lines_of(job, form=3)
    assert FullJobs([job], form=3).structure()["12"]["last_karma"] == 0.125
    assert "last_karma" not in names(job)
    assert "last_karma" not in FullJobs([job]).structure()["12"]


def test_a_job_that_was_never_ordered_by_karma_shows_none():
    assert "last_karma" not in names(a_job(), form=3)


def test_dates_that_are_not_yet_have_no_line():
    shown = names(a_job(state=JobState.WAITING, start_time=0))
    assert "startTime" not in shown
    assert "stopTime" not in shown


def test_without_cpusets_there_is_no_name_of_one():
    assert "cpuset_name" not in names(a_job(), with_cpuset=False)


def test_a_job_that_takes_any_walltime_between_two_shows_both_and_the_one_it_has():
    moldables = (Moldable(MoldableId(5), REQUEST, 7200, 600),)
    lines = lines_of(a_job(moldables=moldables, granted_walltime_s=3599))
    wanted = "-l \"{type = 'default'}/network_address=1,walltime=0:10:0-2:0:0\" "
    assert f"    wanted_resources = {wanted}" in lines
    assert "    walltime = 0:59:59" in lines


def test_the_walltime_is_open_while_no_alternative_is_chosen():
    moldables = (Moldable(MoldableId(5), REQUEST, 60), Moldable(MoldableId(6), REQUEST, 90))
    job = a_job(state=JobState.WAITING, assigned_moldable=0, moldables=moldables)
    assert "    walltime = " in lines_of(job)


def test_each_alternative_is_shown_as_an_option():
    moldables = (Moldable(MoldableId(5), REQUEST, 60), Moldable(MoldableId(6), REQUEST, 90))
    one = "-l \"{type = 'default'}/network_address=1,walltime="
    assert f'    wanted_resources = {one}0:1:0" {one}0:1:30" ' in lines_of(a_job(moldables=moldables))


def test_a_waiting_job_shows_its_predicted_start():
    job = a_job(state=JobState.WAITING, start_time=0, predicted_start=TEN + 60, predicted_moldable=5)
    assert "    scheduledStart = 2024-01-01 10:01:00" in lines_of(job)


def test_a_granted_reservation_shows_its_resources_those_that_are_not_alive_in_parentheses():
    places = (
        Place(1, "n1", NodeState.ALIVE),
        Place(2, "n1", NodeState.ALIVE),
        Place(3, "n2", NodeState.ABSENT),
    )
    job = a_job(state=JobState.WAITING, reservation=ReservationState.SCHEDULED, predicted=places)
    assert "    reserved_resources = 1+2+(3)" in lines_of(job)
    lost = a_job(state=JobState.WAITING, reservation=ReservationState.SCHEDULED, predicted=places[2:])
    assert "    reserved_resources = none+(3)" in lines_of(lost)


def test_format_3_has_the_names_of_oar_3():
    shown = names(a_job(), form=3)
    assert shown[0] == "id: 12"
    assert {"array_id", "launching_directory", "submission_time", "scheduled_start"} <= set(shown)


def test_the_structure_has_the_keys_of_oar_2():
    structure = FullJobs([a_job(exit_code=256, events=(an_event(),))]).structure()["12"]
    assert set(structure) == KEYS
    assert structure["walltime"] == 7200
    assert structure["assigned_resources"] == [1, 2]
    assert structure["exit_code"] == 256


def test_the_structure_can_be_written_as_json():
    places = (Place(1, "n1", NodeState.ALIVE),)
    job = a_job(state=JobState.WAITING, reservation=ReservationState.SCHEDULED, predicted=places)
    read = json.loads(json.dumps(FullJobs([job]).structure()))
    assert read["12"]["reserved_resources"] == {"1": {"network_address": "n1", "current_state": "Alive"}}
