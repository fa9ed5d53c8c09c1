"""Random platforms, plans and queues, each made from the number of a case; small mostly, sometimes not."""

from collections.abc import Callable
from dataclasses import replace
from enum import Enum, auto
from random import Random

from procset import ProcSet

from oar.core.durations import format_date
from oar.core.job import (
    ALL,
    BEST,
    HALF,
    Group,
    JobId,
    Level,
    LevelValue,
    Moldable,
    MoldableId,
    Request,
    Resource,
    WaitingJob,
)
from oar.core.states import NodeState, ReservationState
from oar.kamelot import Occupation, Rules
from oar.kamelot.containers import nesting_of
from oar.kamelot.sharing import sharing_of
from tests.unit.kamelot.build import resource
from tests.unit.kamelot.world import Exceptional, Limit, World, clash

CONDITIONS = ("mem > 64", "gpu = 'YES'")


class Kind(Enum):
    """What may occur in a world; without any, it has regular nodes and jobs of one plain request."""

    SCATTERED = auto()
    NULLS = auto()
    FILTERS = auto()
    STATES = auto()
    AVAILABILITY = auto()
    GROUPS = auto()
    MOLDABLES = auto()
    WORDS = auto()
    DEPENDENCIES = auto()
    BESTEFFORT = auto()
    TIMESHARING = auto()
    PLACEHOLDERS = auto()
    CONTAINERS = auto()
    DATES = auto()
    SECURITY_TIME = auto()
    TWO_WALLTIMES = auto()
    QUEUES = auto()
    QUOTAS = auto()
    EXCEPTIONS = auto()
    RESERVATION = auto()
    ALIKE = auto()


KINDS = tuple(Kind)
Kinds = frozenset[Kind]
DrawRequest = Callable[[Random, Kinds], Request]


def world_of(seed: int) -> World:
    """Make the world of a case: always the same for the same number."""
    rng = Random(seed)  # noqa: S311 - worlds, not keys
    size = rng.random()
    if size < 0.004:
        return wide_world(rng)
    if size < 0.009:
        return long_world(rng)
    if size < 0.03:
        return world_with(rng, kinds_of(rng), most_resources=40, most_jobs=16)
    return world_with(rng, kinds_of(rng), most_resources=10, most_jobs=6)


def kinds_of(rng: Random) -> Kinds:
    """Draw one kind alone, a few together, half of them, or all."""
    style = rng.random()
    if style < 0.25:
        return frozenset([rng.choice(KINDS)])
    if style < 0.55:
        return frozenset(rng.sample(KINDS, rng.randint(2, 4)))
    if style < 0.85:
        return frozenset(kind for kind in KINDS if rng.random() < 0.5)
    return frozenset(KINDS) - ({Kind.ALIKE} if rng.random() < 0.5 else set())


def world_with(rng: Random, kinds: Kinds, most_resources: int, most_jobs: int) -> World:
    """Make a world in which these kinds occur."""
    found = resources(rng, kinds, most_resources)
    count = rng.randint(1, most_jobs)
    draw_request = alike(rng) if Kind.ALIKE in kinds else request
    if Kind.ALIKE in kinds:
        count += rng.randint(1, most_jobs)
    jobs = tuple(job(rng, kinds, number, draw_request) for number in range(1, count + 1))
    security_time = rng.choice([1, 2, 7]) if Kind.SECURITY_TIME in kinds else 0
    energy_saving = Kind.AVAILABILITY in kinds and rng.random() < 0.5
    filters = {text: some_of(rng, found) for text in CONDITIONS} if Kind.FILTERS in kinds else {}
    return World(
        found,
        filters,
        occupations(rng, kinds, found),
        jobs,
        Rules(security_time, rng.choice([5, 25]) if Kind.BESTEFFORT in kinds else 25, energy_saving),
        cut=rng.randint(0, count) if Kind.QUEUES in kinds else 0,
        reservation=reservation(rng, kinds, count + 1) if Kind.RESERVATION in kinds else None,
        quotas=limits(rng) if Kind.QUOTAS in kinds else (),
        exceptions=exceptions(rng) if Kind.EXCEPTIONS in kinds else (),
        one_rule=bool(kinds & LIMITED) and rng.random() < 0.3,
        window_s=rng.choice([20, 60, 120, 1000]) if Kind.EXCEPTIONS in kinds else 1000,
        again=rng.random() < 0.2,
    )


