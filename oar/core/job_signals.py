"""Signals that users name: for the command of a job, on its node."""

import signal

from oar.errors import BadRequest

LARGEST = 64
"""The last signal of Linux."""


class BadSignal(BadRequest):
    """What was given is no signal; the option is named by who catches it."""

    def __init__(self, text: str) -> None:
        super().__init__(f"'{text}' is no signal; use a number from 1 to {LARGEST}, or a name such as USR1")
        self.text = text


def signal_number(text: str) -> int:
    """Read a number, or a name with or without SIG, in any case; raises :class:`BadSignal`."""
    word = text.strip()
    if word.isascii() and word.isdecimal() and 1 <= int(word) <= LARGEST:
        return int(word)
    name = "SIG" + word.upper().removeprefix("SIG")
    if name not in signal.Signals.__members__:
        raise BadSignal(text)
    return int(signal.Signals[name])
