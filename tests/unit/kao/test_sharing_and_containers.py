"""Which jobs start beside others, in a container, or in place of besteffort jobs."""

from dataclasses import replace

import pytest
from procset import ProcSet

from oar.core.job import Container, JobId, NoRoom, RequiredJob
from oar.core.states import JobState, NodeState
from oar.kamelot import Rules
from oar.kao.model import Decisions, QueueView, SiteChoices, World
from oar.kao.queue_plan import queue_groups
from oar.kao.round import run_round
from oar.testing import make_resources, make_running, make_waiting, make_world

RULES = Rules(security_time_s=60)
BESTEFFORT = {"besteffort": ""}
EVERYBODY = {"timesharing": "*,*"}
ALL = range(1, 7)


def decide(world: World, choices: SiteChoices | None = None) -> Decisions:
    decisions = run_round(world, RULES, choices or SiteChoices(), check_plan=True)
    assert decisions.flaws == ()
    return decisions


def launched(decisions: Decisions) -> list[int]:
    return [one.job_id for one in decisions.launches]


def test_a_job_that_shares_starts_beside_a_running_one_and_is_allowed_to() -> None:
    running = make_running(7, ALL, 900, 9000, types=EVERYBODY)
    decisions = decide(make_world(make_waiting(8, "nodes=3", types=EVERYBODY), running=(running,)))
    assert (launched(decisions), decisions.beside) == ([8], {JobId(8): frozenset({7})})


def test_jobs_that_share_and_start_together_may_be_beside_one_another() -> None:
    world = make_world(*(make_waiting(number, "nodes=3", types=EVERYBODY) for number in (1, 2)))
    decisions = decide(world)
    assert (launched(decisions), decisions.beside) == ([1, 2], {JobId(2): frozenset({1})})


def test_a_job_that_shares_nothing_is_beside_nobody() -> None:
    running = make_running(7, [1, 2], 900, 9000, types=EVERYBODY)
    decisions = decide(make_world(make_waiting(8, "nodes=1", types=EVERYBODY), running=(running,)))
    assert decide(make_world(make_waiting(8, "nodes=1"), running=(running,))).beside == {}
    assert decisions.beside == {JobId(8): frozenset({7})}


def test_a_besteffort_job_that_shares_with_the_starter_lives() -> None:
    besteffort = make_running(7, ALL, 900, 9000, types=BESTEFFORT | EVERYBODY)
    world = make_world(make_waiting(8, "nodes=1", types=EVERYBODY), running=(besteffort,))
    decisions = decide(world)
    assert (launched(decisions), decisions.evictions) == ([8], ())
    assert decisions.beside == {JobId(8): frozenset({7})}


def test_a_besteffort_job_that_shares_otherwise_leaves() -> None:
    besteffort = make_running(7, ALL, 900, 9000, types=BESTEFFORT | {"timesharing": "user,*"})
    world = make_world(make_waiting(8, "nodes=1", types=EVERYBODY), running=(besteffort,))
    assert decide(world).evictions == (7,)


@pytest.mark.parametrize(("name", "evicted"), [("yop", ()), ("other", (7,))])
def test_a_besteffort_placeholder_lives_when_the_starter_is_allowed_on_it(
    name: str, evicted: tuple[int, ...]
) -> None:
    placeholder = make_running(7, ALL, 900, 9000, types=BESTEFFORT | {"placeholder": "yop"})
    decisions = decide(make_world(make_waiting(8, types={"allowed": name}), running=(placeholder,)))
    assert decisions.evictions == evicted


def test_jobs_of_the_queue_besteffort_do_not_evict_one_another() -> None:
    running = make_running(7, ALL, 900, 9000, types=BESTEFFORT)
    for types in (BESTEFFORT, {}):
        world = make_world(make_waiting(8, queue="besteffort", types=types), running=(running,))
        decisions = decide(world)
        assert (decisions.evictions, launched(decisions)) == ((), [])


def test_a_job_that_waits_for_an_eviction_is_told_so() -> None:
    running = make_running(7, ALL, 900, 9000, types=BESTEFFORT)
    told = decide(make_world(make_waiting(8), running=(running,))).told
    assert told[JobId(8)].reason == "starts as soon as it has the resources of besteffort job 7"


