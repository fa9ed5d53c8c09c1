"""A database that carries out every commit, but whose word about it is lost: the work is done again."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError


class ForgetfulEngine:
    """An engine whose connection breaks after each commit that wrote something, before it says so.

    Work that can be repeated finds nothing left to write, and is then told its end.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """Open a transaction, as an engine does."""
        with self._engine.begin() as connection:
            yield connection
            wrote = connection.exec_driver_sql("SELECT pg_current_xact_id_if_assigned() IS NOT NULL")
            is_lost = wrote.scalar_one()
        if is_lost:
            raise OperationalError("COMMIT", {}, Exception("server closed the connection unexpectedly"))

    def dispose(self) -> None:
        """Leave the real engine to its owner."""
