import pytest
from sqlalchemy import Connection, update

from oar.core.states import JobState, NodeState
from oar.db.node_moves import NodeChange, NodeChanges, apply_node_requests, suspect_nodes
from oar.db.tables_resources import ResourceRow
from tests.integration.life.build import add_job, add_node, resource_row, state_history

pytestmark = pytest.mark.integration


def request(connection: Connection, node: str, state: NodeState, by_checker: str = "NO") -> None:
    connection.execute(
        update(ResourceRow)
        .where(ResourceRow.network_address == node)
        .values(next_state=state, next_finaud_decision=by_checker)
    )


def standing(connection: Connection, resource_id: int) -> tuple[str, str]:
    row = resource_row(connection, resource_id)
    return row.state, row.finaud_decision


def test_m1_nothing_asked_for_changes_nothing(connection):
    add_node(connection, "n1")
    assert apply_node_requests(connection, 2000) == NodeChanges()


def test_m15_a_request_becomes_the_state_with_its_history(connection):
    (resource,) = add_node(connection, "n1")
    request(connection, "n1", NodeState.SUSPECTED)
    changes = apply_node_requests(connection, 2000)
    row = resource_row(connection, resource)
    assert changes.changes == (NodeChange(resource, "n1", NodeState.SUSPECTED),)
    assert (row.state, row.state_num, row.next_state) == ("Suspected", 3, "UnChanged")
    assert state_history(connection, resource) == [("Alive", 1, 2000), ("Suspected", 2000, 0)]


def test_a_request_is_carried_out_once(connection):
    add_node(connection, "n1")
    request(connection, "n1", NodeState.ABSENT)
    apply_node_requests(connection, 2000)
    assert apply_node_requests(connection, 2001) == NodeChanges()


def test_a_request_for_the_present_state_is_no_change(connection):
    (resource,) = add_node(connection, "n1")
    request(connection, "n1", NodeState.ALIVE)
    assert apply_node_requests(connection, 2000) == NodeChanges()
    assert resource_row(connection, resource).next_state == "UnChanged"
    assert state_history(connection, resource) == [("Alive", 1, 0)]


def test_m16_a_free_node_dies_alone(connection):
    add_node(connection, "n1")
    request(connection, "n1", NodeState.DEAD)
    changes = apply_node_requests(connection, 2000)
    assert (len(changes.changes), changes.jobs_to_kill) == (1, ())


@pytest.mark.parametrize("state", [NodeState.DEAD, NodeState.ABSENT])
def test_m16_a_node_that_leaves_takes_its_jobs_with_it(connection, state):
    resources = add_node(connection, "n1")
    job = add_job(connection, JobState.RUNNING, resources=resources)
    request(connection, "n1", state)
    assert apply_node_requests(connection, 2000).jobs_to_kill == (job,)


def test_m17_cosystem_and_noop_jobs_stay(connection):
    resources = add_node(connection, "n1", 5)
    plain = add_job(connection, JobState.RUNNING, resources=resources[:2])
    for word, held in (
        ("cosystem", resources[2:3]),
        ("noop", resources[3:4]),
        ("noop=standby", resources[4:]),
    ):
        add_job(connection, JobState.RUNNING, resources=held, types=(word,))
    request(connection, "n1", NodeState.DEAD)
    assert apply_node_requests(connection, 2000).jobs_to_kill == (plain,)


def test_jobs_elsewhere_and_ended_jobs_stay(connection):
    (here,), (there,) = add_node(connection, "n1"), add_node(connection, "n2")
    add_job(connection, JobState.RUNNING, resources=[there])
    add_job(connection, JobState.TERMINATED, resources=[here])
    request(connection, "n1", NodeState.DEAD)
    assert apply_node_requests(connection, 2000).jobs_to_kill == ()


def test_a_suspicion_kills_no_job(connection):
    resources = add_node(connection, "n1")
    add_job(connection, JobState.RUNNING, resources=resources)
    assert suspect_nodes(connection, ["n1"], False, 2000).jobs_to_kill == ()


def test_all_alive_resources_of_a_node_are_suspected(connection):
    first, second = add_node(connection, "n1", 2)
    (gone,) = add_node(connection, "n1", state=NodeState.ABSENT)
    (other,) = add_node(connection, "n2")
    changes = suspect_nodes(connection, ["n1", "n1"], False, 2000)
    assert [change.resource_id for change in changes.of_state(NodeState.SUSPECTED)] == [first, second]
    assert [standing(connection, one)[0] for one in (gone, other)] == ["Absent", "Alive"]


def test_the_checker_heals_what_it_suspected(connection):
    (resource,) = add_node(connection, "n1")
    suspect_nodes(connection, ["n1"], True, 2000)
    assert standing(connection, resource) == ("Suspected", "YES")
    request(connection, "n1", NodeState.ALIVE, by_checker="YES")
    apply_node_requests(connection, 2001)
    assert standing(connection, resource) == ("Alive", "NO")


def test_trouble_with_a_job_pins_a_suspicion_of_the_checker(connection):
    (resource,) = add_node(connection, "n1")
    suspect_nodes(connection, ["n1"], True, 2000)
    suspect_nodes(connection, ["n1"], False, 2001)
    assert standing(connection, resource) == ("Suspected", "NO")


def test_the_checker_does_not_heal_what_a_job_condemned(connection):
    (resource,) = add_node(connection, "n1")
    suspect_nodes(connection, ["n1"], False, 2000)
    request(connection, "n1", NodeState.ALIVE, by_checker="YES")
    assert apply_node_requests(connection, 2001) == NodeChanges()
    assert standing(connection, resource) == ("Suspected", "NO")


def test_the_checker_does_not_suspect_a_node_that_was_halted_meanwhile(connection):
    (resource,) = add_node(connection, "n1", state=NodeState.ABSENT)
    request(connection, "n1", NodeState.SUSPECTED, by_checker="YES")
    apply_node_requests(connection, 2000)
    assert standing(connection, resource) == ("Absent", "NO")


def test_an_administrator_heals_every_suspicion(connection):
    (resource,) = add_node(connection, "n1")
    suspect_nodes(connection, ["n1"], False, 2000)
    request(connection, "n1", NodeState.ALIVE)
    apply_node_requests(connection, 2001)
    assert standing(connection, resource) == ("Alive", "NO")
