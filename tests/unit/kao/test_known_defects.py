"""What went wrong in OAR 2 or OAR 3, so that it does not go wrong here: whole rounds, a defect each."""

from dataclasses import replace
from datetime import UTC

import pytest
from procset import ProcSet

from oar.core.job import (
    Assignment,
    JobId,
    MoldableId,
    NeverFits,
    NoRoom,
    RequiredJob,
    Resource,
    ResourceId,
    RunningJob,
)
from oar.core.states import JobState, NodeState, ReservationState
from oar.kamelot import Platform, Rules
from oar.kamelot.quotas.read import read_quotas
from oar.kao.model import Decisions, SiteQuotas, World
from oar.kao.round import run_round
from oar.testing import make_resources, make_running, make_waiting, make_world

RULES = Rules(security_time_s=60)
NOW = 1000
FAR = 2**31 - 10


def decide(world: World) -> Decisions:
    decisions = run_round(world, RULES, check_plan=True)
    assert decisions.flaws == ()
    return decisions


def launched(decisions: Decisions) -> dict[int, str]:
    return {one.job_id: str(one.resources) for one in decisions.launches}


def suspended(job_id: int, resources: list[int]) -> RunningJob:
    return replace(make_running(job_id, resources, 900, 9000), state=JobState.SUSPENDED)


def test_every_suspended_job_leaves_its_resources_not_only_the_last_of_them() -> None:
    running = (suspended(7, [1, 2]), suspended(8, [3, 4]), suspended(9, [5, 6]))
    decisions = decide(make_world(make_waiting(10, "nodes=3"), running=running))
    assert launched(decisions) == {10: "1-6"}
    assert decisions.beside == {JobId(10): frozenset({7, 8, 9})}


def test_a_job_that_shares_is_not_planned_across_a_time_in_which_all_is_taken() -> None:
    """An empty intersection is empty, and does not begin anew with what is free afterwards."""
    reserved = replace(
        make_waiting(50, "resource_id=6"), reservation=ReservationState.SCHEDULED, start_time=NOW + 100
    )
    place = Assignment(JobId(50), MoldableId(500), NOW + 100, 100, ProcSet((1, 6)))
    job = make_waiting(1, "nodes=1,walltime=0:5:0", types={"timesharing": "*,*"})
    decisions = decide(replace(make_world(job), fixed=((place, reserved),)))
    assert decisions.outcomes[JobId(1)] == Assignment(
        JobId(1), MoldableId(10), NOW + 100 + 100 + 60, 300, ProcSet((1, 2))
    )


def far_resources() -> tuple[Resource, ...]:
    """Resources with the greatest ids that a database can give."""
    return tuple(
        replace(
            one,
            resource_id=ResourceId(FAR + one.resource_id),
            properties={**one.properties, "resource_id": FAR + one.resource_id},
        )
        for one in make_resources()
    )


def test_resources_with_ids_beyond_100000_are_planned_and_given_like_any() -> None:
    running = make_running(9, [FAR + 1, FAR + 2], 900, 700)
    jobs = [make_waiting(number, "nodes=2,walltime=0:1:0") for number in (1, 2)]
    decisions = decide(make_world(*jobs, running=(running,), resources=far_resources()))
    assert launched(decisions) == {1: f"{FAR + 3}-{FAR + 6}"}
    assert [(one.job_id, str(one.resources)) for one in decisions.plan] == [
        (1, f"{FAR + 3}-{FAR + 6}"),
        (2, f"{FAR + 3}-{FAR + 6}"),
    ]


def test_besteffort_jobs_leave_resources_with_ids_beyond_100000_too() -> None:
    running = make_running(9, [FAR + 5], 900, 9000, types={"besteffort": ""})
    decisions = decide(make_world(make_waiting(1, "nodes=3"), running=(running,), resources=far_resources()))
    assert decisions.evictions == (9,)


def with_node(state: NodeState, condition: str, selected: ProcSet) -> World:
    """Node 2 is in this state; a job asks for two resources of those that a condition selects."""
    job = replace(make_waiting(1, "resource_id=2"), properties=condition)
    resources = make_resources(states={"node2": state})
    return replace(make_world(job), platform=Platform(resources, {condition: selected}))


