"""The session's PostgreSQL and the databases that tests get from it.

A copy of the template takes a third of a second, so databases are used again: emptied after a test, and
thrown away when the test changed more than rows and properties.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count

from sqlalchemy import URL, Connection, Engine
from sqlalchemy.exc import DBAPIError

from oar.db.engine import open_engine, open_reader, open_url
from oar.db.install import write_first_rows
from oar.db.properties import BUILT_IN, list_properties, remove_property
from oar.db.schema import METADATA
from oar.settings import DatabaseSettings

TEMPLATE = "oar_template"
FINGERPRINT = """
    SELECT md5(string_agg(thing, ' ' ORDER BY thing)) FROM (
        SELECT attrelid::regclass || '.' || attname || ' ' || atttypid || atttypmod
        FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
        WHERE relnamespace = 'public'::regnamespace AND attnum > 0 AND NOT attisdropped
        UNION ALL SELECT conname || pg_get_constraintdef(oid)
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace
        UNION ALL SELECT tgrelid::regclass || tgname FROM pg_trigger WHERE NOT tgisinternal
        UNION ALL SELECT relname || relacl::text FROM pg_class WHERE relnamespace = 'public'::regnamespace
        UNION ALL SELECT proname || prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    ) AS things (thing)
"""
END_OTHER_SESSIONS = """
    SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
RESTART_SEQUENCES = """
    SELECT setval(format('%I', sequencename)::regclass, 1, false)
    FROM pg_sequences WHERE schemaname = 'public'
"""


@dataclass(frozen=True)
class DatabaseServer:
    """The session's PostgreSQL; its database ``oar_template`` is built, to be copied."""

    admin: URL
    engine: Engine
    host: str
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def settings(self, name: str) -> DatabaseSettings:
        """Say how a database of this server is reached."""
        return DatabaseSettings(host=self.host, name=name)

    def run(self, statement: str) -> None:
        """Run one statement as superuser, outside any transaction."""
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql(statement)

    def copy(self, name: str, template: str = TEMPLATE) -> None:
        """Make a database, equal to the template."""
        self.run(f"CREATE DATABASE {name} TEMPLATE {template} OWNER oar_owner")

    def remove(self, name: str) -> None:
        """Remove a database, whoever uses it."""
        self.run(f"DROP DATABASE {name} WITH (FORCE)")


@dataclass(frozen=True)
class Database:
    """An OAR database of one test: ``engine`` for OAR's account, ``reader`` for the read-only one."""

    settings: DatabaseSettings
    engine: Engine
    reader: Engine


@dataclass
class DatabasePool:
    """Databases that are as good as new."""

    server: DatabaseServer
    fingerprint: str
    free: list[str] = field(default_factory=list)

    @contextmanager
    def database(self) -> Iterator[Database]:
        """Give a database for one test."""
        name = self.free.pop() if self.free else self._new()
        with opened(self.server, name) as database:
            yield database
        if self._is_cleaned(name):
            self.free.append(name)
        else:
            self.server.remove(name)

    def _new(self) -> str:
        name = f"oar_test_{next(self.server.numbers)}"
        self.server.copy(name)
        return name

    def _is_cleaned(self, name: str) -> bool:
        inside = open_url(self.server.admin.set(database=name))
        try:
            with inside.begin() as connection:
                empty(connection)
                return fingerprint(connection) == self.fingerprint
        except DBAPIError:
            return False
        finally:
            inside.dispose()


def fingerprint(connection: Connection) -> str:
    """Sum up the schema."""
    return str(connection.exec_driver_sql(FINGERPRINT).scalar_one())


def empty(connection: Connection) -> None:
    """Bring a used database back to its first rows."""
    connection.exec_driver_sql(END_OTHER_SESSIONS)
    tables = [table.name for table in reversed(METADATA.sorted_tables)]
    connection.exec_driver_sql(";".join(f"DELETE FROM {name}" for name in tables))  # noqa: S608
    connection.exec_driver_sql(RESTART_SEQUENCES, execution_options={"no_parameters": True})
    for name in list_properties(connection).keys() - BUILT_IN:
        remove_property(connection, name)
    write_first_rows(connection)


@contextmanager
def opened(server: DatabaseServer, name: str) -> Iterator[Database]:
    """Open a database that is there."""
    settings = server.settings(name)
    database = Database(settings, open_engine(settings), open_reader(settings))
    try:
        yield database
    finally:
        database.engine.dispose()
        database.reader.dispose()


@contextmanager
def cloned(server: DatabaseServer, name: str, template: str = TEMPLATE) -> Iterator[Database]:
    """Give a copy of a database for as long as it is needed."""
    server.copy(name, template)
    try:
        with opened(server, name) as database:
            yield database
    finally:
        server.remove(name)
