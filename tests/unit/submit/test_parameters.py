"""What is asked for, checked before the database is seen."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from oar.core.job import Group, Level, Request
from oar.errors import BadRequest, ConfigurationError
from oar.settings import SubmissionSettings
from oar.submit.merge import merge
from oar.submit.parameters import (
    LARGEST_ARRAY,
    Alternative,
    BadCondition,
    BadOption,
    Submission,
    Wishes,
    check,
    read_parameters,
)


def checked(
    command: str = "true",
    parameters: Sequence[str] | None = None,
    settings: SubmissionSettings | None = None,
    **wishes: object,
) -> Submission:
    return check(
        replace(Wishes(), **wishes),  # type: ignore[arg-type] # the tests give each field its own type
        command,
        parameters,
        settings or SubmissionSettings(),
        directory="/home/alice",
        initial_request="oarsub true",
    )


def test_nothing_said_is_one_job_in_the_current_directory() -> None:
    submission = checked()
    assert (submission.commands, submission.directory) == (("true",), "/home/alice")


def test_nothing_said_asks_for_what_the_configuration_says() -> None:
    submission = checked(settings=SubmissionSettings(default_request="nodes=2,walltime=1"))
    expected = Request((Group("", (Level("network_address", 2),)),))
    assert submission.alternatives == (Alternative(expected, 3600),)


def test_each_request_is_one_alternative() -> None:
    assert [one.walltime_s for one in checked(resources=("core=1,walltime=2", "core=2")).alternatives] == [
        7200,
        None,
    ]


def test_output_files_carry_the_number_of_the_job() -> None:
    submission = checked()
    assert (submission.stdout, submission.stderr) == ("OAR.%jobid%.stdout", "OAR.%jobid%.stderr")


def test_output_files_carry_the_name_of_the_job_too() -> None:
    assert checked(name="sim").stdout == "OAR.sim.%jobid%.stdout"


def test_the_name_of_the_job_is_filled_into_file_names() -> None:
    assert checked(name="sim", stdout="%jobname%.out").stdout == "sim.out"


def test_an_array_repeats_the_command() -> None:
    assert checked(array=3).commands == ("true", "true", "true")


def test_the_jobs_of_a_parameter_file_get_their_own_arguments() -> None:
    assert checked("./run", ("a 1", "b 2")).commands == ("./run a 1", "./run b 2")


def test_a_parameter_file_decides_the_size_of_the_array() -> None:
    assert len(checked("./run", ("a", "b"), array=7).commands) == 2


def test_only_the_end_of_a_line_ends_a_line_of_a_parameter_file() -> None:
    assert read_parameters("a\x0bb\u2028c\x1cd\r\ne\r\n") == ("a\x0bb\u2028c\x1cd", "e")


@pytest.mark.parametrize(
    "wishes",
    [
        {"property": "core = 1) OR (1 = 1"},
        {"resources": ("core=1", "{core = 1) OR (1 = 1}/core=1")},
        {"property": "core = 1 --"},
    ],
)
def test_a_condition_that_would_undo_what_rules_add_is_refused(wishes: dict[str, object]) -> None:
    with pytest.raises(BadCondition, match="bad condition"):
        checked(**wishes)


@pytest.mark.parametrize(
    "wishes",
    [
        {"project": "a\n    state = Terminated"},
        {"project": "\x1b[2J"},
        {"types": ("noop\x00",)},
        {"directory": "/tmp\n"},
        {"queue": "a\x7fb"},
    ],
)
def test_words_that_are_shown_to_others_hold_no_control_characters(wishes: dict[str, object]) -> None:
    with pytest.raises(BadOption, match="control character"):
        checked(**wishes)


def test_default_resources_that_are_not_understood_are_an_error_of_the_configuration() -> None:
    with pytest.raises(ConfigurationError, match="OARSUB_DEFAULT_RESOURCES: resource request 'nodes'"):
        checked(settings=SubmissionSettings(default_request="nodes"))


def test_comments_and_empty_lines_of_a_parameter_file_are_no_jobs() -> None:
    assert read_parameters("a 1\n\n# all\n  b 2 # two\n   \n") == ("a 1", "b 2")


def test_the_same_type_counts_once() -> None:
    assert checked(types=(" besteffort", "besteffort")).types == ("besteffort",)


def test_a_job_that_only_holds_its_resources_needs_no_command() -> None:
    assert checked("", types=("noop",)).commands == ("",)
    assert checked("", types=("noop=standby",)).commands == ("",)


def test_an_array_that_writes_to_one_file_is_warned_about() -> None:
    assert "'all.out'" in checked(array=2, stdout="all.out").warnings[0]


def test_an_array_that_throws_its_output_away_is_not_warned_about() -> None:
    assert checked(array=2, stdout="/dev/null", stderr="/dev/null").warnings == ()


@pytest.mark.parametrize(
    ("wishes", "code", "told"),
    [
        ({"command": ""}, 5, "nothing to run"),
        ({"command": "  "}, 5, "nothing to run"),
        ({"array": 0}, 6, "--array 0"),
        ({"array": -1}, 6, "--array -1"),
        ({"array": LARGEST_ARRAY + 1}, 6, "too large"),
        ({"parameters": ()}, 6, "--array-param-file has no line"),
        ({"resources": ("nodes=x",)}, 18, "'nodes=x'"),
        ({"stdout": "~/out"}, 244, "-O: '~/out'"),
        ({"stdout": "$HOME/out"}, 244, "-O: '$HOME/out'"),
        ({"stderr": "a;b"}, 243, "-E: 'a;b'"),
        ({"stdout": ""}, 244, "-O: ''"),
        ({"name": "a b"}, 1, "-n: 'a b'"),
        ({"name": ""}, 1, "-n: ''"),
        ({"name": "x" * 101}, 1, "up to 100"),
        ({"directory": "tmp"}, 1, "-d: 'tmp' is not absolute"),
        ({"queue": ""}, 1, "--queue"),
        ({"project": "x" * 256}, 1, "--project"),
        ({"types": ("",)}, 1, "-t: ''"),
        ({"command": "echo \udcff"}, 1, "not written in UTF-8"),
        ({"resources": ("{a = '\udcff'}/core=1",)}, 1, "not written in UTF-8"),
    ],
)
def test_what_cannot_be_is_refused_with_the_option_and_a_documented_code(
    wishes: dict[str, object], code: int, told: str
) -> None:
    with pytest.raises(BadRequest) as caught:
        checked(**wishes)  # type: ignore[arg-type] # the cases give each argument its own type
    assert (caught.value.exit_code, told in str(caught.value)) == (code, True), str(caught.value)


def test_the_command_line_wins_over_the_script() -> None:
    merged, _ = merge(
        Wishes(queue="admin", directory="/a"), Wishes(queue="default", directory="/b", name="x")
    )
    assert merged == Wishes(queue="admin", directory="/a", name="x")


def test_who_loses_is_told_in_oar_2_s_words() -> None:
    _, warnings = merge(Wishes(queue="admin"), Wishes(queue="default"))
    assert warnings == [
        "# Warning: ignore script value for queue parameter: default; "
        "another value was given on the command line."
    ]


def test_the_same_value_twice_is_nothing_to_warn_about() -> None:
    assert merge(Wishes(queue="admin", hold=True), Wishes(queue="admin", hold=True))[1] == []


def test_alternatives_types_and_dependencies_add_up_those_of_the_script_last() -> None:
    typed = Wishes(resources=("a=1",), types=("x",), anterior=(1,))
    scanned = Wishes(resources=("b=1",), types=("y",), anterior=(2,))
    assert merge(typed, scanned)[0] == Wishes(resources=("a=1", "b=1"), types=("x", "y"), anterior=(1, 2))


def test_either_may_hold_the_job() -> None:
    assert merge(Wishes(), Wishes(hold=True))[0].hold


@pytest.mark.parametrize(
    ("wishes", "expected"),
    [
        ({}, (0, 12)),
        ({"checkpoint": 60}, (60, 12)),
        ({"checkpoint": 60, "signal": "USR1"}, (60, 10)),
        ({"checkpoint": 60, "signal": "15"}, (60, 15)),
        ({"checkpoint": 60, "signal": "0"}, (60, 0)),
    ],
)
def test_a_checkpoint_has_seconds_and_a_signal(wishes: dict[str, object], expected: tuple[int, int]) -> None:
    submission = checked(**wishes)
    assert (submission.checkpoint_s, submission.checkpoint_signal) == expected


@pytest.mark.parametrize(
    ("wishes", "option"),
    [({"checkpoint": -1}, "--checkpoint: -1"), ({"signal": "USR7"}, "--signal: 'USR7'")],
)
def test_what_is_no_checkpoint_is_refused(wishes: dict[str, object], option: str) -> None:
    with pytest.raises(BadOption, match=option):
        checked(**wishes)


def test_who_says_nothing_is_told_nothing() -> None:
    assert checked().notify == ""


@pytest.mark.parametrize("text", ["mail:ann@example.org", "[end, ERROR] exec:/home/ann/told.sh --all"])
def test_a_wish_to_be_told_is_kept_as_it_was_written(text: str) -> None:
    assert checked(notify=f" {text}").notify == text


@pytest.mark.parametrize(("text", "code"), [("ann@example.org", 250), ("exec:/bin/echo $HOME", 16)])
def test_a_wish_to_be_told_that_is_none_has_its_exit_code(text: str, code: int) -> None:
    with pytest.raises(BadRequest, match=r"^--notify: ") as caught:
        checked(notify=text)
    assert caught.value.exit_code == code
