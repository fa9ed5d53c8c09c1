"""A call of oarsh, which is written as one of ssh: what of it is passed on. Pure.

On frontends ssh runs as the account of OAR. So nothing reaches it but options that are harmless in anybody's
hand, whatever a site asks to pass on; the rest is dropped, as OAR 2 drops it.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from oar.errors import BadRequest

HARMLESS = frozenset("1246bcCfkmnqtTvx")
"""Options of ssh that read no file, run no command, forward nothing and share no connection."""
_VALUE = re.compile(r"[A-Za-z0-9@,.+^:_-]+")
_SUBSYSTEM = "sftp"


class BadCall(BadRequest):
    """The arguments are not those of ssh."""

    exit_code = 7


@dataclass(frozen=True, slots=True)
class SshCall:
    """What somebody asks of ssh: ``passed_on`` are the options for it, ``dropped`` are not."""

    host: str
    command: str
    passed_on: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    key_file: str | None = None
    is_verbose: bool = False
    wants_terminal: bool | None = None
    """None where ssh is to decide."""


def parse_call(arguments: Sequence[str], options: str, passed_on: str) -> SshCall:
    """Read ``[options] [user@]host [options] [command]``; raises :class:`BadCall`.

    ``options`` are those that ssh understands, ``passed_on`` those that the site lets through, both as getopt
    writes them. The user is ignored: it is the job's.
    """
    found = _Words(options)
    rest = found.take(list(arguments))
    if not rest:
        raise BadCall("cannot retrieve host; give the name of a node")
    host, rest = rest[0], found.take(rest[1:])
    return found.call(host.rpartition("@")[2], rest, HARMLESS & set(passed_on.replace(":", "")))


class _Words:
    """The options found so far, each with its value."""

    def __init__(self, options: str) -> None:
        self._arity = {found[1]: bool(found[2]) for found in re.finditer(r"(\w)(:?)", options)}
        self.found: list[tuple[str, str | None]] = []

    def take(self, words: list[str]) -> list[str]:
        """Take options from the front; return what stands behind them."""
        while words and len(words[0]) > 1 and words[0].startswith("-"):
            word = words.pop(0)
            if word == "--":
                break
            self._take_word(word[1:], words)
        return words

    def _take_word(self, letters: str, words: list[str]) -> None:
        while letters:
            letter, letters = letters[0], letters[1:]
            if letter not in self._arity:
                raise BadCall(f"-{letter}: ssh has no such option")
            if not self._arity[letter]:
                self.found.append((letter, None))
                continue
            if not letters and not words:
                raise BadCall(f"-{letter} needs a value")
            self.found.append((letter, letters or words.pop(0)))
            letters = ""

    def call(self, host: str, command: Sequence[str], allowed: frozenset[str]) -> SshCall:
        """Sort what was found."""
        letters = [letter for letter, _ in self.found]
        keys = [value for letter, value in self.found if letter == "i"]
        passed_on: list[str] = []
        dropped: list[str] = []
        for letter, value in self.found:
            kept = letter in allowed and (value is None or _VALUE.fullmatch(value))
            if letter not in "is":
                (passed_on if kept else dropped).append(f"-{letter}{value or ''}")
        line = " ".join(command)
        if "s" in letters:
            line = _subsystem(line)
        terminals = [letter for letter in letters if letter in "tT"]
        return SshCall(
            host,
            line,
            tuple(passed_on),
            tuple(dropped),
            key_file=keys[-1] if keys else None,
            is_verbose="v" in letters,
            wants_terminal=terminals[-1] == "t" if terminals else None,
        )


def _subsystem(name: str) -> str:
    if name != _SUBSYSTEM:
        raise BadCall(f"-s: there is no subsystem '{name}'; {_SUBSYSTEM} is the only one")
    return "internal-sftp"


def describe_dropped(call: SshCall) -> Iterator[str]:
    """Say, to who asked for many words, what ssh is not told."""
    for option in call.dropped:
        yield f"oarsh: option {option!r} is not passed on"
