"""kamelot and the slow, obvious scheduler give the same plan on random platforms and queues."""

from dataclasses import replace
from itertools import combinations, starmap

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from procset import ProcSet

from oar.core.durations import format_date
from oar.core.job import (
    ALL,
    BEST,
    HALF,
    Assignment,
    Group,
    JobId,
    Level,
    LevelValue,
    Moldable,
    MoldableId,
    Outcome,
    Request,
    Resource,
    WaitingJob,
)
from oar.core.states import NodeState
from oar.kamelot import OVER, Occupation, Platform, Rules, check, schedule
from oar.kamelot.containers import OUTSIDE, nesting_of
from oar.kamelot.counting import FEWEST
from oar.kamelot.sharing import ALONE, sharing_of
from tests.unit.kamelot.build import resource
from tests.unit.kamelot.reference import Answer, reference_schedule

World = tuple[list[Resource], dict[str, ProcSet], list[Occupation], list[WaitingJob], Rules]
"""Resources in order, filters, what is taken, jobs in order, rules."""

NOW = 100
STATES = [NodeState.ALIVE] * 6 + [NodeState.SUSPECTED, NodeState.ABSENT, NodeState.DEAD]
CONDITIONS = ["mem > 64", "gpu = 'YES'"]


@st.composite
def resources(draw: st.DrawFn) -> list[Resource]:
    """Resources with uneven, scattered blocks, repeated identifiers, holes and ends of availability."""
    count = draw(st.integers(1, 14))
    order = draw(st.permutations(range(1, count + 1)))
    result = []
    for number in order:
        properties: dict[str, LevelValue] = {
            "switch": draw(st.sampled_from([1, 1, 2])),
            "node": draw(st.sampled_from(["a", "b", "c", "d"])),
            "cpu": draw(st.sampled_from([1, 2])),
            "core": number,
            "gpu": draw(st.sampled_from([None, None, 1, 2])),
        }
        state = draw(st.sampled_from(STATES))
        upto = draw(st.sampled_from([0, 0, 0, 0, 2147483647, 2147483646, 90, 130, 400]))
        result.append(resource(number, properties, state, upto))
    return result


def some_of(found: list[Resource]) -> st.SearchStrategy[ProcSet]:
    numbers = [r.resource_id for r in found]
    return st.sets(st.sampled_from(numbers)).map(lambda chosen: ProcSet(*chosen))


COUNTS = st.one_of(st.integers(1, 3), st.sampled_from([ALL, BEST, HALF]))
LEVELS = st.lists(
    st.sampled_from(["switch", "node", "cpu", "core", "gpu"]), min_size=1, max_size=3, unique=True
)


@st.composite
def groups(draw: st.DrawFn) -> Group:
    levels = tuple(Level(name, draw(COUNTS)) for name in draw(LEVELS))
    return Group(draw(st.sampled_from(["", "", *CONDITIONS])), levels)


@st.composite
def waiting(draw: st.DrawFn, number: int) -> WaitingJob:
    moldables = [
        Moldable(
            MoldableId(10 * number + n),
            Request(tuple(draw(st.lists(groups(), min_size=1, max_size=3 if draw(st.booleans()) else 1)))),
            draw(st.sampled_from([1, 10, 20, 30, 55])),
        )
        for n in range(draw(st.sampled_from([1, 1, 2, 3])))
    ]
    return WaitingJob(
        JobId(number),
        "default",
        "alice",
        "default",
        "",
        draw(st.sampled_from(["", "", "", *CONDITIONS])),
        tuple(moldables),
        draw(st.sampled_from([{}, {}, {}, {"besteffort": ""}, {"state": "permissive"}])),
        dependencies=tuple(draw(st.sets(st.sampled_from([1, 2, 3, 4, 90, 91, 92]).map(JobId), max_size=1)))
        if draw(st.booleans())
        else (),
    )


