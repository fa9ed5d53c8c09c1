"""Which nodes sleep and which wake up, and from when on those that sleep can be planned on. Pure.

Nothing is remembered here: each round decides again from the states of the nodes, their last orders and the
plan. An order that is under way is not given again, and no other one beside it.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from oar.core.any_state import takes_any_state
from oar.core.energy import NO_ORDERS, NOTHING_ASKED, EnergyOrders, EnergyRules, NodeOrders
from oar.core.job import Assignment, JobId, Resource, WaitingJob
from oar.core.states import UNCHANGED, NodeState
from oar.kamelot import Occupation, Platform
from oar.kamelot.bits import members
from oar.kamelot.platform import UnknownFilter
from oar.kamelot.sharing import UNTIL_AWAKE
from oar.kao.model import World

NEVER_HALTED = (0, 2**31 - 1)
"""A resource with one of these ``available_upto`` is never halted."""

Place = tuple[Assignment, WaitingJob]


def until_awake(world: World, rules: EnergyRules) -> list[Occupation]:
    """Say until when the nodes that sleep are taken: until they can have woken up.

    The date stays the same from the wake-up order on. A node that is late is expected at any moment.
    """
    if not rules.can_wake:
        return []
    taken: dict[int, int] = defaultdict(int)
    for rank in members(world.platform.standby(world.now)):
        awake = rules.awake_at(_orders(world, world.platform.resources[rank].node), world.now)
        if awake > world.now:
            taken[awake] |= 1 << rank
    return [
        Occupation(world.now, awake - 1, world.platform.procset(mask), sharing=UNTIL_AWAKE)
        for awake, mask in sorted(taken.items())
    ]


def energy_orders(
    world: World, rules: EnergyRules, launches: Iterable[Assignment], places: Sequence[Place]
) -> EnergyOrders:
    """Decide about all nodes, given who starts now and the ``places`` of those that start later."""
    if not rules.is_on:
        return NOTHING_ASKED
    starting = {one.job_id for one in launches}
    scene = _Scene(world, rules, starting, places)
    needed = scene.needed()
    counts = _Pools(scene, rules, needed)
    halted = [node.name for node in reversed(scene.nodes) if scene.may_sleep(node) and counts.spare(node)]
    woken = needed | (counts.lacking() if rules.can_wake else set())
    return EnergyOrders(
        tuple(reversed(halted)),
        tuple(node.name for node in scene.nodes if node.name in woken),
        scene.next_date(),
    )


@dataclass(frozen=True, slots=True)
class _Node:
    """A node: its resources of type default, and the ranks of all that it has."""

    name: str
    resources: tuple[Resource, ...]
    mask: int
    orders: NodeOrders

    @property
    def is_awake(self) -> bool:
        return all(one.state is NodeState.ALIVE and one.next_state == UNCHANGED for one in self.resources)

    @property
    def may_be_halted(self) -> bool:
        return all(one.available_upto not in NEVER_HALTED for one in self.resources)

    @property
    def last_job_date(self) -> int:
        return max(int(one.properties.get("last_job_date") or 0) for one in self.resources)

    def sleeps_and_may_wake(self, until: int) -> bool:
        """Tell whether the node sleeps, and can be there until that date if it is woken."""
        return not self.orders.is_waking and any(
            one.state is NodeState.ABSENT and one.next_state == UNCHANGED and one.available_upto >= until
            for one in self.resources
        )


class _Scene:
    """The nodes, and who has them now or will have them soon."""

    def __init__(
        self, world: World, rules: EnergyRules, starting: set[JobId], places: Sequence[Place]
    ) -> None:
        self.world = world
        self.platform = world.platform
        self._rules = rules
        self._places = [(one, job) for one, job in places if one.job_id not in starting]
        self.nodes = tuple(_nodes(world))
        self.busy = self._mask(
            [job.resources for job in world.running]
            + [one.resources for one, _ in places if one.job_id in starting or one.start_time <= world.now]
        )
        """The ranks of what is in use, or is as soon as it can be."""
        horizon = world.now + max(rules.sleep_s, rules.halt_s + rules.wakeup_s)
        self._soon = self._mask([one.resources for one, _ in self._places if one.start_time <= horizon])

    def may_sleep(self, node: _Node) -> bool:
        """Tell whether a node may be halted, as far as it is about itself."""
        quiet_since = self.world.now - self._rules.idle_s
        return (
            self._rules.can_halt
            and node.is_awake
            and not node.orders.is_under_way
            and not node.mask & (self.busy | self._soon)
            and node.may_be_halted
            and node.last_job_date < quiet_since
            and (node.orders.woken_at is None or node.orders.woken_at < quiet_since)
        )

    def needed(self) -> set[str]:
        """Name the nodes that must be woken now for the jobs that are planned on them."""
        if not self._rules.can_wake:
            return set()
        now = self.world.now
        asleep = {node.name: node for node in self.nodes if node.sleeps_and_may_wake(now + 1)}
        ranks = 0
        for node in asleep.values():
            ranks |= node.mask
        found = set()
        for one, job in self._places:
            wanted = self.platform.mask(one.resources) & ranks
            if not wanted or takes_any_state(job):
                continue
            for name in {self.platform.resources[rank].node for rank in members(wanted)}:
                awake = self._rules.awake_at(asleep[name].orders, now)
                in_time = one.start_time <= max(awake, now + self._rules.wakeup_s)
                if in_time and asleep[name].sleeps_and_may_wake(one.start_time + one.walltime_s):
                    found.add(name)
        return found

    def next_date(self) -> int | None:
        """Tell when a node will have to be woken for a job, or will have been idle for long enough."""
        now, dates = self.world.now, []
        sleeping = self.platform.standby(now) if self._rules.can_wake else 0
        for one, _ in self._places:
            if self.platform.mask(one.resources) & sleeping:
                dates.append(one.start_time - self._rules.wakeup_s)
        if self._rules.can_halt:
            for node in self.nodes:
                if node.may_be_halted and node.is_awake and not node.mask & self.busy:
                    last = max(node.last_job_date, node.orders.woken_at or 0)
                    dates.append(last + self._rules.idle_s + 1)
        return min((date for date in dates if date > now), default=None)

    def _mask(self, sets: Iterable[object]) -> int:
        found = 0
        for one in sets:
            found |= self.platform.mask(one)
        return found


class _Pools:
    """How many nodes of each pool are awake and idle, and how many more there should be."""

    def __init__(self, scene: _Scene, rules: EnergyRules, needed: set[str]) -> None:
        self._scene = scene
        self._needed = needed
        self._pools = [
            (mask, least)
            for condition, least in rules.pools
            if least > 0 and (mask := _matching(scene.platform, condition))
        ]
        self._idle = [
            sum(1 for node in scene.nodes if node.mask & mask and self._counts(node))
            for mask, _ in self._pools
        ]

    def _counts(self, node: _Node) -> bool:
        """Tell whether a node is idle and awake, or will be: it wakes up, and not for a job."""
        if node.mask & self._scene.busy or node.orders.is_halting:
            return False
        return node.is_awake or node.orders.is_waking

    def spare(self, node: _Node) -> bool:
        """Take a node away from its pools, if each of them has more than it needs; tell whether."""
        mine = [number for number, (mask, _) in enumerate(self._pools) if node.mask & mask]
        if any(self._idle[number] <= self._pools[number][1] for number in mine):
            return False
        for number in mine:
            self._idle[number] -= 1
        return True

    def lacking(self) -> set[str]:
        """Name the nodes to wake so that each pool has enough; one may count in several."""
        now, woken = self._scene.world.now, set[str]()
        spare = [
            node
            for node in self._scene.nodes
            if node.name not in self._needed and node.sleeps_and_may_wake(now + 1)
        ]
        for number, (mask, least) in enumerate(self._pools):
            for node in spare:
                if self._idle[number] >= least:
                    break
                if node.mask & mask and node.name not in woken:
                    woken.add(node.name)
                    for other, (theirs, _) in enumerate(self._pools):
                        self._idle[other] += bool(node.mask & theirs)
        return woken


def _nodes(world: World) -> Iterator[_Node]:
    """Give the nodes that have resources of type default, in scheduling order."""
    masks: dict[str, int] = defaultdict(int)
    resources: dict[str, list[Resource]] = defaultdict(list)
    for rank, one in enumerate(world.platform.resources):
        if one.node:
            masks[one.node] |= 1 << rank
            if one.type == "default":
                resources[one.node].append(one)
    for name, found in resources.items():
        yield _Node(name, tuple(found), masks[name], _orders(world, name))


def _matching(platform: Platform, condition: str) -> int:
    """Tell the ranks in a pool; one whose condition the database refused, which is logged, is empty."""
    try:
        return platform.matching(condition)
    except UnknownFilter:
        return 0


def _orders(world: World, node: str) -> NodeOrders:
    return world.orders.get(node, NO_ORDERS)
