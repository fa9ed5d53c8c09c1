"""oarproperty on a real database, through its command line."""

import pytest

from oar.cli.oarproperty import oarproperty
from tests.integration.commands.terminal import BOB, Terminal


def test_properties_of_the_site_are_added_listed_renamed_and_removed(terminal: Terminal) -> None:
    assert (
        terminal.output(oarproperty, "-a", "core", "-a", "cpu")
        == "Added property: core\nAdded property: cpu\n"
    )
    assert terminal.output(oarproperty, "-c", "-a", "host") == "Added property: host\n"
    assert terminal.output(oarproperty, "-l", caller=BOB) == "core\ncpu\nhost\n"
    assert terminal.output(oarproperty, "-r", "host,box") == "Rename property host into box\n"
    assert terminal.output(oarproperty, "-d", "cpu") == "Removed property: cpu\n"
    assert terminal.output(oarproperty, "-l") == "core\nbox\n"


def test_the_quiet_option_keeps_quiet(terminal: Terminal) -> None:
    assert terminal.output(oarproperty, "-q", "-a", "core") == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "give --list, --add"),
        (["-a", "state"], "property state: this name belongs to OAR"),
        (["-a", "with space"], "property with space"),
        (["-d", "colour"], "there is no such property"),
        (["-r", "colour"], "--rename: 'colour' is not OLD,NEW"),
        (["-a", "core", "-a", "core"], "property core"),
    ],
)
def test_bad_input_is_told_in_one_line_and_changes_nothing(
    terminal: Terminal, words: list[str], said: str
) -> None:
    result = terminal.run(oarproperty, *words)
    assert (result.exit_code, result.stdout) == (1, "")
    assert said in result.stderr
    assert terminal.output(oarproperty, "-l") == ""


def test_only_administrators_change_properties(terminal: Terminal) -> None:
    result = terminal.run(oarproperty, "-a", "core", caller=BOB)
    assert (result.exit_code, result.stderr) == (8, "oarproperty: you must be oar or root\n")
