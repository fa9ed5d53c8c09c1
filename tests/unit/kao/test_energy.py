"""Which nodes sleep, which wake up, and what is planned on those that sleep."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from procset import ProcSet

from oar.core.energy import EnergyRules, NodeOrders
from oar.core.job import Assignment, Resource, WaitingJob
from oar.core.states import NodeState
from oar.kamelot import Platform, Rules
from oar.kao.model import Decisions, SiteChoices, World
from oar.kao.round import run_round
from oar.testing import make_resources, make_running, make_waiting, make_world

NOW = 100_000
FOR_EVER = 2147483646
ASLEEP = NodeState.ABSENT
RULES = EnergyRules(can_halt=True, can_wake=True, idle_s=30, sleep_s=15, wakeup_s=30, halt_s=10)


def nodes(
    *states: NodeState, cores: int = 2, upto: int = FOR_EVER, last_job: int = 0, **changes: object
) -> tuple[Resource, ...]:
    """Make nodes in these states that may sleep and wake up."""
    named = {f"node{number}": state for number, state in enumerate(states, 1)}
    return tuple(
        replace(
            one,
            available_upto=upto,
            properties={**one.properties, "last_job_date": last_job},
            **changes,  # type: ignore[arg-type] # the tests know what a resource has
        )
        for one in make_resources(len(states), cores, named)
    )


def decide(
    resources: Sequence[Resource],
    *waiting: WaitingJob,
    rules: EnergyRules = RULES,
    orders: Mapping[str, NodeOrders] | None = None,
    filters: Mapping[str, ProcSet] | None = None,
    **values: object,
) -> Decisions:
    return run_round(
        the_world(resources, *waiting, orders=orders, filters=filters, **values),
        Rules(security_time_s=0, energy_saving=rules.can_wake),
        SiteChoices(energy=rules),
        check_plan=True,
    )


def the_world(
    resources: Sequence[Resource],
    *waiting: WaitingJob,
    orders: Mapping[str, NodeOrders] | None = None,
    filters: Mapping[str, ProcSet] | None = None,
    **values: object,
) -> World:
    world = make_world(*waiting, now=NOW, **values)  # type: ignore[arg-type] # as above
    return replace(world, platform=Platform(tuple(resources), filters or {}), orders=orders or {})


def starts(decisions: Decisions) -> list[tuple[int, str]]:
    assert decisions.flaws == ()
    return [(one.start_time - NOW, str(one.resources)) for one in decisions.plan]


ALL_ALIVE = (NodeState.ALIVE,) * 3


# ---- the scenarios of the specification --------------------------------------------------------------------


def five(state: NodeState, upto: int) -> tuple[Resource, ...]:
    """The five resources of the scenarios, on nodes of two, two and one."""
    return nodes(state, state, state, upto=upto)[:5]


def test_r15_nodes_that_sleep_are_woken_for_the_job_that_is_planned_on_them() -> None:
    job = make_waiting(1, "resource_id=4,walltime=0:1:0")
    decisions = decide(five(ASLEEP, NOW + 1000), job)
    assert decisions.launches == ()
    assert (decisions.energy.wake, decisions.energy.halt) == (("node1", "node2"), ())


def test_r16_idle_nodes_are_halted_beside_the_one_that_a_job_starts_on() -> None:
    job = make_waiting(1, "resource_id=1,walltime=0:1:0")
    decisions = decide(five(NodeState.ALIVE, NOW + 50_000), job)
    assert [one.job_id for one in decisions.launches] == [1]
    assert (decisions.energy.halt, decisions.energy.wake) == (("node2", "node3"), ())


# ---- who is halted -----------------------------------------------------------------------------------------


def halted(resources: Sequence[Resource], *waiting: WaitingJob, **values: object) -> tuple[str, ...]:
    return decide(resources, *waiting, **values).energy.halt  # type: ignore[arg-type] # as above


def test_without_a_command_to_halt_no_node_is_halted() -> None:
    assert halted(nodes(*ALL_ALIVE), rules=replace(RULES, can_halt=False)) == ()


def test_a_node_that_was_never_woken_is_halted_too() -> None:
    assert halted(nodes(NodeState.ALIVE)) == ("node1",)


@pytest.mark.parametrize(("ended_s_ago", "sleeps"), [(29, False), (30, False), (31, True)])
def test_a_node_is_halted_when_its_last_job_ended_longer_ago_than_the_idle_time(
    ended_s_ago: int, sleeps: bool
) -> None:
    assert bool(halted(nodes(NodeState.ALIVE, last_job=NOW - ended_s_ago))) is sleeps


@pytest.mark.parametrize(("woken_s_ago", "sleeps"), [(30, False), (31, True)])
def test_a_node_that_was_woken_has_the_idle_time_to_get_a_job(woken_s_ago: int, sleeps: bool) -> None:
    orders = {"node1": NodeOrders(woken_at=NOW - woken_s_ago)}
    assert bool(halted(nodes(NodeState.ALIVE), orders=orders)) is sleeps


@pytest.mark.parametrize(
    ("upto", "sleeps"), [(0, False), (1, True), (NOW + 9, True), (2147483646, True), (2147483647, False)]
)
def test_available_upto_says_whether_a_node_may_be_halted(upto: int, sleeps: bool) -> None:
    assert bool(halted(nodes(NodeState.ALIVE, upto=upto))) is sleeps


@pytest.mark.parametrize("state", [NodeState.ABSENT, NodeState.SUSPECTED])
def test_a_node_with_a_resource_that_is_not_alive_is_not_halted(state: NodeState) -> None:
    alive, other = nodes(NodeState.ALIVE)
    assert halted([alive, replace(other, state=state)], rules=replace(RULES, can_wake=False)) == ()


def test_a_node_that_is_about_to_change_is_not_halted() -> None:
    assert halted(nodes(NodeState.ALIVE, next_state="Suspected")) == ()


def test_resources_of_another_type_on_their_own_are_no_node_to_halt() -> None:
    assert halted(nodes(NodeState.ALIVE, type="licence")) == ()


def test_a_node_is_kept_by_a_job_on_its_resources_of_another_type() -> None:
    core, disk = nodes(NodeState.ALIVE)
    running = (make_running(7, [2], NOW - 100, 3600),)
    assert halted([core, replace(disk, type="disk")], running=running) == ()


def test_a_node_with_a_running_job_is_not_halted() -> None:
    running = (make_running(7, [3], NOW - 100, 3600),)
    assert halted(nodes(*ALL_ALIVE), running=running) == ("node1", "node3")


def test_a_node_that_is_being_halted_is_not_halted_again() -> None:
    orders = {"node1": NodeOrders(halted_at=NOW - 5, is_halting=True)}
    assert halted(nodes(NodeState.ALIVE), orders=orders) == ()


@pytest.mark.parametrize(("start_s", "sleeps"), [(60, False), (61, True)])
def test_a_node_is_halted_when_the_next_job_planned_on_it_starts_late_enough(
    start_s: int, sleeps: bool
) -> None:
    """The next job starts on both nodes when the one on node1 ends."""
    job = make_waiting(1, "nodes=2,walltime=1:0:0")
    running = (make_running(7, [1, 2], NOW - 100, 100 + start_s),)
    found = halted(nodes(*ALL_ALIVE[:2]), job, running=running, rules=replace(RULES, sleep_s=60))
    assert found == (("node2",) if sleeps else ())


@pytest.mark.parametrize(("start_s", "sleeps"), [(40, False), (41, True)])
def test_a_node_is_not_halted_when_it_could_not_be_back_for_the_next_job(start_s: int, sleeps: bool) -> None:
    job = make_waiting(1, "nodes=2,walltime=1:0:0")
    running = (make_running(7, [1, 2], NOW - 100, 100 + start_s),)
    found = halted(nodes(*ALL_ALIVE[:2]), job, running=running, rules=replace(RULES, sleep_s=0))
    assert found == (("node2",) if sleeps else ())


def test_a_node_is_kept_for_a_place_that_this_round_did_not_plan() -> None:
    job = make_waiting(9)
    place = Assignment(job.job_id, job.moldables[0].moldable_id, NOW + 10, 60, ProcSet(1))
    world = replace(the_world(nodes(*ALL_ALIVE)), fixed=((place, job),))
    decisions = run_round(world, Rules(0, energy_saving=True), SiteChoices(energy=RULES))
    assert decisions.energy.halt == ("node2", "node3")


# ---- who is woken ------------------------------------------------------------------------------------------


def woken(resources: Sequence[Resource], *waiting: WaitingJob, **values: object) -> tuple[str, ...]:
    return decide(resources, *waiting, **values).energy.wake  # type: ignore[arg-type] # as above


ONE_NODE = make_waiting(1, "nodes=1,walltime=0:1:0")


def test_without_a_command_to_wake_nothing_is_planned_on_nodes_that_sleep() -> None:
    decisions = decide(nodes(ASLEEP), ONE_NODE, rules=replace(RULES, can_wake=False))
    assert (decisions.plan, decisions.energy.wake) == ((), ())


def test_nobody_is_woken_without_a_job() -> None:
    assert woken(nodes(ASLEEP, ASLEEP)) == ()


@pytest.mark.parametrize(("upto", "wakes"), [(0, False), (1, False), (FOR_EVER, True), (FOR_EVER + 1, True)])
def test_available_upto_says_whether_a_node_may_be_woken(upto: int, wakes: bool) -> None:
    assert bool(woken(nodes(ASLEEP, upto=upto), ONE_NODE)) is wakes


@pytest.mark.parametrize(("left_s", "wakes"), [(90, True), (89, False)])
def test_a_node_is_woken_only_if_it_stays_until_the_job_ends(left_s: int, wakes: bool) -> None:
    """The job ends 30 + 60 seconds from now."""
    assert bool(woken(nodes(ASLEEP, upto=NOW + left_s), ONE_NODE)) is wakes


@pytest.mark.parametrize("kind", ["noop", "cosystem", "deploy"])
def test_a_job_that_starts_on_nodes_that_sleep_wakes_nobody_and_starts_now(kind: str) -> None:
    job = make_waiting(1, "nodes=1,walltime=0:1:0", types={kind: "standby"})
    decisions = decide(nodes(ASLEEP), job)
    assert [one.job_id for one in decisions.launches] == [1]
    assert decisions.energy.wake == ()


def test_a_node_that_wakes_up_is_not_woken_again() -> None:
    orders = {"node1": NodeOrders(woken_at=NOW - 5, is_waking=True)}
    assert woken(nodes(ASLEEP), ONE_NODE, orders=orders) == ()


def test_a_node_that_was_asked_to_be_alive_is_not_woken() -> None:
    assert woken(nodes(ASLEEP, next_state="Alive"), ONE_NODE) == ()


@pytest.mark.parametrize(("start_s", "wakes"), [(30, True), (31, False)])
def test_a_node_is_woken_its_wake_up_time_before_the_job_starts(start_s: int, wakes: bool) -> None:
    running = (make_running(7, [1, 2], NOW - 100, 100 + start_s),)
    job = make_waiting(1, "nodes=2,walltime=0:1:0")
    decisions = decide(nodes(NodeState.ALIVE, ASLEEP), job, running=running)
    assert decisions.energy.wake == (("node2",) if wakes else ())


def test_the_next_round_is_asked_for_when_a_node_will_have_to_be_woken() -> None:
    running = (make_running(7, [1, 2], NOW - 100, 100 + 500),)
    job = make_waiting(1, "nodes=2,walltime=0:1:0")
    decisions = decide(nodes(NodeState.ALIVE, ASLEEP), job, running=running)
    assert decisions.next_date == NOW + 500 - 30


def test_the_next_round_is_asked_for_when_a_node_will_have_been_idle_for_long_enough() -> None:
    assert decide(nodes(NodeState.ALIVE, last_job=NOW - 10)).next_date == NOW - 10 + 30 + 1


# ---- what is planned on nodes that sleep -------------------------------------------------------------------


def test_a_job_on_a_node_that_sleeps_is_planned_when_it_can_be_awake() -> None:
    decisions = decide(nodes(ASLEEP), ONE_NODE)
    assert starts(decisions) == [(30, "1-2")]
    assert decisions.told[ONE_NODE.job_id].reason.endswith("when node1 has woken up")


def test_the_prediction_stays_when_time_passes_after_the_node_was_asked_to_wake_up() -> None:
    orders = {"node1": NodeOrders(woken_at=NOW - 20, is_waking=True)}
    assert starts(decide(nodes(ASLEEP), ONE_NODE, orders=orders)) == [(10, "1-2")]


def test_a_node_that_is_late_is_expected_at_any_moment() -> None:
    orders = {"node1": NodeOrders(woken_at=NOW - 300, is_waking=True)}
    decisions = decide(nodes(ASLEEP), ONE_NODE, orders=orders)
    assert (starts(decisions), decisions.launches) == ([(0, "1-2")], ())


def test_a_node_that_was_just_halted_is_down_before_it_wakes_up() -> None:
    orders = {"node1": NodeOrders(halted_at=NOW - 4)}
    decisions = decide(nodes(ASLEEP), ONE_NODE, orders=orders)
    assert (starts(decisions), decisions.energy.wake) == ([(6 + 30, "1-2")], ("node1",))


def test_a_job_takes_nodes_that_are_alive_before_it_wakes_others() -> None:
    decisions = decide(nodes(ASLEEP, NodeState.ALIVE), ONE_NODE)
    assert (starts(decisions), decisions.energy.wake) == ([(0, "3-4")], ())


def test_a_job_waits_for_a_node_that_is_free_before_another_has_woken_up() -> None:
    running = (make_running(7, [3, 4], NOW - 100, 100 + 20),)
    decisions = decide(nodes(ASLEEP, NodeState.ALIVE), ONE_NODE, running=running)
    assert (starts(decisions), decisions.energy.wake) == ([(20, "3-4")], ())


def test_a_job_of_several_nodes_wakes_only_those_that_sleep() -> None:
    job = make_waiting(1, "nodes=2,walltime=0:1:0")
    decisions = decide(nodes(NodeState.ALIVE, ASLEEP, ASLEEP), job)
    assert (starts(decisions), decisions.energy.wake) == ([(30, "1-4")], ("node2",))


# ---- pools -------------------------------------------------------------------------------------------------


def pools(*least: int) -> EnergyRules:
    """Let so many nodes stay awake of each condition c1, c2..."""
    return replace(RULES, pools=tuple((f"c{number}", count) for number, count in enumerate(least, 1)))


def test_m30_a_pool_with_too_few_nodes_awake_has_one_woken() -> None:
    found = decide(
        nodes(NodeState.ALIVE, NodeState.ALIVE, ASLEEP, ASLEEP),
        rules=pools(3),
        filters={"c1": ProcSet((1, 8))},
    )
    assert (found.energy.wake, found.energy.halt) == (("node3",), ())


def test_m31_a_node_that_its_pool_needs_is_not_halted() -> None:
    found = halted(nodes(*ALL_ALIVE), rules=pools(2), filters={"c1": ProcSet((1, 6))})
    assert found == ("node3",)


def test_a_node_of_two_pools_counts_in_both() -> None:
    states = NodeState.ALIVE, ASLEEP, ASLEEP
    filters = {"c1": ProcSet((1, 4)), "c2": ProcSet((3, 6))}
    assert woken(nodes(*states), rules=pools(2, 1), filters=filters) == ("node2",)


def test_a_busy_node_does_not_count_for_its_pool() -> None:
    running = (make_running(7, [1], NOW - 100, 3600),)
    found = woken(
        nodes(NodeState.ALIVE, ASLEEP), rules=pools(1), filters={"c1": ProcSet((1, 4))}, running=running
    )
    assert found == ("node2",)


def test_a_node_that_wakes_up_counts_for_its_pool_already() -> None:
    orders = {"node1": NodeOrders(woken_at=NOW - 5, is_waking=True)}
    assert woken(nodes(ASLEEP, ASLEEP), rules=pools(1), filters={"c1": ProcSet((1, 4))}, orders=orders) == ()


def test_a_pool_whose_condition_the_database_refused_is_empty() -> None:
    assert halted(nodes(NodeState.ALIVE), rules=pools(1)) == ("node1",)
