"""Waiting for a free connection of PostgreSQL, which has about a hundred of them.

Two hundred people, or one loop in a shell, may submit at the same moment: each then waits for a turn.
"""

import time
from typing import Any

import psycopg2
from sqlalchemy import Engine, event

PATIENCE_S = 60.0
PAUSE_S = 0.2
_NO_SLOT = ("connection slots are reserved", "too many clients", "too many connections")


def wait_for_slots(engine: Engine, patience_s: float = PATIENCE_S, pause_s: float = PAUSE_S) -> Engine:
    """Let the connections of an engine wait while all of PostgreSQL's are taken; returns the engine."""

    @event.listens_for(engine, "do_connect")
    def connect(dialect: Any, _record: object, arguments: Any, options: Any) -> Any:
        deadline = time.monotonic() + patience_s
        while True:
            try:
                return dialect.connect(*arguments, **options)
            except psycopg2.OperationalError as error:
                # PostgreSQL gives no code for a connection that was refused, only words.
                if not any(words in str(error) for words in _NO_SLOT) or time.monotonic() > deadline:
                    raise
            time.sleep(pause_s)

    return engine
