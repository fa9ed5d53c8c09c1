"""A private PostgreSQL for the whole session, and a fresh OAR database for each test that asks for one."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL, Connection, insert

from oar.db.engine import open_engine, open_url
from oar.db.install import create, initialise
from oar.db.tables_jobs import JobRow, MoldableRow
from oar.dev.postgresql import SUPERUSER, PrivatePostgresql
from tests.integration.databases import (
    TEMPLATE,
    Database,
    DatabasePool,
    DatabaseServer,
    fingerprint,
    opened,
)


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
def database_pool(database_server: DatabaseServer) -> DatabasePool:
    with opened(database_server, TEMPLATE) as template, template.engine.connect() as connection:
        return DatabasePool(database_server, fingerprint(connection))


@pytest.fixture
def database(database_pool: DatabasePool) -> Iterator[Database]:
    """A fresh OAR database: schema and queues, nothing else."""
    with database_pool.database() as fresh:
        yield fresh


@pytest.fixture
def add_job() -> Callable[[Connection], tuple[int, int]]:
    """A function that inserts the smallest job; it returns the ids of the job and of its moldable."""

    def insert_smallest_job(connection: Connection) -> tuple[int, int]:
        job = connection.execute(
            insert(JobRow)
            .values(launching_directory="/tmp", checkpoint_signal=12, queue_name="default", job_user="alice")
            .returning(JobRow.job_id)
        ).scalar_one()
        moldable = insert(MoldableRow).values(moldable_job_id=job, moldable_walltime=3600)
        return job, connection.execute(moldable.returning(MoldableRow.moldable_id)).scalar_one()

    return insert_smallest_job


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lives in this folder, so that tiers can be chosen."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.integration)
