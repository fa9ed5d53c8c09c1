"""How files of quotas write the limits, and where in the file something is wrong."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NoReturn

from oar.errors import ConfigurationError
from oar.kamelot.quotas.rules import EACH, Key, Limits

HOUR_S = 3600
_SHARE = re.compile(r"(?:(\d+\.?\d*|\.\d+)\s*\*\s*)?ALL", re.IGNORECASE)
_PERCENT = re.compile(r"(\d+\.?\d*|\.\d+)\s*%")


class BadQuotas(ConfigurationError):
    """A file of quotas says what cannot be; the text names file, line, key and what would be right."""


@dataclass(frozen=True, slots=True)
class Source:
    """The file that is read: its name, its text, and how many resources ``ALL`` stands for."""

    file: str
    text: str
    all_resources: int

    def fail(self, problem: str, line: int | None = None) -> NoReturn:
        """Raise BadQuotas with file and line before the problem."""
        raise BadQuotas(f"{self.file}:{line}: {problem}" if line else f"{self.file}: {problem}")

    def line_at(self, position: int) -> int:
        """Tell the line of a position in the text, from 1."""
        return self.text.count("\n", 0, position) + 1

    def line_with(self, word: str) -> int | None:
        """Tell the first line that holds a word in quotes, or None."""
        for quote in "\"'":
            position = self.text.find(quote + word + quote)
            if position >= 0:
                return self.line_at(position)
        return None

    def amount(self, value: object, where: str, line: int | None = None) -> Fraction | None:
        """Read one limit; None is no limit. ``where`` names it in an error."""
        number = self._number(value)
        if number is None or (number < 0 and number != -1):
            self.fail(
                f"{where}: expected a number of at least 0, -1 for no limit, "
                f'or a text such as "ALL" or "0.5*ALL", not {_shown(value)}',
                line,
            )
        return None if number == -1 else number

    def _number(self, value: object) -> Fraction | None:
        """Read a number exactly: 0.29 of 100 resources are 29."""
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            return None
        text = str(value).strip()
        if share := _SHARE.fullmatch(text):
            return Fraction(share[1] or 1) * self.all_resources
        if percent := _PERCENT.fullmatch(text):
            return Fraction(percent[1]) * self.all_resources / 100
        return Fraction(text) if _is_finite(text) else None

    def key(self, names: Sequence[str], line: int | None = None) -> Key:
        """Make the key of a rule of its four names."""
        key = Key(*names)
        if key.type == EACH:
            self.fail(f'rule "{key}": "{EACH}" is not possible for the type, write "*" or a type', line)
        if not all(key):
            self.fail(f'rule "{key}": an empty name, write "*" for all together', line)
        return key


def limits(resources: Fraction | None, jobs: Fraction | None, hours: Fraction | None) -> Limits:
    """Make limits of what was read; parts of a resource, job or second do not count."""
    return Limits(
        None if resources is None else int(resources),
        None if jobs is None else int(jobs),
        None if hours is None else int(hours * HOUR_S),
    )


def _is_finite(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _shown(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)
