"""The session's PostgreSQL and the databases that tests get from it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import URL, Engine

from oar.db.engine import open_engine, open_reader
from oar.settings import DatabaseSettings

TEMPLATE = "oar_template"


@dataclass(frozen=True)
class DatabaseServer:
    """The session's PostgreSQL; its database ``oar_template`` is built, to be copied."""

    admin: URL
    engine: Engine
    host: str

    def settings(self, name: str) -> DatabaseSettings:
        """Say how a database of this server is reached."""
        return DatabaseSettings(host=self.host, name=name)

    def run(self, statement: str) -> None:
        """Run one statement as superuser, outside any transaction."""
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql(statement)


@dataclass(frozen=True)
class Database:
    """An OAR database of one test: ``engine`` for OAR's account, ``reader`` for the read-only one."""

    settings: DatabaseSettings
    engine: Engine
    reader: Engine


@contextmanager
def cloned(server: DatabaseServer, name: str, template: str = TEMPLATE) -> Iterator[Database]:
    """Give a copy of a database for as long as it is needed."""
    server.run(f"CREATE DATABASE {name} TEMPLATE {template} OWNER oar_owner")
    settings = server.settings(name)
    opened = Database(settings, open_engine(settings), open_reader(settings))
    try:
        yield opened
    finally:
        opened.engine.dispose()
        opened.reader.dispose()
        server.run(f"DROP DATABASE {name} WITH (FORCE)")
