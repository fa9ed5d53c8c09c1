"""Which nodes are checked, what becomes of them, which are offered to the program that heals, which die."""

import pytest
from sqlalchemy import Connection, select, update

from oar.core.events import EventKind
from oar.core.states import JobState, NodeState
from oar.db.events import record
from oar.db.node_checks import nodes_to_check, order_dead, write_check
from oar.db.node_moves import suspect_nodes
from oar.db.notices import open_notices, sick_resources
from oar.db.tables_admin import EventHostnameRow, EventRow
from oar.db.tables_resources import ResourceRow
from tests.integration.life.build import add_job, add_node, resource_row

pytestmark = pytest.mark.integration

SUSPECTED = {"state": NodeState.SUSPECTED, "state_num": 3}
BY_CHECKER = {**SUSPECTED, "finaud_decision": "YES"}


def names(connection: Connection, *, with_jobs: bool = False, repair: bool = True) -> list[str]:
    return [one.node for one in nodes_to_check(connection, with_jobs=with_jobs, repair=repair)]


def state_of(connection: Connection, node: str) -> set[str]:
    return set(connection.scalars(select(ResourceRow.state).where(ResourceRow.network_address == node)))


def incidents(connection: Connection, kind: EventKind) -> list[tuple[str, list[str]]]:
    events = connection.execute(
        select(EventRow.event_id, EventRow.description)
        .where(EventRow.type == kind)
        .order_by(EventRow.event_id)
    ).all()
    hosts = select(EventHostnameRow.hostname).order_by(EventHostnameRow.hostname)
    return [
        (words, list(connection.scalars(hosts.where(EventHostnameRow.event_id == event_id))))
        for event_id, words in events
    ]


def test_nodes_that_are_alive_are_checked_and_those_that_a_check_has_suspected(connection):
    for node, values in {"n1": {}, "n2": BY_CHECKER, "n3": SUSPECTED, "n4": {"state": "Absent"}}.items():
        add_node(connection, node, 2, **values)
    add_node(connection, "", type="licence")
    assert names(connection) == ["n1", "n2"]
    assert names(connection, repair=False) == ["n1"]


@pytest.mark.parametrize(
    "values", [{"next_state": "Absent"}, {"desktop_computing": "YES"}, {"type": "switch"}]
)
def test_what_is_about_to_change_or_is_no_node_of_ours_is_not_checked(connection, values):
    add_node(connection, "n1", **values)
    assert names(connection) == []


@pytest.mark.parametrize("kind", [EventKind.HALT_NODE, EventKind.WAKEUP_NODE])
def test_nodes_with_orders_of_energy_saving_are_not_checked(connection, kind):
    add_node(connection, "n1")
    add_node(connection, "n2")
    record(connection, kind, nodes=["n1"], now=1900, to_check=True)
    assert names(connection) == ["n2"]


def test_nodes_with_jobs_are_checked_when_that_is_asked_for(connection):
    add_node(connection, "n1")
    held = add_node(connection, "n2", 2)
    add_job(connection, JobState.RUNNING, resources=held[1:])
    assert names(connection) == ["n1"]
    assert names(connection, with_jobs=True) == ["n1", "n2"]


def test_a_node_that_does_not_answer_is_suspected_with_an_event(connection):
    add_node(connection, "n1", 2)
    add_node(connection, "n2")
    write_check(connection, {"n1": "no answer"}, [], 2000)
    assert (state_of(connection, "n1"), state_of(connection, "n2")) == ({"Suspected"}, {"Alive"})
    assert incidents(connection, EventKind.FINAUD_ERROR) == [("does not answer the check: no answer", ["n1"])]


def test_a_node_that_answers_again_is_alive_again(connection):
    add_node(connection, "n1", 2)
    write_check(connection, {"n1": "no answer"}, [], 2000)
    write_check(connection, {}, ["n1"], 2300)
    assert state_of(connection, "n1") == {"Alive"}
    assert incidents(connection, EventKind.FINAUD_RECOVER) == [("answers the check again", ["n1"])]


