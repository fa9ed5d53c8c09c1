"""Commands while all connections that PostgreSQL allows are taken."""

from collections.abc import Iterator
from threading import Timer

import pytest
from sqlalchemy import Connection

from oar.db.engine import open_engine
from oar.db.slots import wait_for_slots
from oar.errors import DatabaseUnreachable
from tests.integration.databases import Database, DatabaseServer

pytestmark = pytest.mark.integration


@pytest.fixture
def only_connection(database: Database, database_server: DatabaseServer) -> Iterator[Connection]:
    """The one connection that the test's database allows."""
    name = database.settings.name
    database_server.run(f"ALTER DATABASE {name} CONNECTION LIMIT 1")
    with database.engine.connect() as connection:
        yield connection
    database_server.run(f"ALTER DATABASE {name} CONNECTION LIMIT -1")


def test_a_connection_waits_until_one_is_free(database: Database, only_connection: Connection) -> None:
    leaves = Timer(0.3, only_connection.invalidate)
    leaves.start()
    engine = wait_for_slots(open_engine(database.settings), pause_s=0.05)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT 1").scalar_one() == 1
    engine.dispose()
    leaves.join()


@pytest.mark.usefixtures("only_connection")
def test_patience_ends(database: Database) -> None:
    engine = wait_for_slots(open_engine(database.settings), patience_s=0.1, pause_s=0.05)
    with pytest.raises(DatabaseUnreachable, match="too many connections"):
        engine.connect()
