"""A scheduler that is slow and obvious: ProcSets only, nothing remembered, every rule as it is written.

It answers what kamelot must answer, and shares with it the values of ``oar.core.job`` and the rules only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from procset import ProcSet

from oar.core.durations import parse_date
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
    world = World(resources, filters, now, rules, ends)
    answers = {}
    for kind in (False, True):
        world.occupy([one for one in running if one.besteffort is kind])
        for job in in_order([job for job in jobs if ("besteffort" in job.types) is kind]):
            answers[job.job_id] = world.place(job)
    return answers


def in_order(jobs: Sequence[WaitingJob]) -> list[WaitingJob]:
    """Put every inner job behind all the containers of its name, and change nothing else."""
    left, ordered = list(jobs), []
    while left:
        opened = {name_of_space(job) for job in left if "container" in job.types}
        ready = [job for job in left if job.types.get("inner") not in opened]
        if not ready:
            break
        ordered.append(ready[0])
        left.remove(ready[0])
    return ordered + left


def name_of_space(job: WaitingJob) -> str:
    return job.types["container"] or str(job.job_id)


@dataclass
class Taken:
    """Resources taken in some spaces, but for the jobs that they are shared with in one of them."""

    begin: int
    end: int
    resources: ProcSet
    spaces: set[str | None]
    inside: str | None
    pair: tuple[str, str] | None
    placeholder: str | None


@dataclass
class Eyes:
    """Who looks for free resources: where, with whom it shares, and over which placeholders it may go."""

    space: str | None
    pair: tuple[str, str] | None
    allowed: set[str]

    def sees(self, taken: Taken) -> bool:
        if self.space not in taken.spaces:
            return False
        if self.space != taken.inside:
            return True
        shared = self.pair is not None and self.pair == taken.pair
        return not (shared or taken.placeholder in self.allowed)


def date_of(job: WaitingJob, name: str, default: int) -> int:
    return parse_date(job.types[name]) if name in job.types else default


def pair_of(job: WaitingJob) -> tuple[str, str] | None:
    if "timesharing" not in job.types or "container" in job.types:
        return None
    words = job.types["timesharing"]
    return (job.user if "user" in words else "*", job.name if "name" in words and job.name else "*")


def eyes_of(job: WaitingJob) -> Eyes:
    allowed = {job.types[word] for word in ("allow", "allowed") if word in job.types}
    return Eyes(job.types.get("inner"), pair_of(job), set() if "container" in job.types else allowed)


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
        self.occupied: list[Taken] = []
        self.ends_of_availability = [
            (r.available_upto, ProcSet(r.resource_id))
            for r in self.resources
            if 0 < r.available_upto < 2147483646
        ]
        self.areas: list[tuple[str, int, int, ProcSet]] = []
        self.parents: list[tuple[str, str | None]] = []

    def occupy(self, running: Sequence[Occupation]) -> None:
        """Open the spaces of all containers first, the outer ones before the inner ones; then draw."""
        running = [one for one in running if one.end >= self.now]
        closed = [one for one in running if one.nesting.opens is not None]
        while closed:
            names = {one.nesting.opens for one in closed}
            ready = [one for one in closed if one.nesting.inside not in names] or closed
            for one in ready[:1] if ready is not closed else closed[:]:
                closed.remove(one)
                self.open_what_is_free(one)
        for one in running:
            spaces: set[str | None] = {None, one.nesting.inside}
            for _ in self.parents:
                spaces |= {outer for inner, outer in self.parents if inner in spaces}
            sharing = one.sharing
            self.occupied.append(
                Taken(
                    one.begin,
                    one.end,
                    one.resources,
                    spaces,
                    one.nesting.inside,
                    sharing.pair,
                    sharing.placeholder,
                )
            )

    def open_what_is_free(self, one: Occupation) -> None:
        assert one.nesting.opens is not None
        inside = one.nesting.inside
        eyes = Eyes(inside if any(name == inside for name, *_ in self.areas) else None, None, set())
        begin = max(one.begin, self.now)
        dates = [begin, *(date for date in self.dates() if begin < date <= one.end), one.end + 1]
        for date, after in pairwise(dates):
            free = self.free(eyes, date, after - 1)
            self.areas.append((one.nesting.opens, date, after - 1, one.resources & free))
        self.parents.append((one.nesting.opens, inside))

    def dates(self) -> list[int]:
        """Tell all dates at which something changes."""
        spans = [(one.begin, one.end + 1) for one in self.occupied]
        spans += [(begin, end + 1) for _, begin, end, _ in self.areas]
        found = {date for span in spans for date in span} | {upto for upto, _ in self.ends_of_availability}
        return sorted(date for date in found if date < 2**31 - 1)

    def free(self, eyes: Eyes, begin: int, end: int) -> ProcSet:
        """Tell what is free all the time between two dates, both included."""
        free = ProcSet(*(r.resource_id for r in self.resources))
        if eyes.space is not None:
            for date in [begin, *(date for date in self.dates() if begin < date <= end)]:
                held = ProcSet()
                for name, opens, closes, resources in self.areas:
                    if name == eyes.space and opens <= date <= closes:
                        held |= resources
                free &= held
        for upto, resources in self.ends_of_availability:
            if upto <= end:
                free -= resources
        for one in self.occupied:
            if one.begin <= end and one.end >= begin and eyes.sees(one):
                free -= one.resources
        return free

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

    def earliest(self, job: WaitingJob) -> int | None:
        earliest = max(self.now, date_of(job, "postpone", 0))
        for required in job.dependencies:
            if required not in self.ends:
                return None
            if self.ends[required] != OVER:
                earliest = max(earliest, self.ends[required] + 2 * self.rules.security_time_s)
        return earliest

    def place(self, job: WaitingJob) -> Answer:
        deadline = date_of(job, "deadline", 2**31)
        if self.now > min(deadline, date_of(job, "expire", 2**31)):
            return None
        earliest = self.earliest(job)
        if earliest is None:
            return None
        eyes = eyes_of(job)
        if eyes.space is not None and all(name != eyes.space for name, *_ in self.areas):
            return None
        best = None
        for moldable in job.moldables:
            duration = moldable.walltime_s + self.rules.security_time_s
            if "besteffort" in job.types:
                duration = max(self.rules.besteffort_duration_s, self.rules.security_time_s)
            found = self.first_place(job, moldable, earliest, duration)
            if found is not None and found[0] + moldable.walltime_s > deadline:
                found = None
            if found is not None and (best is None or found[0] + duration < best[1] + best[2]):
                best = moldable, found[0], duration, found[1]
        if best is None:
            return None
        moldable, start, duration, chosen = best
        end = start + duration - 1
        placeholder = None if "container" in job.types else job.types.get("placeholder")
        self.occupied.append(Taken(start, end, chosen, {eyes.space}, eyes.space, eyes.pair, placeholder))
        if "container" in job.types:
            self.areas.append((name_of_space(job), start, end, chosen))
            self.parents.append((name_of_space(job), eyes.space))
        self.ends[job.job_id] = start + moldable.walltime_s
        return moldable.moldable_id, start, str(chosen)

    def first_place(
        self, job: WaitingJob, moldable: Moldable, earliest: int, duration: int
    ) -> tuple[int, ProcSet] | None:
        for start in [earliest, *(date for date in self.dates() if date > earliest)]:
            free = self.usable(job) & self.free(eyes_of(job), start, start + duration - 1)
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
