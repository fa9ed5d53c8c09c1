"""Quotas second by second, as their definition says; slow, and knows nothing of profiles and bounds."""

from dataclasses import dataclass, field

from oar.kamelot.quotas import Key, Limits, Quotas
from tests.unit.kamelot.quotas.build import Someone


@dataclass(frozen=True)
class Charge:
    job: Someone
    begin: int
    end: int
    work_end: int
    resources: int

    def counts_in(self, counter: Key) -> bool:
        own = ((self.job.queue,), (self.job.project,), tuple(self.job.types), (self.job.user,))
        return all(part == "*" or part in values for part, values in zip(counter, own, strict=True))


@dataclass
class NaiveLedger:
    quotas: Quotas
    charges: list[Charge] = field(default_factory=list)

    def counts(self, counter: Key, date: int) -> tuple[int, int, int]:
        running = [one for one in self.charges if one.begin <= date <= one.end and one.counts_in(counter)]
        resources = sum(one.resources for one in running)
        work = sum(one.resources * max(0, one.work_end + 1 - date) for one in running)
        return resources, len(running), work

    def allows(self, job: Someone, start: int, duration: int, walltime: int, resources: int) -> bool:
        for date in range(start, start + duration):
            for binding in self.quotas.at(date).rules.applying(job):
                there = self.counts(binding.counter, date)
                wanted = (resources, 1, resources * walltime)
                if not _within([a + b for a, b in zip(there, wanted, strict=True)], binding.rule.limits):
                    return False
        return True


def _within(counts: list[int], limits: Limits) -> bool:
    most = (limits.resources, limits.jobs, limits.work_s)
    return all(limit is None or count <= limit for count, limit in zip(counts, most, strict=True))
