"""Weighted factors: age, queue, work, size, karma, quality of service and niceness make a priority."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from oar.core.job import JobId, Request, WaitingJob
from oar.kao.order.facts import OrderFacts
from oar.kao.order.fair_share import FairShare
from oar.kao.order.size import wanted_resources
from oar.kao.order.weights import Weights

BIG_FIRST = 1


@dataclass(frozen=True, slots=True)
class Multifactor:
    """Jobs by falling priority, the sum of their factors times the weights of these."""

    weights: Weights
    share: FairShare = field(default_factory=FairShare)
    jobs_per_user: int = 0

    @property
    def past_window_s(self) -> int:
        """The window of fair share, when karma counts."""
        return self.share.past_window_s if self.weights.karma_weight else 0

    def sort(self, jobs: Sequence[WaitingJob], facts: OrderFacts) -> tuple[WaitingJob, ...]:
        """Give the jobs by falling priority."""
        priority = self.priorities(jobs, facts)
        return tuple(sorted(jobs, key=lambda job: (-priority[job.job_id], job.job_id)))

    def karma(self, jobs: Sequence[WaitingJob], facts: OrderFacts) -> Mapping[JobId, float]:
        """Give the karma of fair share, when it counts."""
        return self.share.karma(jobs, facts) if self.weights.karma_weight else {}

    def priorities(self, jobs: Sequence[WaitingJob], facts: OrderFacts) -> dict[JobId, float]:
        """Give the priority of each job; more means sooner."""
        karma = self.karma(jobs, facts)

        @cache
        def size_of(request: Request) -> float:
            return wanted_resources(facts.platform, request)

        return {job.job_id: self._priority(job, facts, karma.get(job.job_id, 0.0), size_of) for job in jobs}

    def _priority(
        self, job: WaitingJob, facts: OrderFacts, karma: float, size_of: Callable[[Request], float]
    ) -> float:
        weights = self.weights
        priority = (
            weights.age_weight * age_factor(facts.now - job.submission_time, weights.age_coef)
            + weights.queue_weight * weights.queue_coefs.get(job.queue, 0.0)
            + weights.karma_weight * karma_factor(karma)
            + weights.qos_weight * part_of_one(job.types.get("qos", ""))
            + weights.nice_weight * part_of_one(job.types.get("nice", ""))
        )
        if (weights.work_weight or weights.size_weight) and job.moldables:
            first = job.moldables[0]
            size = size_of(first.request)
            priority += weights.work_weight * work_factor(size * first.walltime_s, weights.work_mode)
            priority += weights.size_weight * size_factor(size, facts.resources, weights.size_mode)
        return priority


def age_factor(age_s: int, coef: float) -> float:
    """Rise evenly with the time that a job has waited, to 1 and no further."""
    return min(1.0, coef * max(0, age_s))


def karma_factor(karma: float) -> float:
    """Fall with karma: 1 / (1 + karma), and below 0 the straight line that goes on from there.

    So it falls everywhere; 1 / (1 + karma) has no value at -1, and turns round behind it.
    """
    return 1 / (1 + karma) if karma >= 0 else 1 - karma


def work_factor(work: float, mode: int) -> float:
    """Favour little work or much of it, in resource-seconds; between 0 and 1."""
    little = 1 / max(1.0, work)
    return 1 - little if mode == BIG_FIRST else little


def size_factor(size: float, resources: int, mode: int) -> float:
    """Favour jobs with a small or a big part of all resources; between 0 and 1."""
    part = min(1.0, size / resources) if resources else 1.0
    return part if mode == BIG_FIRST else 1 - part


def part_of_one(text: str) -> float:
    """Read a number between 0 and 1; what is beyond counts as the end it is beyond, what is none as 0."""
    try:
        number = float(text)
    except ValueError:
        return 0.0
    return 0.0 if math.isnan(number) else min(1.0, max(0.0, number))