def wide_world(rng: Random) -> World:
    """Make many equal nodes with a few cores taken, and requests for some cores of some nodes."""
    width = rng.choice([4, 4, 4, 8])
    count = width * 65 - rng.randint(0, 3)
    found = tuple(resource(n + 1, {"node": n // width, "core": n}) for n in range(count))
    begins = [rng.randint(1, count) for _ in range(rng.randint(2, 8))]
    running = tuple(
        Occupation(90, 100 + begin % 40, ProcSet((begin, min(count, begin + count // 3))), JobId(700 + n))
        for n, begin in enumerate(begins)
    )
    jobs = []
    for number in range(1, rng.randint(1, 4) + 1):
        nodes = Level("node", rng.choice([1, 2, 50, ALL, BEST]))
        levels = rng.choice(
            [
                (nodes, Level("core", rng.randint(1, width))),
                (nodes, Level("core", rng.randint(1, width))),
                (nodes,),
                (Level("core", rng.choice([1, 20, 100, count // 2, HALF])),),
            ]
        )
        wanted = Moldable(MoldableId(10 * number), Request((Group("", levels),)), walltime(rng))
        plain = job(rng, frozenset(), number, request)
        jobs.append(replace(plain, moldables=(wanted,), properties=rng.choice(["", "", "half"])))
    half = ProcSet(*((first, first) for first in range(1, 40, 2)), (41, count))
    return World(found, {"half": half}, running, tuple(jobs))


def long_world(rng: Random) -> World:
    """Make a long queue of many different walltimes for few resources, so that there are many slots."""
    kinds = frozenset({Kind.ALIKE} | {kind for kind in KINDS if rng.random() < 0.1})
    draw = alike(rng) if rng.random() < 0.5 else request
    found = resources(rng, kinds, rng.choice([6, 12]))
    jobs = [job(rng, kinds, number, draw) for number in range(1, rng.randint(60, 150))]
    filters = {text: some_of(rng, found) for text in CONDITIONS}
    running = occupations(rng, kinds, found)
    return World(found, filters, running, tuple(jobs), Rules(rng.choice([0, 2]), 25))


def resources(rng: Random, kinds: Kinds, most: int) -> tuple[Resource, ...]:
    """Draw resources: regular nodes, or blocks that are uneven, scattered and bear each other's names."""
    count = rng.randint(1, 4) if rng.random() < 0.15 else rng.randint(4, most)
    numbers = list(range(1, count + 1))
    layout = scattered if Kind.SCATTERED in kinds else regular
    if Kind.SCATTERED in kinds:
        numbers = rng.sample(range(1, count + rng.choice([1, 1, 5])), count)
    places = layout(rng, count)
    found = []
    for number, properties in zip(numbers, places, strict=True):
        gpu = rng.choice([None, None, 1, 2]) if Kind.NULLS in kinds else rng.choice([1, 2])
        node = None if Kind.NULLS in kinds and rng.random() < 0.05 else properties["node"]
        one = resource(number, properties | {"node": node, "gpu": gpu}, state(rng, kinds), upto(rng, kinds))
        found.append(replace(one, type="token") if kinds & LIMITED and rng.random() < 0.1 else one)
    return tuple(found)


def regular(rng: Random, count: int) -> list[dict[str, LevelValue]]:
    """Lay out nodes of equal width, each with two cpus where that is possible."""
    width = rng.choice([1, 2, 2, 3, 4, 4, 8])
    half = max(1, width // 2)
    return [
        {"switch": n // (2 * width), "node": n // width, "cpu": n // half, "core": n} for n in range(count)
    ]


def scattered(rng: Random, count: int) -> list[dict[str, LevelValue]]:
    """Lay out nodes anyhow; a cpu's number is repeated in other nodes."""
    nodes = "abcdefgh"[: max(2, count // 2)]
    switches = rng.choice([1, 2, 2, 3])
    return [
        {"switch": rng.randint(1, switches), "node": rng.choice(nodes), "cpu": rng.randint(1, 2), "core": n}
        for n in range(count)
    ]


def state(rng: Random, kinds: Kinds) -> NodeState:
    if Kind.STATES not in kinds and not (Kind.AVAILABILITY in kinds and rng.random() < 0.3):
        return NodeState.ALIVE
    return rng.choice([NodeState.ALIVE] * 6 + [NodeState.SUSPECTED, NodeState.ABSENT, NodeState.DEAD])


def upto(rng: Random, kinds: Kinds) -> int:
    if Kind.AVAILABILITY not in kinds:
        return 0
    return rng.choice([0, 0, 0, 0, 1, 2147483647, 2147483646, 90, 100, 101, 130, 130, 400])


def some_of(rng: Random, found: tuple[Resource, ...]) -> ProcSet:
    """Draw a part of the resources, small, large or anything between."""
    odds = rng.choice([0.2, 0.5, 0.5, 0.8])
    return ProcSet.from_str(" ".join(str(r.resource_id) for r in found if rng.random() < odds))


def occupations(rng: Random, kinds: Kinds, found: tuple[Resource, ...]) -> tuple[Occupation, ...]:
    """Draw what is taken; where jobs share or nest, mostly only what can be true of real jobs."""
    taken: list[Occupation] = []
    odd = rng.random() < 0.3
    for number in range(rng.choice([0, 1, 1, 2, 2, 3, 4, 6])):
        one = occupation(rng, kinds, found, JobId(700 + number))
        if odd or not any(clash(one, other) for other in taken):
            taken.append(one)
    return tuple(taken)


def occupation(rng: Random, kinds: Kinds, found: tuple[Resource, ...], job_id: JobId) -> Occupation:
    begin = rng.choice([80, 90, 95, 100, 100, 101, 110, rng.randint(80, 180)])
    end = begin + rng.choice([0, 1, 5, 9, 10, 20, rng.randint(0, 60)])
    besteffort = Kind.BESTEFFORT in kinds and rng.random() < 0.4
    there = Occupation(begin, end, some_of(rng, found), job_id, besteffort)
    like = job(rng, kinds & (LIVING_TOGETHER | LIMITED), job_id, request)
    if kinds & LIMITED:
        there = replace(there, charged_to=like, work_end=end - rng.choice([0, 0, 2]))
    return replace(there, sharing=sharing_of(like), nesting=nesting_of(like))


def job(rng: Random, kinds: Kinds, number: int, draw_request: DrawRequest) -> WaitingJob:
    """Draw a job; its moldables are numbered from ten times its id on."""
    types = types_of(rng, kinds)
    longer = 5 if "container" in types else 1
    count = rng.choice([1, 2, 2, 3]) if Kind.MOLDABLES in kinds else 1
    moldables = tuple(
        moldable(rng, kinds, 10 * number + n, draw_request, longer * walltime(rng)) for n in range(count)
    )
    return WaitingJob(
        JobId(number),
        rng.choice(["default", "night"]) if kinds & LIMITED else "default",
        rng.choice(["alice", "bob"]) if kinds & (LIMITED | {Kind.TIMESHARING}) else "alice",
        rng.choice(["default", "p"]) if kinds & LIMITED else "default",
        rng.choice(["", "", "sweep"]) if Kind.TIMESHARING in kinds else "",
        condition(rng, kinds),
        moldables,
        types,
        dependencies=dependencies(rng, kinds, number),
    )


def moldable(rng: Random, kinds: Kinds, number: int, draw_request: DrawRequest, most: int) -> Moldable:
    least = None
    if Kind.TWO_WALLTIMES in kinds and most > 1 and rng.random() < 0.7:
        least = rng.randint(1, most - 1)
    return Moldable(MoldableId(number), draw_request(rng, kinds), most, least)


def reservation(rng: Random, kinds: Kinds, number: int) -> WaitingJob:
    """Draw a job that wants to start at a date; a past one counts as now."""
    start = rng.choice([90, 100, 105, 110, 120, rng.randint(100, 200)])
    plain = job(rng, kinds - {Kind.DATES, Kind.DEPENDENCIES}, number, request)
    return replace(plain, reservation=ReservationState.TO_SCHEDULE, start_time=start)


def walltime(rng: Random) -> int:
    return rng.choice([1, 10, 20, 30, 55]) if rng.random() < 0.4 else rng.randint(1, 25)


def condition(rng: Random, kinds: Kinds) -> str:
    return rng.choice(["", "", "", *CONDITIONS]) if Kind.FILTERS in kinds else ""


def dependencies(rng: Random, kinds: Kinds, number: int) -> tuple[JobId, ...]:
    """Draw jobs of any fate: planned before or later, refused, over, running, or never heard of."""
    if Kind.DEPENDENCIES not in kinds or rng.random() < 0.6:
        return ()
    possible = [*range(1, number), 990, 991] if rng.random() < 0.9 else [number, number + 1, 992]
    return tuple(JobId(one) for one in {rng.choice(possible) for _ in range(rng.choice([1, 1, 2]))})


LEVELS = (
    ("node",),
    ("core",),
    ("resource_id",),
    ("node", "core"),
    ("node", "cpu"),
    ("node", "core"),
    ("switch", "node"),
    ("switch", "node", "core"),
    ("switch",),
    ("network_address", "cpu", "core"),
    ("cpu",),
    ("gpu",),
)
ANY_LEVEL = ("switch", "node", "cpu", "core", "gpu", "resource_id", "network_address")


def request(rng: Random, kinds: Kinds) -> Request:
    """Draw groups of any levels."""
    count = rng.choice([1, 2, 2, 2, 3]) if Kind.GROUPS in kinds else 1
    return Request(tuple(group(rng, kinds) for _ in range(count)))


def group(rng: Random, kinds: Kinds) -> Group:
    names = rng.choice(LEVELS) if rng.random() < 0.8 else tuple(rng.sample(ANY_LEVEL, rng.randint(1, 3)))
    if names in (("core",), ("resource_id",)) and rng.random() < 0.2:
        return Group(condition(rng, kinds), (Level(names[0], rng.randint(3, 12)),))
    return Group(condition(rng, kinds), tuple(Level(name, count_of(rng, kinds)) for name in names))


def count_of(rng: Random, kinds: Kinds) -> int:
    if Kind.WORDS in kinds and rng.random() < 0.4:
        return rng.choice([ALL, BEST, HALF])
    return rng.choice([1, 1, 1, 1, 1, 1, 2, 2, 3])


def alike(rng: Random) -> DrawRequest:
    """Make requests alike but for counts, so that what was learned from one is used for another."""
    shapes = [rng.choice(LEVELS) for _ in range(rng.choice([1, 1, 2]))]

    def draw(rng: Random, kinds: Kinds) -> Request:
        words = Kind.WORDS in kinds and rng.random() < 0.3
        counts = [1, 2, 3, rng.choice([ALL, BEST, HALF])] if words else [1, 1, 1, 2, 3, 4]
        levels = tuple(Level(name, rng.choice(counts)) for name in rng.choice(shapes))
        return Request((Group(rng.choice(["", condition(rng, kinds)]), levels),))

    return draw


TIMESHARING = ("*,*", "user,*", "*,user", "*,name", "name,user")
LIVING_TOGETHER = frozenset({Kind.TIMESHARING, Kind.PLACEHOLDERS, Kind.CONTAINERS})
LIMITED = frozenset({Kind.QUOTAS, Kind.EXCEPTIONS})


def limits(rng: Random) -> tuple[Limit, ...]:
    """Draw rules for all, for each, and for some."""
    drawn = {limit.key: limit for limit in (draw_limit(rng) for _ in range(rng.choice([1, 1, 2, 3])))}
    return tuple(drawn.values())


def draw_limit(rng: Random) -> Limit:
    key = (
        rng.choice(["*", "*", "*", "/", "default"]),
        rng.choice(["*", "*", "*", "/", "p"]),
        rng.choice(["*", "*", "*", "deploy", "besteffort"]),
        rng.choice(["*", "*", "/", "/", "alice"]),
    )
    jobs, work_s = rng.choice([-1, -1, 0, 1, 2]), rng.choice([-1, -1, 10, 40, 90])
    return Limit(",".join(key), rng.choice([-1, 0, 1, 2, 3, 4, 6]), jobs, work_s)


def exceptions(rng: Random) -> tuple[Exceptional, ...]:
    found = []
    for _ in range(rng.choice([1, 1, 2])):
        begin = rng.choice([90, 100, 105, 120, rng.randint(90, 200)])
        quotas = limits(rng) if rng.random() < 0.8 else ()
        found.append(Exceptional(begin, begin + rng.randint(1, 60), quotas))
    return tuple(found)


TYPES: tuple[tuple[Kind, float, str, tuple[str | int, ...]], ...] = (
    (Kind.STATES, 0.2, "state", ("permissive",)),
    (Kind.BESTEFFORT, 0.25, "besteffort", ("",)),
    (Kind.TIMESHARING, 0.5, "timesharing", TIMESHARING),
    (Kind.PLACEHOLDERS, 0.3, "placeholder", ("x", "x", "y")),
    (Kind.PLACEHOLDERS, 0.3, "allowed", ("x", "x", "y")),
    (Kind.PLACEHOLDERS, 0.1, "allow", ("x",)),
    (Kind.CONTAINERS, 0.4, "container", ("", "red", "red", "red", "red", "blue")),
    (Kind.CONTAINERS, 0.4, "inner", ("red", "red", "red", "red", "blue", "1")),
    (Kind.QUOTAS, 0.1, "no_quotas", ("",)),
    (Kind.QUOTAS, 0.3, "deploy", ("",)),
    (Kind.DATES, 0.25, "postpone", (90, 105, 130)),
    (Kind.DATES, 0.15, "expire", (99, 100, 150, 150)),
    (Kind.DATES, 0.35, "deadline", (99, 110, 125, 150, 150, 200, 300)),
)
"""Which types jobs have, how often, and with what values."""


def types_of(rng: Random, kinds: Kinds) -> dict[str, str]:
    """Draw types, alone and together."""
    found = {}
    for kind, odds, name, values in TYPES:
        if kind in kinds and rng.random() < odds:
            value = rng.choice(values)
            found[name] = value if isinstance(value, str) else format_date(value)
    return found
