"""Works as the account that owns the server's files, and with root's rights only where they are needed."""

import contextlib
import os
from collections.abc import Iterator


def work_as_account(environ: "dict[str, str]") -> None:
    """Lay down root's rights, which sudo gave us, in favour of the account that called it."""
    if os.getuid() == 0 and environ.get("SUDO_UID"):
        os.setegid(int(environ["SUDO_GID"]))
        os.seteuid(int(environ["SUDO_UID"]))


@contextlib.contextmanager
def as_root() -> "Iterator[None]":
    """Take up root's rights for a while, if we ever had them."""
    user, group = os.geteuid(), os.getegid()
    os.seteuid(os.getuid())
    os.setegid(os.getgid())
    try:
        yield
    finally:
        os.setegid(group)
        os.seteuid(user)
