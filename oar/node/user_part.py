"""Runs the command of a job as the job's user: the part of oarexec that has the user's rights.

oarexec starts it, through sudo where it is another account, and sends it this file and its orders on standard
input: the words ``run`` or ``note``, directory, output file, error file, command or note, then the variables,
each closed by a zero byte. It knows nothing but those: no challenge, no server. It starts for each job, so it
imports only what python3 has at hand anyway. Standard output goes to oarexec:
``USER_CMD_PID <pid>`` when the command has started, ``EXIT_CODE <wait status>`` when it has ended,
``CANNOT 1`` when the launching directory cannot be entered, ``CANNOT 2`` when the output files cannot be
opened.
"""

# The public module brings enum along, which takes longer than all the rest.
import _signal as signal  # type: ignore[import-not-found]  # unknown to mypy only
import os
import sys

CANNOT_ENTER, CANNOT_OPEN = 1, 2


def main(orders: bytes) -> int:
    """Enter the directory, open the output files, then run the command, or write a note of oarexec's."""
    what, directory, stdout, stderr, text, *variables = orders.split(b"\0")[:-1]
    try:
        os.chdir(directory)
    except OSError:
        return say("CANNOT", CANNOT_ENTER)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    try:
        output, errors = (os.open(path, flags, 0o666) for path in (stdout, stderr))
    except OSError:
        return say("CANNOT", CANNOT_OPEN)
    if what == b"note":
        os.write(errors, text)
        return 0
    child = os.fork()
    if child == 0:
        try:
            run_command(text, dict(variable.split(b"=", 1) for variable in variables), output, errors)
        finally:
            os._exit(127)
    say("USER_CMD_PID", child)
    say("EXIT_CODE", os.waitpid(child, 0)[1])
    return 0


def say(word: str, number: int) -> int:
    """Tell oarexec a number; return it."""
    os.write(1, f"{word} {number}\n".encode())
    return number


def run_command(command: bytes, environment: "dict[bytes, bytes]", output: int, errors: int) -> None:
    """Become the command, through the user's shell."""
    if os.getuid() != 0:
        protect_node()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(errors, 2)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    shell = environment[b"SHELL"]
    os.execve(shell, [shell, b"-c", command], environment)


def protect_node() -> None:
    """When memory runs out, let the job go before the node's services; not every container allows that."""
    try:
        with open("/proc/self/oom_score_adj", "wb", 0) as stream:
            stream.write(b"1000")
    except OSError:
        pass


if __name__ == "__main__":
    sys.exit(main(globals()["DATA"]))
