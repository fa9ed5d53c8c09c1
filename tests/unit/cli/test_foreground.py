"""A program that has the terminal, at a real one."""

import os
import pty
import re
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from oar.cli.foreground import CannotRun, run_at_terminal

PATIENCE_S = 20.0
US = """
import fcntl, signal, sys, termios
from oar.cli.foreground import run_at_terminal

class Interrupted(Exception):
    pass

def interrupt(*_):
    raise Interrupted

fcntl.ioctl(0, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGTERM, interrupt)
try:
    print("code", run_at_terminal(["sh", "-c", sys.argv[1]]), flush=True)
except Interrupted:
    print("interrupted", flush=True)
"""
RAW = "stty raw -echo; echo pid=$$.; "


class Window:
    """A terminal with a process at it that runs a program there."""

    def __init__(self, script: str) -> None:
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-c", US, script],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        self.seen = ""

    def until(self, pattern: str) -> str:
        while (found := re.search(pattern, self.seen)) is None:
            self.seen += os.read(self.master, 4096).decode()
        return found[0]

    def program(self) -> int:
        """Wait until the program has made the terminal raw; tell its process."""
        return int(self.until(r"pid=\d+\.")[4:-1])

    @property
    def is_raw(self) -> bool:
        return not termios.tcgetattr(self.master)[3] & termios.ICANON


@pytest.fixture
def window() -> Iterator[Callable[[str], Window]]:
    opened: list[Window] = []

    def open_window(script: str) -> Window:
        opened.append(Window(script))
        return opened[-1]

    yield open_window
    for one in opened:
        one.process.kill()
        one.process.wait()
        os.close(one.master)


def until(holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE_S
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.01)
    return holds()


def has_ended(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status")
    return not status.exists() or "State:\tZ" in status.read_text()


def test_the_exit_code_of_the_program_is_told(window: Callable[[str], Window]) -> None:
    window("exit 7").until("code 7\r\n")


def test_a_program_that_is_killed_leaves_no_raw_terminal(window: Callable[[str], Window]) -> None:
    one = window(RAW + "kill -9 $$")
    one.until("code -9\r\n")
    assert not one.is_raw


def test_who_is_interrupted_ends_the_program_and_leaves_no_raw_terminal(
    window: Callable[[str], Window],
) -> None:
    one = window(RAW + "exec sleep 600")
    program = one.program()
    assert one.is_raw
    one.process.send_signal(signal.SIGTERM)
    one.until("interrupted\r\n")
    assert (one.is_raw, has_ended(program)) == (False, True)


def test_a_program_that_is_told_to_end_may_tidy_up(window: Callable[[str], Window]) -> None:
    one = window("trap 'echo tidy; exit' TERM; echo pid=$$.; while :; do sleep 0.1; done")
    one.program()
    one.process.send_signal(signal.SIGTERM)
    one.until("tidy\r\n")


def test_the_program_ends_with_us(window: Callable[[str], Window]) -> None:
    one = window(RAW + "exec sleep 600")
    program = one.program()
    one.process.kill()
    assert until(lambda: has_ended(program))


def test_a_program_that_is_not_there_is_named() -> None:
    with pytest.raises(CannotRun, match="cannot run /no/ssh: No such file or directory"):
        run_at_terminal(["/no/ssh"])
