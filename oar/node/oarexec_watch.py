"""Watches over the user's part of a job: what it tells, and which signals oarexec is sent meanwhile."""

import os
import signal
import time

from oar.node.files import read
from oar.node.oarexec_job import Job
from oar.node.oarexec_processes import kill_as_user, kill_descendants
from oar.node.oarexec_signals import HANDLED, KILLS, signal_number
from oar.node.oarexec_user import run_command, write_note


class Watch:
    """The user's part of a job while it lives: what it has told, and what was asked of it."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.user_part = 0
        self.user_part_status = 0
        self.pipe = -1
        self.told = b""
        self.pending: "list[int]" = []
        self.notes: "list[str]" = []
        self.asked = 0
        self.ended = False

    def begin(self) -> None:
        """Start the user's part, which starts the command."""
        self.user_part, self.pipe = run_command(self.job)
        os.set_blocking(self.pipe, False)

    def wait(self) -> None:
        """Serve signals until the user's part has ended."""
        while not self.ended:
            info = signal.sigtimedwait(HANDLED, 0.2 if self.pending else 60.0)
            self.listen()
            self.take(info.si_signo if info else 0)
            self.send_pending()

    def listen(self) -> None:
        """Read what the user's part says."""
        while self.pipe >= 0:
            try:
                piece = os.read(self.pipe, 4096)
            except BlockingIOError:
                return
            if not piece:
                os.close(self.pipe)
                self.pipe = -1
            self.told += piece

    def number(self, word: str) -> "int | None":
        """Find the number behind a word of the user's part."""
        for line in self.told.decode(errors="replace").split("\n"):
            if line.startswith(word + " ") and line[len(word) + 1 :].isdigit():
                return int(line[len(word) + 1 :])
        return None

    def take(self, number: int) -> None:
        """Do what a signal asks for."""
        if number == signal.SIGCHLD:
            self.reap()
        elif number in KILLS:
            if self.asked != 3:
                self.notes.append(f"Job {self.job.job_id} KILLED")
            self.asked = 3
            kill_descendants(self.job)
            self.ended = self.ended or self.job.interactive
            self.reap()
        elif number == signal.SIGUSR1 and self.job.interactive:
            self.asked, self.ended = 34, True
        elif number == signal.SIGUSR2 and not self.job.interactive:
            wanted = self.job.checkpoint_signal
            self.ask(40, wanted, f"CHECKPOINTED with signal {wanted}")
        elif number == signal.SIGURG and not self.job.interactive:
            name = read(self.job.file("USER_SIGNAL_{}"))
            wanted = signal_number(name)
            if wanted:
                self.ask(42, wanted, "SIGNALED with " + name)

    def ask(self, code: int, number: int, note: str) -> None:
        """Remember a signal for the command."""
        self.asked = self.asked or code
        self.pending.append(number)
        self.notes.append(f"Job {self.job.job_id} {note}")

    def send_pending(self) -> None:
        """Pass signals on as soon as the command has a pid."""
        command = self.number("USER_CMD_PID")
        if command is not None and self.number("EXIT_CODE") is None:
            for number in self.pending:
                kill_as_user(self.job, [command], number)
            self.pending = []

    def reap(self) -> None:
        """Collect ended children, orphans of the job among them."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self.user_part:
                self.listen()
                self.user_part_status, self.ended = status, True

    def result(self) -> "tuple[int, int | None]":
        """Give oarexec's code and the command's wait status, None when there is none to speak of."""
        failed = self.number("CANNOT")
        if failed is not None:
            return failed * 10, None
        if self.asked == 3 or self.job.interactive:
            return self.asked, None
        status = self.number("EXIT_CODE")
        if status is None and self.number("USER_CMD_PID") is None:
            return 7, None
        # A command that kills all of its user's processes takes the user's part along.
        return self.asked, self.user_part_status if status is None else status

    def write_notes(self) -> None:
        """Append what we did to the job's error file, as the user."""
        if self.notes and self.number("CANNOT") is None and not self.job.interactive:
            stamp = time.strftime("%Y-%m-%d %H:%M:%S")
            text = "".join(f"## OAR [{stamp}] {note} ##\n" for note in self.notes)
            write_note(self.job, text)
