"""One database for all tests of life cycles: each has a connection whose work is rolled back."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine

from tests.integration.databases import TEMPLATE, DatabaseServer, cloned


@pytest.fixture(scope="session")
def life_engine(database_server: DatabaseServer) -> Iterator[Engine]:
    with cloned(database_server, "oar_test_life", TEMPLATE) as opened:
        yield opened.engine


@pytest.fixture
def connection(life_engine: Engine) -> Iterator[Connection]:
    with life_engine.connect() as opened:
        yield opened
        opened.rollback()