@pytest.mark.parametrize(("state", "outcome"), [(NodeState.DEAD, NeverFits), (NodeState.SUSPECTED, NoRoom)])
@pytest.mark.parametrize("selected", [ProcSet(3, 4), ProcSet(3, 5), ProcSet(4, 6, 99)])
def test_a_condition_that_selects_dead_or_suspected_resources_does_not_add_the_first_ones(
    state: NodeState, outcome: type, selected: ProcSet
) -> None:
    found = decide(with_node(state, "network_address like 'n%'", selected)).outcomes[JobId(1)]
    assert type(found) is outcome


@pytest.mark.parametrize("state", [NodeState.DEAD, NodeState.SUSPECTED, NodeState.ABSENT])
def test_a_job_that_runs_on_lost_nodes_does_not_take_the_first_resources_instead(state: NodeState) -> None:
    running = make_running(7, [3, 4], 900, 9000)
    resources = make_resources(states={"node2": state})
    world = make_world(make_waiting(1, "nodes=2"), running=(running,), resources=resources)
    assert launched(decide(world)) == {1: "1-2 5-6"}


def test_a_job_that_runs_on_resources_that_were_removed_takes_nothing_else() -> None:
    running = make_running(7, [40, 41], 900, 9000)
    assert launched(decide(make_world(make_waiting(1, "nodes=3"), running=(running,)))) == {1: "1-6"}


def limited(text: str) -> SiteQuotas:
    return SiteQuotas(read_quotas(text, "quotas.json", 6, UTC), 10**8, 10**7)


def test_job_types_of_a_file_of_quotas_that_was_read_before_are_forgotten() -> None:
    rule = '"quotas": {"*,*,yop,*": [-1, 1, -1]}'
    before = limited(f'{{{rule}, "job_types": ["yop"]}}')
    after = limited(f'{{{rule}, "job_types": ["other"]}}')
    jobs = [make_waiting(number, types={"yop": ""}) for number in (1, 2)]
    world = make_world(*jobs)
    assert len(launched(decide(replace(world, quotas=before)))) == 1
    assert len(launched(decide(replace(world, quotas=after)))) == 2


def test_every_type_of_a_job_is_looked_at_by_quotas_not_only_the_first() -> None:
    quotas = limited('{"quotas": {"*,*,late,*": [-1, 1, -1]}, "job_types": ["early", "late"]}')
    jobs = [make_waiting(number, types={"early": "", "late": ""}) for number in (1, 2)]
    assert len(launched(decide(replace(make_world(*jobs), quotas=quotas)))) == 1


def test_work_of_a_job_across_many_slots_counts_once_for_quotas() -> None:
    """Two jobs that begin in between cut its time into pieces; each piece does not count anew."""
    quotas = limited('{"quotas": {"*,*,*,alice": [-1, -1, 3]}}')
    running = (make_running(7, [1], NOW, 3600), make_running(8, [2], NOW, 1200))
    short = replace(make_running(9, [3], NOW, 2400), user="bob")
    job = make_waiting(1, "resource_id=1,walltime=1")
    decisions = decide(replace(make_world(job, running=(*running, short)), quotas=quotas))
    assert launched(decisions) == {1: "4"}  # 1 h and 20 min run, and 1 h is asked for


def test_no_job_is_planned_on_the_last_second_of_another() -> None:
    running = make_running(7, range(1, 7), 900, 700)
    rules = Rules(security_time_s=0)
    decisions = run_round(make_world(make_waiting(1, "nodes=3"), running=(running,)), rules, check_plan=True)
    assert (decisions.plan[0].start_time, decisions.flaws) == (900 + 700, ())


def test_a_dependent_job_starts_in_the_middle_of_a_hole_and_not_at_its_begin() -> None:
    """Two running jobs make the hole begin before the end of the one that is waited for."""
    running = (make_running(7, [1, 2, 3, 4], 900, 400), make_running(8, [5, 6], 900, 777))
    first = make_waiting(1, "nodes=1,walltime=0:10:0", dependencies=[8])
    world = make_world(first, running=running)
    world = replace(world, required={JobId(8): RequiredJob(JobState.RUNNING)})
    assert decide(world).plan[0].start_time == 900 + 777 + 2 * 60
