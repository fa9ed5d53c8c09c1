"""The whole table of incidents: what each condemns, as OAR 2 has it, and who records it."""

import re
from pathlib import Path

import pytest

import oar
from oar.core.events import (
    CONSEQUENCES,
    Condemned,
    EventKind,
    Resubmits,
    Suspects,
    consequence_for,
    events_of_oarexec_code,
)
from oar.core.job_life import JobSignal

PACKAGE = Path(oar.__file__).parent
FAIL, TERMINATE = JobSignal.FAIL, JobSignal.TERMINATE
NOBODY, LISTED, FIRST, ALL = Suspects.NOBODY, Suspects.LISTED, Suspects.FIRST, Suspects.ALL

TABLE = {
    EventKind.SWITCH_INTO_TERMINATE_STATE: (TERMINATE, NOBODY, Resubmits.WHEN_IDEMPOTENT, False),
    EventKind.SWITCH_INTO_ERROR_STATE: (FAIL, NOBODY, Resubmits.WHEN_IDEMPOTENT, False),
    EventKind.FORCE_TERMINATE_FINISHING_JOB: (FAIL, ALL, Resubmits.NO, False),
    EventKind.PING_CHECKER_NODE_SUSPECTED: (FAIL, LISTED, Resubmits.YES, False),
    EventKind.CPUSET_ERROR: (FAIL, LISTED, Resubmits.YES, False),
    EventKind.PROLOGUE_ERROR: (FAIL, FIRST, Resubmits.YES, False),
    EventKind.CANNOT_WRITE_NODE_FILE: (FAIL, FIRST, Resubmits.YES, False),
    EventKind.CANNOT_WRITE_PID_FILE: (FAIL, FIRST, Resubmits.YES, False),
    EventKind.USER_SHELL: (FAIL, FIRST, Resubmits.YES, False),
    EventKind.CANNOT_CREATE_TMP_DIRECTORY: (FAIL, FIRST, Resubmits.YES, False),
    EventKind.LAUNCHING_OAREXEC_TIMEOUT: (FAIL, FIRST, Resubmits.YES, False),
    EventKind.SSH_TRANSFER_TIMEOUT: (FAIL, FIRST, Resubmits.NO, False),
    EventKind.BAD_HASHTABLE_DUMP: (FAIL, FIRST, Resubmits.NO, False),
    EventKind.EXIT_VALUE_OAREXEC: (FAIL, FIRST, Resubmits.NO, False),
    EventKind.EXTERMINATE_JOB: (FAIL, Suspects.ALL_UNCLEANED, Resubmits.NO, False),
    EventKind.RESERVATION_NO_NODE: (FAIL, NOBODY, Resubmits.NO, False),
    EventKind.CPUSET_CLEAN_ERROR: (TERMINATE, LISTED, Resubmits.NO, False),
    EventKind.EPILOGUE_ERROR: (TERMINATE, FIRST, Resubmits.NO, False),
    EventKind.PING_CHECKER_NODE_SUSPECTED_END_JOB: (None, LISTED, Resubmits.NO, False),
    EventKind.SUSPEND_ERROR: (None, LISTED, Resubmits.NO, False),
    EventKind.RESUME_ERROR: (None, LISTED, Resubmits.NO, False),
    EventKind.SERVER_PROLOGUE_TIMEOUT: (FAIL, NOBODY, Resubmits.YES, True),
    EventKind.SERVER_PROLOGUE_EXIT_CODE_ERROR: (FAIL, NOBODY, Resubmits.YES, True),
    EventKind.SERVER_EPILOGUE_TIMEOUT: (FAIL, NOBODY, Resubmits.NO, True),
    EventKind.SERVER_EPILOGUE_EXIT_CODE_ERROR: (FAIL, NOBODY, Resubmits.NO, True),
    EventKind.HOLD_WAITING_JOB: (JobSignal.HOLD, NOBODY, Resubmits.NO, False),
    EventKind.HOLD_RUNNING_JOB: (JobSignal.HOLD, NOBODY, Resubmits.NO, False),
    EventKind.RESUME_JOB: (JobSignal.RESUME, NOBODY, Resubmits.NO, False),
    EventKind.RESUME_GRANTED: (JobSignal.RESUMED, NOBODY, Resubmits.NO, False),
    EventKind.FRAG_JOB_REQUEST: (None, NOBODY, Resubmits.NO, False),
}
"""By kind: the move of the job, the nodes, the copy, whether all queues stop."""

BY_CODE_OF_OAREXEC = frozenset(
    kind for code in range(256) for kind in events_of_oarexec_code(code) if kind in EventKind
)
NOT_RECORDED = {
    EventKind.SCHEDULER_PRIORITY_UPDATED_START: "scheduler_priority is not kept",
    EventKind.SCHEDULER_PRIORITY_UPDATED_STOP: "scheduler_priority is not kept",
}
"""Kinds that are known, since databases of OAR 2 hold them, but that nothing here records."""


def recorded_in(kind: EventKind) -> list[str]:
    """Name the modules that speak of a kind, besides those that only list kinds."""
    word = re.compile(rf"\bEventKind\.{kind.name}\b")
    lists = {PACKAGE / "core" / "events.py", PACKAGE / "db" / "events.py"}
    files = [file for file in PACKAGE.rglob("*.py") if file not in lists]
    return [str(file.relative_to(PACKAGE)) for file in files if word.search(file.read_text())]


def test_the_table_is_whole() -> None:
    assert set(TABLE) == set(CONSEQUENCES)


@pytest.mark.parametrize("kind", TABLE)
def test_each_incident_condemns_what_the_table_says(kind: EventKind) -> None:
    found = CONSEQUENCES[kind]
    assert (found.job_signal, found.suspects, found.resubmits, found.stops_queues) == TABLE[kind]


@pytest.mark.parametrize("kind", [kind for kind in EventKind if kind not in NOT_RECORDED])
def test_each_incident_is_recorded_by_somebody(kind: EventKind) -> None:
    assert kind in BY_CODE_OF_OAREXEC or recorded_in(kind)


@pytest.mark.parametrize("kind", NOT_RECORDED)
def test_what_is_said_to_be_recorded_by_nobody_is_not(kind: EventKind) -> None:
    assert recorded_in(kind) == []


@pytest.mark.parametrize("kind", TABLE)
def test_no_trouble_on_a_frontend_suspects_a_node_that_it_does_not_name(kind: EventKind) -> None:
    found = consequence_for(kind, Condemned(on_frontend=True, assigned=True), with_cgroups=False)
    assert found.suspects in (NOBODY, LISTED)
    assert found.resubmits is not Resubmits.YES


@pytest.mark.parametrize("kind", [EventKind.WORKING_DIRECTORY, EventKind.OUTPUT_FILES])
def test_the_fault_of_a_job_is_an_incident_that_condemns_nothing(kind: EventKind) -> None:
    assert kind not in CONSEQUENCES


@pytest.mark.parametrize("kind", [kind for kind, row in TABLE.items() if row[1] is FIRST])
def test_a_copy_that_fails_as_its_original_did_suspects_no_further_node(kind: EventKind) -> None:
    assert consequence_for(kind, Condemned(resubmission=True), with_cgroups=True).suspects is NOBODY
