"""Counts the statements that are sent to PostgreSQL, and the time until their rows are here."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from psycopg2.extensions import cursor
from sqlalchemy import Engine, event

TEXT = re.compile(rb"'(?:[^']|'')*'")


@dataclass(frozen=True, slots=True)
class Sent:
    """What was sent at once, when its answer was here, and how many seconds that took."""

    text: bytes
    at: float
    seconds: float

    @property
    def count(self) -> int:
        """How many statements that is: some are sent together, with semicolons between them."""
        return sum(bool(part.strip()) for part in TEXT.sub(b"", self.text).split(b";"))


@dataclass(slots=True)
class Statements:
    """What was sent so far."""

    sent: list[Sent] = field(default_factory=list)

    @property
    def count(self) -> int:
        """How many statements were sent."""
        return sum(one.count for one in self.sent)

    def seconds_until(self, date: float) -> float:
        """Tell how long those took that were answered by then; ``date`` as ``perf_counter`` tells it."""
        return sum(one.seconds for one in self.sent if one.at <= date)


@contextmanager
def statements_of(*engines: Engine) -> Iterator[Statements]:
    """Watch the cursors of psycopg2: events of SQLAlchemy do not tell into how many pieces rows are cut."""
    statements = Statements()

    class Watched(cursor):
        def execute(self, *arguments: Any) -> None:
            begin = time.perf_counter()
            super().execute(*arguments)
            now = time.perf_counter()
            statements.sent.append(Sent(self.query or b"", now, now - begin))

    def watch(connection: Any, *_: object) -> None:
        connection.cursor_factory = Watched

    def leave(connection: Any, *_: object) -> None:
        if connection is not None:
            connection.cursor_factory = cursor

    listeners = {"checkout": watch, "checkin": leave}
    for engine in engines:
        for name, listener in listeners.items():
            event.listen(engine, name, listener)
    yield statements
    for engine in engines:
        for name, listener in listeners.items():
            event.remove(engine, name, listener)
