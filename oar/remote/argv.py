"""Argument lists for ssh and for the interpreter on nodes; pure.

A node receives one command line through its account's shell. ``quote_remote`` is the only function of the
project that writes such a line.
"""

import re
import shlex
from collections.abc import Sequence

_RUN = """\
main, *parts = source.split(b"\\n__PART__ ")
for part in parts:
    name, _, text = part.decode().partition("\\n")
    module = sys.modules.setdefault(name, type(sys)(name))
    exec(compile(text, name, "exec"), module.__dict__)
exec(compile(main, "node program", "exec"), dict(__name__="__main__", DATA=data))
"""

LOADER = f"""\
import os, signal, sys
signal.signal(signal.SIGALRM, lambda *_: os._exit(30))
signal.alarm(30)
source, end, data = sys.stdin.buffer.read().partition(b"\\n__END__\\n")
signal.alarm(0)
end or sys.exit(30)
{_RUN}"""
"""What a node's python3 is told on its command line: take the program from standard input, then run it.

Gives up with status 30 when the input was cut short, or has not ended after 30 s. Behind the program's main
part stand the modules it imports, each after a line ``__PART__ <name>``. The program finds the JSON text
behind the line ``__END__`` in DATA.
"""

STAYING_LOADER = f"""\
import os, signal, sys
signal.signal(signal.SIGALRM, lambda *_: os._exit(30))
signal.alarm(30)
source, data = sys.stdin.buffer.read(int(sys.stdin.buffer.readline())), b""
signal.alarm(0)
{_RUN}"""
"""The same for a program that goes on reading: a line with its length in bytes stands before it."""

ARGUMENT_LOADER = f"""\
import base64, sys, zlib
source, _, data = zlib.decompress(base64.b64decode(sys.argv.pop())).partition(b"\\n__END__\\n")
{_RUN}"""
"""The same for a program that comes, packed, as the last argument: standard input is somebody's terminal."""

AS_ROOT = """\
if test -z "$OAR_RUNDIR"
then
    sudo -n env TAKTUK_HOSTNAME="$TAKTUK_HOSTNAME" "$@"
    status=$?
    test $status = 1 || test $status = 127 || exit $status
fi
exec "$@"
"""
"""What a node's sh is told to run a command as root if sudo allows that, and as the account if it does not.

1 is sudo's word for no, 127 that of sh where there is no sudo; the command must use neither. Nodes that
share a machine (OAR_RUNDIR) have nothing for root to do.
"""

END_OF_SOURCE = "\n__END__\n"
PART = "\n__PART__ "

_NODE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._:-]{0,253}[A-Za-z0-9])?")
_ACTION = re.compile(r"[A-Za-z0-9_]{1,64}")


def is_node_name(name: str) -> bool:
    """Tell whether a name can be given to ssh or TakTuk without being read as anything but a machine."""
    return _NODE.fullmatch(name) is not None


def quote_remote(argv: Sequence[str]) -> str:
    """Write an argument list as one line for a POSIX shell; every argument arrives as it was.

    Raises ``ValueError`` for an empty list and for an argument with a zero byte, which no command can take.
    """
    if not argv:
        raise ValueError("a command needs at least its name")
    if any("\0" in argument for argument in argv):
        raise ValueError("a command cannot hold a zero byte")
    return " ".join(shlex.quote(argument) for argument in argv)


def loader_argv(action: str, as_root: bool = False, loader: str = LOADER) -> tuple[str, ...]:
    """Build the command that runs a program sent on standard input, with one word as its argument.

    The word shows in the node's process list and must be plain: letters, digits and underscores. ``as_root``
    is for programs that do not end with 1.
    """
    if not _ACTION.fullmatch(action):
        raise ValueError(f'"{action}" is not one plain word')
    command = ("python3", "-I", "-S", "-c", loader, action)
    return ("sh", "-c", AS_ROOT, "sh", *command) if as_root else command


def argument_loader_argv(action: str, packed: str) -> tuple[str, ...]:
    """Build the command that runs a packed program; the word shows in the node's process list."""
    return ("python3", "-I", "-S", "-c", ARGUMENT_LOADER, action, packed)


def standalone_program(source: str) -> str:
    """Write a bundled program as a file that a node's python3 runs; it gets the file's arguments."""
    return f"import sys\nsource = {source.encode()!r}\ndata = b''\n{_RUN}"


def ssh_argv(ssh: Sequence[str], node: str, argv: Sequence[str]) -> list[str]:
    """Build the ssh command that runs ``argv`` on a node, without terminal or X11.

    The node finds the name we know it by in TAKTUK_HOSTNAME, as TakTuk does it.
    """
    named = ("env", f"TAKTUK_HOSTNAME={node}", *argv)
    return [*ssh, "-x", "-T", node, quote_remote(named)]
