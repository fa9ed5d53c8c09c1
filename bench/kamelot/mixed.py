"""The realistic load with what else a large site has: dependencies, quotas, containers with inner jobs."""

import random
from collections.abc import Sequence
from dataclasses import replace

from bench.kamelot.realistic import Load, realistic
from bench.kamelot.workloads import waiting_job
from oar.core.job import JobId, WaitingJob
from oar.kamelot.quotas import Key, Limits, Quotas, Rule, RuleSet

USERS = 50
DEPENDENT, CONTAINERS, INNER = 0.2, 0.025, 0.2
"""The shares of jobs that depend on an earlier one, that are containers, and that are in one."""
RULES = (
    Rule(Key(user="/"), Limits(resources=2_000, jobs=40)),
    Rule(Key(), Limits(resources=30_000)),
)
"""What each user may have at once, and all of them together, of 32,000 cores."""


def realistic_mixed(count: int, seed: int, now: int) -> Load:
    """Draw the realistic load, and change some of its jobs; all get an owner, of few who have much."""
    load = realistic(count, seed, now)
    rng = random.Random(seed)  # noqa: S311 - draws a workload, keeps no secret
    owners = random_users(rng, count)
    waiting: list[WaitingJob] = []
    boxes: list[WaitingJob] = []
    for one, user in zip(load.waiting, owners, strict=True):
        job = replace(one, user=user)
        kind = rng.random()
        if kind < CONTAINERS or not boxes:
            job = _container(rng, job)
            boxes.append(job)
        elif kind < CONTAINERS + INNER:
            job = _inner(rng, job, boxes)
        elif kind < CONTAINERS + INNER + DEPENDENT:
            job = replace(job, dependencies=(JobId(rng.randint(1, job.job_id - 1)),))
        waiting.append(job)
    running = [
        replace(one, charged_to=replace(waiting[0], user=user, types={}), work_end=one.end)
        for one, user in zip(load.running, random_users(rng, len(load.running)), strict=True)
    ]
    return Load(load.platform, running, waiting, Quotas(RuleSet("site", RULES)))


def random_users(rng: random.Random, count: int) -> list[str]:
    """Draw users: the tenth has a tenth of the jobs of the first."""
    weights = [1 / number for number in range(1, USERS + 1)]
    return [f"user{number}" for number in rng.choices(range(USERS), weights, k=count)]


def _container(rng: random.Random, job: WaitingJob) -> WaitingJob:
    """Make a container of some nodes for half a day or more."""
    levels = (("node", rng.choice([4, 8, 16])),)
    made = waiting_job(job.job_id, 3600 * rng.randint(12, 48), levels)
    return replace(made, user=job.user, types={"container": ""})


def _inner(rng: random.Random, job: WaitingJob, boxes: Sequence[WaitingJob]) -> WaitingJob:
    """Make a small job inside one of the containers."""
    kind = rng.random()
    if kind < 0.5:
        levels = [("node", rng.randint(1, 2))]
    elif kind < 0.8:
        levels = [("node", rng.randint(1, 2)), ("core", rng.choice([1, 2, 4, 8]))]
    else:
        levels = [("core", rng.choice([1, 2, 4, 8, 16]))]
    made = waiting_job(job.job_id, 600 * rng.randint(1, 12), levels)
    return replace(made, user=job.user, types={"inner": str(rng.choice(boxes).job_id)})
