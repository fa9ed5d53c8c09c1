"""Words about what holds a job that come from the round and from questions about its plan alike."""

from dataclasses import replace
from functools import partial

from oar.core.energy import EnergyRules
from oar.core.job import JobId
from oar.core.states import NodeState
from oar.kamelot import Rules
from oar.kao.model import USUAL_CHOICES, QueueView, SiteChoices, World
from oar.kao.order import BY_POLICY
from oar.kao.round import run_round
from oar.kao.whatif import Forecast, Practice, forecast
from oar.testing import make_resources, make_running, make_waiting, make_world

RULES = Rules(security_time_s=60)
STRICT = (QueueView("default", 2, True, "kamelot_fifo"),)


def ask(world: World, choices: SiteChoices = USUAL_CHOICES, rules: Rules = RULES) -> Forecast:
    practice = Practice(partial(run_round, rules=rules, choices=choices), rules, choices, BY_POLICY)
    return forecast(world, world.waiting[0], practice)


def behind_a_running_job() -> World:
    running = make_running(7, [1, 2], 900, 7200)
    return make_world(make_waiting(1, "nodes=3"), running=(running,), queues=STRICT)


def test_the_first_job_of_a_queue_of_strict_order_is_told_the_same_while_time_passes() -> None:
    world = behind_a_running_job()
    told = run_round(world, RULES).told
    assert told[JobId(1)].reason == "what it asks for is not free now for as long as it takes"
    assert run_round(replace(world, now=1060, told=told), RULES).told == {}


def test_what_holds_the_first_job_of_a_queue_of_strict_order_is_named_and_until_when() -> None:
    answer = ask(behind_a_running_job())
    assert answer.cause is not None and answer.cause.obstacle is not None
    assert answer.cause.obstacle.jobs == (7,)
    assert "job 7 holds node1 until 8160" in answer.cause.words()


def test_nodes_that_have_to_wake_up_are_named_and_until_when() -> None:
    resources = make_resources(states={"node3": NodeState.ABSENT})
    energy = EnergyRules(can_halt=True, can_wake=True, idle_s=30, sleep_s=15, wakeup_s=300, halt_s=0)
    rules = replace(RULES, energy_saving=True)
    world = make_world(make_waiting(1, "nodes=3"), resources=resources)
    cause = ask(world, replace(USUAL_CHOICES, energy=energy), rules).cause
    assert cause is not None
    lacking = "asks for 3 network_address, 2 are free all through"
    assert cause.words() == f"cannot start 1000: {lacking}; node3 has woken up by 1300; could start 1300"
