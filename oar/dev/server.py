"""The oar-server of an embedded cluster: started, told ready, ended."""

import subprocess
import time
from pathlib import Path
from signal import SIGKILL, SIGTERM, Signals

from oar.dev.bed import PROGRAMS, Bed
from oar.dev.processes import children, is_alive, kill
from oar.errors import OarError

READY = "ready on ports"
PATIENCE_S = 30.0


class ServerFailed(OarError):
    """The server did not start, or does not end; the text holds its last words."""


class Server:
    """Starts and ends ``oar-server`` on a bed; its process id lies in ``server.pid``."""

    def __init__(self, bed: Bed) -> None:
        self._bed = bed
        self._pid_file = bed.directory / "server.pid"
        self.log_file: Path = bed.directory / "server.log"

    @property
    def pid(self) -> int | None:
        """The process of the server, as the machine numbers it; None when there is none."""
        try:
            pid = int(self._pid_file.read_text())
        except (OSError, ValueError):
            return None
        return pid if is_alive(pid) else None

    def start(self) -> "subprocess.Popen[bytes]":
        """Start the server; returns its process when it says that it is ready. Raises `ServerFailed`."""
        command = self._bed.server([str(PROGRAMS / "oar-server")])
        with self.log_file.open("ab") as log:
            said = log.tell()
            process = subprocess.Popen(
                command.argv,
                env=dict(command.environment),
                cwd=command.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            if READY in self._words_since(said):
                self._pid_file.write_text(str(self._bed.server_pid(process.pid)))
                return process
            if process.poll() is not None:
                break
            time.sleep(0.02)
        process.kill()
        process.wait()
        last = " / ".join(self._words_since(said).splitlines()[-3:]) or "it said nothing"
        raise ServerFailed(f"oar-server did not start: {last} (all of it in {self.log_file})")

    def signal(self, number: Signals) -> None:
        """Send a signal to the server; returns at once. Raises `ServerFailed` when there is no server."""
        pid = self.pid
        if pid is None:
            raise ServerFailed("there is no server to signal")
        kill(pid, number)

    def end(self, number: Signals = SIGTERM, patience_s: float = 10.0) -> None:
        """End the server and the workers it leaves behind; force follows after the patience."""
        pid = self.pid
        if pid is None:
            return
        workers = children(pid)
        kill(pid, number)
        deadline = time.monotonic() + patience_s
        while is_alive(pid) and time.monotonic() < deadline:
            time.sleep(0.01)
        for left in (pid, *workers):
            if is_alive(left) and (number is not SIGKILL or left == pid):
                kill(left)

    def _words_since(self, position: int) -> str:
        with self.log_file.open("rb") as log:
            log.seek(position)
            return log.read().decode(errors="replace")
