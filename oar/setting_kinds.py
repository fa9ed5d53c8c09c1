"""The kinds of values that settings have, beside Python's own; each is spelled as ``oar.conf`` spells it."""

from dataclasses import dataclass
from typing import Generic, NewType, TypeVar

Bound = NewType("Bound", int)
"""At most so many; 0 means no bound."""
LooseBound = NewType("LooseBound", int)
"""At most so many; 0 means no bound, and so does whatever is no number above 0."""
JsonObject = NewType("JsonObject", str)
"""The text of a JSON object."""


@dataclass(frozen=True, slots=True)
class Targets:
    """The shares that users or projects should have of the use, in percent; who is not named has 0."""

    percent: tuple[tuple[str, float], ...] = ()

    def __str__(self) -> str:
        return "{" + ", ".join(f"{name} => {share:g}" for name, share in self.percent) + "}"


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ByQueue(Generic[T]):
    """A value that may differ from queue to queue: ``otherwise`` holds for those that are not named."""

    otherwise: T
    named: tuple[tuple[str, T], ...] = ()

    def of(self, queue: str) -> T:
        """Tell the value of a queue."""
        return dict(self.named).get(queue, self.otherwise)

    def __str__(self) -> str:
        values = [f"{queue} => {_spelled(value)}" for queue, value in self.named]
        otherwise = _spelled(self.otherwise)
        return "{" + ", ".join([*values, f"_ => {otherwise}"]) + "}" if values else otherwise


def _spelled(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, frozenset):
        return ",".join(sorted(value))
    return f"{value:g}" if isinstance(value, float) else str(value)


@dataclass(frozen=True, slots=True)
class Commands:
    """Command lines by name."""

    lines: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return "{" + ", ".join(f"{name} => '{line}'" for name, line in self.lines) + "}" if self.lines else ""


@dataclass(frozen=True, slots=True)
class Pools:
    """Conditions in SQL, each with the number of nodes that stay awake and idle among those that meet it."""

    least: tuple[tuple[str, int], ...] = ()

    def __str__(self) -> str:
        return "&".join(f"{condition}:{count}" for condition, count in self.least)


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds by the number of nodes: from so many nodes on, so long."""

    steps: tuple[tuple[int, int], ...]

    def for_nodes(self, count: int) -> int:
        """Tell the seconds for so many nodes; fewer than the first step names have those of the first."""
        fitting = [seconds for least, seconds in self.steps if least <= count]
        return fitting[-1] if fitting else self.steps[0][1]

    def __str__(self) -> str:
        if len(self.steps) == 1:
            return str(self.steps[0][1])
        return " ".join(f"{least}:{seconds}" for least, seconds in self.steps)
