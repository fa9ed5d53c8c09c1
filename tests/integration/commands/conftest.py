import pytest

from tests.integration.commands.terminal import Terminal, open_terminal
from tests.integration.databases import Database


@pytest.fixture
def terminal(database: Database) -> Terminal:
    """A terminal on a fresh database, whose server is down."""
    return open_terminal(database)
