"""Text of other people on a terminal."""

import pytest

from oar.cli.terminal import LONGEST_MESSAGE, one_line, visible


@pytest.mark.parametrize("text", ["", "a\tb", "it's 100% \u65e5\u672c \u00e9", "node[1-2]"])
def test_what_can_be_read_stays_as_it_is(text: str) -> None:
    assert visible(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nstate = Terminated", "a\\nstate = Terminated"),
        ("a\r\n", "a\\r\\n"),
        ("\x1b[2J", "\\x1b[2J"),
        ("\x9b2J", "\\x9b2J"),
        ("\u2028", "\\u2028"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("\udcff", "\\udcff"),
    ],
)
def test_what_would_command_the_terminal_is_spelled_out(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_a_message_is_one_line() -> None:
    assert one_line(" no such\n\n  thing ") == "no such thing"


def test_a_long_message_keeps_its_begin_and_its_end() -> None:
    line = one_line("bad value '" + "x" * 100_000 + "'; use less")
    assert len(line) < LONGEST_MESSAGE + 20
    assert (line.startswith("bad value 'x"), line.endswith("x'; use less")) == (True, True)
