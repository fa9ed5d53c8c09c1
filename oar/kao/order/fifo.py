"""First come, first served."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from oar.core.job import JobId, WaitingJob
from oar.kao.order.facts import OrderFacts


@dataclass(frozen=True, slots=True)
class Fifo:
    """Jobs by their id."""

    past_window_s: int = 0
    jobs_per_user: int = 0

    def sort(self, jobs: Sequence[WaitingJob], facts: OrderFacts) -> tuple[WaitingJob, ...]:
        """Give the jobs by their id."""
        return tuple(sorted(jobs, key=lambda job: job.job_id))

    def karma(self, jobs: Sequence[WaitingJob], facts: OrderFacts) -> Mapping[JobId, float]:
        """Give none."""
        return {}
