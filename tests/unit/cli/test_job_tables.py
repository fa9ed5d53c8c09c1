import json

import pytest

from oar.cli.job_tables import JobEvents, JobStates, JobTable, ResourceProperties
from oar.core.job import Resource, ResourceId
from oar.core.states import UNCHANGED, JobState, NodeState
from tests.unit.cli.jobs import TEN, a_line, an_event

NOW = TEN + 60 + 3725
LONG = {"name": "a name that is too long", "user": "somebody_long", "queue": "a_long_queue"}


def text(view):
    return "\n".join(view.lines())


def test_format_1_is_the_table_of_oar_2():
    assert text(JobTable([a_line(name="run"), a_line(job_id=13, **LONG)], 1, NOW)) == (
        "Job id     Name           User           Submission Date     S Queue\n"
        "---------- -------------- -------------- ------------------- - ----------\n"
        "12         run            bob            2024-01-01 10:00:00 R default   \n"
        "13         a name that is somebody_long  2024-01-01 10:00:00 R a_long_que"
    )


def test_format_2_is_the_table_of_oar_2():
    waiting = a_line(job_id=13, state=JobState.WAITING, start_time=0, user="somebody_long")
    assert text(JobTable([a_line(), waiting], 2, NOW)) == (
        "Job id    S User     Duration   System message\n"
        "--------- - -------- ---------- ------------------------------------------------\n"
        "12        R bob         1:02:05 R=2,W=2:0:0,J=B\n"
        "13        W somebody    0:00:00 R=2,W=2:0:0,J=B"
    )


def test_format_1_shows_arrays_as_oar_2_does():
    assert text(JobTable([a_line(job_id=13, array_index=2)], 1, NOW, arrays=True)) == (
        "Job id    A. id     A. index  Name       User     Submission Date     S Queue\n"
        "--------- --------- --------- ---------- -------- ------------------- - --------\n"
        "13        12        2                    bob      2024-01-01 10:00:00 R default "
    )


def test_format_2_shows_arrays_as_oar_2_does():
    assert text(JobTable([a_line(job_id=13, array_index=2)], 2, NOW, arrays=True)) == (
        "Job id    A. id     index S User     Duration   System message\n"
        "--------- --------- ----- - -------- ---------- --------------------------------\n"
        "13        12        2     R bob         1:02:05 R=2,W=2:0:0,J=B"
    )


def test_without_jobs_there_is_no_header():
    assert text(JobTable([], 2, NOW)) == ""


def test_the_compact_table_shows_an_array_in_one_line():
    jobs = [a_line(), a_line(job_id=13, array_index=2), a_line(job_id=14, array_id=14)]
    assert [line.split()[:2] for line in JobTable(jobs, 2, NOW, compact=True).lines()][2:] == [
        ["2@12", "-"],
        ["14", "R"],
    ]


@pytest.mark.parametrize(
    ("values", "duration"),
    [
        ({"state": JobState.TERMINATED, "stop_time": TEN + 70}, "0:00:10"),
        ({"state": JobState.TO_LAUNCH}, "0:00:00"),
        ({"state": JobState.WAITING, "start_time": TEN + 9000}, "0:00:00"),
        ({"state": JobState.ERROR, "start_time": 0, "stop_time": TEN}, "0:00:00"),
        ({"state": JobState.RUNNING, "start_time": TEN - 360000 + 3785}, "100:00:00"),
    ],
)
def test_the_duration_is_the_time_a_job_really_ran(values, duration):
    assert list(JobTable([a_line(**values)], 2, NOW).lines())[2].split()[3] == duration


def test_the_table_can_be_spelled_for_programs():
    assert json.loads(json.dumps(JobTable([a_line()], 2, NOW).structure()))["12"]["state"] == "Running"


def test_states_are_one_to_a_line():
    assert text(JobStates([a_line(), a_line(job_id=13, state=JobState.ERROR)])) == "12: Running\n13: Error"


def test_states_are_spelled_by_id():
    assert JobStates([a_line()]).structure() == {"12": "Running"}


def test_an_event_shows_date_job_type_and_description():
    assert text(JobEvents([an_event()])) == "2024-01-01 10:01:00> [12] TYPE: description"


def test_the_lines_of_a_long_event_stand_below_its_type():
    assert text(JobEvents([an_event(description="one\ntwo")])) == (
        "2024-01-01 10:01:00> [12] TYPE: one\n                          two"
    )


def test_events_are_spelled_by_job():
    assert JobEvents([an_event()]).structure() == {
        "12": [{"date": TEN + 60, "type": "TYPE", "description": "description"}]
    }


def test_properties_are_written_as_oarprint_reads_them():
    properties = {"mem": 64, "host": "n1", "state": "Alive", "rack": None, "resource_id": 1}
    resource = Resource(ResourceId(1), "n1", "default", NodeState.ALIVE, UNCHANGED, 0, properties)
    assert text(ResourceProperties([resource])) == " host = 'n1' , mem = '64' , rack = '' "
    assert ResourceProperties([resource]).structure() == {"1": {"host": "n1", "mem": 64, "rack": ""}}
