"""What reaches the server's two doors, and what it is taken for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oar.core.messages import ExterminateJob, Hint, JobReport, LaunchJob, parse_json, parse_line, to_json

MESSAGES = st.one_of(
    st.sampled_from(Hint),
    st.builds(LaunchJob, st.integers(0, 2**31)),
    st.builds(ExterminateJob, st.integers(0, 2**31)),
    st.builds(
        JobReport,
        st.integers(0, 2**31),
        st.integers(0, 255),
        st.none() | st.integers(0, 65535),
        st.integers(0, 10**12).map(str),
    ),
)


@given(MESSAGES)
def test_every_message_survives_both_spellings(message):
    line = message.value if isinstance(message, Hint) else message.to_line()
    assert parse_line(line + "\r\n") == message
    assert parse_json(to_json(message)) == message


@given(st.text())
def test_any_text_is_a_message_or_nothing(text):
    assert parse_line(text) is None or isinstance(
        parse_line(text), Hint | JobReport | LaunchJob | ExterminateJob
    )


@given(st.binary())
def test_any_bytes_are_a_message_or_nothing(data):
    parse_json(data)


def test_the_report_of_a_job_without_script_has_no_status():
    assert parse_line("OAREXEC_12_3_N_998877") == JobReport(12, 3, None, "998877")


def test_a_hint_may_carry_options_behind_a_blank():
    assert parse_line("Qsub -I") is Hint.SUBMITTED


def test_oar_3s_json_for_a_report_has_its_parts_as_arguments():
    text = b'{"job_id": 5, "cmd": "OAREXEC", "args": [0, 256, 42]}'
    assert parse_json(text) == JobReport(5, 0, 256, "42")


@pytest.mark.parametrize("line", ["", "Qsubx", "OAREXEC_1_2", "OARRUNJOB_", "OARRUNJOB_" + "9" * 30])
def test_what_is_no_message_is_nothing(line):
    assert parse_line(line) is None


def test_a_status_of_many_digits_is_refused_rather_than_computed():
    assert parse_line("OAREXEC_1_0_" + "9" * 5000 + "_1") is None
