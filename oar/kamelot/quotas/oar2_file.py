"""Reads OAR 2's ``scheduler_quotas.conf``, which is Perl, without running it.

Such a file is a list of assignments ``$Gantt_quotas->{queue}->{project}->{type}->{user} = [r, j, h];``.
"""

import re
from typing import NoReturn

from oar.kamelot.quotas.amounts import Source, limits
from oar.kamelot.quotas.calendar import Quotas
from oar.kamelot.quotas.rules import Choice, Key, Limits, Rule, RuleSet

_BLANK = re.compile(r"(?:\s+|#[^\n]*)*")
_QUOTED = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\$@]|\\.)*\""""
_PART = re.compile(rf"(?:->\s*)?\{{\s*({_QUOTED}|[\w*/.:+-]+)\s*\}}\s*")
_NUMBER = re.compile(rf"({_QUOTED}|[-+]?(?!0\d)[\d._]+(?:[eE][-+]?\d+)?)\s*")
_TRUTH = re.compile(r"1\s*;")
_VARIABLE = "$Gantt_quotas"
_LIMITS = ("resources", "jobs", "resource-hours")


def read_oar2_quotas(source: Source) -> Quotas:
    """Read the rules; every one that is not shadowed binds. Raises BadQuotas."""
    return Quotas(RuleSet("", _Reader(source).rules(), Choice.EVERY))


class _Reader:
    """A place in the text, and what can stand there."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._text = source.text
        self._at = 0
        self._before = 0

    def rules(self) -> list[Rule]:
        """Read all assignments; a later one replaces an earlier one of the same key."""
        rules = []
        self._skip()
        while self._at < len(self._text):
            if truth := _TRUTH.match(self._text, self._at):  # how files end that Perl is to "require"
                self._at = truth.end()
            else:
                rules.append(self._assignment())
            self._skip()
        return rules

    def _assignment(self) -> Rule:
        line = self._line()
        if not self._accept(_VARIABLE):
            self._fail(
                f"expected {_VARIABLE}->{{'queue'}}->{{'project'}}->{{'type'}}->{{'user'}} = [10, -1, -1];"
            )
        if not self._text.startswith("->", self._at):
            self._fail(f'expected "->" after {_VARIABLE}')
        parts: list[str] = []
        while (part := _PART.match(self._text, self._at)) and len(parts) < len(Key._fields):
            parts.append(_unquoted(part[1]))
            self._at = part.end()
            self._skip()
        if part or len(parts) < len(Key._fields):
            self._fail("expected four names in braces: queue, project, type, user")
        key = self._source.key(parts, line)
        self._expect("=", "after the names")
        found = self._limits(key)
        self._expect(";", "after the limits")
        return Rule(key, found)

    def _limits(self, key: Key) -> Limits:
        numbers = [self._number()] if not self._accept("[") else self._list()
        if len(numbers) > len(_LIMITS):
            self._fail(f'rule "{key}": expected at most three limits: {", ".join(_LIMITS)}')
        amounts = [
            self._source.amount(number, f'rule "{key}": {name}', self._line())
            for name, number in zip(_LIMITS, numbers, strict=False)
        ]
        return limits(*amounts, *[None] * (len(_LIMITS) - len(amounts)))

    def _list(self) -> list[str]:
        numbers = [self._number()]
        while not self._accept("]"):
            self._expect(",", "or ] after a limit")
            if not self._text.startswith("]", self._at):
                numbers.append(self._number())
        return numbers

    def _number(self) -> str:
        number = _NUMBER.match(self._text, self._at)
        if number is None:
            self._fail("expected a number, or -1 for no limit")
        self._at = number.end()
        self._skip()
        return _unquoted(number[1])

    def _accept(self, word: str) -> bool:
        found = self._text.startswith(word, self._at)
        if found:
            self._at += len(word)
            self._skip()
        return found

    def _expect(self, word: str, where: str) -> None:
        if not self._accept(word):
            line = self._source.line_at(self._before)
            self._source.fail(f'expected "{word}" {where}', line)

    def _skip(self) -> None:
        self._before = self._at
        blank = _BLANK.match(self._text, self._at)
        self._at = blank.end() if blank else self._at

    def _line(self) -> int:
        return self._source.line_at(self._at)

    def _fail(self, problem: str) -> NoReturn:
        found = self._text[self._at :].split("\n", 1)[0].strip()
        self._source.fail(
            f'{problem}, found "{found}"' if found else f"{problem}, found the end", self._line()
        )


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text[0] in "'\"" else text