@st.composite
def occupations(draw: st.DrawFn, found: list[Resource]) -> Occupation:
    begin = draw(st.integers(80, 180))
    end = begin + draw(st.integers(0, 60))
    return Occupation(begin, end, draw(some_of(found)), JobId(70), draw(st.booleans()))


@st.composite
def worlds(draw: st.DrawFn) -> World:
    found = draw(resources())
    filters = {condition: draw(some_of(found)) for condition in CONDITIONS}
    running = draw(st.lists(occupations(found), max_size=5))
    jobs = [draw(waiting(number)) for number in range(1, draw(st.integers(1, 8)) + 1)]
    rules = Rules(draw(st.sampled_from([0, 0, 7])), 25, draw(st.booleans()))
    return found, filters, running, jobs, rules


ENDS = {JobId(90): OVER, JobId(91): 120}


def answer(outcome: Outcome) -> Answer:
    if isinstance(outcome, Assignment):
        return outcome.moldable_id, outcome.start_time, str(outcome.resources)
    return None


def clash(one: Occupation, other: Occupation) -> bool:
    """Tell whether two are drawn over one another where jobs share or nest: then the plan is not to blame."""
    plain = (ALONE, OUTSIDE)
    if (one.sharing, one.nesting) == plain == (other.sharing, other.nesting):
        return False
    return one.begin <= other.end and other.begin <= one.end and bool(one.resources & other.resources)


def assert_plan_is_right(world: World) -> None:
    found, filters, running, jobs, rules = world
    platform = Platform(found, filters)
    plan = schedule(platform, running, jobs, NOW, rules, ends=ENDS)
    expected = reference_schedule(found, filters, running, jobs, now=NOW, rules=rules, ends=ENDS)
    assert {id_: answer(outcome) for id_, outcome in plan.outcomes.items()} == expected
    if not any(starmap(clash, combinations(running, 2))):
        assert check(platform, running, jobs, plan.outcomes, now=NOW, rules=rules) == []
    for job in jobs:
        assert plan.explain(job).words()
        assert "could not be planned" not in plan.explain(job).words()


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(worlds())
def test_a_plan_of_any_requests_is_the_plan_that_the_rules_give(world: World) -> None:
    assert_plan_is_right(world)


