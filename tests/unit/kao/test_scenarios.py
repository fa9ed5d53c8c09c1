"""Numbered scenarios of the specification on whole rounds, of which a database has nothing to tell."""

from dataclasses import replace
from datetime import UTC

import pytest
from procset import ProcSet

from oar.core.job import JobId, NeverFits, NoRoom, RequiredJob, Resource, Told, WaitingJob
from oar.core.states import JobState, NodeState
from oar.kamelot import Platform, Rules
from oar.kamelot.quotas.read import read_quotas
from oar.kao.external.program import run_program
from oar.kao.extra import Changes
from oar.kao.extra.view import changed_resource, checked, view_of
from oar.kao.model import Decisions, QueueView, SiteQuotas, World
from oar.kao.round import run_round
from oar.kao.stretches import Halted, decide_in_stretches
from oar.testing import make_resources, make_running, make_waiting, make_world

RULES = Rules(security_time_s=60)
MINUTE = "walltime=0:1:0"
FIVE = make_resources()[:5]
"""Nodes of two, two and one, as most scenarios have them."""


def decide(world: World) -> Decisions:
    decisions = run_round(world, RULES, check_plan=True)
    assert decisions.flaws == ()
    return decisions


def launched(decisions: Decisions) -> list[int]:
    return [one.job_id for one in decisions.launches]


def later(decisions: Decisions) -> dict[int, int]:
    """How many seconds from now each job is planned."""
    return {one.job_id: one.start_time - 1000 for one in decisions.plan}


def test_p4_of_five_jobs_on_two_of_five_resources_two_start_and_three_are_planned() -> None:
    jobs = [make_waiting(number, f"resource_id=2,{MINUTE}") for number in range(1, 6)]
    decisions = decide(make_world(*jobs, resources=make_resources(nodes=1, cores=5)))
    assert launched(decisions) == [1, 2]
    assert later(decisions) == {1: 0, 2: 0, 3: 120, 4: 120, 5: 240}


def test_p5_a_job_on_four_of_five_resources_starts() -> None:
    assert launched(decide(make_world(make_waiting(1, f"resource_id=4,{MINUTE}"), resources=FIVE))) == [1]


def on(job_id: int, node: str, in_braces: bool) -> WaitingJob:
    condition = f"network_address='{node}'"
    if in_braces:
        return make_waiting(job_id, f"{{{condition}}}/resource_id=2,{MINUTE}")
    return replace(make_waiting(job_id, f"resource_id=2,{MINUTE}"), properties=condition)


def on_nodes(*jobs: WaitingJob) -> World:
    filters = {f"network_address='node{n}'": ProcSet((2 * n - 1, 2 * n)) for n in (1, 2)}
    return replace(make_world(*jobs), platform=Platform(FIVE, filters))


@pytest.mark.parametrize("in_braces", [True, False])
def test_p8_two_jobs_of_one_node_start_one_after_the_other_and_on_two_nodes_together(in_braces: bool) -> None:
    same = decide(on_nodes(on(1, "node1", in_braces), on(2, "node1", in_braces)))
    other = decide(on_nodes(on(1, "node1", in_braces), on(2, "node2", in_braces)))
    assert (later(same), later(other)) == ({1: 0, 2: 120}, {1: 0, 2: 0})


def test_p8_a_job_whose_condition_and_filter_contradict_is_never_placed() -> None:
    job = replace(on(1, "node1", in_braces=True), properties="network_address='node2'")
    assert isinstance(decide(on_nodes(job)).outcomes[JobId(1)], NeverFits)


def test_p9_a_job_that_needs_an_absent_resource_waits() -> None:
    *alive, last = make_resources(nodes=1, cores=6)
    resources = (*alive, replace(last, state=NodeState.ABSENT))
    decisions = decide(make_world(make_waiting(1, f"resource_id=6,{MINUTE}"), resources=resources))
    assert (launched(decisions), decisions.plan) == ([], ())
    assert decisions.told[JobId(1)].reason == "asks for 6 resource_id, 5 are usable now"


def test_p10_ordinary_jobs_get_no_token() -> None:
    resources = make_resources(nodes=1, cores=11)
    tokens = tuple(replace(one, node="", type="token") for one in resources[:2])
    platform = Platform((*tokens, *resources[2:]), {"type = 'default'": ProcSet((3, 11))})
    jobs = [make_waiting(number, f"{{type = 'default'}}/resource_id=2,{MINUTE}") for number in range(1, 6)]
    decisions = decide(replace(make_world(*jobs), platform=platform))
    assert [str(one.resources) for one in decisions.plan] == ["3-4", "5-6", "7-8", "9-10", "3-4"]


def test_p13_one_round_plans_every_job_of_a_heavy_load() -> None:
    forms = (
        ("resource_id=1,walltime=0:10:0",),
        ("network_address=1,walltime=0:30:0",),
        ("network_address=2/resource_id=1,walltime=1:0:0",),
        ("resource_id=5,walltime=0:1:0",),
        ("network_address=3,walltime=2:0:0", "resource_id=2,walltime=0:20:0"),
        ("resource_id=ALL,walltime=0:5:0",),
    )
    jobs = [make_waiting(number, *forms[number % len(forms)]) for number in range(1, 55)]
    assert len(decide(make_world(*jobs, resources=FIVE)).plan) == 54


