"""The views of oarnodes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from oar.cli.render import Structure
from oar.core.durations import format_date
from oar.core.job import Resource
from oar.core.listings import EventLine, JobDetails, ResourceLine, shown_properties
from oar.core.states import NodeState


def state_words(resource: Resource, now: int) -> str:
    """Spell the state; a resource that sleeps until it is woken is ``Absent (standby)``."""
    standby = resource.state is NodeState.ABSENT and resource.available_upto >= now
    return f"{resource.state} (standby)" if standby else str(resource.state)


@dataclass(frozen=True, slots=True)
class ResourceBlocks:
    """Every resource with its properties and jobs."""

    resources: Sequence[ResourceLine]
    now: int

    def lines(self) -> Iterator[str]:
        """Draw a block for each resource, with a blank line after it."""
        if not self.resources:
            yield "/!\\ No nodes to display..."
        for one in self.resources:
            resource = one.resource
            yield f"network_address: {resource.node}"
            yield f"resource_id: {resource.resource_id}"
            yield f"state: {state_words(resource, self.now)}"
            if one.jobs and resource.state is NodeState.ALIVE:
                yield f"jobs: {', '.join(map(str, one.jobs))}"
            shown = shown_properties(resource).items()
            yield f"properties: {', '.join(f'{name}={_word(value)}' for name, value in shown)}"
            yield ""

    def structure(self) -> Structure:
        """Spell every column of each resource, and its jobs, by its id."""
        return {
            str(one.resource.resource_id): {**one.resource.properties, "jobs": [int(job) for job in one.jobs]}
            for one in self.resources
        }


@dataclass(frozen=True, slots=True)
class ResourceStates:
    """The states only, node by node, or by id when ``by_node`` is false."""

    resources: Sequence[Resource]
    now: int
    by_node: bool = True

    def lines(self) -> Iterator[str]:
        """Draw ``node1:`` and below it ``    1: Alive``."""
        if not self.by_node:
            yield from (f"{one.resource_id}: {state_words(one, self.now)}" for one in self.resources)
            return
        for node, resources in by_node(self.resources).items():
            yield f"{node}:"
            yield from (f"    {one.resource_id}: {state_words(one, self.now)}" for one in resources)

    def structure(self) -> Structure:
        """Spell ``{node: {id: state}}``, or ``{id: state}``."""
        if not self.by_node:
            return self._states(self.resources)
        return {node: self._states(resources) for node, resources in by_node(self.resources).items()}

    def _states(self, resources: Iterable[Resource]) -> Mapping[str, Structure]:
        return {str(one.resource_id): state_words(one, self.now) for one in resources}


@dataclass(frozen=True, slots=True)
class NodeNames:
    """The names of nodes."""

    nodes: Sequence[str]

    def lines(self) -> Iterator[str]:
        """Draw a name a line."""
        yield from self.nodes

    def structure(self) -> Structure:
        """Spell a list."""
        return list(self.nodes)


@dataclass(frozen=True, slots=True)
class NodeEvents:
    """What happened to nodes."""

    events: Sequence[EventLine]

    def lines(self) -> Iterator[str]:
        """Draw ``date|host|jobid| TYPE: description``."""
        for one in self.events:
            description = " ".join(one.description.split())
            yield f"{format_date(one.date)}|{one.node}|{one.job_id}| {one.type}: {description}"

    def structure(self) -> Structure:
        """Spell ``{node: [event]}``; dates are epoch seconds."""
        nodes: dict[str, list[Structure]] = {}
        for one in self.events:
            nodes.setdefault(one.node, []).append(
                {
                    "event_id": one.event_id,
                    "date": one.date,
                    "job_id": int(one.job_id),
                    "type": one.type,
                    "description": one.description,
                }
            )
        return nodes


@dataclass(frozen=True, slots=True)
class NodeJobs:
    """The load of each node: its jobs, and how many of its resources each has."""

    resources: Sequence[ResourceLine]
    jobs: Mapping[int, JobDetails]

    def lines(self) -> Iterator[str]:
        """Draw ``node1:``, ``    12:``, ``        key: value``."""
        for node, jobs in self._load().items():
            yield f"{node}:"
            for job_id, facts in jobs.items():
                yield f"    {job_id}:"
                yield from (f"        {key}: {_words(value)}" for key, value in facts.items())

    def structure(self) -> Structure:
        """Spell ``{node: {job: facts}}``."""
        return self._load()

    def _load(self) -> dict[str, dict[str, dict[str, Structure]]]:
        load: dict[str, dict[str, dict[str, Structure]]] = {}
        for node, lines in self._nodes().items():
            held: dict[int, list[int]] = {}
            for line in lines:
                for job_id in line.jobs:
                    held.setdefault(job_id, []).append(line.resource.resource_id)
            load[node] = {
                str(job_id): self._facts(self.jobs[job_id], ids, len(lines))
                for job_id, ids in sorted(held.items())
                if job_id in self.jobs
            }
        return load

    def _nodes(self) -> dict[str, list[ResourceLine]]:
        nodes: dict[str, list[ResourceLine]] = {}
        for line in self.resources:
            nodes.setdefault(line.resource.node, []).append(line)
        return nodes

    def _facts(self, job: JobDetails, held: Sequence[int], total: int) -> dict[str, Structure]:
        return {
            "assigned_resources": list(held),
            "name": job.line.name,
            "owner": job.line.user,
            "projet": job.project,
            "queue": job.line.queue,
            "resources_count": len(held),
            "resources_total": total,
            "state": str(job.line.state),
            "types": list(job.types),
        }


def by_node(resources: Iterable[Resource]) -> dict[str, list[Resource]]:
    """Put the resources of each node together, in the order they come."""
    nodes: dict[str, list[Resource]] = {}
    for resource in resources:
        nodes.setdefault(resource.node, []).append(resource)
    return nodes


def _word(value: object) -> str:
    return "" if value is None else str(value)


def _words(value: Structure) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else _word(value)
