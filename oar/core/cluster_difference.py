"""Compares the cluster that is wanted with the resources that are there. Pure.

A resource of the file is the one in the database with the same node and the same ``cpuset``. Numbers of cpus,
cores, threads and gpus are unique over the cluster and stay what they are when the file is applied again.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from procset import ProcSet

from oar.core.cluster_file import COMPUTED, BadClusterFile, WantedNode, WantedResource
from oar.core.job import LevelValue, Resource
from oar.core.states import UNCHANGED, NodeState

Values = Mapping[str, LevelValue]
_Place = tuple[str, str]
"""A node and a cpuset: what tells one resource of the file from the others."""


@dataclass(frozen=True, slots=True)
class NewProperty:
    """A column that ``resources`` lacks."""

    name: str
    text: bool


@dataclass(frozen=True, slots=True)
class NewResource:
    """A resource to add, with all its properties."""

    node: str
    values: Values


@dataclass(frozen=True, slots=True)
class Change:
    """A resource to change: the values it has and the ones it shall have."""

    resource_id: int
    node: str
    before: Values
    after: Values


@dataclass(frozen=True, slots=True)
class Leftover:
    """Resources of one node that the file does not name, and that are not Dead yet."""

    node: str
    resources: ProcSet


@dataclass(frozen=True, slots=True)
class Difference:
    """What turns the resources that are there into the ones that are wanted."""

    properties: tuple[NewProperty, ...]
    additions: tuple[NewResource, ...]
    changes: tuple[Change, ...]
    leftovers: tuple[Leftover, ...]
    dead: tuple[str, ...]

    def writes(self, remove: bool) -> bool:
        """Tell whether applying it changes anything; leftovers count when they are to be removed."""
        return bool(self.properties or self.additions or self.changes or (remove and self.leftovers))

    def lines(self, remove: bool) -> Iterator[str]:
        """Show it to a person, one line per property and node: ``+`` new, ``~`` changed, ``-`` gone."""
        for new in self.properties:
            yield f"+ property {new.name} ({'text' if new.text else 'number'})"
        yield from _addition_lines(self.additions)
        yield from _change_lines(self.changes)
        for rest in self.leftovers:
            if remove:
                yield f"- {rest.node}: {_named(rest.resources)} to be Dead"
            else:
                yield f"  {rest.node}: {_named(rest.resources)} not in the file (--remove: Dead)"
        for node in self.dead:
            yield f"  {node}: has Dead resources; `oarnodesetting -h {node} -s Alive` brings them back"


def compare(
    wanted: Sequence[WantedNode], present: Iterable[Resource], text: Mapping[str, bool], file: str
) -> Difference:
    """Find what must be written to have the wanted nodes.

    ``text`` tells for each property of the database whether it holds text. Raises BadClusterFile when
    a value of the file does not suit its property.
    """
    there, rest = _match(wanted, [resource for resource in present if resource.type == "default"])
    raw = dict(_values_of_nodes(wanted, there, rest, text))
    new = tuple(_new_properties(raw.values(), text))
    kinds = {**text, **{one.name: one.text for one in new}}
    additions: list[NewResource] = []
    changes: list[Change] = []
    for place, values in raw.items():
        suited = {name: _suit(value, name, kinds[name], place[0], file) for name, value in values.items()}
        if (found := there.get(place)) is None:
            additions.append(NewResource(place[0], suited))
        elif after := {name: new for name, new in suited.items() if found.properties.get(name) != new}:
            before = {name: found.properties.get(name) for name in after}
            changes.append(Change(found.resource_id, place[0], before, after))
    dead = sorted({resource.node for resource in there.values() if _is_dead(resource)})
    return Difference(new, tuple(additions), tuple(changes), tuple(_leftovers(rest)), tuple(dead))


def _match(
    wanted: Sequence[WantedNode], present: Iterable[Resource]
) -> tuple[dict[_Place, Resource], list[Resource]]:
    places = {(node.name, str(resource.cpuset)) for node in wanted for resource in node.resources()}
    there: dict[_Place, Resource] = {}
    rest = []
    for resource in sorted(present, key=lambda resource: resource.resource_id):
        place = (resource.node, str(resource.properties.get("cpuset")))
        if place in places and place not in there:
            there[place] = resource
        else:
            rest.append(resource)
    return there, rest


class _Numbers:
    """Numbers of one level, unique over the cluster: those in use are kept, others follow the greatest."""

    def __init__(self, level: str, present: Iterable[Resource], reserved: Iterable[Resource]) -> None:
        self._level = level
        in_use = [value for one in present if isinstance(value := one.properties.get(level), int)]
        self._next = max(in_use, default=0) + 1
        self._of: dict[tuple[str, int], int] = {}
        self._given = {one.properties.get(level) for one in reserved}

    def keep(self, key: tuple[str, int], found: Resource) -> None:
        """Let ``key`` keep the number it has in the database, unless something else has the same."""
        number = found.properties.get(self._level)
        if isinstance(number, int) and number > 0 and key not in self._of and number not in self._given:
            self._of[key] = number
            self._given.add(number)

    def number(self, key: tuple[str, int]) -> int:
        """Say the number of ``key``, a new one when it has none."""
        if key not in self._of:
            self._of[key] = self._next
            self._next += 1
        return self._of[key]


def _values_of_nodes(
    wanted: Sequence[WantedNode],
    there: Mapping[_Place, Resource],
    rest: Sequence[Resource],
    text: Mapping[str, bool],
) -> Iterator[tuple[_Place, Values]]:
    listed = {node.name for node in wanted}
    elsewhere = [resource for resource in rest if resource.node not in listed]
    present = [*there.values(), *rest]
    levels = ["cpu", "core", *(["thread"] if any(node.threads > 1 for node in wanted) else [])]
    with_gpus = "gpu" in text or any(node.gpus for node in wanted)
    numbers = {level: _Numbers(level, present, elsewhere) for level in [*levels, "gpu"]}
    every = [(node, resource) for node in wanted for resource in node.resources()]
    for node, resource in every:
        if (found := there.get((node.name, str(resource.cpuset)))) is not None:
            for level, numbering in numbers.items():
                if (index := resource.index(level)) is not None:
                    numbering.keep((node.name, index), found)
    for node, resource in every:
        values: dict[str, LevelValue] = {"host": node.name, "cpuset": str(resource.cpuset)}
        for level in levels:
            values[level] = numbers[level].number((node.name, resource.index(level) or 0))
        if with_gpus:
            values |= _gpu_values(node, resource, numbers["gpu"])
        yield (node.name, str(resource.cpuset)), values | dict(node.properties)


def _gpu_values(node: WantedNode, resource: WantedResource, numbers: _Numbers) -> dict[str, LevelValue]:
    if resource.gpu is None:
        return {"gpu": None, "gpudevice": None}
    return {"gpu": numbers.number((node.name, resource.gpu)), "gpudevice": str(resource.gpu)}


def _new_properties(values: Iterable[Values], text: Mapping[str, bool]) -> Iterator[NewProperty]:
    missing: dict[str, bool] = {}
    for of_resource in values:
        for name, value in of_resource.items():
            if name not in text:
                missing[name] = missing.get(name, False) or isinstance(value, str)
    for name, is_text in missing.items():
        yield NewProperty(name, is_text)


def _suit(value: LevelValue, name: str, text: bool, node: str, file: str) -> LevelValue:
    if value is None or isinstance(value, str) == text:
        return value
    if name in COMPUTED:
        kind, other = ("text", "numbers") if text else ("numbers", "text")
        raise BadClusterFile(
            f"{file}: property {name} holds {kind} in the database, and {other} for a cluster file; rename it"
        )
    if text:
        return str(value)
    raise BadClusterFile(
        f'{file}: properties.{name} of {node}: the property holds numbers in the database, found "{value}"'
    )


def _is_dead(resource: Resource) -> bool:
    going = resource.next_state if resource.next_state != UNCHANGED else resource.state
    return going == NodeState.DEAD


def _leftovers(rest: Iterable[Resource]) -> Iterator[Leftover]:
    alive: dict[str, list[int]] = {}
    for resource in rest:
        if not _is_dead(resource):
            alive.setdefault(resource.node, []).append(resource.resource_id)
    for node, ids in alive.items():
        yield Leftover(node, ProcSet(*ids))


def _addition_lines(additions: Sequence[NewResource]) -> Iterator[str]:
    for node, group in groupby(additions, key=lambda new: new.node):
        resources = list(group)
        values = ", ".join(_spread(name, [r.values[name] for r in resources]) for name in resources[0].values)
        yield f"+ {node}: {_count(len(resources))} ({values})"


def _spread(name: str, values: Sequence[LevelValue]) -> str:
    distinct = list(dict.fromkeys(values))
    numbers = [int(str(value)) for value in distinct if str(value).isdecimal()]
    if len(distinct) > 1 and len(numbers) == len(distinct):
        return f"{name} {_ids(ProcSet(*numbers))}"
    return f"{name} {'/'.join(_show(value) for value in distinct)}"


def _change_lines(changes: Sequence[Change]) -> Iterator[str]:
    same: dict[tuple[str, str, LevelValue, LevelValue], list[int]] = {}
    for change in changes:
        for name, value in change.after.items():
            same.setdefault((change.node, name, change.before[name], value), []).append(change.resource_id)
    for (node, name, before, after), ids in same.items():
        yield f"~ {node}: {name} {_show(before)} -> {_show(after)} ({_named(ProcSet(*ids))})"


def _show(value: LevelValue) -> str:
    return "none" if value is None else str(value)


def _ids(ids: ProcSet) -> str:
    return format(ids, "-,")


def _named(ids: ProcSet) -> str:
    return f"resource{'s' if len(ids) > 1 else ''} {_ids(ids)}"


def _count(number: int) -> str:
    return "1 resource" if number == 1 else f"{number} resources"
