"""The device files of a node's GPUs, and those of them that a job has no right to.

A GPU is known by its number on the node: that of ``/dev/nvidiaN``; on nodes with GPUs of AMD its place in the
order of their PCI addresses. With it go its files in /dev/dri and those of its instances (MIG).
"""

import glob
import os
import re

from oar.node.files import read
from oar.node.manager_job import Refused

AMD = "0x1002"


def denied_devices(values: "list[str]", root: str = "") -> "list[str]":
    """List the files of the node's GPUs that a job must not open.

    ``values`` are what its resources say of GPUs: numbers, or paths of device files, also several in one with
    ``,``, ``+`` or blanks between them. Raises ``Refused`` for anything else.
    """
    words = [word for value in values for word in re.split(r"[,+\s]+", value) if word]
    wrong = [word for word in words if not (word.isdigit() or word.startswith("/dev/"))]
    if wrong:
        raise Refused(5, f'"{wrong[0]}" is no GPU: give its number on the node, or a file of /dev')
    gpus = gpus_of_node(root)
    missing = [word for word in words if word.isdigit() and int(word) not in gpus]
    missing += [word for word in words if not word.isdigit() and not os.path.exists(root + word)]
    if missing:
        raise Refused(5, f"the node has no GPU {missing[0]}")
    mine = {path for word in words for path in (gpus[int(word)] if word.isdigit() else [word])}
    return sorted({path for files in gpus.values() for path in files} - mine)


def gpus_of_node(root: str = "") -> "dict[int, list[str]]":
    """Map the number of each GPU to its device files."""
    files = glob.glob(root + "/dev/nvidia[0-9]*")
    numbers = sorted(int(path.rpartition("nvidia")[2]) for path in files)
    if numbers:
        addresses = nvidia_addresses(root)
        return {
            number: [
                f"/dev/nvidia{number}",
                *graphics(addresses.get(number, ""), root),
                *instances(number, root),
            ]
            for number in numbers
        }
    return {number: graphics(address, root) for number, address in enumerate(amd_addresses(root))}


def nvidia_addresses(root: str) -> "dict[int, str]":
    """Map the number of each GPU of NVIDIA to its PCI address."""
    found = {}
    for path in glob.glob(root + "/proc/driver/nvidia/gpus/*/information"):
        number = re.search(r"^Device Minor:\s*(\d+)", read(path), re.MULTILINE)
        if number:
            found[int(number.group(1))] = os.path.basename(os.path.dirname(path))
    return found


def amd_addresses(root: str) -> "list[str]":
    """List the PCI addresses of the GPUs of AMD, in order."""
    vendors = glob.glob(root + "/sys/bus/pci/devices/*/drm/renderD*/../../vendor")
    folders = {os.path.dirname(os.path.normpath(path)) for path in vendors if read(path) == AMD}
    return sorted(os.path.basename(folder) for folder in folders)


def graphics(address: str, root: str) -> "list[str]":
    """List the files in /dev/dri of the GPU at a PCI address."""
    names = glob.glob(f"{root}/sys/bus/pci/devices/{address}/drm/*") if address else []
    paths = ["/dev/dri/" + os.path.basename(name) for name in sorted(names)]
    return [path for path in paths if os.path.exists(root + path)]


def instances(number: int, root: str) -> "list[str]":
    """List the files of the instances that a GPU of NVIDIA is cut into."""
    top = f"{root}/proc/driver/nvidia/capabilities/gpu{number}/mig"
    texts = [read(folder + "/access") for folder, _, _ in os.walk(top)]
    minors = [re.search(r"^DeviceFileMinor:\s*(\d+)", text, re.MULTILINE) for text in texts]
    paths = ["/dev/nvidia-caps/nvidia-cap" + minor.group(1) for minor in minors if minor]
    return [path for path in paths if os.path.exists(root + path)]