@st.composite
def wide_worlds(draw: st.DrawFn) -> World:
    """Many equal nodes with a few cores taken, and requests for some cores of some nodes."""
    width = draw(st.sampled_from([4, 4, 8]))
    count = width * (FEWEST + 1) - draw(st.integers(0, 3))
    found = [resource(n + 1, {"node": n // width, "core": n}) for n in range(count)]
    half = ProcSet(*range(1, count + 1, 2))
    begins = draw(st.lists(st.integers(1, count), min_size=3, max_size=12))
    running = [
        Occupation(90, 100 + begin % 40, ProcSet((begin, min(count, begin + count // 3))), JobId(70))
        for begin in begins
    ]
    jobs = []
    for number in range(1, draw(st.integers(1, 4)) + 1):
        nodes, cores = draw(st.sampled_from([1, 2, 50, ALL, BEST])), draw(st.integers(1, width))
        request = Request((Group("", (Level("node", nodes), Level("core", cores))),))
        job = replace(draw(alike(number)), properties=draw(st.sampled_from(["", "", "half"])))
        jobs.append(replace(job, moldables=(Moldable(MoldableId(number), request, 20),)))
    return found, {"half": half}, running, jobs, Rules(0, 25)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(wide_worlds())
def test_a_plan_on_many_equal_nodes_is_the_plan_that_the_rules_give(world: World) -> None:
    assert_plan_is_right(world)


@st.composite
def alike(draw: st.DrawFn, number: int) -> WaitingJob:
    """A job like the others but for counts and walltime, so that what was learned from them is used."""
    first = draw(st.sampled_from([1, 1, 1, 2, 3, BEST]))
    second = draw(st.sampled_from([1, 2, 3, ALL, HALF]))
    levels = draw(
        st.sampled_from(
            [
                (Level("node", first),),
                (Level("core", first),),
                (Level("node", first), Level("core", second)),
                (Level("node", second), Level("cpu", first)),
            ]
        )
    )
    request = Request((Group("", levels),))
    walltimes = draw(st.lists(st.integers(1, 12), min_size=1, max_size=2))
    moldables = tuple(Moldable(MoldableId(10 * number + n), request, w) for n, w in enumerate(walltimes))
    after = draw(st.sampled_from([(), (), (), (JobId(1),), (JobId(91),)]))
    return WaitingJob(
        JobId(number),
        "default",
        "alice",
        "default",
        "",
        "",
        moldables,
        dependencies=after if number > 1 else (),
    )


@st.composite
def crowded_worlds(draw: st.DrawFn) -> World:
    nodes = draw(st.lists(st.sampled_from(["a", "b", "c"]), min_size=4, max_size=8))
    found = [resource(n, {"node": node, "cpu": n % 2, "core": n}) for n, node in enumerate(nodes, start=1)]
    running = draw(st.lists(occupations(found), max_size=4))
    jobs = [draw(alike(number)) for number in range(1, draw(st.integers(5, 16)) + 1)]
    return found, {}, running, jobs, Rules(draw(st.sampled_from([0, 2])), 25)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(crowded_worlds())
def test_a_plan_of_many_jobs_alike_is_the_plan_that_the_rules_give(world: World) -> None:
    assert_plan_is_right(world)


TIMESHARING = ["*,*", "user,*", "*,user", "*,name", "name,user"]
SPACES = ["red", "red", "red", "blue", "1"]


@st.composite
def types(draw: st.DrawFn) -> dict[str, str]:
    """Types that place a job among others, alone and together."""
    found = {}
    for odds, name, values in (
        (2, "timesharing", TIMESHARING),
        (2, "placeholder", ["x", "y"]),
        (2, "allowed", ["x", "y"]),
        (1, "allow", ["x"]),
        (3, "container", ["", "red", "red", "red", "blue"]),
        (4, "inner", SPACES),
        (1, "besteffort", [""]),
        (1, "postpone", [format_date(date) for date in (90, 105, 130)]),
        (1, "expire", [format_date(date) for date in (99, 100, 150)]),
        (1, "deadline", [format_date(date) for date in (99, 110, 125, 150, 200)]),
    ):
        if draw(st.integers(0, 9)) < odds:
            found[name] = draw(st.sampled_from(values))
    return found


@st.composite
def living_together(draw: st.DrawFn, number: int) -> WaitingJob:
    job = draw(alike(number))
    found = draw(types())
    longer = 5 if "container" in found else 1
    return replace(
        job,
        user=draw(st.sampled_from(["alice", "bob"])),
        name=draw(st.sampled_from(["", "", "sweep"])),
        moldables=tuple(replace(one, walltime_s=longer * one.walltime_s) for one in job.moldables),
        types=found,
    )


@st.composite
def taken_together(draw: st.DrawFn, found: list[Resource]) -> Occupation:
    """What a running or planned job with such types takes."""
    there = draw(occupations(found))
    job = draw(living_together(70))
    return replace(there, sharing=sharing_of(job), nesting=nesting_of(job))


@st.composite
def shared_worlds(draw: st.DrawFn) -> World:
    nodes = draw(st.lists(st.sampled_from(["a", "b", "c"]), min_size=4, max_size=8))
    ends = st.sampled_from([0, 0, 0, 0, 0, 130])
    found = [
        resource(n, {"node": node, "cpu": n % 2, "core": n}, available_upto=draw(ends))
        for n, node in enumerate(nodes, start=1)
    ]
    running = draw(st.lists(taken_together(found), max_size=5))
    jobs = [draw(living_together(number)) for number in range(1, draw(st.integers(2, 12)) + 1)]
    return found, {}, running, jobs, Rules(draw(st.sampled_from([0, 0, 2])), 25)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(shared_worlds())
def test_a_plan_of_shared_and_nested_jobs_is_the_plan_that_the_rules_give(world: World) -> None:
    assert_plan_is_right(world)
