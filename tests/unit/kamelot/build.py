"""Small platforms and jobs for the tests of kamelot, written the way users write requests."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from procset import ProcSet

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
    ResourceId,
    WaitingJob,
)
from oar.core.states import NodeState
from oar.kamelot import (
    Gantt,
    Occupation,
    Plan,
    Platform,
    Rules,
    check,
    place_all,
    place_at,
    place_in_strict_order,
    schedule,
)
from oar.kamelot.containers import Nesting

WORDS = {"ALL": ALL, "BEST": BEST, "HALF": HALF}
NO_MARGIN = Rules(security_time_s=0)

PlaceThem = Callable[[Gantt, Sequence[WaitingJob], Rules], dict[JobId, Outcome]]


def ids(text: str) -> ProcSet:
    """Read a set of resource ids such as ``1-8 17-24``."""
    return ProcSet.from_str(text)


def resource(
    number: int,
    properties: Mapping[str, LevelValue],
    state: NodeState = NodeState.ALIVE,
    available_upto: int = 0,
) -> Resource:
    node = str(properties.get("node"))
    return Resource(ResourceId(number), node, "default", state, "UnChanged", available_upto, properties)


def resources_of(
    count: int, suspected: str = "", absent: str = "", dead: str = "", **levels: Sequence[str]
) -> list[Resource]:
    """Make resources 1 to count; each level is told as the ids of its blocks."""
    values: dict[int, dict[str, LevelValue]] = {number: {} for number in range(1, count + 1)}
    for name, blocks in levels.items():
        for value, block in enumerate(blocks):
            for number in ids(block):
                values[number][name] = value
    in_state = {
        **dict.fromkeys(ids(suspected), NodeState.SUSPECTED),
        **dict.fromkeys(ids(absent), NodeState.ABSENT),
        **dict.fromkeys(ids(dead), NodeState.DEAD),
    }
    return [resource(n, values[n], in_state.get(n, NodeState.ALIVE)) for n in values]


NODES_OF_8 = ("1-8", "9-16", "17-24", "25-32")


def nodes_of_8(filters: Mapping[str, str] | None = None, **states: str) -> Platform:
    """Make the specification's 32 resources: nodes A to D of 8, cpus of 4, switches of 16."""
    cpus = [f"{first}-{first + 3}" for first in range(1, 33, 4)]
    resources = resources_of(32, **states, node=NODES_OF_8, cpu=cpus, switch=("1-16", "17-32"))
    return Platform(resources, {text: ids(found) for text, found in (filters or {}).items()})


def group(text: str) -> Group:
    """Read ``{filter}/switch=2/node=1``."""
    condition, _, path = text.removeprefix("{").rpartition("}")
    levels = (step.split("=") for step in path.strip("/").split("/"))
    return Group(condition, tuple(Level(name, WORDS.get(n) or int(n)) for name, n in levels))


def moldable(number: int, text: str, walltime_s: int) -> Moldable:
    return Moldable(MoldableId(number), Request(tuple(map(group, text.split("+")))), walltime_s)


def job(
    number: int,
    *moldables: tuple[str, int],
    properties: str = "",
    types: Mapping[str, str] | None = None,
    after: Iterable[int] = (),
) -> WaitingJob:
    """Make a job from (request, walltime) pairs; its moldables are numbered from ten times its id on."""
    return WaitingJob(
        JobId(number),
        "default",
        "alice",
        "default",
        "",
        properties,
        tuple(moldable(10 * number + n, text, walltime) for n, (text, walltime) in enumerate(moldables)),
        types or {},
        dependencies=tuple(map(JobId, after)),
    )


def taken(begin: int, end: int, resources: str, number: int = 99, besteffort: bool = False) -> Occupation:
    return Occupation(begin, end, ids(resources), JobId(number), besteffort)


def place(
    platform: Platform,
    jobs: Sequence[WaitingJob],
    running: Sequence[Occupation] = (),
    now: int = 0,
    rules: Rules = NO_MARGIN,
    *,
    ends: Mapping[JobId, int] | None = None,
) -> dict[int, Outcome]:
    """Plan the jobs, check the plan, and tell what became of each."""
    plan = checked_plan(platform, jobs, running, now, rules, ends=ends)
    return {int(job_id): outcome for job_id, outcome in plan.outcomes.items()}


def checked_plan(
    platform: Platform,
    jobs: Sequence[WaitingJob],
    running: Sequence[Occupation] = (),
    now: int = 0,
    rules: Rules = NO_MARGIN,
    *,
    ends: Mapping[JobId, int] | None = None,
) -> Plan:
    """Plan the jobs and check what holds for every plan."""
    plan = schedule(platform, running, jobs, now, rules, ends=ends)
    assert check(platform, running, jobs, plan.outcomes, now=now, rules=rules, ends=ends or {}) == []
    return plan


def drawn(gantt: Gantt) -> list[Occupation]:
    """Tell what is drawn in a Gantt as what takes its resources."""
    opens = {area.job_id: space for space, areas in gantt.areas.items() for area in areas}
    return [
        Occupation(
            bar.begin,
            bar.end,
            gantt.platform.procset(bar.resources),
            bar.job_id,
            sharing=bar.sharing,
            nesting=Nesting(bar.inside, opens.get(bar.job_id)),
        )
        for bar in gantt.bars
    ]


def place_checked(
    gantt: Gantt, jobs: Sequence[WaitingJob], rules: Rules, place_them: PlaceThem = place_all
) -> dict[JobId, Outcome]:
    """Place jobs in a Gantt and check what holds for every plan."""
    before = drawn(gantt)
    outcomes = place_them(gantt, jobs, rules)
    assert check(gantt.platform, before, jobs, outcomes, now=gantt.now, rules=rules) == []
    return outcomes


def place_checked_at(gantt: Gantt, one: WaitingJob, start: int, rules: Rules) -> Outcome:
    """Place a job at a date and check what holds for every plan."""

    def place_it(gantt: Gantt, jobs: Sequence[WaitingJob], rules: Rules) -> dict[JobId, Outcome]:
        return {job.job_id: place_at(gantt, job, start, rules) for job in jobs}

    return place_checked(gantt, [one], rules, place_it)[one.job_id]


def place_checked_strictly(gantt: Gantt, jobs: Sequence[WaitingJob], rules: Rules) -> dict[JobId, Outcome]:
    """Place jobs in strict order and check what holds for every plan."""
    return place_checked(gantt, jobs, rules, place_in_strict_order)


def found(outcome: Outcome) -> tuple[int, str]:
    """Tell start and resources of a job that was placed."""
    assert isinstance(outcome, Assignment), outcome
    return outcome.start_time, str(outcome.resources)


def resources_for(request: str, platform: Platform, free: str = "1-32") -> str:
    """Tell what a request gets now, "none" if it has to wait."""
    busy = platform.procset(platform.everything) - ids(free)
    running = [Occupation(0, 10**6, busy, JobId(99))]
    outcome = place(platform, [job(1, (request, 60))], running)[1]
    if isinstance(outcome, Assignment) and outcome.start_time == 0:
        return str(outcome.resources)
    return "none"
