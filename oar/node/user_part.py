"""Runs the command of a job as the job's user: the part of oarexec that has the user's rights.

oarexec starts it, through sudo where it is another account, and sends it this file and its orders on standard
input. It knows nothing but those: no challenge, no server. Standard output goes to oarexec:
``USER_CMD_PID <pid>`` when the command has started, ``EXIT_CODE <wait status>`` when it has ended,
``CANNOT 1`` when the launching directory cannot be entered, ``CANNOT 2`` when the output files cannot be
opened.
"""

import contextlib
import json
import os
import signal
import sys

CANNOT_ENTER, CANNOT_OPEN = 1, 2


def main(orders: "dict[str, object]") -> int:
    """Enter the directory, open the output files, then run the command, or write a note of oarexec's."""
    try:
        os.chdir(str(orders["directory"]))
    except OSError:
        return say("CANNOT", CANNOT_ENTER)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    try:
        output, errors = (os.open(str(orders[name]), flags, 0o666) for name in ("stdout", "stderr"))
    except OSError:
        return say("CANNOT", CANNOT_OPEN)
    if orders["do"] == "note":
        os.write(errors, str(orders["text"]).encode())
        return 0
    child = os.fork()
    if child == 0:
        try:
            run_command(orders, output, errors)
        finally:
            os._exit(127)
    say("USER_CMD_PID", child)
    say("EXIT_CODE", os.waitpid(child, 0)[1])
    return 0


def say(word: str, number: int) -> int:
    """Tell oarexec a number; return it."""
    os.write(1, f"{word} {number}\n".encode())
    return number


def run_command(orders: "dict[str, object]", output: int, errors: int) -> None:
    """Become the command, through the user's shell."""
    environment = {name: str(value) for name, value in dict(orders["environment"]).items()}  # type: ignore[call-overload]  # oarexec's own
    if os.getuid() != 0:
        # When memory runs out, the job goes before the node's services do. Not every container allows that.
        with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as stream:
            stream.write("1000")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(errors, 2)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    os.execve(environment["SHELL"], [environment["SHELL"], "-c", str(orders["command"])], environment)


if __name__ == "__main__":
    sys.exit(main(json.loads(globals()["DATA"].decode())))
