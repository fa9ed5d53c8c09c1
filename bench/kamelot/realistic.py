"""A load as a large site has it: 32,000 cores, 500 running jobs, mixed requests, filters, long tails."""

import random
from dataclasses import dataclass

from procset import ProcSet

from bench.kamelot.workloads import waiting_job
from oar.core.job import JobId, Resource, ResourceId, WaitingJob
from oar.core.states import NodeState
from oar.kamelot import Occupation, Platform
from oar.kamelot.quotas import Quotas

NODES, CPUS, CORES = 1000, 2, 16
RUNNING = 500
CONDITIONS = {"gpu = 'YES'": 10, "memory >= 256": 2, "network = 'ib'": 4}
"""Conditions, and how many nodes there are for each one that matches."""


@dataclass(frozen=True, slots=True)
class Load:
    """What a round starts from."""

    platform: Platform
    running: list[Occupation]
    waiting: list[WaitingJob]
    quotas: Quotas | None = None


def realistic(count: int, seed: int, now: int) -> Load:
    """Draw running jobs, and ``count`` waiting jobs of which one in five has a condition."""
    rng = random.Random(seed)  # noqa: S311 - draws a workload, keeps no secret
    conditions = rng.choices(["", *CONDITIONS], [12, 1, 1, 1], k=count)
    waiting = [
        waiting_job(number, _walltime(rng), _wish(rng), condition)
        for number, condition in enumerate(conditions, start=1)
    ]
    return Load(_platform(), _running(rng, now), waiting)


def _platform() -> Platform:
    per_node = CPUS * CORES
    resources = [
        Resource(
            ResourceId(core + 1),
            f"node{core // per_node}",
            "default",
            NodeState.ALIVE,
            "UnChanged",
            0,
            {"node": core // per_node, "cpu": core // CORES, "core": core},
        )
        for core in range(NODES * per_node)
    ]
    filters = {}
    for condition, one_in in CONDITIONS.items():
        filters[condition] = ProcSet(
            *((node * per_node + 1, (node + 1) * per_node) for node in range(0, NODES, one_in))
        )
    return Platform(resources, filters)


def _running(rng: random.Random, now: int) -> list[Occupation]:
    """Fill nine nodes of ten: each running job has a run of half or whole nodes."""
    halves = NODES * CPUS * 9 // 10
    borders = sorted(rng.sample(range(1, halves), RUNNING - 1))
    runs = zip([0, *borders], [*borders, halves], strict=True)
    return [
        Occupation(now - 60, now + _walltime(rng) - 1, ProcSet((first * CORES + 1, after * CORES)), JobId(-n))
        for n, (first, after) in enumerate(runs, start=1)
    ]


def _walltime(rng: random.Random) -> int:
    return 60 * max(5, min(10_080, round(rng.lognormvariate(4.8, 1.2))))


def _wish(rng: random.Random) -> tuple[tuple[str, int], ...]:
    """Whole nodes, cores of some nodes, or any cores."""
    kind = rng.random()
    few = max(1, min(64, round(rng.lognormvariate(0.7, 1.0))))
    if kind < 0.5:
        return (("node", few),)
    if kind < 0.8:
        return (("node", min(few, 8)), ("core", rng.choice([1, 2, 4, 8, 16])))
    return (("core", rng.choice([1, 1, 1, 2, 4, 8, 16, 32, 64])),)
