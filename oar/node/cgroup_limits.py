"""What a job may use on a node, as the files of its groups say it: processors, memory, processes."""

import os
import re

from oar.node.files import read
from oar.node.manager_job import Job, Refused

CPUS = "/sys/devices/system/cpu"
NODES = "/sys/devices/system/node"


def group_values(job: Job, folder: str) -> "list[tuple[str, str]]":
    """List what is written into the job's group of one hierarchy: each limit that it has a file for.

    The place for every limit of a job: one line, ``(file, value)``; "" writes nothing. Raises ``Refused``.
    """
    cpus = cpus_of(job)
    memory = memory_share(cpus, usable_cpus(folder)) if job.data.get("limit_memory") else ""
    limits = [
        ("cpuset.cpus", joined(cpus)),
        ("cpuset.mems", memory_nodes(cpus) if job.data.get("memory_nodes") != "all" else ""),
        ("memory.limit_in_bytes", memory),
        ("memory.max", memory),
        ("pids.max", str(job.data.get("pids_limit") or "")),
    ]
    return [(name, value) for name, value in limits if value and os.path.exists(folder + "/" + name)]


def cpus_of(job: Job) -> "set[int]":
    """Collect the cpus that the job has here; none means all of them."""
    if job.node not in job.nodes:
        raise Refused(2, f"the data names no cpus of the node {job.node}")
    cpus = {cpu for value in job.nodes[job.node] for cpu in numbers(str(value))}
    if job.data.get("compute_thread_siblings") == "yes":
        cpus |= {sibling for cpu in cpus for sibling in thread_siblings(cpu)}
    return cpus


def numbers(text: str) -> "set[int]":
    """Read a list such as ``0,2-3``, also with blanks or ``+`` in it; anything else is refused."""
    found: "set[int]" = set()
    for word in re.split(r"[,+\s]+", text.strip()):
        match = re.match(r"(\d+)(?:-(\d+))?$", word)
        if word and not match:
            raise Refused(5, f'"{word}" is no number of a processor')
        if match:
            found.update(range(int(match.group(1)), int(match.group(2) or match.group(1)) + 1))
    return found


def joined(values: "set[int]") -> str:
    """Write numbers as the kernel reads them."""
    return ",".join(str(value) for value in sorted(values))


def thread_siblings(cpu: int, cpus: str = CPUS) -> "set[int]":
    """Find the hardware threads of the core that a cpu belongs to."""
    return numbers(read(f"{cpus}/cpu{cpu}/topology/thread_siblings_list"))


def memory_nodes(wanted: "set[int]", cpus: str = CPUS, nodes: str = NODES) -> str:
    """Join the memory nodes near these cpus; "" when none of them has memory, or the kernel does not say."""
    found = set()
    for cpu in wanted:
        folder = f"{cpus}/cpu{cpu}"
        names = os.listdir(folder) if os.path.isdir(folder) else []
        found |= {int(name[4:]) for name in names if re.match(r"node\d+$", name)}
    with_memory = read(nodes + "/has_memory") or read(nodes + "/has_normal_memory")
    return joined(found & numbers(with_memory) if with_memory else found)


def usable_cpus(folder: str) -> int:
    """Count the cpus that the node gives to jobs."""
    top = folder
    while os.path.exists(os.path.dirname(top) + "/cgroup.procs"):
        top = os.path.dirname(top)
    given = read(top + "/cpuset.cpus.effective") or read(top + "/cpuset.cpus")
    return len(numbers(given)) or os.cpu_count() or 1


def memory_share(cpus: "set[int]", of_node: int, meminfo: str = "/proc/meminfo") -> str:
    """Give a job the part of the node's memory that it has of its cpus, in bytes; "" for the whole node."""
    total = re.search(r"^MemTotal:\s+(\d+) kB", read(meminfo), re.MULTILINE)
    if not cpus or len(cpus) >= of_node or not total:
        return ""
    return str(int(total.group(1)) * 1024 * len(cpus) // of_node // 4096 * 4096)
