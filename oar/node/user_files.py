"""Removes what a job's user has left in the folders that everyone can write to."""

import contextlib
import os
import pwd

FIRST_USER_UID = 1000
OPEN_TO_ALL = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108 - these are what is to be cleaned


def clean_user_files(user: str) -> None:
    """Remove the user's files, unless it is a system account."""
    uid = pwd.getpwnam(user).pw_uid
    if uid < FIRST_USER_UID:
        return
    for top in OPEN_TO_ALL:
        for _, folders, files, handle in os.fwalk(top, topdown=False):
            for name in files + folders:
                with contextlib.suppress(OSError):
                    if os.stat(name, dir_fd=handle, follow_symlinks=False).st_uid == uid:
                        remove_at(name, handle)


def remove_at(name: str, handle: int) -> None:
    """Remove a file, a link or an empty folder of an open folder."""
    try:
        os.unlink(name, dir_fd=handle)
    except (IsADirectoryError, PermissionError):
        os.rmdir(name, dir_fd=handle)
