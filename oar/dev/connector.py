"""Stands in for ssh where there is no sshd: runs the command here, as a session of the node would.

Called as ``connector.py FOLDER [ssh options] NODE COMMAND...``; FOLDER is the cluster's. Standard library
only, because it is started for every remote command. A node without a folder, or with a file ``down`` in it,
refuses the connection as a dead machine would.
"""

import os
import pwd
import shlex
import subprocess
import sys
from pathlib import Path

OPTIONS_WITH_VALUE = "BbcDEeFIiJLlmOopQRSWw"
NO_CONNECTION = 255


class BadCall(Exception):
    """The arguments are not those of ssh."""


def read_arguments(arguments: list[str]) -> tuple[list[str], list[str], str, str]:
    """Split ssh's arguments into ``-o`` values, files of keys, the node and the command line."""
    options: list[str] = []
    keys: list[str] = []
    subsystem = ""
    rest = list(arguments)
    while rest and rest[0].startswith("-"):
        word = rest.pop(0)
        if word == "--":
            break
        if len(word) > 1 and word[1] in OPTIONS_WITH_VALUE:
            value = word[2:] or (rest.pop(0) if rest else "")
            if word[1] == "o":
                options.append(value)
            if word[1] == "i":
                keys.append(value)
        elif word == "-s":
            subsystem = "internal-"
    if len(rest) < 2 and not (rest and keys):
        raise BadCall("usage: connector FOLDER [ssh options] NODE COMMAND...")
    return options, keys, rest[0].rpartition("@")[2], subsystem + " ".join(rest[1:])


def session_environment(folder: Path, node: str, options: list[str], path: str) -> dict[str, str]:
    """Return what a session on the node starts with; ``SendEnv`` options add variables of ours."""
    account = pwd.getpwuid(os.geteuid())
    sent = {
        name: os.environ[name]
        for option in options
        if option.lower().startswith("sendenv")
        for name in option.replace("=", " ").split()[1:]
        if name in os.environ
    }
    return {
        "HOME": account.pw_dir,
        "USER": account.pw_name,
        "LOGNAME": account.pw_name,
        "SHELL": account.pw_shell or "/bin/sh",
        "PATH": path,
        "OAR_KEY": "1",
        "OAR_NODE": node,
        "OAR_RUNDIR": str(folder / node),
        "TMPDIR": str(folder / node / "tmp"),
        "OAR_DEV_CLUSTER": str(folder),
        **sent,
    }


def session_of_key(folder: Path, node: str, key: str, command: str) -> str | None:
    """Return what a job's key has the node run in place of a command; None when it opens nothing there."""
    private = Path(key).read_text()
    for held in (folder / node).glob("*.jobkey"):
        if held.read_text() == private:
            shell = shlex.quote(str(folder / node / "oarsh_shell"))
            wanted = shlex.quote(command)
            return f"SSH_ORIGINAL_COMMAND={wanted} exec python3 -I -S {shell} {shlex.quote(held.stem)}"
    return None


def main() -> int:
    """Run the command on the node; returns its status, or 255 when there is no such node."""
    folder = Path(sys.argv[1])
    try:
        options, keys, node, command = read_arguments(sys.argv[2:])
    except (BadCall, IndexError) as error:
        sys.stderr.write(f"{error}\n")
        return NO_CONNECTION
    if not (folder / node).is_dir() or (folder / node / "down").exists():
        sys.stderr.write(f"ssh: connect to host {node} port 6667: Connection refused\r\n")
        return NO_CONNECTION
    if keys:
        opened = session_of_key(folder, node, keys[0], command)
        if opened is None:
            sys.stderr.write(f"{node}: Permission denied (publickey).\r\n")
            return NO_CONNECTION
        command = opened
    path = f"/usr/local/bin:/usr/bin:/bin:{Path(sys.executable).parent}"
    session = subprocess.Popen(
        ["/bin/sh", "-c", command],
        env=session_environment(folder, node, options, path),
        cwd=pwd.getpwuid(os.geteuid()).pw_dir if Path(pwd.getpwuid(os.geteuid()).pw_dir).is_dir() else "/",
        start_new_session=True,
    )
    status = session.wait()
    return status if status >= 0 else NO_CONNECTION


if __name__ == "__main__":
    sys.exit(main())