def by(user: str, job: WaitingJob, **types: str) -> WaitingJob:
    return replace(job, user=user, types=types)


def test_t2_jobs_that_share_with_their_user_start_together_only_with_these() -> None:
    def pair(kind: str) -> dict[int, int]:
        jobs = (
            by(user, make_waiting(number, f"resource_id=4,{MINUTE}"), timesharing=kind)
            for number, user in ((1, "toto"), (2, "titi"))
        )
        return later(decide(make_world(*jobs, resources=FIVE)))

    assert (pair("user,*"), pair("*,*")) == ({1: 0, 2: 120}, {1: 0, 2: 0})


def test_t6_a_placeholder_of_another_name_is_waited_for() -> None:
    placeholder = by("alice", make_waiting(1, f"resource_id=4,{MINUTE}"), placeholder="yop")
    allowed = by("alice", make_waiting(2, f"resource_id=4,{MINUTE}"), allow="poy")
    assert later(decide(make_world(placeholder, allowed, resources=FIVE))) == {1: 0, 2: 120}


def limited(world: World, text: str) -> World:
    quotas = read_quotas(text, "quotas.json", len(world.platform.resources), UTC)
    return replace(world, quotas=SiteQuotas(quotas, 10**8, 10**7))


def test_q9_one_job_a_queue_and_its_hours_hold_back_those_after_it() -> None:
    walltimes = ((1, "0:1:40"), (2, "0:3:20"), (3, "0:3:20"))
    jobs = [make_waiting(number, f"resource_id=1,walltime={text}") for number, text in walltimes]
    rules = '{"quotas": {"*,*,*,/": [-1, -1, -1], "/,*,*,*": [-1, 1, 5]}}'
    decisions = decide(limited(make_world(*jobs, resources=FIVE), rules))
    assert later(decisions) == {1: 0, 2: 160, 3: 420}


def test_r14_an_interactive_job_behind_another_waits_and_is_told_when_it_starts() -> None:
    passive, interactive = (make_waiting(number, f"resource_id=4,{MINUTE}") for number in (1, 2))
    decisions = decide(make_world(passive, replace(interactive, interactive=True), resources=FIVE))
    assert (launched(decisions), later(decisions)[2]) == ([1], 120)
    assert decisions.told[JobId(2)].message == "R=4,W=0:1:0,J=I"
    assert decisions.told[JobId(2)].reason.endswith("when job 1 frees node1 and node2")


def test_r17_a_program_that_is_not_there_is_a_failure_in_words() -> None:
    heard: list[str] = []
    ended = run_program(("/nowhere/scheduler", "default"), {}, 5, out=heard.append, err=heard.append)
    assert (ended.code, heard) == (None, [])
    assert ended.failure == "cannot be run: /nowhere/scheduler: No such file or directory"


def test_r17_the_queue_whose_program_is_missing_loses_the_round_and_no_other_does() -> None:
    queues = (QueueView("theirs", 5, True, "missing"), QueueView("default", 2, True))
    world = make_world(make_waiting(1, queue="theirs"), make_waiting(2), queues=queues)

    def fail(halted: Halted) -> tuple[World, dict[JobId, Told]]:
        words = "the scheduler missing of its queue cannot be run"
        settled = {"theirs": {JobId(1): NoRoom(JobId(1), words)}}
        return replace(halted.world, settled=settled), {JobId(1): Told("", words)}

    _, decisions = decide_in_stretches(world, decide, {"theirs": [fail]})
    assert launched(decisions) == [2]
    assert decisions.told[JobId(1)].reason == "the scheduler missing of its queue cannot be run"


def test_r18_a_property_set_before_the_first_group_counts_in_this_round() -> None:
    def values(resources: tuple[Resource, ...]) -> Platform:
        of = {"YES": ProcSet(), "FOO": ProcSet()}
        for one in resources:
            of.setdefault(str(one.properties["deploy"]), ProcSet()).insert(one.resource_id)
        return Platform(resources, {f"deploy='{value}'": of[value] for value in ("YES", "FOO")})

    def step(halted: Halted) -> tuple[World, dict[JobId, Told]]:
        view = view_of(halted, "1")
        changes = checked(Changes(properties={int(view.config): {"deploy": "YES"}}), view)
        changed = tuple(changed_resource(one, changes.properties) for one in view.resources)
        return replace(halted.world, platform=values(changed)), {}

    resources = tuple(replace(one, properties={**one.properties, "deploy": "NO"}) for one in FIVE)
    conditions = ("deploy='YES'", "deploy='FOO'", "")
    jobs = [replace(make_waiting(number), properties=text) for number, text in enumerate(conditions, start=1)]
    world = replace(make_world(*jobs), platform=values(resources))
    assert launched(decide(world)) == [3]
    _, decisions = decide_in_stretches(world, decide, {"admin": [step]})
    assert launched(decisions) == [1, 3]


def test_d5_a_job_starts_after_the_running_one_that_it_depends_on() -> None:
    world = make_world(
        make_waiting(2, dependencies=[1]),
        running=(make_running(1, [1], 900, 600),),
        required={JobId(1): RequiredJob(JobState.RUNNING)},
    )
    assert later(decide(world)) == {2: 900 + 600 + 2 * 60 - 1000}
