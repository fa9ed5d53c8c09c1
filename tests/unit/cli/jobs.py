"""Jobs to show, in a time zone that the tests choose."""

from oar.core.job import Group, JobId, Level, Moldable, MoldableId, Request
from oar.core.listings import EventLine, JobDetails, JobLine, Place
from oar.core.states import JobState, JobType, NodeState, ReservationState

TEN = 1704103200
"""2024-01-01 10:00:00 UTC."""

REQUEST = Request((Group("type = 'default'", (Level("network_address", 1),)),))


def a_line(**values):
    line = {
        "job_id": JobId(12), "array_id": 12, "array_index": 1, "name": "", "user": "bob",
        "state": JobState.RUNNING, "queue": "default", "submission_time": TEN, "start_time": TEN + 60,
        "stop_time": 0, "message": "R=2,W=2:0:0,J=B",
    }  # fmt: skip
    return JobLine(**(line | values))


def a_job(**values):
    lines = {name: values.pop(name) for name in list(values) if name in JobLine.__slots__}
    job = {
        "line": a_line(**lines), "project": "default", "command": "./run", "exit_code": None,
        "launching_directory": "/home/bob", "job_type": JobType.PASSIVE,
        "properties": "desktop_computing = 'NO'", "reservation": ReservationState.NONE,
        "stdout_file": "OAR.12.stdout", "stderr_file": "OAR.12.stderr", "initial_request": "oarsub ./run",
        "resubmit_job_id": 0, "scheduler_info": "", "assigned_moldable": 5,
        "moldables": (Moldable(MoldableId(5), REQUEST, 7200),), "types": (), "dependencies": (),
        "assigned": (Place(1, "node1", NodeState.ALIVE), Place(2, "node2", NodeState.ALIVE)),
        "predicted_start": None, "predicted_moldable": None, "predicted": (), "events": (),
    }  # fmt: skip
    return JobDetails(**(job | values))


def an_event(**values):
    event = {
        "event_id": 1, "date": TEN + 60, "job_id": 12, "type": "TYPE", "description": "description",
        "to_check": False,
    }  # fmt: skip
    return EventLine(**(event | values))
