"""A whole OAR on one machine: PostgreSQL, server, nodes. Made for tests, the demo and trying things out."""

import compileall
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

from sqlalchemy import URL

from oar.db.engine import database_now, open_engine
from oar.db.install import create, initialise
from oar.db.resources import load_resources, set_properties
from oar.dev.bed import Bed, BedFailed, Command, Shape
from oar.dev.choice import BEDS, possible_beds
from oar.dev.loopback import LoopbackBed
from oar.dev.namespaces import NamespacesBed
from oar.dev.postgresql import SUPERUSER, PrivatePostgresql
from oar.dev.server import Server
from oar.errors import OarError
from oar.settings import DatabaseSettings

STATE_FILE = "cluster.json"
TEXT_PORT, MESSAGE_PORT = 6666, 6670

Say = Callable[[str], None]


class ClusterFailed(OarError):
    """The embedded cluster cannot be made, found or used."""


class CommandFailed(OarError):
    """A command on the cluster ended badly though it had to succeed."""


class Cluster:
    """A running embedded cluster whose files lie in ``directory``.

    `up` makes one; the constructor takes hold of one that exists, from any process of the same account.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory.absolute()
        try:
            state = json.loads((self.directory / STATE_FILE).read_text())
            self.shape = Shape(**state["shape"])
            self.bed: Bed = BEDS[state["bed"]](self.directory, self.shape.node_names)
        except (OSError, ValueError, KeyError) as error:
            raise ClusterFailed(f"there is no cluster in {self.directory} ({error})") from None
        self.server = Server(self.bed)
        self.database = PrivatePostgresql(self.directory / "pg", self.bed.database_group())

    @classmethod
    def up(
        cls,
        directory: Path,
        shape: Shape | None = None,
        say: Say = lambda _words: None,
        beds: Sequence[type[Bed]] = (),
        more: Mapping[str, str] | None = None,
    ) -> "Cluster":
        """Make a cluster and start all of it; ``more`` are keys for its ``oar.conf``.

        ``beds`` are tried in order; without them, all that are possible here. When anything fails, or on
        Ctrl-C, nothing is left. Raises the `OarError` of what failed.
        """
        directory = directory.absolute()
        beds = beds or possible_beds(say)
        for bed in beds:
            try:
                return cls._up_on(bed, directory, shape or Shape(), say, more or {})
            except BedFailed as error:
                if bed is beds[-1]:
                    raise
                say(f"no {bed.kind} bed: {error}")
        raise ClusterFailed("no bed is possible here")

    @classmethod
    def _up_on(
        cls, bed: type[Bed], directory: Path, shape: Shape, say: Say, more: Mapping[str, str]
    ) -> "Cluster":
        cluster = None
        try:
            with uninterrupted():
                _claim(directory, bed, shape)
                cluster = cls(directory)
            cluster._start(say, more)
        except BaseException:
            with uninterrupted():
                if cluster is not None:
                    cluster.down()
            raise
        return cluster

    # ---- use -----------------------------------------------------------------------------------------------

    @property
    def home(self) -> Path:
        """Where jobs of the cluster's user start and write."""
        return self.bed.home(self.bed.user)

    @property
    def environment(self) -> dict[str, str]:
        """The environment of commands typed on the cluster."""
        return dict(self.command(["true"]).environment)

    def command(self, argv: list[str], user: str | None = None) -> Command:
        """Prepare a command as a user of the cluster types it."""
        return self.bed.command(argv, user or self.bed.user)

    def run(
        self, *argv: str, user: str | None = None, stdin: str = "", check: bool = False, timeout_s: float = 60
    ) -> "subprocess.CompletedProcess[str]":
        """Run a command as a user types it, in that user's home; ``user="root"`` is the administrator.

        With ``check`` a bad end raises `CommandFailed` with the command's words.
        """
        command = self.command(list(argv), user)
        done = subprocess.run(
            command.argv,
            env=dict(command.environment),
            cwd=command.directory,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        if check and done.returncode:
            words = (done.stderr.strip() or done.stdout.strip()).replace("\n", " / ")
            raise CommandFailed(f"{' '.join(argv)}: exit code {done.returncode}: {words}")
        return done

    # ---- break and mend ------------------------------------------------------------------------------------

    def start_server(self) -> None:
        """Start the server; returns when it is ready."""
        self.server.start()

    def stop_server(self) -> None:
        """Stop the server as an administrator would."""
        self.server.end()

    def kill_server(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Kill the server; returns when it is dead."""
        self.server.end(number)

    def start_node(self, name: str) -> None:
        """Let a node come back."""
        self.bed.start_node(name)

    def stop_node(self, name: str) -> None:
        """Let a node die at once."""
        self.bed.stop_node(name)

    def down(self) -> None:
        """End everything and remove every file; may be repeated, and works when parts were killed."""
        self.server.end(patience_s=5.0)
        self.bed.stop()
        self.database.stop()
        _remove(self.directory)

    # ---- making of -----------------------------------------------------------------------------------------

    def _start(self, say: Say, more: Mapping[str, str]) -> None:
        begun = time.monotonic()

        def tell(words: str) -> None:
            say(f"{words} ({time.monotonic() - begun:.1f} s)")

        pool = ThreadPoolExecutor(1)
        try:
            database = pool.submit(self._start_database, more)
            self.bed.start()
            tell(f"{self.shape.nodes} nodes up, {self.bed.kind} bed")
            database.result()
        finally:
            with uninterrupted():
                pool.shutdown()
        tell("PostgreSQL up, schema built")
        self._declare_nodes()
        self.start_server()
        tell("server ready")

    def _start_database(self, more: Mapping[str, str]) -> None:
        compileall.compile_dir(Path(__file__).parent.parent, quiet=2)
        self.database.start()
        settings = self._write_configuration(more)
        admin = URL.create("postgresql+psycopg2", username=SUPERUSER, host=settings.host, database="postgres")
        create(admin, settings, lambda _words: None)
        engine = open_engine(settings)
        try:
            initialise(engine, settings, lambda _words: None)
        finally:
            engine.dispose()

    def _write_configuration(self, more: Mapping[str, str]) -> DatabaseSettings:
        settings = self._database_settings()
        text_port, message_port = self._ports()
        keys = {
            "DB_TYPE": "Pg",
            "DB_HOSTNAME": settings.host,
            "DB_BASE_NAME": settings.name,
            "DB_BASE_LOGIN": settings.login,
            "DB_BASE_LOGIN_RO": settings.reader_login,
            "SERVER_PORT": str(text_port),
            "APPENDICE_SERVER_PORT": str(message_port),
            "OAR_SSH_CONNECTION_TIMEOUT": "10",
            "SCHEDULER_JOB_SECURITY_TIME": "1",
            "LOG_LEVEL": "3",
            **self.bed.configuration(),
            **more,
        }
        text = "".join(f'{key}="{value}"\n' for key, value in keys.items())
        self.bed.configuration_file.write_text(text)
        group = self.bed.database_group()
        if group is not None:
            os.chown(self.bed.configuration_file, -1, group)
            self.bed.configuration_file.chmod(0o640)
        return settings

    def _database_settings(self) -> DatabaseSettings:
        return DatabaseSettings(host=str(self.database.socket_directory))

    def _ports(self) -> tuple[int, int]:
        if isinstance(self.bed, NamespacesBed):
            return TEXT_PORT, MESSAGE_PORT
        with socket.socket() as text, socket.socket() as message:
            text.bind(("127.0.0.1", 0))
            message.bind(("127.0.0.1", 0))
            return text.getsockname()[1], message.getsockname()[1]

    def _declare_nodes(self) -> None:
        file = self.directory / "cluster.toml"
        names = f"node[1-{self.shape.nodes}]" if self.shape.nodes > 1 else "node1"
        file.write_text(
            f'[[nodes]]\nname = "{names}"\ncpus = {self.shape.cpus}\ncores = {self.shape.cores}\n'
        )
        self.run("oar-resources", "apply", "--yes", str(file), user="root", check=True)
        self._share_processors(sorted(os.sched_getaffinity(0)))

    def _share_processors(self, processors: Sequence[int]) -> None:
        """Let cores stand for processors that this machine has: cgroups refuse others.

        Where nodes have more cores than the machine, several cores stand for the same processor.
        """
        wanted = self.shape.cpus * self.shape.cores
        if not self.bed.has_cgroups or list(processors[:wanted]) == list(range(wanted)):
            return
        engine = open_engine(self._database_settings())
        try:
            with engine.begin() as connection:
                now = database_now(connection)
                for resource in load_resources(connection, "resource_id"):
                    processor = processors[int(str(resource.properties["cpuset"])) % len(processors)]
                    set_properties(connection, [resource.resource_id], {"cpuset": str(processor)}, now)
        finally:
            engine.dispose()


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM wait until the end of the block."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _claim(directory: Path, bed: type[Bed], shape: Shape) -> None:
    try:
        directory.mkdir(parents=True, mode=0o700)
    except FileExistsError:
        if any(directory.iterdir()):
            raise ClusterFailed(
                f"{directory} is in use: a cluster is up there, or was not taken down"
            ) from None
    state = {"bed": bed.kind, "shape": asdict(shape), "since": int(time.time())}
    (directory / STATE_FILE).write_text(json.dumps(state))


def remove_remains(directory: Path) -> None:
    """Remove what is left of a cluster whose own description is gone or broken."""
    kind = NamespacesBed if (directory / "lab").exists() else LoopbackBed
    kind(directory, ()).stop()
    PrivatePostgresql(directory / "pg").stop()
    _remove(directory)


def _remove(directory: Path) -> None:
    for _ in range(50):
        shutil.rmtree(directory, ignore_errors=True)
        if not directory.exists():
            return
        time.sleep(0.05)
    with suppress(FileNotFoundError):
        shutil.rmtree(directory)
