"""Reads and writes the small files of a job and of the kernel."""

import contextlib
import os


def read(path: str) -> str:
    """Read a small file; "" when it cannot be read."""
    try:
        with open(path, "rb") as stream:
            return stream.read().decode(errors="replace").strip("\n ")
    except OSError:
        return ""


def put(path: str, value: str) -> None:
    """Write a value into a file of the kernel, in one write."""
    with open(path, "w") as stream:
        stream.write(value)


def write(path: str, text: str, mode: int = 0o644) -> None:
    """Put a whole file in place of what was there."""
    handle = os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(handle, "w") as stream:
        os.fchmod(handle, mode)
        stream.write(text)
    os.rename(path + ".new", path)


def remove(paths: "list[str]") -> None:
    """Remove files that may be gone already; what cannot be removed stays."""
    for path in paths:
        with contextlib.suppress(OSError):
            os.unlink(path)
