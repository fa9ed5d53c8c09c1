"""oar-server as a process: how it starts, refuses to start, and stops."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from oar.bus import is_listening, send
from oar.core.messages import Hint
from oar.settings import DatabaseSettings, ServerSettings
from tests.ports import free_ports

pytestmark = pytest.mark.integration

COMMAND = (sys.executable, "-m", "oar.almighty.main")


@dataclass(frozen=True)
class Site:
    """A configuration in a folder of its own."""

    conf: Path
    log: Path
    server: ServerSettings

    def run(self) -> subprocess.CompletedProcess[str]:
        """Start a server that is expected to end by itself."""
        return subprocess.run(
            [*COMMAND, "--conf", str(self.conf)], capture_output=True, text=True, timeout=30, check=False
        )

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen[str]]:
        """Start a server and wait until it says that it is ready."""
        process = subprocess.Popen(
            [*COMMAND, "--conf", str(self.conf)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            self.wait_for_line("ready on ports")
            yield process
        finally:
            process.kill()
            process.communicate()

    def wait_for_line(self, words: str, within_s: float = 20.0) -> None:
        """Wait until the log holds these words."""
        end = time.monotonic() + within_s
        while not (self.log.exists() and words in self.log.read_text()):
            assert time.monotonic() < end, f"no {words!r} in the log"
            time.sleep(0.05)


def site(folder: Path, database: DatabaseSettings, metascheduler: str) -> Site:
    text_port, message_port = free_ports(2)
    server = ServerSettings(hostname="127.0.0.1", text_port=text_port, message_port=message_port)
    conf, log = folder / "oar.conf", folder / "oar.log"
    conf.write_text(
        f"""\
DB_TYPE="Pg"
DB_HOSTNAME="{database.host}"
DB_PORT="{database.port}"
DB_BASE_NAME="{database.name}"
DB_BASE_LOGIN="{database.login}"
DB_BASE_PASSWD="{database.password}"
DB_BASE_LOGIN_RO="{database.reader_login}"
DB_BASE_PASSWD_RO="{database.reader_password}"
SERVER_HOSTNAME="{server.hostname}"
SERVER_PORT="{server.text_port}"
APPENDICE_SERVER_PORT="{server.message_port}"
META_SCHED_CMD="{metascheduler}"
LOG_FILE="{log}"
LOG_LEVEL="2"
"""
    )
    return Site(conf, log, server)


@pytest.fixture
def quiet(tmp_path: Path, database) -> Site:
    """A site whose metascheduler does nothing."""
    return site(tmp_path, database.settings, "/bin/true")


def children_of(process: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == process and fields[0] != "Z":
                found.append(int(entry.name))
    return found


def wait_for_children(process: int, count: int) -> list[int]:
    end = time.monotonic() + 20
    while len(found := children_of(process)) != count:
        assert time.monotonic() < end, f"{len(found)} children, not {count}"
        time.sleep(0.05)
    return found


def test_the_server_says_on_which_ports_it_is_ready_and_answers_on_both(quiet: Site):
    with quiet.running():
        assert f"ports {quiet.server.text_port} and {quiet.server.message_port}" in quiet.log.read_text()
        socket.create_connection(("127.0.0.1", quiet.server.text_port), 5).close()
        assert send(quiet.server, Hint.SUBMITTED)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_server_cleanly(quiet: Site, number: signal.Signals):
    with quiet.running() as process:
        process.send_signal(number)
        out, err = process.communicate(timeout=10)
        assert (process.returncode, out, err) == (0, "", "")
        assert not is_listening(quiet.server)


@pytest.mark.parametrize("key", ["SERVER_PORT", "APPENDICE_SERVER_PORT"])
def test_a_taken_port_is_told_in_one_line(quiet: Site, key: str):
    port = quiet.server.text_port if key == "SERVER_PORT" else quiet.server.message_port
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", port))
        squatter.listen()
        ended = quiet.run()
    assert ended.returncode == 78
    assert ended.stderr.count("\n") == 1
    assert key in ended.stderr
    assert str(port) in ended.stderr


def test_a_database_that_is_not_there_is_told_in_one_line(tmp_path: Path):
    ended = site(tmp_path, DatabaseSettings(host=str(tmp_path)), "/bin/true").run()
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1
    assert str(tmp_path) in ended.stderr


def test_a_database_without_tables_is_told_in_one_line(tmp_path: Path, database_server):
    empty = DatabaseSettings(host=database_server.host, name="postgres")
    ended = site(tmp_path, empty, "/bin/true").run()
    assert ended.returncode == 2
    assert "oar-database init" in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_an_unreadable_configuration_is_told_in_one_line(tmp_path: Path):
    ended = Site(tmp_path / "none.conf", tmp_path / "log", ServerSettings()).run()
    assert ended.returncode == 78
    assert ended.stderr.count("\n") == 1


def test_our_own_scheduler_is_started_again_when_it_is_killed(tmp_path: Path, database):
    place = site(tmp_path, database.settings, "kao")
    with place.running() as process:
        (first,) = wait_for_children(process.pid, 1)
        os.kill(first, signal.SIGKILL)
        send(place.server, Hint.SUBMITTED)
        place.wait_for_line("kao started, process", 10)
        end = time.monotonic() + 20
        while children_of(process.pid) in ([], [first]):
            assert time.monotonic() < end
            time.sleep(0.05)


def test_our_own_scheduler_ends_with_the_server(tmp_path: Path, database):
    place = site(tmp_path, database.settings, "kao")
    with place.running() as process:
        (kao,) = wait_for_children(process.pid, 1)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=10)
    assert not Path(f"/proc/{kao}").exists()


def test_our_own_scheduler_ends_when_the_server_is_killed(tmp_path: Path, database):
    place = site(tmp_path, database.settings, "kao")
    with place.running() as process:
        (kao,) = wait_for_children(process.pid, 1)
        process.kill()
        process.communicate(timeout=10)
        end = time.monotonic() + 10
        while Path(f"/proc/{kao}/cmdline").exists() and Path(f"/proc/{kao}/cmdline").read_bytes():
            assert time.monotonic() < end
            time.sleep(0.1)


def test_a_server_that_is_killed_at_once_leaves_no_file(
    tmp_path: Path, database, monkeypatch: pytest.MonkeyPatch
):
    place = site(tmp_path, database.settings, "kao")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    with place.running() as process:
        wait_for_children(process.pid, 1)
        process.kill()
        process.communicate(timeout=10)
    assert list(temporary.iterdir()) == []


def test_a_failing_foreign_metascheduler_does_not_stop_the_server(tmp_path: Path, database):
    place = site(tmp_path, database.settings, "/bin/false-is-not-there")
    with place.running() as process:
        place.wait_for_line("scheduling round failed")
        time.sleep(1.5)
        assert process.poll() is None
