"""Whole clusters, one on each kind of bed that this machine and account allow, shared by all tests.

A test asks for ``site`` and runs once on each bed. ``@pytest.mark.best_bed`` runs it on the best one only;
``@pytest.mark.bed("namespaces")`` only on that one, and the summary tells when it could not be had. A
test that makes a cluster of its own asks for ``kind``, the name of each kind of bed.
"""

from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from oar.dev.bed import Bed
from oar.dev.choice import BEDS, possible_beds
from oar.dev.local import LocalBed
from tests.acceptance.site import Site, new_site

LOG_LINES = 60
_OBSTACLES = pytest.StashKey[list[str]]()
_BEDS = pytest.StashKey[list[type[Bed]]]()
_LEFT_OUT = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "best_bed: run on the best bed of this machine only")
    config.addinivalue_line("markers", "bed(kind): run on this kind of bed only")
    config.stash[_LEFT_OUT] = []


def _beds(config: pytest.Config) -> list[type[Bed]]:
    """The beds to test, the best first: nodes without sshd only where there is nothing better."""
    if _BEDS not in config.stash:
        config.stash[_OBSTACLES] = []
        found = possible_beds(config.stash[_OBSTACLES].append)
        config.stash[_BEDS] = [bed for bed in found if bed is not LocalBed] or found
    return config.stash[_BEDS]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "kind" in metafunc.fixturenames:
        metafunc.parametrize("kind", [*(bed.kind for bed in _beds(metafunc.config)), LocalBed.kind])
    if "shared_site" not in metafunc.fixturenames:
        return
    beds = _beds(metafunc.config)
    if metafunc.definition.get_closest_marker("best_bed"):
        beds = beds[:1]
    if only := metafunc.definition.get_closest_marker("bed"):
        beds = [bed for bed in beds if bed.kind == only.args[0]] or [BEDS[only.args[0]]]
    metafunc.parametrize("shared_site", beds, indirect=True, ids=[bed.kind for bed in beds], scope="session")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the tier; leave out, aloud, what needs a bed that cannot be had here."""
    impossible = []
    for item in items:
        if Path(__file__).parent not in item.path.parents:
            continue
        item.add_marker(pytest.mark.acceptance)
        only = item.get_closest_marker("bed")
        if only and only.args[0] not in [bed.kind for bed in _beds(config)]:
            impossible.append(item)
    if impossible:
        config.stash[_LEFT_OUT] += [item.nodeid for item in impossible]
        config.hook.pytest_deselected(items=impossible)
        items[:] = [item for item in items if item not in impossible]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if _BEDS in config.stash:
        kinds = ", ".join(bed.kind for bed in config.stash[_BEDS])
        terminalreporter.write_line(f"acceptance: clusters on {kinds}")
        for words in config.stash[_OBSTACLES]:
            terminalreporter.write_line(f"acceptance: {words}")
    for test in config.stash[_LEFT_OUT]:
        terminalreporter.write_line(f"acceptance: left out, its bed needs root: {test}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the end of the server's log with whatever fails on a cluster."""
    report = yield
    site = getattr(item, "funcargs", {}).get("site")
    if report.failed and isinstance(site, Site):
        lines = site.log.splitlines()[-LOG_LINES:]
        report.sections.append(("the server's log ends with", "\n".join(lines)))
    return report


@pytest.fixture(scope="session")
def shared_site(request: pytest.FixtureRequest) -> Iterator[Site]:
    """One cluster for all tests on a bed."""
    with new_site(request.param) as site:
        yield site


@pytest.fixture
def site(shared_site: Site) -> Iterator[Site]:
    """The cluster, whole and idle: every node up and Alive, the server up, no job left."""
    yield shared_site
    shared_site.settle()
