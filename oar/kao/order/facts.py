"""What an order may look at, and what it has to answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from oar.core.fair_share import PastUse
from oar.core.job import JobId, WaitingJob
from oar.kamelot import Platform
from oar.kao.model import QueueView


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """What is known when jobs are sorted.

    ``queues`` are those whose jobs are sorted together. ``past`` is what was used in them during the last
    seconds that the order asked for; it is empty when it asked for none.
    """

    now: int
    platform: Platform
    queues: tuple[QueueView, ...]
    past: PastUse

    @property
    def resources(self) -> int:
        """How many resources there are, Dead ones not counted."""
        return len(self.platform.resources)


class JobOrder(Protocol):
    """An order of waiting jobs."""

    @property
    def past_window_s(self) -> int:
        """For how many seconds back the order wants to know the use; 0 when it does not."""

    @property
    def jobs_per_user(self) -> int:
        """How many jobs of a user, the oldest ones, one round looks at; 0 for all of them."""

    def sort(self, jobs: Sequence[WaitingJob], facts: OrderFacts) -> tuple[WaitingJob, ...]:
        """Give all the jobs, the first to be planned first; equal ones by job id."""

    def karma(self, jobs: Sequence[WaitingJob], facts: OrderFacts) -> Mapping[JobId, float]:
        """Give the karma of each job, when the order follows it; more means later."""
