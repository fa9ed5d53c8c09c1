"""What was made of rows, kept from one round to the next: most rows stay as they are."""

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

Rows = TypeVar("Rows")
Value = TypeVar("Value")


class Known(Generic[Rows, Value]):
    """Values by number, each with the rows that it was made of: equal rows make equal values.

    So nobody has to say what changed: a row that did is not equal any more. It holds what was read last, no
    more.
    """

    def __init__(self) -> None:
        self._values: dict[int, tuple[Rows, Value]] = {}

    def all(self, rows: Iterable[tuple[int, Rows]], make: Callable[[Rows], Value]) -> tuple[Value, ...]:
        """Give the value of each number, in the order of the rows; makes those of which the rows changed."""
        before, now = self._values, {}
        for number, row in rows:
            there = before.get(number)
            now[number] = there if there is not None and there[0] == row else (row, make(row))
        self._values = now
        return tuple(value for _, value in now.values())
