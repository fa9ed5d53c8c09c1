"""A scheduler that is slow and obvious: ProcSets only, nothing remembered, every rule as it is written.

It answers what kamelot must answer, and shares with it the values of ``oar.core.job`` and the rules only.
"""

from collections.abc import Mapping, Sequence

from procset import ProcSet

from oar.core.job import ALL, BEST, HALF, Group, JobId, Moldable, Resource, WaitingJob
from oar.core.states import NodeState
from oar.kamelot import OVER, Occupation, Rules

Path = tuple[object, ...]
Answer = tuple[int, int, str] | None
"""Moldable, start and resources, or no place."""


def reference_schedule(
    resources: Sequence[Resource],
    filters: Mapping[str, ProcSet],
    running: Sequence[Occupation],
    jobs: Sequence[WaitingJob],
    *,
    now: int,
    rules: Rules,
    ends: Mapping[JobId, int],
) -> dict[JobId, Answer]:
    ordinary = [job for job in jobs if "besteffort" not in job.types]
    besteffort = [job for job in jobs if "besteffort" in job.types]
    world = World(resources, filters, now, rules, ends)
    world.occupied += [(o.begin, o.end, o.resources) for o in running if not o.besteffort]
    answers = {job.job_id: world.place(job) for job in ordinary}
    world.occupied += [(o.begin, o.end, o.resources) for o in running if o.besteffort]
    answers |= {job.job_id: world.place(job) for job in besteffort}
    return answers


class World:
    def __init__(
        self,
        resources: Sequence[Resource],
        filters: Mapping[str, ProcSet],
        now: int,
        rules: Rules,
        ends: Mapping[JobId, int],
    ) -> None:
        self.resources = [r for r in resources if r.state is not NodeState.DEAD]
        self.filters = filters
        self.now = now
        self.rules = rules
        self.ends = dict(ends)
        self.occupied: list[tuple[int, int, ProcSet]] = [
            (r.available_upto, 2**31, ProcSet(r.resource_id))
            for r in self.resources
            if 0 < r.available_upto < 2147483646
        ]

    def usable(self, job: WaitingJob) -> ProcSet:
        usable = ProcSet()
        for r in self.resources:
            standby = (
                r.state is NodeState.ABSENT
                and self.rules.energy_saving
                and self.now < r.available_upto < 2147483646
            )
            permissive = job.types.get("state") == "permissive"
            if r.state is NodeState.ALIVE or standby or permissive:
                usable |= ProcSet(r.resource_id)
        return usable

    def place(self, job: WaitingJob) -> Answer:
        earliest = self.now
        for required in job.dependencies:
            if required not in self.ends:
                return None
            if self.ends[required] != OVER:
                earliest = max(earliest, self.ends[required] + 2 * self.rules.security_time_s)
        best = None
        for moldable in job.moldables:
            duration = moldable.walltime_s + self.rules.security_time_s
            if "besteffort" in job.types:
                duration = max(self.rules.besteffort_duration_s, self.rules.security_time_s)
            found = self.first_place(job, moldable, earliest, duration)
            if found is not None and (best is None or found[0] + duration < best[1] + best[2]):
                best = moldable, found[0], duration, found[1]
        if best is None:
            return None
        moldable, start, duration, chosen = best
        self.occupied.append((start, start + duration - 1, chosen))
        self.ends[job.job_id] = start + moldable.walltime_s
        return moldable.moldable_id, start, str(chosen)

    def first_place(
        self, job: WaitingJob, moldable: Moldable, earliest: int, duration: int
    ) -> tuple[int, ProcSet] | None:
        changes = {date for begin, end, _ in self.occupied for date in (begin, end + 1)}
        for start in [earliest, *sorted(date for date in changes if earliest < date < 2**31 - 1)]:
            free = self.usable(job)
            for begin, end, taken in self.occupied:
                if begin <= start + duration - 1 and end >= start:
                    free -= taken
            chosen = self.match(job, moldable, free)
            if chosen is not None:
                return start, chosen
        return None

    def match(self, job: WaitingJob, moldable: Moldable, free: ProcSet) -> ProcSet | None:
        chosen = ProcSet()
        for group in moldable.request.groups:
            found = self.match_group(job, group, free - chosen)
            if found is None:
                return None
            chosen |= found
        return chosen

    def match_group(self, job: WaitingJob, group: Group, free: ProcSet) -> ProcSet | None:
        names = [level.name for level in group.levels]
        candidates: list[tuple[Path, int]] = []
        for r in self.resources:
            path = tuple(r.properties.get(name) for name in names)
            matches = all(
                not text or r.resource_id in self.filters[text] for text in (job.properties, group.filter)
            )
            if matches and None not in path:
                candidates.append((path, r.resource_id))
        return pick(candidates, [level.count for level in group.levels], (), free)


def pick(candidates: list[tuple[Path, int]], counts: list[int], above: Path, free: ProcSet) -> ProcSet | None:
    depth = len(above)
    if depth == len(counts):
        block = ProcSet(*(id_ for path, id_ in candidates if path == above))
        return block if block <= free else None
    below = [path for path, _ in candidates if path[:depth] == above]
    possible = list(dict.fromkeys(path[: depth + 1] for path in below))
    survivors = []
    for path in possible:
        found = pick(candidates, counts, path, free)
        if found is not None:
            survivors.append(found)
    wanted = counts[depth]
    if wanted == ALL:
        wanted = len(possible)
        if not possible:
            return None
    elif wanted == BEST:
        wanted = max(1, len(survivors))
    elif wanted == HALF:
        wanted = max(1, len(survivors) // 2) if len(survivors) > 1 else 2
    if len(survivors) < wanted:
        return None
    chosen = ProcSet()
    for found in survivors[:wanted]:
        chosen |= found
    return chosen
