"""The workloads that batch schedulers are compared on: uniform draws, one moldable, one group, no filter."""

import random
from collections.abc import Callable, Sequence

from oar.core.job import Group, JobId, Level, Moldable, MoldableId, Request, Resource, ResourceId, WaitingJob
from oar.core.states import NodeState

Wish = tuple[int, tuple[tuple[str, int], ...]]
"""A walltime in minutes, and counts per level."""


def platform_resources(cores: int = 10_000) -> tuple[Resource, ...]:
    """Make cores in cpus of 64, nodes of 4 cpus, and two switches: one of 24 nodes, one of the rest."""
    resources = []
    for core in range(cores):
        node = core // 256
        switch = min(node // 24, 1)
        properties = {"cores": core, "cpus": core // 64, "nodes": node, "switches": switch}
        resources.append(
            Resource(
                ResourceId(core + 1), f"node{node}", "default", NodeState.ALIVE, "UnChanged", 0, properties
            )
        )
    return tuple(resources)


def uniform(rng: random.Random, first: int, last: int, step: int = 1) -> int:
    """Draw from first, first + step, .. last."""
    return rng.randrange(first, last + 1, step)


def node_only(rng: random.Random) -> Wish:
    """Whole nodes."""
    return uniform(rng, 60, 1440, 60), (("nodes", uniform(rng, 1, 39)),)


def core_only(rng: random.Random) -> Wish:
    """Cores below one switch."""
    return uniform(rng, 60, 1440, 60), (("switches", 1), ("cores", uniform(rng, 64, 2496)))


def normal(rng: random.Random) -> Wish:
    """Cores of one node, cpus or nodes of one switch: 40, 40, 10 and 10 %."""
    kind = rng.random()
    if kind < 0.4:
        return uniform(rng, 5, 120, 5), (("nodes", 1), ("cores", uniform(rng, 1, 64)))
    if kind < 0.8:
        return uniform(rng, 5, 180, 5), (("switches", 1), ("cpus", uniform(rng, 1, 32)))
    if kind < 0.9:
        return uniform(rng, 120, 840, 15), (("switches", 1), ("nodes", uniform(rng, 1, 8)))
    return uniform(rng, 480, 840, 30), (("switches", 1), ("nodes", uniform(rng, 4, 24, 2)))


def high_cache_hit(rng: random.Random) -> Wish:
    """As normal, from few different values."""
    kind = rng.random()
    if kind < 0.4:
        return uniform(rng, 15, 120, 15), (("nodes", 1), ("cores", uniform(rng, 8, 64, 8)))
    if kind < 0.8:
        return uniform(rng, 30, 120, 15), (("switches", 1), ("cpus", uniform(rng, 4, 16, 4)))
    if kind < 0.9:
        return uniform(rng, 120, 840, 240), (("switches", 1), ("nodes", uniform(rng, 1, 8)))
    return uniform(rng, 600, 840, 240), (("switches", 1), ("nodes", uniform(rng, 8, 24, 8)))


def besteffort(rng: random.Random) -> Wish:
    """A few cores of one cpu, for minutes."""
    return uniform(rng, 6, 24, 2), (("cpus", 1), ("cores", uniform(rng, 1, 10)))


def old_normal(rng: random.Random) -> Wish:
    """Any cores."""
    return uniform(rng, 10, 1440), (("cores", uniform(rng, 1, 1000)),)


WORKLOADS: dict[str, Callable[[random.Random], Wish]] = {
    "NodeOnly": node_only,
    "CoreOnly": core_only,
    "Normal": normal,
    "HighCacheHit": high_cache_hit,
    "Besteffort": besteffort,
    "OldNormal": old_normal,
}


def jobs_of(workload: str, count: int, seed: int) -> list[WaitingJob]:
    """Draw the jobs of a workload."""
    rng = random.Random(seed)  # noqa: S311 - draws a workload, keeps no secret
    jobs = []
    for number in range(1, count + 1):
        minutes, levels = WORKLOADS[workload](rng)
        jobs.append(waiting_job(number, minutes * 60, levels))
    return jobs


def waiting_job(
    number: int, walltime_s: int, levels: Sequence[tuple[str, int]], condition: str = ""
) -> WaitingJob:
    """Make a job of one moldable and one group."""
    request = Request((Group("", tuple(Level(name, wanted) for name, wanted in levels)),))
    moldable = Moldable(MoldableId(number), request, walltime_s)
    return WaitingJob(JobId(number), "default", "user", "default", "", condition, (moldable,))
