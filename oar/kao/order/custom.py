"""An order that a site wrote itself, as a plain function."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from oar.core.job import JobId, WaitingJob
from oar.kao.order.facts import OrderFacts

SortFunction = Callable[[Sequence[WaitingJob], OrderFacts, Mapping[str, Any]], Iterable[WaitingJob]]
"""Gets the jobs by their id, the facts, and CUSTOM_JOB_SORTING_CONFIG; gives the same jobs in its order."""


class BadOrder(Exception):
    """An order that loses jobs, doubles them, or makes some up."""


@dataclass(frozen=True, slots=True)
class CustomOrder:
    """Calls the function of a site and checks what it gives."""

    function: SortFunction
    config: Mapping[str, Any] = field(default_factory=dict)
    past_window_s: int = 0
    jobs_per_user: int = 0

    def sort(self, jobs: Sequence[WaitingJob], facts: OrderFacts) -> tuple[WaitingJob, ...]:
        """Give the jobs as the function sorts them; raises BadOrder, and whatever the function raises."""
        given = {job.job_id: job for job in sorted(jobs, key=lambda job: job.job_id)}
        ids = [job.job_id for job in self.function(tuple(given.values()), facts, self.config)]
        if sorted(ids) != list(given):
            raise BadOrder(f"of {len(given)} jobs it gave {len(given.keys() & ids)}, in {len(ids)} places")
        return tuple(given[job_id] for job_id in ids)

    def karma(self, jobs: Sequence[WaitingJob], facts: OrderFacts) -> Mapping[JobId, float]:
        """Give none."""
        return {}
