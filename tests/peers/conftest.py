"""A machine with a real OAR 2.5.9, one for all tests of this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.peers.peer import Peer, install_kamelot, what_is_missing

_LEFT_OUT = pytest.StashKey[tuple[str, list[str]]]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "peers: our programs in a real OAR 2.5.9 of Debian's packages")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the tier; leave it out, aloud, where there can be no such machine."""
    mine = [item for item in items if Path(__file__).parent in item.path.parents]
    for item in mine:
        item.add_marker(pytest.mark.peers)
    if mine and (reason := what_is_missing()):
        config.stash[_LEFT_OUT] = reason, [item.nodeid for item in mine]
        config.hook.pytest_deselected(items=mine)
        items[:] = [item for item in items if item not in mine]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    reason, tests = config.stash.get(_LEFT_OUT, ("", []))
    for test in tests:
        terminalreporter.write_line(f"peers: left out, no machine with OAR 2: {reason}: {test}")


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    """OAR 2 as it comes, with kamelot at hand."""
    peer = Peer(Path(tmp_path_factory.mktemp("peer")))
    try:
        peer.start()
        install_kamelot(peer)
        yield peer
    finally:
        peer.stop()


@pytest.fixture
def peer(machine: Peer) -> Iterator[Peer]:
    """The machine, idle before and after."""
    yield machine
    machine.settle()
