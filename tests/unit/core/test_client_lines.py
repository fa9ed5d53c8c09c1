"""What a waiting oarsub is told, by the state of its job."""

from dataclasses import replace

import pytest

from oar.core.client_lines import Address, Client, lines_for, read_address, without_date
from oar.core.durations import format_date
from oar.core.states import JobState, ReservationState

NOW = 1_000_000
INTERACTIVE = Client(
    7,
    Address("front", 4000),
    JobState.WAITING,
    interactive=True,
    reservation=ReservationState.NONE,
    message="R=1,W=1:0:0,J=I (quota_ok)",
    planned=NOW + 3600,
)
RESERVATION = replace(INTERACTIVE, interactive=False, reservation=ReservationState.SCHEDULED)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("front.site.org:4000", Address("front.site.org", 4000)),
        ("front:", None),
        ("front", None),
        (":4000", None),
        ("front:0", None),
        ("front:65536", None),
        ("front:4000x", None),
        ("front:²", None),
        ("", None),
        (None, None),
    ],
)
def test_somebody_waits_where_host_and_port_are_named(text, address):
    assert read_address(text) == address


def test_r14_an_interactive_job_that_waits_is_told_its_prediction():
    (line,) = lines_for(INTERACTIVE, NOW)
    assert line == (
        f"[{format_date(NOW)}] Start prediction: {format_date(NOW + 3600)} (R=1,W=1:0:0,J=I (quota_ok))"
    )


def test_a_job_without_a_place_in_the_plan_has_no_prediction():
    assert lines_for(replace(INTERACTIVE, planned=None), NOW) == ()


def test_a_prediction_is_never_in_the_past():
    (line,) = lines_for(replace(INTERACTIVE, planned=NOW - 5), NOW)
    assert f"Start prediction: {format_date(NOW)}" in line


def test_a_message_of_several_lines_is_told_in_one():
    (line,) = lines_for(replace(INTERACTIVE, message="GOOD\nJOB"), NOW)
    assert line.endswith("(GOOD JOB)")


@pytest.mark.parametrize(
    ("state", "lines"),
    [
        (JobState.HOLD, ("Start prediction: undefined (Hold)",)),
        (JobState.LAUNCHING, ("Starting...",)),
        (JobState.RUNNING, ("GOOD JOB",)),
        (JobState.TO_ERROR, ("R=1,W=1:0:0,J=I (quota_ok)", "BAD JOB")),
        (JobState.ERROR, ("JOB KILLED",)),
        (JobState.TO_LAUNCH, ()),
        (JobState.FINISHING, ()),
        (JobState.TERMINATED, ()),
    ],
)
def test_the_state_of_an_interactive_job_says_the_line(state, lines):
    assert lines_for(replace(INTERACTIVE, state=state), NOW) == lines


@pytest.mark.parametrize(
    ("state", "lines"),
    [
        (JobState.TO_ACK_RESERVATION, ("GOOD RESERVATION",)),
        (JobState.TO_ERROR, ("R=1,W=1:0:0,J=I (quota_ok)", "BAD JOB")),
        (JobState.ERROR, ("JOB KILLED",)),
        (JobState.WAITING, ()),
        (JobState.RUNNING, ()),
    ],
)
def test_a_reservation_is_told_its_answer_and_nothing_else(state, lines):
    assert lines_for(replace(RESERVATION, state=state), NOW) == lines


def test_two_predictions_that_differ_in_their_own_date_only_say_the_same():
    first, second = (lines_for(INTERACTIVE, now)[0] for now in (NOW, NOW + 60))
    assert first != second
    assert without_date(first) == without_date(second)


def test_a_line_without_a_date_is_compared_as_it_is():
    assert without_date("GOOD JOB") == "GOOD JOB"
