"""What must hold for every plan, checked with ids and ProcSets only, apart from how the plan is made."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from procset import ProcSet

from oar.core.job import ALL, BEST, HALF, Assignment, Group, JobId, LevelValue, Outcome, WaitingJob
from oar.kamelot.containers import Space, nesting_of
from oar.kamelot.occupation import Occupation, Rules, is_besteffort
from oar.kamelot.platform import ALWAYS, Platform, level_value
from oar.kamelot.sharing import sharing_of

Containers = dict[Space, list[Occupation]]
"""The containers of each space."""


@dataclass(slots=True)
class _Blocks:
    """The candidates of a group below one value, and those of them that the job got."""

    candidates: set[int] = field(default_factory=set)
    got: set[int] = field(default_factory=set)
    below: dict[LevelValue, "_Blocks"] = field(default_factory=dict)


def check(
    platform: Platform,
    occupations: Sequence[Occupation],
    jobs: Sequence[WaitingJob],
    outcomes: Mapping[JobId, Outcome],
    *,
    now: int,
    rules: Rules,
) -> list[str]:
    """List what is wrong with a plan; nothing, if it is right.

    Requests of several groups are checked for their filters, not for their counts.
    """
    wrong: list[str] = []
    taken = list(occupations)
    placed = [(job, outcome) for job in jobs if isinstance(outcome := outcomes[job.job_id], Assignment)]
    mine = {job.job_id: _occupation(job, assignment, rules) for job, assignment in placed}
    containers = _containers([*occupations, *mine.values()])
    for job, assignment in placed:
        texts = list(_check_job(platform, job, assignment, now, rules))
        texts.extend(_check_container(mine[job.job_id], containers))
        texts.extend(
            f"shares resources with job {other.job_id}"
            for other in taken
            if _collide(mine[job.job_id], other, containers)
        )
        wrong.extend(f"job {job.job_id}: {text}" for text in texts)
        taken.append(mine[job.job_id])
    wrong.extend(_check_dependencies(jobs, outcomes, rules))
    return wrong


def _containers(taken: Sequence[Occupation]) -> Containers:
    containers: Containers = {}
    for one in taken:
        if one.nesting.opens is not None:
            containers.setdefault(one.nesting.opens, []).append(one)
    return containers


def _occupation(job: WaitingJob, assignment: Assignment, rules: Rules) -> Occupation:
    moldable = next(m for m in job.moldables if m.moldable_id == assignment.moldable_id)
    granted = replace(moldable, walltime_s=assignment.walltime_s)
    return Occupation(
        assignment.start_time,
        assignment.start_time + rules.duration(job, granted) - 1,
        assignment.resources,
        job.job_id,
        is_besteffort(job),
        sharing_of(job),
        nesting_of(job),
    )


def _collide(mine: Occupation, other: Occupation, containers: Containers) -> bool:
    if mine.begin > other.end or other.begin > mine.end or not mine.resources & other.resources:
        return False
    if mine.nesting.inside == other.nesting.inside:
        shared = mine.sharing.may_overlap(other.sharing) or other.sharing.may_overlap(mine.sharing)
        return not shared and not _evicts(mine, other)
    around = _around(mine, containers)
    if mine in _around(other, containers) or other in around:
        return False
    return not any(_evicts(one, other) for one in (mine, *around))


def _evicts(mine: Occupation, other: Occupation) -> bool:
    return other.besteffort and not mine.besteffort


def _around(inner: Occupation, containers: Containers) -> list[Occupation]:
    """List the containers of the space that a job is in, those of the space that they are in, and so on."""
    seen: set[Space] = set()
    spaces = {inner.nesting.inside}
    found: list[Occupation] = []
    while spaces:
        seen |= spaces
        around = [one for space in spaces for one in containers.get(space, ())]
        found.extend(around)
        spaces = {one.nesting.inside for one in around} - seen
    return found


def _check_container(mine: Occupation, containers: Containers) -> Iterator[str]:
    """See that an inner job finds all its resources in its containers, at each date at which one changes."""
    inside = mine.nesting.inside
    if inside is None:
        return
    around = [one for one in containers.get(inside, ()) if one is not mine]
    dates = {mine.begin, *(one.begin for one in around), *(one.end + 1 for one in around)}
    for date in sorted(dates):
        if mine.begin <= date <= mine.end:
            held = ProcSet()
            for one in around:
                if one.begin <= date <= one.end:
                    held |= one.resources
            if not mine.resources <= held:
                yield f"is not inside container {inside} at {date}"


def _check_job(
    platform: Platform, job: WaitingJob, assignment: Assignment, now: int, rules: Rules
) -> Iterator[str]:
    if assignment.start_time < now:
        yield f"starts at {assignment.start_time}, before now, {now}"
    if not assignment.resources:
        yield "gets no resources"
    yield from _check_resources(platform, assignment, _occupation(job, assignment, rules).end)
    moldable = next(m for m in job.moldables if m.moldable_id == assignment.moldable_id)
    least_s = moldable.least_walltime_s or moldable.walltime_s
    if not least_s <= assignment.walltime_s <= moldable.walltime_s:
        range_ = f"{least_s} to " if least_s < moldable.walltime_s else ""
        yield f"gets {assignment.walltime_s} s instead of {range_}{moldable.walltime_s}"
    groups = moldable.request.groups
    matching = ProcSet()
    for group in groups:
        matching |= _matching(platform, job, group)
    if not assignment.resources <= matching:
        yield "gets resources that do not match its filters"
    if len(groups) == 1:
        yield from _check_counts(_blocks(platform, job, groups[0], assignment), groups[0], 0)


def _check_resources(platform: Platform, assignment: Assignment, end: int) -> Iterator[str]:
    resources = {resource.resource_id: resource for resource in platform.resources}
    for resource_id in assignment.resources:
        resource = resources.get(resource_id)
        if resource is None:
            yield f"gets resource {resource_id}, which is Dead or unknown"
        elif 0 < resource.available_upto < ALWAYS and resource.available_upto <= end:
            yield f"outlives resource {resource_id}"


def _matching(platform: Platform, job: WaitingJob, group: Group) -> ProcSet:
    return platform.procset(platform.matching(job.properties) & platform.matching(group.filter))


def _blocks(platform: Platform, job: WaitingJob, group: Group, assignment: Assignment) -> _Blocks:
    top = _Blocks()
    matching = _matching(platform, job, group)
    for resource in platform.resources:
        path = [level_value(resource, level.name) for level in group.levels]
        if resource.resource_id not in matching or None in path:
            continue
        block = top
        for value in path:
            block = block.below.setdefault(value, _Blocks())
            block.candidates.add(resource.resource_id)
            if resource.resource_id in assignment.resources:
                block.got.add(resource.resource_id)
    return top


def _check_counts(block: _Blocks, group: Group, depth: int) -> Iterator[str]:
    level = group.levels[depth]
    given = [below for below in block.below.values() if below.got]
    expected = {
        ALL: len(given) == len(block.below),
        BEST: len(given) >= 1,
        HALF: 1 <= len(given) <= len(block.below) // 2,
    }
    if not expected.get(level.count, len(given) == level.count):
        yield f"gets {len(given)} {level.name} instead of {level.count}"
    for below in given:
        if depth + 1 < len(group.levels):
            yield from _check_counts(below, group, depth + 1)
        elif below.got != below.candidates:
            yield f"gets a part of a {level.name} only"


def _check_dependencies(
    jobs: Sequence[WaitingJob], outcomes: Mapping[JobId, Outcome], rules: Rules
) -> Iterator[str]:
    for job in jobs:
        mine = outcomes[job.job_id]
        for required in job.dependencies:
            theirs = outcomes.get(required)
            if not isinstance(mine, Assignment) or not isinstance(theirs, Assignment):
                continue
            if mine.start_time < theirs.start_time + theirs.walltime_s + 2 * rules.security_time_s:
                yield f"job {job.job_id}: starts before job {required}, on which it depends, has ended"
