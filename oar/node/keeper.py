"""Stays on a node for a while and starts node programs there: each costs a fork, not an ssh and a python3.

Started by the server over ssh, twice on a node at most: with root's rights where ``sudo -n`` gives them, and
with those of the account. Standard input has a line for each program, ``<number> <program> <action> <data>``,
the data as JSON; standard output one as JSON for each that has ended, ``{}`` first and for each ``ping``.
A program runs in a session of its own, and is told from one that was sent alone by nothing but its parent.

Ends when its input does, and after a while without requests. What it has started goes on. Lines that it finds
together with the end of its input are not obeyed: whoever sent them has asked in another way meanwhile.

Exit codes: 0 the input has ended, or nobody asks for anything, 3 not possible here, 4 a line that is none.
"""

import ctypes
import json
import os
import select
import signal
import sys
import traceback
from collections.abc import Callable

from oar.node.files import read
from oar.node.job_resource_manager import main as manage_job
from oar.node.oarexec import main as run_job
from oar.node.suspend_resume import main as suspend_job

IDLE_LIMIT_S = 600.0
"""A server that lives closes its sessions long before."""
OUTPUT_LIMIT = 65536
MOST_HANDLES = 1024
PROGRAMS: "dict[bytes, Callable[[str, bytes, dict[str, str]], int]]" = {
    b"job_resource_manager": manage_job,
    b"suspend_resume": suspend_job,
    b"oarexec": lambda _, data, environ: run_job(data),
}


class Child:
    """A program that runs, and what it has said."""

    def __init__(self, number: int, pid: int, handles: "tuple[int, int]") -> None:
        self.number = number
        self.pid = pid
        self.texts = dict.fromkeys(handles, b"")

    def listen(self, handle: int) -> bool:
        """Take what it says; False when it will say nothing more there."""
        piece = os.read(handle, OUTPUT_LIMIT)
        self.texts[handle] = (self.texts[handle] + piece)[:OUTPUT_LIMIT]
        return bool(piece)

    def answer(self, status: int) -> "dict[str, object]":
        """Tell the server how it ended, as ssh would have told it."""
        code = 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        output, errors = (text.decode(errors="replace") for text in self.texts.values())
        return {"number": self.number, "status": code, "output": output, "errors": errors}


class Keeper:
    """Starts programs and tells how they end; ``wake`` becomes readable when a child may have ended."""

    def __init__(self, wake: int, cmdline: "tuple[int, int]") -> None:
        self.wake = wake
        self.cmdline = cmdline
        self.children: "dict[int, Child]" = {}
        self.speaking: "dict[int, Child]" = {}
        self.text = b""

    def serve(self) -> int:
        """Work until there is no more to do; return the exit code."""
        say({})
        while True:
            ready = wait_for([0, self.wake, *self.speaking], IDLE_LIMIT_S)
            if not ready and not self.children:
                return 0
            for handle in ready:
                if handle in self.speaking and not self.speaking[handle].listen(handle):
                    self.forget(handle)
            if self.wake in ready:
                os.read(self.wake, 4096)
                self.reap()
            if 0 in ready and not self.take_lines():
                return 0

    def take_lines(self) -> bool:
        """Obey the lines that have come; False at the end of the input."""
        while wait_for([0], 0):
            piece = os.read(0, 65536)
            if not piece:
                return False
            self.text += piece
        *lines, self.text = self.text.split(b"\n")
        for line in lines:
            if line == b"ping":
                say({})
            else:
                self.start(line)
        return True

    def start(self, line: bytes) -> None:
        """Start the program that a line asks for."""
        number, program, action, data = line.split(b" ", 3)
        main = PROGRAMS[program]
        out, output = os.pipe()
        err, errors = os.pipe()
        pid = os.fork()
        if pid == 0:
            become(output, errors)
            name(self.cmdline, action)
            leave(lambda: main(action.decode(), data, dict(os.environ)))
        os.close(output)
        os.close(errors)
        child = Child(int(number), pid, (out, err))
        self.children[pid] = child
        self.speaking.update({out: child, err: child})

    def forget(self, handle: int) -> None:
        """Listen no longer; the number of the handle may be another child's next."""
        del self.speaking[handle]
        os.close(handle)

    def reap(self) -> None:
        """Answer for each program that has ended; what it left behind may hold its output for ever."""
        while self.children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            child = self.children.pop(pid)
            for handle in [handle for handle in child.texts if self.speaking.get(handle) is child]:
                while wait_for([handle], 0) and child.listen(handle):
                    pass
                self.forget(handle)
            say(child.answer(status))


def wait_for(handles: "list[int]", limit_s: float) -> "list[int]":
    """Wait until there is something to read, or an end; list where."""
    poll = select.poll()
    for handle in handles:
        poll.register(handle, select.POLLIN)
    return [handle for handle, _ in poll.poll(limit_s * 1000)]


def say(answer: "dict[str, object]") -> None:
    """Write one line to the server."""
    left = json.dumps(answer).encode() + b"\n"
    while left:
        left = left[os.write(1, left) :]


# ---- in the program's own process


def become(output: int, errors: int) -> None:
    """Have the process stand as the server's connection would have started it."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(errors, 2)
    os.closerange(3, MOST_HANDLES)


def name(cmdline: "tuple[int, int]", action: bytes) -> None:
    """Show the action in the process list: by that word oarexec is found, and told from other processes."""
    begin, end = cmdline
    words = b"python3\0" + action
    ctypes.memset(begin, 0, end - begin)
    ctypes.memmove(begin, words, len(words))


def leave(main: "Callable[[], int]") -> None:
    """Run the program and end; never returns."""
    code = 1
    try:
        code = main()
        sys.stdout.flush()
        sys.stderr.flush()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except Exception:  # noqa: BLE001 - whatever it is: it is told as python3 tells it
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)


def where_words_stand() -> "tuple[int, int]":
    """Find our command line in memory: where it begins and ends; (0, 0) when the kernel does not say."""
    fields = read("/proc/self/stat").rpartition(")")[2].split()
    begin, end = (int(field) for field in fields[45:47]) if len(fields) > 46 else (0, 0)
    return begin, end


def main() -> int:
    """Serve; return the exit code."""
    cmdline = where_words_stand()
    if cmdline[1] - cmdline[0] < 100:
        sys.stderr.write("[keeper][ERROR] processes cannot be given names here\n")
        return 3
    told, tell = os.pipe()
    os.set_blocking(tell, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(tell)
    try:
        return Keeper(told, cmdline).serve()
    except BrokenPipeError:
        return 0
    except (ValueError, KeyError) as error:
        sys.stderr.write(f"[keeper][ERROR] not a request: {error!r}\n")
        return 4


if __name__ == "__main__":
    sys.exit(main())