def test_a_job_that_was_told_why_it_is_held_back_is_not_told_again() -> None:
    running = make_running(7, ALL, 900, 9000, types=BESTEFFORT)
    world = make_world(make_waiting(8), running=(running,))
    assert decide(replace(world, told=decide(world).told)).told == {}


def test_the_queue_besteffort_comes_last_and_alone_whatever_its_priority() -> None:
    queues = [QueueView(name, 5, True) for name in ("besteffort", "default")] + [QueueView("low", 1, True)]
    assert [[one.name for one in group] for group in queue_groups(queues)] == [
        ["default"],
        ["low"],
        ["besteffort"],
    ]


def test_an_inner_job_does_not_start_with_its_container() -> None:
    container = make_waiting(1, "nodes=2,walltime=1", types={"container": ""})
    inner = make_waiting(2, "nodes=1,walltime=0:10:0", types={"inner": "1"})
    decisions = decide(make_world(container, inner))
    assert launched(decisions) == [1]
    assert decisions.told[JobId(2)].reason == "starts as soon as its container, 1, runs"


def test_an_inner_job_starts_when_its_container_runs() -> None:
    container = make_running(1, [1, 2, 3, 4], 990, 9000, types={"container": "box"})
    decisions = decide(make_world(make_waiting(2, "nodes=1", types={"inner": "box"}), running=(container,)))
    assert (launched(decisions), decisions.beside) == ([2], {JobId(2): frozenset({1})})


@pytest.mark.parametrize("state", [JobState.TO_LAUNCH, JobState.LAUNCHING])
def test_an_inner_job_waits_while_its_container_is_launched(state: JobState) -> None:
    container = replace(make_running(1, [1, 2], 990, 9000, types={"container": ""}), state=state)
    inner = make_waiting(2, types={"inner": "1"})
    assert launched(decide(make_world(inner, running=(container,)))) == []


def test_c9_an_inner_job_on_two_containers_of_one_name_waits_for_both() -> None:
    first = make_running(1, [1, 2], 990, 9000, types={"container": "box"})
    second = replace(make_running(3, [3, 4], 990, 9000, types={"container": "box"}), state=JobState.LAUNCHING)
    small, large = (make_waiting(4 + n, f"nodes={n}", types={"inner": "box"}) for n in (1, 2))
    assert launched(decide(make_world(small, running=(first, second)))) == [5]
    assert launched(decide(make_world(large, running=(first, second)))) == []


def test_an_inner_job_does_not_evict_the_besteffort_container_around_it() -> None:
    container = make_running(1, ALL, 990, 9000, types=BESTEFFORT | {"container": ""})
    outer = replace(make_waiting(2, types={"inner": "1"}), queue="besteffort")
    decisions = decide(make_world(outer, running=(container,)))
    assert (launched(decisions), decisions.evictions) == ([2], ())


def test_a_container_in_another_queue_that_is_not_planned_yet_is_named() -> None:
    container = make_waiting(1, "nodes=2", types={"container": ""})
    inner = make_waiting(2, queue="admin", types={"inner": "1"})
    decisions = decide(make_world(container, inner))
    words = "container 1 is yet to be scheduled in queue default, inner job not scheduled"
    assert decisions.outcomes[JobId(2)] == NoRoom(JobId(2), words)
    assert decisions.told[JobId(2)].reason == words


def test_an_inner_job_of_a_held_container_is_told_so() -> None:
    world = make_world(make_waiting(2, types={"inner": "1"}))
    held = make_world(make_waiting(1, types={"container": ""})).containers[0]
    world = replace(world, containers=(replace(held, state=JobState.HOLD),))
    assert decide(world).told[JobId(2)].reason == "its container, job 1, is in state Hold"


def permissive(state: NodeState, kind: str) -> Decisions:
    resources = make_resources(nodes=1, states={"node1": state})
    types = {"state": "permissive", kind: ""}
    return decide(make_world(make_waiting(1, "nodes=1", types=types), resources=resources))


