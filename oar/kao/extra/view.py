"""What an extra step sees, and what it may change. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from oar.core.job import Assignment, JobId, LevelValue, Resource, RunningJob, WaitingJob
from oar.kao.stretches import Halted

FIXED = frozenset({"resource_id", "network_address", "type", "state", "next_state", "available_upto"})
"""Properties that say what a resource is, or tell its life."""


class BadChanges(Exception):
    """Changes that cannot be made; the text says which."""


@dataclass(frozen=True, slots=True)
class StepView:
    """A round just before the jobs of the ``queues`` are planned, which have the same priority.

    ``earlier`` names the queues planned before them, None before the first. ``planned`` are the places that
    jobs have been given so far. ``resources`` are those that are not Dead, in order, with what the
    step changed before. ``config`` is the text of EXTRA_METASCHED_CONFIG. Dates are seconds since 1970.
    """

    now: int
    queues: tuple[str, ...]
    earlier: tuple[str, ...] | None
    resources: tuple[Resource, ...]
    running: tuple[RunningJob, ...]
    waiting: tuple[WaitingJob, ...]
    planned: Mapping[JobId, Assignment]
    config: str


@dataclass(frozen=True, slots=True)
class Changes:
    """What holds from here to the end of the round; nothing of it is stored.

    ``properties`` gives resources, by their ids, other values of properties. ``conditions`` gives jobs one
    more condition, in SQL. ``left_out`` names jobs that are not planned, with the reason that they are told.
    """

    properties: Mapping[int, Mapping[str, LevelValue]] = field(default_factory=dict)
    conditions: Mapping[int, str] = field(default_factory=dict)
    left_out: Mapping[int, str] = field(default_factory=dict)


ExtraStep = Callable[[StepView], Changes | None]


def view_of(halted: Halted, config: str) -> StepView:
    """Show a round at a stop."""
    world = halted.world
    return StepView(
        world.now,
        tuple(queue.name for queue in halted.group),
        tuple(world.settled) or None,
        world.platform.resources,
        world.running,
        world.waiting,
        {one.job_id: one for one in halted.before.plan},
        config,
    )


def checked(changes: object, view: StepView) -> Changes:
    """See that changes can be made; raises BadChanges."""
    if changes is None:
        return Changes()
    if not isinstance(changes, Changes):
        raise BadChanges(f"it returned {type(changes).__name__}, neither Changes nor None")
    known: dict[int, Resource] = {one.resource_id: one for one in view.resources}
    for number, values in changes.properties.items():
        if number not in known:
            raise BadChanges(f"there is no resource {number}, or it is Dead")
        for name in values:
            if name in FIXED or name not in known[number].properties:
                raise BadChanges(f"resource {number}: there is no property {name} that may be changed")
    jobs = {job.job_id for job in view.waiting}
    for job_id in (*changes.conditions, *changes.left_out):
        if job_id not in jobs:
            raise BadChanges(f"there is no waiting job {job_id}")
    return changes


def changed_resource(resource: Resource, properties: Mapping[int, Mapping[str, LevelValue]]) -> Resource:
    """Give a resource with other values of properties, or itself."""
    values = properties.get(resource.resource_id)
    return replace(resource, properties={**resource.properties, **values}) if values else resource


def narrowed_job(job: WaitingJob, conditions: Mapping[int, str]) -> WaitingJob:
    """Give a job with one more condition, or itself."""
    more = conditions.get(job.job_id, "")
    if not more:
        return job
    return replace(job, properties=f"({job.properties}) AND ({more})" if job.properties else more)
