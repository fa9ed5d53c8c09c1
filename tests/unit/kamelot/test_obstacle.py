"""What is in the way of a start at a date: each kind of obstacle in words, and what holds in any world."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import pytest
from procset import ProcSet

from oar.core.durations import format_date
from oar.core.job import Assignment, JobId, WaitingJob
from oar.core.job_dates import job_dates
from oar.core.states import NodeState, ReservationState
from oar.kamelot import Gantt, Occupation, Plan, Platform, ReasonKind, Rules, obstacle
from oar.kamelot.containers import Nesting
from oar.kamelot.occupation import is_besteffort
from oar.kamelot.plugins import Candidates, Plugins
from oar.kamelot.quotas import Ledger
from oar.kamelot.sharing import Sharing
from tests.unit.kamelot.build import NO_MARGIN, job, nodes_of_8, place_checked, resource, taken
from tests.unit.kamelot.compare import plan_of
from tests.unit.kamelot.quotas.build import ledger
from tests.unit.kamelot.world import NOW, World
from tests.unit.kamelot.worlds import world_of

CASES = 500
AT_ONCE = 125

NODES = Platform([resource(n, {"node": f"node{(n + 1) // 2}"}) for n in range(1, 9)], {})
"""Four nodes of two resources."""


def gantt_of(
    running: Sequence[Occupation] = (),
    jobs: Sequence[WaitingJob] = (),
    *,
    platform: Platform = NODES,
    rules: Rules = NO_MARGIN,
    ends: Mapping[JobId, int] | None = None,
    quotas: Ledger | None = None,
) -> Gantt:
    """Draw what runs, and place the jobs."""
    gantt = Gantt(platform, running, 0, ends, quotas)
    place_checked(gantt, jobs, rules)
    return gantt


def why(gantt: Gantt, asked: WaitingJob, date: int, rules: Rules = NO_MARGIN, **options: bool) -> str:
    """Tell in words what is in the way of a start at the date."""
    found = obstacle(gantt, asked, date, rules, **options)
    return "nothing" if found is None else found.words()


# Resources


def test_nothing_is_in_the_way_of_a_start_on_free_resources() -> None:
    assert why(gantt_of(), job(1, ("node=4", 60)), 17) == "nothing"


def test_the_job_that_holds_the_node_is_named_and_when_it_goes() -> None:
    running = [taken(0, 99, "3-4", 12), taken(0, 199, "1-2", 13)]
    assert why(gantt_of(running), job(1, ("node=3/resource_id=2", 60)), 50) == (
        "cannot start 50: asks for 3 node with /resource_id=2 each, 2 are free all through; "
        "job 12 holds node2 until 100; could start 100"
    )


def test_the_obstacle_is_a_value_too() -> None:
    found = obstacle(gantt_of([taken(0, 99, "1-6", 12)]), job(1, ("node=2", 60)), 50, NO_MARGIN)
    assert found is not None
    assert (found.kind, found.date, found.jobs, found.nodes) == (
        ReasonKind.RESOURCES,
        50,
        (12,),
        ("node1",),
    )
    assert (found.begins, found.ends, found.until) == (None, 100, 100)


def test_a_job_that_comes_too_soon_is_named_with_its_begin() -> None:
    running = [taken(100, 149, "1-8", 12)]
    assert why(gantt_of(running), job(1, ("node=1", 60)), 50) == (
        "cannot start 50: asks for 1 node, none is free all through; "
        "job 12 takes node1 from 100 until 150; could start 150"
    )


def test_few_jobs_are_preferred_to_many() -> None:
    running = [*(taken(0, 59, str(n), 10 + n) for n in range(1, 7)), taken(0, 99, "7-8", 9)]
    assert why(gantt_of(running), job(1, ("node=1", 60)), 0) == (
        "cannot start 0: asks for 1 node, none is free all through; "
        "job 9 holds node4 until 100; could start 60"
    )


def test_of_as_many_jobs_those_that_go_first_are_named() -> None:
    running = [taken(0, 199, "1-4", 12), taken(0, 99, "5-8", 13)]
    assert why(gantt_of(running), job(1, ("node=1", 60)), 0) == (
        "cannot start 0: asks for 1 node, none is free all through; "
        "job 13 holds node3 until 100; could start 100"
    )


def test_a_job_that_may_stay_is_not_named() -> None:
    running = [taken(0, 199, "1", 12), taken(0, 99, "2-8", 13)]
    assert why(gantt_of(running), job(1, ("node=3", 60)), 0) == (
        "cannot start 0: asks for 3 node, none is free all through; "
        "job 13 holds node2, node3 and node4 until 100; could start 100"
    )


def test_jobs_that_go_at_different_dates_have_gone_by_the_latest() -> None:
    running = [taken(0, 199, "1-4", 12), taken(0, 99, "5-8", 13)]
    assert why(gantt_of(running), job(1, ("node=4", 60)), 0) == (
        "cannot start 0: asks for 4 node, none is free all through; "
        "jobs 12 and 13 hold node1, node2, node3 and node4 until 200 at the latest; could start 200"
    )


def test_what_no_job_holds_is_named_too() -> None:
    running = [Occupation(0, 99, taken(0, 0, "1-8").resources)]
    assert why(gantt_of(running), job(1, ("node=2", 60)), 0) == (
        "cannot start 0: asks for 2 node, none is free all through; "
        "node1 and node2 are taken until 100; could start 100"
    )


def test_each_group_that_lacks_something_is_told() -> None:
    running = [taken(0, 99, "1-8", 12)]
    platform = Platform(NODES.resources, {"left": taken(0, 0, "1-4").resources})
    assert why(gantt_of(running, platform=platform), job(1, ("{left}/node=1+node=2", 60)), 0) == (
        "cannot start 0: asks for 1 node, none is free all through, "
        "and asks for 2 node, none is free all through; "
        "job 12 holds node1, node2 and node3 until 100; could start 100"
    )


def test_groups_that_take_from_one_another_are_told() -> None:
    running = [taken(0, 99, "5-8", 12)]
    assert why(gantt_of(running), job(1, ("node=1+node=2", 60)), 0) == (
        "cannot start 0: asks for 2 node, 1 is free beside the groups before it; "
        "job 12 holds node3 until 100; could start 100"
    )


def test_half_of_the_nodes_lack_one_of_two() -> None:
    running = [taken(0, 99, "3-8", 12)]
    assert why(gantt_of(running), job(1, ("node=HALF", 60)), 0) == (
        "cannot start 0: asks for half (two or more) node, 1 is free all through; "
        "job 12 holds node2 until 100; could start 100"
    )


def test_a_job_that_it_may_overlap_is_no_obstacle() -> None:
    shared = replace(taken(0, 99, "1-8", 12), sharing=Sharing(("*", "*")))
    asked = job(1, ("node=4", 60), types={"timesharing": "*,*"})
    assert why(gantt_of([shared]), asked, 0) == "nothing"
    assert why(gantt_of([shared]), job(1, ("node=4", 60)), 0).startswith("cannot start 0")


def test_a_job_to_leave_out_is_no_obstacle() -> None:
    gantt = gantt_of([taken(0, 99, "1-8", 12, besteffort=True)])
    assert obstacle(gantt, job(1, ("node=4", 60)), 0, NO_MARGIN, leave_out=[JobId(12)]) is None


def test_a_date_that_is_past_counts_as_now() -> None:
    found = obstacle(gantt_of([taken(0, 99, "1-8", 12)]), job(1, ("node=1", 60)), -50, NO_MARGIN)
    assert found is not None
    assert found.date == 0


# Jobs that have a place


LATER = [job(1, ("node=4", 60)), job(2, ("node=2", 60)), job(3, ("node=1", 200)), job(4, ("node=4", 60))]
"""Jobs 2 and 3 start at 60, on three of the nodes; job 4 at 260."""


def test_its_own_bar_is_not_in_its_way() -> None:
    assert why(gantt_of((), LATER), LATER[3], 300) == "nothing"


def test_nothing_is_in_the_way_of_its_planned_start() -> None:
    starts = zip(LATER, (0, 60, 60, 260), strict=True)
    assert {why(gantt_of((), LATER), one, start) for one, start in starts} == {"nothing"}


def test_jobs_drawn_after_it_are_in_its_way_too() -> None:
    assert why(gantt_of((), LATER), LATER[1], 250) == (
        "cannot start 250: asks for 2 node, none is free all through; "
        "job 4 takes node1 and node2 from 260 until 320; could start 320"
    )


def test_what_was_drawn_after_it_can_be_looked_away_from() -> None:
    assert why(gantt_of((), LATER), LATER[1], 250, drawn_before=True) == "nothing"
    assert why(gantt_of((), LATER), LATER[1], 0, drawn_before=True) == (
        "cannot start 0: asks for 2 node, none is free all through; "
        "job 1 holds node1 and node2 until 60; could start 60"
    )


# Dates


def test_until_its_postponed_date_it_is_postponed() -> None:
    asked = job(1, ("node=4", 60), types={"postpone": format_date(70)})
    assert why(gantt_of([taken(0, 99, "1", 12)]), asked, 50) == (
        "cannot start 50: it is postponed until 70; could start 100"
    )


def test_after_expire_it_will_have_been_given_up() -> None:
    expire = format_date(70)
    asked = job(1, ("node=4", 60), types={"expire": expire})
    assert why(gantt_of(), asked, 70) == "nothing"
    assert why(gantt_of(), asked, 71) == f"cannot start 71: expire={expire} is past then"


def test_no_start_after_expire_is_promised() -> None:
    asked = job(1, ("node=4", 60), types={"expire": format_date(70)})
    assert why(gantt_of([taken(0, 99, "1-8", 12)]), asked, 0).endswith("; nor later in this plan")


def test_what_would_end_after_its_deadline_cannot_start() -> None:
    deadline = format_date(100)
    asked = job(1, ("node=4", 60), types={"deadline": deadline})
    assert why(gantt_of(), asked, 40) == "nothing"
    assert why(gantt_of(), asked, 41) == (
        f"cannot start 41: cannot have ended by its deadline, {deadline}; nor later in this plan"
    )


def test_after_its_deadline_it_will_have_been_given_up() -> None:
    deadline = format_date(100)
    asked = job(1, ("node=4", 60), types={"deadline": deadline})
    assert why(gantt_of(), asked, 101) == f"cannot start 101: deadline={deadline} is past then"


# Dependencies


def test_the_jobs_it_depends_on_are_named_that_are_not_over() -> None:
    asked = job(1, ("node=1", 60), after=[7, 8, 9])
    ends = {JobId(7): 30, JobId(8): 100, JobId(9): 120}
    assert why(gantt_of(ends=ends), asked, 50) == (
        "cannot start 50: waits for jobs 8 and 9, which it depends on, until 120; could start 120"
    )


def test_twice_the_security_time_passes_after_a_dependency() -> None:
    asked, rules = job(1, ("node=1", 60), after=[7]), Rules(security_time_s=5)
    assert why(gantt_of(ends={JobId(7): 100}), asked, 105, rules) == (
        "cannot start 105: waits for job 7, which it depends on, until 110; could start 110"
    )


def test_a_dependency_without_a_place_has_no_end() -> None:
    assert why(gantt_of(), job(1, ("node=1", 60), after=[7]), 50) == (
        "cannot start 50: depends on job 7, which has no planned start; nor later in this plan"
    )


# Containers


def container(number: int, begin: int, end: int, resources: str) -> Occupation:
    return replace(taken(begin, end, resources, number), nesting=Nesting(opens="red"))


INNER = job(1, ("node=2", 60), types={"inner": "red"})


def test_a_container_that_is_nowhere_has_no_start() -> None:
    assert why(gantt_of(), INNER, 0) == (
        "cannot start 0: its container, red, has no planned start; nor later in this plan"
    )


def test_a_container_that_is_not_there_yet_is_named() -> None:
    assert why(gantt_of([container(5, 100, 199, "1-4")]), INNER, 50) == (
        "cannot start 50: its container, red (job 5), is there from 100 on; could start 100"
    )


def test_a_container_that_is_over_is_named() -> None:
    assert why(gantt_of([container(5, 100, 199, "1-4")]), INNER, 200) == (
        "cannot start 200: its container, red (job 5), is over 200; nor later in this plan"
    )


def test_a_container_that_is_over_too_soon_is_named() -> None:
    assert why(gantt_of([container(5, 100, 199, "1-4")]), INNER, 150) == (
        "cannot start 150: asks for 2 node, none is all through in its container, red (job 5), "
        "which is over 200; nor later in this plan"
    )


def test_a_container_that_is_too_small_is_named() -> None:
    running = [container(5, 0, 199, "1-2"), container(6, 100, 299, "5-8")]
    assert why(gantt_of(running), INNER, 20) == (
        "cannot start 20: asks for 2 node, 1 is all through in its container, red (job 5); could start 100"
    )


def test_a_job_beside_it_in_the_container_is_named() -> None:
    beside = replace(taken(0, 49, "1-2", 6), nesting=Nesting(inside="red"))
    assert why(gantt_of([container(5, 0, 199, "1-4"), beside]), INNER, 0) == (
        "cannot start 0: asks for 2 node, 1 is free all through; job 6 holds node1 until 50; could start 50"
    )


# States, availability, and what never fits


def states_of(*states: NodeState) -> Platform:
    return Platform([resource(n, {"node": f"node{n}"}, state) for n, state in enumerate(states, 1)], {})


def test_nodes_that_are_not_usable_are_named_with_their_state() -> None:
    platform = states_of(NodeState.ALIVE, NodeState.SUSPECTED, NodeState.SUSPECTED)
    assert why(gantt_of(platform=platform), job(1, ("node=2", 60)), 50) == (
        "cannot start 50: asks for 2 node, 1 is usable now; node2 and node3 are Suspected; "
        "nor later in this plan"
    )


def test_nodes_in_different_states_are_not_usable() -> None:
    platform = states_of(NodeState.ABSENT, NodeState.SUSPECTED, NodeState.ALIVE)
    assert why(gantt_of(platform=platform), job(1, ("node=2", 60)), 50) == (
        "cannot start 50: asks for 2 node, 1 is usable now; node1 and node2 are not; nor later in this plan"
    )


def test_nodes_whose_availability_ends_are_named() -> None:
    platform = Platform([resource(n, {"node": f"node{n}"}, available_upto=100 * (n > 1)) for n in (1, 2)], {})
    assert why(gantt_of(platform=platform), job(1, ("node=2", 60)), 40) == "nothing"
    assert why(gantt_of(platform=platform), job(1, ("node=2", 60)), 41) == (
        "cannot start 41: asks for 2 node, 1 is available all through; node2 is until 100; "
        "nor later in this plan"
    )


def test_what_never_fits_is_told_without_a_date() -> None:
    platform = nodes_of_8({"mem > 64": "1-8"})
    assert why(gantt_of(platform=platform), job(1, ("{mem > 64}/node=2", 60)), 50) == (
        'cannot start 50: asks for 2 node, 1 matches "mem > 64"'
    )


# Quotas


def test_the_quota_is_named_with_its_count_and_limit_and_end() -> None:
    asked = replace(job(1, ("node=2", 60)), user="toto")
    before = replace(job(2, ("node=2", 100)), user="toto")
    gantt = gantt_of((), [before], quotas=ledger({"*,*,*,/": [6]}))
    assert why(gantt, asked, 50) == (
        "cannot start 50: the quota *,*,*,/ allows user toto 6 resources; with this job it would be 8 "
        "until 100; could start 100"
    )


def test_what_quotas_count_of_the_job_itself_is_not_in_its_way() -> None:
    asked = job(1, ("node=2", 60))
    gantt = gantt_of((), [asked], quotas=ledger({"*,*,*,/": [4]}))
    assert why(gantt, asked, 30) == "nothing"


def test_a_job_that_quotas_never_allow_is_told_so() -> None:
    gantt = gantt_of(quotas=ledger({"*,*,*,/": [-1, 0]}))
    assert why(gantt, job(1, ("node=1", 60)), 50) == (
        "cannot start 50: the quota *,*,*,/ allows user alice 0 jobs; with this job it would be 1; "
        "nor later in this plan"
    )


# Several moldables, reservations, plugins


def test_of_several_moldables_the_one_that_would_start_next_is_told() -> None:
    running = [taken(0, 99, "1-4", 12), taken(0, 199, "5-8", 13)]
    asked = job(1, ("node=4", 30), ("node=1", 60))
    assert why(gantt_of(running), asked, 0) == (
        "cannot start 0: asks for 1 node, none is free all through; "
        "job 12 holds node1 until 100; could start 100"
    )


def test_of_several_moldables_without_a_place_the_one_that_gets_furthest_is_told() -> None:
    running = [taken(0, 99, "1-8", 12)]
    asked = job(1, ("node=1", 90), ("node=1", 60), types={"deadline": format_date(80)})
    found = obstacle(gantt_of(running), asked, 0, NO_MARGIN)
    assert found is not None
    assert found.kind is ReasonKind.RESOURCES


def test_a_moldable_that_could_start_but_would_be_over_later_is_told() -> None:
    running = [taken(0, 99, "3-8", 12)]
    asked = job(1, ("node=1", 1000), ("node=4", 60))
    assert why(gantt_of(running), asked, 0) == (
        "could start 0 and be over 1000, but is over sooner when it starts 100"
    )


def test_a_reservation_is_asked_about_its_first_moldable_alone() -> None:
    asked = replace(
        job(1, ("node=4", 60), ("node=1", 60), after=[7]), reservation=ReservationState.TO_SCHEDULE
    )
    assert why(gantt_of([taken(0, 99, "1-2", 12)]), asked, 50) == (
        "cannot start 50: asks for 4 node, 3 are free all through; "
        "job 12 holds node1 until 100; could start 100"
    )


def test_a_plugin_that_finds_another_date_is_named() -> None:
    def only_if_all_are_free(asked: Candidates) -> ProcSet | None:
        free = asked.groups[0].free
        return free if len(free) == 8 else None

    asked = job(1, ("node=1", 60), types={"find": "all"})
    rules = Rules(security_time_s=0, plugins=Plugins(find={"all": only_if_all_are_free}))
    assert why(gantt_of([taken(0, 99, "1-2", 12)]), asked, 50, rules) == (
        "cannot start 50: find=all finds no place that begins then; could start 100"
    )


# Any world


def worlds_from(first: int) -> Iterator[tuple[World, Plan]]:
    """Give some worlds that are not long, and their plans."""
    for seed in range(first, first + AT_ONCE):
        world = world_of(seed)
        if len(world.jobs) < 20:
            yield world, plan_of(world, Platform(world.resources, world.filters))


def dates_until(end: int) -> list[int]:
    """Give dates from now to before the end: the first and the last ones, and some between."""
    return sorted({*range(NOW, min(NOW + 5, end)), *range(NOW, end, 7), *range(max(NOW, end - 5), end)})


def besteffort(world: World) -> set[JobId]:
    taken_by = {one.job_id for one in world.running if one.besteffort and one.job_id is not None}
    return taken_by | {one.job_id for one in world.jobs if is_besteffort(one)}


def placed(world: World, plan: Plan) -> Iterator[tuple[WaitingJob, int]]:
    """Give the jobs that have a place, and when it begins; none that will be given up before."""
    for one in world.jobs:
        outcome = plan.outcomes[one.job_id]
        expire = job_dates(one.types).expire
        if isinstance(outcome, Assignment) and (expire is None or outcome.start_time <= expire):
            yield one, outcome.start_time


def is_plain(one: WaitingJob) -> bool:
    """Tell whether the job asks for one group only.

    With several, less may be free later and yet do, as the first group takes something else.
    """
    return all(len(moldable.request.groups) == 1 for moldable in one.moldables)


@pytest.mark.parametrize("first", range(0, CASES, AT_ONCE))
def test_what_was_drawn_before_a_job_is_in_its_way_at_every_date_before_its_start(first: int) -> None:
    for world, plan in worlds_from(first):
        for one, start in filter(lambda pair: is_plain(pair[0]), placed(world, plan)):
            for date in dates_until(start):
                found = obstacle(plan.gantt, one, date, world.rules, drawn_before=True)
                assert found is not None, (one, date)
                assert world.quotas or world.exceptions or found.until == start, (one, found.words())


@pytest.mark.parametrize("first", range(0, CASES, AT_ONCE))
def test_nothing_is_in_the_way_of_any_job_at_its_planned_start(first: int) -> None:
    for world, plan in worlds_from(first):
        for one, start in placed(world, plan):
            for before in (True, False):
                found = obstacle(plan.gantt, one, start, world.rules, drawn_before=before)
                assert found is None, (one, found)


@pytest.mark.parametrize("first", range(0, CASES, AT_ONCE))
def test_until_the_date_that_is_told_there_is_an_obstacle_and_then_none(first: int) -> None:
    for world, plan in worlds_from(first):
        for one in filter(is_plain, world.jobs):
            found = obstacle(plan.gantt, one, NOW, world.rules)
            if found is not None:
                until = NOW + 100 if found.until is None else found.until
                dates = set(dates_until(until)) - own_starts(plan, one)
                assert None not in [obstacle(plan.gantt, one, date, world.rules) for date in dates], one
            if found is not None and found.until is not None:
                assert obstacle(plan.gantt, one, found.until, world.rules) is None, (one, found.words())


def own_starts(plan: Plan, one: WaitingJob) -> set[int]:
    """Give the date at which a job begins in the plan: there it stands, whatever was drawn over it later."""
    outcome = plan.outcomes[one.job_id]
    return {outcome.start_time} if isinstance(outcome, Assignment) else set()


@pytest.mark.parametrize("first", range(0, CASES, AT_ONCE))
def test_without_the_jobs_that_are_named_there_is_room_and_with_any_of_them_there_is_not(first: int) -> None:
    for world, plan in worlds_from(first):
        hidden = besteffort(world)
        for one in world.jobs:
            if not is_plain(one) or len(one.moldables) > 1:
                continue
            found = obstacle(plan.gantt, one, NOW, world.rules, leave_out=hidden)
            if found is None or found.kind is not ReasonKind.RESOURCES:
                continue
            assert found.jobs, found
            for staying in (None, *found.jobs):
                gone = hidden | set(found.jobs) - {staying}
                still = obstacle(plan.gantt, one, NOW, world.rules, leave_out=gone)
                lacks = still is not None and still.kind is ReasonKind.RESOURCES
                assert lacks is (staying is not None), (one, found.words(), staying)
