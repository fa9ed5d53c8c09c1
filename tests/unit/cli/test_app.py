"""What every command shares: one line for each error, documented exit codes, a context that is passed in."""

import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from sqlalchemy.exc import ProgrammingError

from oar.cli.app import Context, OarCommand, fail, oar_command, warn
from oar.cli.caller import Caller
from oar.errors import ConfigurationError, OarError


def command_that(action: object) -> OarCommand:
    @oar_command("oarfoo", exit_codes={0: "done", 4: "no such foo"})
    @click.option("--size", type=int)
    @click.pass_obj
    def oarfoo(context: Context, size: int | None) -> None:
        """Do foo."""
        if isinstance(action, BaseException):
            raise action
        if callable(action):
            action(context)

    return oarfoo


def run(action: object, *arguments: str) -> Result:
    return CliRunner().invoke(command_that(action), arguments, obj=Context())


def test_an_error_of_ours_is_one_line_that_begins_with_the_command() -> None:
    assert run(OarError("no such thing\n  as this")).stderr == "oarfoo: no such thing as this\n"


def test_an_error_of_ours_ends_with_its_own_exit_code() -> None:
    assert run(ConfigurationError("bad")).exit_code == 78


def test_an_unknown_option_ends_with_1_as_in_oar_2() -> None:
    assert run(None, "--frobnicate").exit_code == 1


def test_an_unknown_option_is_named_and_help_is_pointed_at() -> None:
    assert re.fullmatch(
        r"oarfoo: No such option:? '?--frobnicate'?; see oarfoo --help\n", run(None, "--frobnicate").stderr
    )


def test_a_bad_value_names_its_option() -> None:
    assert "'--size'" in run(None, "--size", "big").stderr


def test_an_interrupt_is_told_without_a_traceback() -> None:
    assert run(KeyboardInterrupt()).exit_code == 130


def test_an_error_nobody_foresaw_is_not_hidden() -> None:
    assert isinstance(run(ZeroDivisionError()).exception, ZeroDivisionError)


def test_a_command_can_end_with_a_code_after_it_spoke() -> None:
    def speak(_: Context) -> None:
        warn("job 3 is gone")
        fail(4)

    result = run(speak)
    assert (result.exit_code, result.stderr) == (4, "oarfoo: job 3 is gone\n")


def test_the_exit_codes_are_part_of_the_help() -> None:
    assert "Exit codes:\n  0  done\n  4  no such foo\n" in run(None, "-h").output


def test_the_version_is_printed_as_oar_2_prints_it() -> None:
    assert run(None, "-V").output.startswith("OAR version: ")


def test_help_needs_no_configuration(tmp_path: Path) -> None:
    result = CliRunner(env={"OARCONFFILE": str(tmp_path / "absent")}).invoke(command_that(None), ["--help"])
    assert result.exit_code == 0


def test_a_missing_configuration_is_told_in_one_line(tmp_path: Path) -> None:
    runner = CliRunner(env={"OARCONFFILE": str(tmp_path / "absent")})
    result = runner.invoke(command_that(lambda context: context.settings), [])
    assert (result.exit_code, result.stderr.count("\n")) == (78, 1)


def test_a_warning_of_the_configuration_does_not_mix_with_the_output(tmp_path: Path) -> None:
    file = tmp_path / "oar.conf"
    file.write_text('SERVER_HOSTNAM="here"\n')
    result = CliRunner(env={"OARCONFFILE": str(file)}).invoke(command_that(lambda c: c.settings), [])
    assert (result.stdout, "SERVER_HOSTNAM" in result.stderr) == ("", True)


def test_who_cannot_mend_the_configuration_is_not_warned_about_it(tmp_path: Path) -> None:
    file = tmp_path / "oar.conf"
    file.write_text('SERVER_HOSTNAM="here"\n')
    alice = Context(caller=Caller("alice", 1000, is_admin=False))
    runner = CliRunner(env={"OARCONFFILE": str(file)})
    assert runner.invoke(command_that(lambda c: c.settings), [], obj=alice).stderr == ""


PIPED = """
import click
from oar.cli.app import oar_command
@oar_command("oarfoo", exit_codes={})
def oarfoo() -> None:
    for _ in range(100000):
        click.echo("x" * 80)
oarfoo()
"""


def test_a_reader_that_leaves_early_gets_no_traceback() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PIPED], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert (process.stderr.read(), process.wait()) == ("", 1)


def leave(shell: str) -> "subprocess.CompletedProcess[str]":
    words = "import click; from oar.cli.app import oar_command as made\n"
    words += "made('oarfoo', exit_codes={})(lambda: click.echo('done'))()"
    argv = ["sh", "-c", f'exec "$0" -c "$1" {shell}', sys.executable, words]
    return subprocess.run(argv, capture_output=True, text=True, check=False)


def test_output_that_cannot_be_written_is_told_in_one_line() -> None:
    answer = leave("> /dev/full")
    assert (answer.returncode, answer.stderr) == (
        1,
        "oarfoo: No space left on device; what was asked may be done in part\n",
    )


def test_a_closed_output_is_no_error() -> None:
    answer = leave(">&-")
    assert (answer.returncode, answer.stderr) == (0, "")


@pytest.mark.parametrize("shell", ["--bogus 2>&-", "--bogus 2> /dev/full", "--bogus >&- 2>&- <&-"])
def test_without_a_standard_error_the_exit_code_says_it_all(shell: str) -> None:
    assert leave(shell).returncode == 1


def test_an_argument_that_is_no_text_is_refused() -> None:
    result = run(None, "a\udcff")
    assert (result.exit_code, result.stderr) == (
        1,
        "oarfoo: 'a\\udcff' is not written in UTF-8; see oarfoo --help\n",
    )


def test_what_somebody_typed_cannot_command_the_terminal() -> None:
    assert run(OarError("no \x1b[2Jthing")).stderr == "oarfoo: no \\x1b[2Jthing\n"


def test_the_database_library_is_not_loaded_before_it_is_used() -> None:
    code = "import sys, oar.cli.app; print('sqlalchemy' in sys.modules, 'zmq' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout == "False False\n"


@pytest.mark.parametrize("text", ["relation jobs does not exist\nLINE 1: select", "  \n"])
def test_an_error_of_the_database_is_cut_to_its_first_line(text: str) -> None:
    result = run(ProgrammingError("select", {}, Exception(text)))
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