def test_a_suspicion_with_another_reason_stays(connection):
    add_node(connection, "n1")
    write_check(connection, {"n1": "no answer"}, [], 2000)
    suspect_nodes(connection, ["n1"], by_checker=False, now=2010)
    write_check(connection, {}, ["n1"], 2300)
    assert state_of(connection, "n1") == {"Suspected"}
    assert incidents(connection, EventKind.FINAUD_RECOVER) == []


def test_a_node_that_energy_saving_has_meanwhile_ordered_to_sleep_is_left_alone(connection):
    add_node(connection, "n1")
    record(connection, EventKind.HALT_NODE, nodes=["n1"], now=1999, to_check=True)
    write_check(connection, {"n1": "no answer"}, [], 2000)
    assert state_of(connection, "n1") == {"Alive"}


@pytest.mark.parametrize("values", [{"next_state": "Absent"}, {"state": "Absent"}, {"state": "Dead"}])
def test_a_node_that_has_meanwhile_changed_is_left_alone(connection, values):
    (resource,) = add_node(connection, "n1", **values)
    before = resource_row(connection, resource).state
    write_check(connection, {"n1": "no answer"}, [], 2000)
    assert resource_row(connection, resource).state == before


def test_a_node_that_becomes_suspected_is_told_once(connection):
    add_node(connection, "n1", 2)
    write_check(connection, {"n1": "no answer"}, [], 2000)
    suspect_nodes(connection, ["n1"], by_checker=False, now=2010)
    assert [(one.kind, one.nodes) for one in open_notices(connection)] == [
        (EventKind.NODE_SUSPECTED, ("n1",))
    ]


def test_all_suspected_resources_of_a_node_are_sick_and_a_job_on_any_of_them_is_seen(connection):
    held = add_node(connection, "n1", 2, **SUSPECTED)
    free = add_node(connection, "n2", **SUSPECTED)
    add_node(connection, "n2")
    add_job(connection, JobState.RUNNING, resources=held[:1])
    found = [(one.resource_id, one.node, one.in_use) for one in sick_resources(connection, ["n1", "n2"])]
    assert found == [(held[0], "n1", True), (held[1], "n1", True), (free[0], "n2", False)]


def since(connection: Connection, node: str, date: int, **values: object) -> int:
    (resource,) = add_node(connection, node, **values)
    log = "UPDATE resource_logs SET date_start = %s WHERE resource_id = %s"
    connection.exec_driver_sql(log, (date, resource))
    return resource


def test_m22_a_node_that_was_suspected_for_too_long_is_to_be_dead(connection):
    resource = since(connection, "n1", 50, **SUSPECTED)
    assert order_dead(connection, 100, 400, absent_too=False) == ["n1"]
    assert resource_row(connection, resource).next_state == "Dead"


@pytest.mark.parametrize(
    ("values", "absent_too", "dead"),
    [
        ({}, True, False),
        ({"state": "Dead"}, True, False),
        ({"state": "Absent"}, True, True),
        ({"state": "Absent"}, False, False),
        ({"state": "Absent", "available_upto": 0}, True, False),
        ({"state": "Suspected", "next_state": "Alive"}, True, False),
    ],
)
def test_only_what_was_not_usable_for_long_dies(connection, values, absent_too, dead):
    since(connection, "n1", 50, **values)
    assert bool(order_dead(connection, 100, 400, absent_too=absent_too)) is dead


def test_a_node_that_is_suspected_since_a_short_time_lives(connection):
    since(connection, "n1", 350, **SUSPECTED)
    assert order_dead(connection, 100, 400, absent_too=True) == []


def test_a_node_without_history_lives(connection):
    (resource,) = add_node(connection, "n1")
    connection.execute(
        update(ResourceRow).where(ResourceRow.resource_id == resource).values(state="Suspected")
    )
    assert order_dead(connection, 100, 400, absent_too=True) == []
