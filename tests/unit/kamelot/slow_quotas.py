"""Quotas as the slow scheduler counts them: job by job, at each date at which there may be more."""

from dataclasses import dataclass, field

from oar.kamelot.quotas import Key, QuotaJob, Quotas
from oar.kamelot.quotas.rules import EXEMPT


@dataclass(frozen=True)
class Charge:
    """Resources that a job takes from ``begin`` to ``end``; it has work left until ``work_end``.

    A besteffort job that is drawn shorter than it is has work left after its end.
    """

    job: QuotaJob
    begin: int
    end: int
    work_end: int
    count: int

    def counts_in(self, counter: Key) -> bool:
        own = ((self.job.queue,), (self.job.project,), tuple(self.job.types), (self.job.user,))
        return all(part == "*" or part in values for part, values in zip(counter, own, strict=True))


@dataclass
class SlowQuotas:
    """What jobs are charged; rules change at ``changes`` only, and no job ends after ``latest_end``."""

    quotas: Quotas
    changes: frozenset[int]
    latest_end: int
    charges: list[Charge] = field(default_factory=list)

    def charge(self, job: QuotaJob, begin: int, end: int, work_end: int, count: int) -> None:
        if not EXEMPT & job.types.keys():
            self.charges.append(Charge(job, begin, end, work_end, count))

    def allow(self, job: QuotaJob, start: int, duration: int, walltime: int, count: int) -> bool:
        """Look at the start and all dates at which a job begins or rules change: elsewhere nothing grows."""
        if EXEMPT & job.types.keys():
            return True
        if start + duration - 1 > self.latest_end:
            return False
        begins = {one.begin for one in self.charges} | self.changes
        dates = [start, *(date for date in begins if start < date < start + duration)]
        return all(self.holds(job, date, count, count * walltime) for date in dates)

    def holds(self, job: QuotaJob, date: int, count: int, work: int) -> bool:
        for binding in self.quotas.at(date).rules.applying(job):
            limits = binding.rule.limits
            begun = [one for one in self.charges if one.begin <= date and one.counts_in(binding.counter)]
            running = [one for one in begun if date <= one.end]
            left = [one.count * max(0, one.work_end + 1 - date) for one in begun]
            if limits.resources is not None and sum(one.count for one in running) + count > limits.resources:
                return False
            if limits.jobs is not None and len(running) + 1 > limits.jobs:
                return False
            if limits.work_s is not None and sum(left) + work > limits.work_s:
                return False
        return True

    def first_after(self, date: int, job: QuotaJob, duration: int, walltime: int, count: int) -> int | None:
        """Tell the first later second at which the job is allowed; when all have ended, nothing changes."""
        last = max([date + 1, *self.changes, *(max(one.end, one.work_end) + 1 for one in self.charges)])
        for start in range(date + 1, last + 1):
            if self.allow(job, start, duration, walltime, count):
                return start
        return None
