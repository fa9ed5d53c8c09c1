"""Why a job was placed later, not placed, or can never be: read from the Gantt, on request."""

from collections.abc import Sequence

from oar.core.job import Assignment, JobId, Level, Outcome, WaitingJob
from oar.kamelot import bits
from oar.kamelot.compiled import CompiledGroup, CompiledMoldable, choose_all, compiler_for
from oar.kamelot.containers import nesting_of
from oar.kamelot.gantt import Gantt, Planned
from oar.kamelot.hierarchy import needed, satisfies
from oar.kamelot.platform import Platform
from oar.kamelot.reasons.reason import Reason, ReasonKind, Shortage
from oar.kamelot.sharing import UNTIL_AWAKE

__all__ = ["Reason", "ReasonKind", "explain", "shortage_of", "why_never", "why_no_room"]


def explain(gantt: Gantt, job: WaitingJob, outcome: Outcome) -> Reason:
    """Tell what held a job back that was placed in this Gantt, or refused by it."""
    if not isinstance(outcome, Assignment):
        return gantt.refused.get(job.job_id, Reason(ReasonKind.FAILURE, text=outcome.reason))
    planned = gantt.planned.get(job.job_id)
    if planned is None or outcome.start_time <= gantt.now:
        return Reason(ReasonKind.NONE)
    if outcome.start_time == planned.earliest.date:
        if planned.earliest.waits_for is not None:
            return Reason(ReasonKind.DEPENDENCY, outcome.start_time, (planned.earliest.waits_for,))
        if planned.earliest.postponed:
            return Reason(ReasonKind.POSTPONED, outcome.start_time)
    if planned.held_by is not None:
        return Reason(ReasonKind.QUOTA, outcome.start_time, quota=planned.held_by)
    return _why_later(gantt, planned)


def _why_later(gantt: Gantt, planned: Planned) -> Reason:
    """Name the jobs that were drawn before this one and whose end made room for it, or its container."""
    start = planned.place.start
    jobs: set[JobId] = set()
    freed = awake = 0
    for bar in gantt.bars_ending(start - 1, planned.bars_before):
        shared = bar.resources & planned.place.resources
        if bar.sharing is UNTIL_AWAKE:
            awake |= shared
        elif bar.job_id is not None and shared and bar.blocks(planned.seen_from):
            jobs.add(bar.job_id)
            freed |= shared
    areas = gantt.areas.get(planned.seen_from.space, ())
    containers = {area.job_id for area in areas if area.begin == start and area.job_id is not None}
    if containers and not jobs:
        return Reason(ReasonKind.CONTAINER, start, tuple(sorted(containers)))
    if awake and not jobs:
        return Reason(ReasonKind.WAKING, start, nodes=_nodes(gantt.platform, awake))
    return Reason(ReasonKind.RESOURCES, start, tuple(sorted(jobs)), _nodes(gantt.platform, freed))


def _nodes(platform: Platform, resources: int) -> tuple[str, ...]:
    return tuple(dict.fromkeys(platform.resources[rank].node for rank in bits.members(resources)))


def why_no_room(gantt: Gantt, job: WaitingJob, moldables: Sequence[CompiledMoldable]) -> Reason:
    """Tell why a job that could fit the platform found no place on what it may use now."""
    for wanted in moldables:
        if _why_never(gantt.platform, job, wanted) is None:
            for number, group in enumerate(wanted.groups):
                if not group.fits(group.usable):
                    return Reason(
                        ReasonKind.NOT_USABLE, shortage=shortage_of(job, wanted, number, group.usable)
                    )
            break
    if "deadline" in job.types:
        return Reason(ReasonKind.DEADLINE, text=job.types["deadline"])
    space = nesting_of(job).inside
    if space is not None:
        return Reason(ReasonKind.CONTAINER_TOO_SMALL, text=space)
    path = "+".join(_path(group.levels) for group in job.moldables[0].request.groups)
    return Reason(ReasonKind.NOT_LONG_ENOUGH, text=path)


def why_never(platform: Platform, job: WaitingJob) -> Reason | None:
    """Tell why no moldable of the job fits even when every resource is usable and free; None if one does."""
    first = None
    compiler = compiler_for(platform, platform.everything)
    for moldable in job.moldables:
        reason = _why_never(platform, job, compiler.moldable(job, moldable, 1))
        if reason is None:
            return None
        first = first or reason
    return first or Reason(ReasonKind.FAILURE, text="asks for no resources")


def _why_never(platform: Platform, job: WaitingJob, wanted: CompiledMoldable) -> Reason | None:
    free = [group.hierarchy.top.leaves for group in wanted.groups]
    for number, group in enumerate(wanted.groups):
        for level in group.hierarchy.levels:
            if not platform.knows(level):
                return Reason(ReasonKind.UNKNOWN_LEVEL, text=level)
        if not group.fits(free[number]):
            return Reason(ReasonKind.NEVER, shortage=shortage_of(job, wanted, number, free[number]))
    for number in range(1, len(free)):
        if choose_all(wanted.groups[: number + 1], free[: number + 1]) is None:
            return Reason(
                ReasonKind.NEVER_TOGETHER, text=_path(wanted.moldable.request.groups[number].levels)
            )
    return None


def shortage_of(job: WaitingJob, wanted: CompiledMoldable, number: int, free: int) -> Shortage:
    """Say which level of a group, told by its number, has too few blocks in the free leaves."""
    group = wanted.groups[number]
    asked = wanted.moldable.request.groups[number]
    top = group.hierarchy.top
    condition = " AND ".join(filter(None, (job.properties, asked.filter)))
    level = asked.levels[0]
    if not top.children:
        return Shortage(level.name, level.count, (free & top.leaves).bit_count(), top.size, "", condition)
    if top.size < needed(level.count, top.size):
        return Shortage(level.name, level.count, top.size, top.size, "", condition)
    found = _blocks_with_enough(group, free)
    return Shortage(level.name, level.count, found, top.size, _path(asked.levels[1:]), condition)


def _blocks_with_enough(group: CompiledGroup, free: int) -> int:
    return sum(satisfies(child, group.counts[1:], free) for child in group.hierarchy.top.children)


def _path(levels: Sequence[Level]) -> str:
    words = {-1: "ALL", -2: "BEST", -3: "HALF"}
    return "".join(f"/{level.name}={words.get(level.count, level.count)}" for level in levels)
