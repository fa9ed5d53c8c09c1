"""Orders of resources: the plugins that OAR comes with, and the check of what any of them gives."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from fractions import Fraction
from operator import is_

from procset import ProcSet

from oar.core.job import Resource
from oar.core.states import NodeState
from oar.kamelot.plugins.registry import ResourceOrderPlugin

Node = str | int
"""The network address of a node, or the id of a resource that is on none."""


class BadOrder(Exception):
    """What a resource order plugin gave is not the resources in another order."""


def reorder(
    plugin: ResourceOrderPlugin, resources: tuple[Resource, ...], taken: ProcSet
) -> tuple[Resource, ...]:
    """Put resources into the order of a plugin; the same tuple comes back when nothing moves.

    ``taken`` are the resources that jobs hold now. Raises BadOrder, and what the plugin raises.
    """
    ordered = tuple(plugin(resources, taken))
    if len(ordered) == len(resources) and all(map(is_, ordered, resources)):
        return resources
    _check(resources, ordered)
    return ordered


def _check(resources: Sequence[Resource], ordered: Sequence[object]) -> None:
    given = {id(resource) for resource in resources}
    strange = [one for one in ordered if id(one) not in given]
    if strange:
        raise BadOrder(f"gave something that is none of the resources: {strange[0]!r:.100}")
    if len(ordered) != len(resources) or len({id(one) for one in ordered}) != len(given):
        raise BadOrder(f"gave {len(ordered)} resources for {len(resources)}, or one of them twice")
    after = _by_node([one for one in ordered if isinstance(one, Resource)])
    for node, ids in _by_node(resources).items():
        if after[node] != ids:
            raise BadOrder(f"changed the order of the resources of {node} among themselves")


def _by_node(resources: Sequence[Resource]) -> Mapping[Node, list[int]]:
    found: dict[Node, list[int]] = defaultdict(list)
    for resource in resources:
        found[_node(resource)].append(resource.resource_id)
    return found


def _node(resource: Resource) -> Node:
    return resource.node or resource.resource_id


def pack(resources: Sequence[Resource], taken: ProcSet) -> Sequence[Resource]:
    """Put the nodes that are partly used first, the fullest before the others; then full ones, then empty.

    Small jobs gather on few nodes, and whole nodes stay free for those that want them.
    """
    used = _used(resources, taken)

    def place(resource: Resource) -> tuple[int, Fraction]:
        share = used[_node(resource)]
        return (2 if share == 0 else 1 if share == 1 else 0), -share

    return sorted(resources, key=place)


def spread(resources: Sequence[Resource], taken: ProcSet) -> Sequence[Resource]:
    """Put the nodes that are least used first."""
    used = _used(resources, taken)
    return sorted(resources, key=lambda resource: used[_node(resource)])


def contiguous(resources: Sequence[Resource], taken: ProcSet) -> Sequence[Resource]:
    """Put nodes in the order of their lowest resource id, so that neighbours in id are given together."""
    lowest: dict[Node, int] = {}
    for resource in resources:
        node = _node(resource)
        lowest[node] = min(resource.resource_id, lowest.get(node, resource.resource_id))
    return sorted(resources, key=lambda resource: lowest[_node(resource)])


def _used(resources: Sequence[Resource], taken: ProcSet) -> Mapping[Node, Fraction]:
    """Tell which share of each node is taken; resources that are Dead do not count."""
    busy = set(taken)
    size: dict[Node, int] = defaultdict(int)
    count: dict[Node, int] = defaultdict(int)
    for resource in resources:
        if resource.state is not NodeState.DEAD:
            node = _node(resource)
            size[node] += 1
            count[node] += resource.resource_id in busy
    return defaultdict(Fraction, {node: Fraction(count[node], total) for node, total in size.items()})
