"""A scheduler that is slow and obvious: ids and ProcSets, nothing remembered, every rule as it is written.

It answers what kamelot must answer, and shares with it the values of ``oar.core.job`` and the rules only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from procset import ProcSet

from oar.core.durations import parse_date
from oar.core.job import Group, JobId, Moldable, Resource, WaitingJob
from oar.core.states import NodeState, ReservationState
from oar.kamelot import OVER, Occupation, Rules
from tests.unit.kamelot.reference_matching import Blocks, blocks_of, match, some
from tests.unit.kamelot.slow_quotas import SlowQuotas

Answer = tuple[int, int, int, str] | None
"""Moldable, start, walltime and resources, or no place."""


def reference_schedule(
    resources: Sequence[Resource],
    filters: Mapping[str, ProcSet],
    running: Sequence[Occupation],
    jobs: Sequence[WaitingJob],
    *,
    now: int,
    rules: Rules,
    ends: Mapping[JobId, int],
    cut: int = 0,
    reservation: WaitingJob | None = None,
    quotas: SlowQuotas | None = None,
) -> dict[JobId, Answer]:
    """Place the jobs, the first ``cut`` before all others, besteffort jobs last; then a reservation."""
    world = World(resources, filters, now, rules, ends)
    world.quotas = quotas
    answers = {}
    for kind in (False, True):
        world.occupy([one for one in running if one.besteffort is kind])
        for queue in (jobs[:cut], jobs[cut:]):
            for job in in_order([job for job in queue if ("besteffort" in job.types) is kind]):
                answers[job.job_id] = world.place(job)
    if reservation is not None:
        answers[reservation.job_id] = world.reserve(reservation)
    return answers


def reference_fits(
    resources: Sequence[Resource], filters: Mapping[str, ProcSet], rules: Rules, job: WaitingJob
) -> bool:
    """Tell whether a job would find its resources, were everything free and usable."""
    world = World(resources, filters, 0, rules, {})
    wanted = [world.wanted(job, moldable) for moldable in job.moldables]
    return any(match(one.parts, world.everything) is not None for one in wanted)


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


@dataclass
class Wanted:
    """What a moldable wants: for each group blocks and how many of them; of these resources; seen so."""

    job: WaitingJob
    parts: list[tuple[Blocks, list[int]]]
    usable: ProcSet
    eyes: Eyes


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
        self.quotas: SlowQuotas | None = None
        self.occupied: list[Taken] = []
        self.everything = some(r.resource_id for r in self.resources)
        self.ends_of_availability = [
            (r.available_upto, ProcSet(r.resource_id))
            for r in self.resources
            if 1 < r.available_upto < 2147483646
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
            if one.nesting.opens is None:
                spaces |= {name for name, *_ in self.areas}
            if self.quotas is not None and one.charged_to is not None:
                count = self.count(one.resources)
                self.quotas.charge(one.charged_to, one.begin, one.end, one.work_end, count)
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
        dates = [begin, *(date for date in self.dates(eyes) if begin < date <= one.end), one.end + 1]
        for date, after in pairwise(dates):
            free = self.free(eyes, date, after - 1)
            self.areas.append((one.nesting.opens, date, after - 1, one.resources & free))
        self.parents.append((one.nesting.opens, inside))

    def dates(self, eyes: Eyes) -> list[int]:
        """Tell all dates at which something changes for those eyes."""
        spans = [(one.begin, one.end + 1) for one in self.occupied if eyes.sees(one)]
        spans += [(begin, end + 1) for name, begin, end, _ in self.areas if name == eyes.space]
        found = {date for span in spans for date in span}
        if eyes.space is None:
            found |= {upto for upto, _ in self.ends_of_availability}
        return sorted(date for date in found if date < 2**31 - 1)

    def free(self, eyes: Eyes, begin: int, end: int) -> ProcSet:
        """Tell what is free all the time between two dates, both included."""
        free = self.everything.copy()
        if eyes.space is not None:
            for date in [begin, *(date for date in self.dates(eyes) if begin < date <= end)]:
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
        return some(r.resource_id for r in self.resources if self.may_use(job, r))

    def may_use(self, job: WaitingJob, r: Resource) -> bool:
        standby = r.state is NodeState.ABSENT and self.rules.energy_saving and self.now < r.available_upto
        reserves = job.reservation is not ReservationState.NONE
        lenient = reserves or job.types.get("state") == "permissive"
        return r.state is NodeState.ALIVE or standby or lenient

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
        if earliest is None or not self.has_a_space(job):
            return None
        best = None
        for moldable in job.moldables:
            wanted = self.wanted(job, moldable)
            least = least_of(moldable)
            duration = self.duration(job, least)
            start = self.first_start(wanted, earliest, least)
            if start is None or start + least > deadline:
                continue
            if best is None or start + duration < best[3]:
                best = moldable, wanted, start, start + duration
        return None if best is None else self.draw(job, *best[:3], deadline)

    def reserve(self, job: WaitingJob) -> Answer:
        """Place the job's first moldable at its start time or not at all."""
        moldable, start = job.moldables[0], max(job.start_time, self.now)
        wanted = self.wanted(job, moldable)
        if not self.has_a_space(job) or self.chosen(wanted, start, least_of(moldable)) is None:
            return None
        return self.draw(job, moldable, wanted, start, 2**31)

    def duration(self, job: WaitingJob, walltime: int) -> int:
        if "besteffort" in job.types:
            return max(self.rules.besteffort_duration_s, self.rules.security_time_s)
        return walltime + self.rules.security_time_s

    def has_a_space(self, job: WaitingJob) -> bool:
        space = eyes_of(job).space
        return space is None or any(name == space for name, *_ in self.areas)

    def wanted(self, job: WaitingJob, moldable: Moldable) -> Wanted:
        groups = moldable.request.groups
        parts = [(self.blocks(job, group), [level.count for level in group.levels]) for group in groups]
        return Wanted(job, parts, self.usable(job), eyes_of(job))

    def first_start(self, wanted: Wanted, earliest: int, walltime: int) -> int | None:
        """Try the earliest date and all those at which something changes, and those that quotas point to."""
        dates = self.dates(wanted.eyes)
        start: int | None = earliest
        while start is not None:
            found = self.found(wanted, start, walltime)
            if found is not None and self.allowed(wanted, start, walltime, found):
                return start
            after = [date for date in dates if date > start]
            if found is not None:
                after += self.first_allowed(wanted, start, walltime, found)
            start = min(after, default=None)
        return None

    def found(self, wanted: Wanted, start: int, walltime: int) -> ProcSet | None:
        end = start + self.duration(wanted.job, walltime) - 1
        return match(wanted.parts, wanted.usable & self.free(wanted.eyes, start, end))

    def chosen(self, wanted: Wanted, start: int, walltime: int) -> ProcSet | None:
        """Find the resources, if the quotas allow them too."""
        found = self.found(wanted, start, walltime)
        return found if found is not None and self.allowed(wanted, start, walltime, found) else None

    def allowed(self, wanted: Wanted, start: int, walltime: int, found: ProcSet) -> bool:
        duration, count = self.duration(wanted.job, walltime), self.count(found)
        return self.quotas is None or self.quotas.allow(wanted.job, start, duration, walltime, count)

    def first_allowed(self, wanted: Wanted, start: int, walltime: int, found: ProcSet) -> list[int]:
        """Tell the next date, if there is one, at which the quotas allow as many resources."""
        if self.quotas is None:
            return []
        duration, count = self.duration(wanted.job, walltime), self.count(found)
        date = self.quotas.first_after(start, wanted.job, duration, walltime, count)
        return [] if date is None else [date]

    def count(self, resources: ProcSet) -> int:
        """Count those of type default."""
        return sum(r.type == "default" and r.resource_id in resources for r in self.resources)

    def draw(self, job: WaitingJob, moldable: Moldable, wanted: Wanted, start: int, deadline: int) -> Answer:
        """Give the job its place for the longest walltime, up to the one that it wants, that fits there."""
        for walltime in range(moldable.walltime_s, least_of(moldable) - 1, -1):
            duration = self.duration(job, walltime)
            chosen = self.chosen(wanted, start, walltime)
            if start + walltime <= deadline and chosen is not None:
                break
        assert chosen is not None
        end = start + duration - 1
        eyes = wanted.eyes
        placeholder = None if "container" in job.types else job.types.get("placeholder")
        self.occupied.append(Taken(start, end, chosen, {eyes.space}, eyes.space, eyes.pair, placeholder))
        if "container" in job.types:
            self.areas.append((name_of_space(job), start, end, chosen))
            self.parents.append((name_of_space(job), eyes.space))
        self.ends[job.job_id] = start + walltime
        if self.quotas is not None:
            self.quotas.charge(job, start, end, start + walltime - 1, self.count(chosen))
        return moldable.moldable_id, start, walltime, str(chosen)

    def blocks(self, job: WaitingJob, group: Group) -> Blocks:
        filters = [self.filters[text] for text in (job.properties, group.filter) if text]
        return blocks_of(self.resources, filters, [level.name for level in group.levels])


def least_of(moldable: Moldable) -> int:
    return moldable.least_walltime_s or moldable.walltime_s
