"""What may be written on a terminal: text of other people, without the characters that command it."""

import re

LONGEST_MESSAGE = 1000
"""A message about what somebody typed is cut in its middle when it has more characters."""
_COMMANDS = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""All control characters but the tab, ends of lines, changes of the writing's direction, and broken bytes."""


def visible(text: str) -> str:
    """Spell out what would end the line or command the terminal: an end of line becomes ``\\n``."""
    return _COMMANDS.sub(lambda found: repr(found[0])[1:-1], text)


def one_line(text: str) -> str:
    """Put a message on one line that is not too long; runs of blanks become one."""
    line = visible(" ".join(text.split()))
    if len(line) <= LONGEST_MESSAGE:
        return line
    half = LONGEST_MESSAGE // 2
    return f"{line[:half]} [...] {line[-half:]}"
