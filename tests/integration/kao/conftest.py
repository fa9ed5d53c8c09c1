"""The databases on which rounds are run."""

import pytest

from tests.integration.databases import Database
from tests.integration.kao.site import Site, make_site


@pytest.fixture
def site(database: Database) -> Site:
    """Three nodes of two cores."""
    return make_site(database, 2, 2, 2)


@pytest.fixture
def five(database: Database) -> Site:
    """The five resources of the scenarios, on nodes of two, two and one."""
    return make_site(database, 2, 2, 1)