@pytest.mark.parametrize("state", [NodeState.ABSENT, NodeState.SUSPECTED])
@pytest.mark.parametrize("kind", ["noop", "cosystem"])
def test_a_permissive_job_that_does_nothing_on_its_nodes_starts_in_any_state(
    kind: str, state: NodeState
) -> None:
    decisions = permissive(state, kind)
    assert (launched(decisions), decisions.in_any_state) == ([1], {1})


def test_a_permissive_job_that_uses_its_nodes_waits_for_them_to_be_alive() -> None:
    decisions = permissive(NodeState.ABSENT, "idempotent")
    assert launched(decisions) == []
    assert decisions.told[JobId(1)].reason == "starts as soon as node1 can be used"


@pytest.mark.parametrize(("upto", "starts"), [(1000 + 60, [1]), (1000 + 59, [])])
def test_a_standby_job_starts_on_a_sleeping_node_that_stays_until_its_end(
    upto: int, starts: list[int]
) -> None:
    sleeping = make_resources(nodes=1, states={"node1": NodeState.ABSENT})
    resources = tuple(replace(one, available_upto=upto) for one in sleeping)
    waiting = make_waiting(1, "nodes=1,walltime=0:1:0", types={"noop": "standby"})
    rules = Rules(security_time_s=0, energy_saving=True)
    decisions = run_round(make_world(waiting, resources=resources), rules)
    assert launched(decisions) == starts


def suspended(**changes: object) -> World:
    running = replace(make_running(7, ALL, 900, 2000), state=JobState.SUSPENDED)
    return make_world(make_waiting(8, "nodes=1"), running=(replace(running, **changes),))  # type: ignore[arg-type]


def test_the_resources_of_a_suspended_job_are_free() -> None:
    decisions = decide(suspended())
    assert (launched(decisions), decisions.beside) == ([8], {JobId(8): frozenset({7})})


def test_a_suspended_job_keeps_resources_of_types_that_are_not_freed() -> None:
    assert launched(decide(suspended(), SiteChoices(freed_types=frozenset({"licence"})))) == []


def test_a_job_that_is_being_resumed_has_all_its_resources() -> None:
    assert launched(decide(suspended(state=JobState.RESUMING))) == []


def test_the_time_of_a_suspension_is_added_to_the_walltime() -> None:
    decisions = decide(suspended(state=JobState.RUNNING, suspended_s=500))
    assert decisions.plan[0].start_time == 900 + 2000 + 500 + 60


def test_a_job_that_depends_on_one_that_was_suspended_waits_that_much_longer() -> None:
    world = suspended(state=JobState.RUNNING, suspended_s=500)
    (waiting,) = world.waiting
    running = replace(world.running[0], resources=ProcSet())
    world = replace(world, waiting=(replace(waiting, dependencies=(JobId(7),)),), running=(running,))
    decisions = decide(replace(world, required={JobId(7): RequiredJob(JobState.RUNNING)}))
    assert decisions.plan[0].start_time == 900 + 2000 + 500 + 2 * 60


@pytest.mark.parametrize("state", [JobState.SUSPENDED, JobState.RESUMING, JobState.FINISHING])
def test_a_container_whose_resources_others_got_while_it_was_suspended_holds_no_job(state: JobState) -> None:
    container = replace(make_running(7, [1, 2, 3, 4], 900, 9000, types={"container": "box"}), state=state)
    on_its_resources = make_running(8, [1, 2], 950, 600)
    inner = make_waiting(9, "resource_id=2,walltime=0:5:0", types={"inner": "box"})
    world = make_world(inner, running=(container, on_its_resources))
    world = replace(world, containers=(Container(JobId(7), "box", "default", state),))
    decisions = decide(world)
    assert decisions.outcomes[JobId(9)] == NoRoom(JobId(9), f"its container, job 7, is in state {state}")


def test_a_nested_container_holds_jobs_while_the_outer_one_is_finishing() -> None:
    outer = replace(
        make_running(7, [1, 2, 3, 4], 900, 9000, types={"container": "box"}), state=JobState.FINISHING
    )
    nested = make_running(8, [1, 2], 900, 9000, types={"container": "small", "inner": "box"})
    inner = make_waiting(9, "resource_id=2,walltime=0:5:0", types={"inner": "small"})
    assert launched(decide(make_world(inner, running=(outer, nested)))) == [9]
