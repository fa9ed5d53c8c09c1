"""Keeps a group from devices: by a list of the group in cgroup v1, by a BPF program in v2."""

import os
import stat

from oar.node.device_filter import FilterFailed, attach, device_filter
from oar.node.files import put
from oar.node.manager_job import Refused


def deny(paths: "list[str]", folders: "list[str]", version: int, root: str = "") -> None:
    """Deny device files to a job, whose groups lie in ``folders``; raises ``Refused`` or ``OSError``."""
    devices = [device for device in (device_of(root + path) for path in paths) if device]
    if not devices:
        return
    if version == 2:
        try:
            attach(device_filter(devices), folders[0])
        except FilterFailed as error:
            raise Refused(5, f"cannot keep the job from GPUs that are not its own: {error}") from error
        return
    lists = [folder + "/devices.deny" for folder in folders if os.path.exists(folder + "/devices.deny")]
    if not lists:
        raise Refused(5, "cannot keep the job from GPUs that are not its own: no devices controller")
    for kind, major, minor in devices:
        put(lists[0], f"{kind} {major}:{minor} rwm")


def device_of(path: str) -> "tuple[str, int, int] | None":
    """Read kind (``c`` or ``b``) and numbers of a device file; None when it is gone or is none."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    if not (stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode)):
        return None
    kind = "c" if stat.S_ISCHR(status.st_mode) else "b"
    return kind, os.major(status.st_rdev), os.minor(status.st_rdev)
