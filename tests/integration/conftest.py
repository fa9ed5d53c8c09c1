"""A private PostgreSQL for the whole session, and a fresh OAR database for each test that asks for one."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import URL, Engine

from oar.db.engine import open_engine, open_reader, open_url
from oar.db.install import create, initialise
from oar.dev.postgresql import SUPERUSER, PrivatePostgresql
from oar.settings import DatabaseSettings

TEMPLATE = "oar_template"


@dataclass(frozen=True)
class DatabaseServer:
    """The session's PostgreSQL, with a built database to copy."""

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


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivatePostgresql]:
    server = PrivatePostgresql(Path(tmp_path_factory.mktemp("pg")))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def database_server(postgresql: PrivatePostgresql) -> Iterator[DatabaseServer]:
    host = str(postgresql.socket_directory)
    admin = URL.create("postgresql+psycopg2", username=SUPERUSER, host=host, database="postgres")
    server = DatabaseServer(admin, open_url(admin), host)
    settings = server.settings(TEMPLATE)
    create(admin, settings, say=lambda _line: None)
    builder = open_engine(settings)
    initialise(builder, settings, say=lambda _line: None)
    builder.dispose()
    yield server
    server.engine.dispose()


@pytest.fixture(scope="session")
def database_numbers() -> Iterator[int]:
    return count(1)


@pytest.fixture
def database(database_server: DatabaseServer, database_numbers: Iterator[int]) -> Iterator[Database]:
    name = f"oar_test_{next(database_numbers)}"
    database_server.run(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} OWNER oar_owner")
    settings = database_server.settings(name)
    opened = Database(settings, open_engine(settings), open_reader(settings))
    yield opened
    opened.engine.dispose()
    opened.reader.dispose()
    database_server.run(f"DROP DATABASE {name} WITH (FORCE)")
