import pytest
from procset import ProcSet
from sqlalchemy import select

from oar.core.states import NodeState
from oar.db.conditions import BadFilter
from oar.db.engine import open_reader
from oar.db.properties import ProtectedProperty, UnknownProperty, add_property
from oar.db.resources import (
    BadPropertyValue,
    UnknownNode,
    UnknownResource,
    add_resource,
    load_resources,
    matching_resources,
    request_state,
    set_properties,
)
from oar.db.tables_resources import ResourceLogRow
from oar.errors import ConfigurationError


@pytest.fixture
def connection(database):
    with database.engine.begin() as opened:
        add_property(opened, "mem", text=False)
        add_property(opened, "host", text=True)
        yield opened


def ids(resources):
    return [resource.resource_id for resource in resources]


def log(connection, resource_id, attribute):
    query = (
        select(ResourceLogRow.value, ResourceLogRow.date_start, ResourceLogRow.date_stop)
        .where(ResourceLogRow.resource_id == resource_id, ResourceLogRow.attribute == attribute)
        .order_by(ResourceLogRow.resource_log_id)
    )
    return [tuple(row) for row in connection.execute(query)]


def test_an_added_resource_has_its_node_its_state_and_its_properties(connection):
    add_resource(connection, "node1", {"mem": 64, "host": "one"}, NodeState.ABSENT, now=5)
    (resource,) = load_resources(connection, "resource_id")
    assert (resource.node, resource.state, resource.properties["mem"], resource.properties["host"]) == (
        "node1",
        NodeState.ABSENT,
        64,
        "one",
    )


def test_an_added_resource_begins_its_history(connection):
    one = add_resource(connection, "node1", {"mem": 64}, now=5)
    assert (log(connection, one, "state"), log(connection, one, "mem")) == ([("Alive", 5, 0)], [("64", 5, 0)])


def test_the_rank_of_the_state_is_kept_for_sorting(connection):
    add_resource(connection, "node1", {}, NodeState.DEAD, now=5)
    assert load_resources(connection, "resource_id")[0].properties["state_num"] == 4


def test_a_property_nobody_made_is_refused(connection):
    with pytest.raises(UnknownProperty):
        add_resource(connection, "node1", {"memory": 64}, now=5)


def test_a_word_for_a_number_is_refused_and_the_transaction_goes_on(connection):
    with pytest.raises(BadPropertyValue, match="'much'"):
        add_resource(connection, "node1", {"mem": "much"}, now=5)
    assert add_resource(connection, "node1", {"mem": "64"}, now=5)


def test_the_order_of_resources_is_the_one_that_is_configured(connection):
    one, two, three = (add_resource(connection, node, {}, now=1) for node in ("b", "a", "c"))
    assert ids(load_resources(connection, "network_address DESC, resource_id ASC")) == [three, one, two]


def test_an_order_that_is_no_sql_is_a_fault_of_the_configuration(connection):
    with pytest.raises(
        ConfigurationError, match='SCHEDULER_RESOURCE_ORDER="speed": column "speed" does not exist'
    ):
        load_resources(connection, "speed")


def test_setting_a_property_counts_the_resources_that_changed(connection):
    one = add_resource(connection, "node1", {"mem": 64}, now=1)
    two = add_resource(connection, "node2", {"mem": 32}, now=1)
    three = add_resource(connection, "node3", {}, now=1)
    assert set_properties(connection, [one, two, three], {"mem": "64"}, 9) == 2


def test_a_changed_property_closes_its_log_and_opens_another(connection):
    one = add_resource(connection, "node1", {"mem": 64}, now=1)
    set_properties(connection, [one], {"mem": 32}, 9)
    assert log(connection, one, "mem") == [("64", 1, 9), ("32", 9, 0)]


def test_an_unchanged_property_leaves_no_log(connection):
    one = add_resource(connection, "node1", {"mem": 64}, now=1)
    set_properties(connection, [one], {"mem": 64}, 9)
    assert log(connection, one, "mem") == [("64", 1, 0)]


def test_a_property_that_is_taken_away_is_logged_as_unset(connection):
    one = add_resource(connection, "node1", {"mem": 64}, now=1)
    assert set_properties(connection, [one], {"mem": None}, 9) == 1
    assert log(connection, one, "mem")[-1] == ("<unset>", 9, 0)


@pytest.mark.parametrize(
    ("name", "value"), [("mem", "1.5"), ("mem", 2**31), ("drain", "maybe"), ("host", "x" * 256)]
)
def test_a_value_that_a_property_cannot_have_is_refused(name, value, connection):
    one = add_resource(connection, "node1", {}, now=1)
    with pytest.raises(BadPropertyValue) as refusal:
        set_properties(connection, [one], {name: value}, 9)
    assert "\n" not in str(refusal.value)


def test_a_state_is_no_property_to_be_set(connection):
    one = add_resource(connection, "node1", {}, now=1)
    with pytest.raises(ProtectedProperty):
        set_properties(connection, [one], {"state": "Dead"}, 9)


def test_a_state_is_asked_for_on_all_resources_of_a_node(connection):
    one, two, _ = (add_resource(connection, node, {}, now=1) for node in ("node1", "node1", "node2"))
    assert request_state(connection, "node1", NodeState.DEAD, 9) == [one, two]
    asked = [resource.next_state for resource in load_resources(connection, "resource_id")]
    assert asked == ["Dead", "Dead", "UnChanged"]


def test_asking_for_a_state_does_not_change_it(connection):
    one = add_resource(connection, "node1", {}, now=1)
    request_state(connection, [one], NodeState.DEAD, 9)
    assert load_resources(connection, "resource_id")[0].state is NodeState.ALIVE


def test_an_unknown_node_is_told(connection):
    with pytest.raises(UnknownNode):
        request_state(connection, "node9", NodeState.DEAD, 9)


def test_unknown_ids_are_told_and_nothing_is_asked_for(connection):
    one = add_resource(connection, "node1", {}, now=1)
    with pytest.raises(UnknownResource, match="98, 99"):
        request_state(connection, [one, 99, 98], NodeState.DEAD, 9)
    assert load_resources(connection, "resource_id")[0].next_state == "UnChanged"


@pytest.fixture
def reader(database):
    with database.engine.begin() as connection:
        add_property(connection, "mem", text=False)
        for number in range(1, 7):
            add_resource(connection, f"node{number}", {"mem": 16 * number}, now=1)
    with database.reader.begin() as opened:
        yield opened


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("", ProcSet((1, 6))),
        ("mem >= 64", ProcSet((4, 6))),
        ("mem % 32 = 0", ProcSet(2, 4, 6)),
        ("network_address LIKE 'node%'", ProcSet((1, 6))),
        ("network_address = ':node1'", ProcSet()),
        ("network_address IN ('node1', 'node3') OR mem = 96", ProcSet(1, 3, 6)),
        ("mem > (SELECT avg(mem) FROM resources)", ProcSet((4, 6))),
    ],
)
def test_a_condition_selects_resources(condition, found, reader):
    assert matching_resources(reader, condition) == found


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ("speed > 2", 'column "speed" does not exist'),
        ("mem >", "syntax error"),
        ("mem", "argument of WHERE must be type boolean, not type integer"),
        ("mem = 'much'", "invalid input syntax for type integer"),
        ("1); DROP TABLE jobs; --", "')' closes nothing"),
        ("mem > 1 OR EXISTS (SELECT 1 FROM challenges)", "permission denied for table challenges"),
        ("mem > 1 AND nextval('jobs_job_id_seq') > 0", "permission denied for sequence jobs_job_id_seq"),
        ("pg_read_file('/etc/passwd') <> ''", "permission denied for function pg_read_file"),
        ("lo_create(0) > 0", "permission denied for function lo_create"),
    ],
)
def test_a_bad_condition_is_told_in_one_line_of_the_database(condition, words, reader):
    with pytest.raises(BadFilter) as refusal:
        matching_resources(reader, condition)
    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_bad_condition_leaves_the_connection_usable(reader):
    with pytest.raises(BadFilter):
        matching_resources(reader, "speed > 2")
    assert matching_resources(reader, "mem = 16") == ProcSet(1)


def test_a_condition_that_takes_too_long_is_ended(database):
    with database.engine.begin() as connection:
        add_resource(connection, "node1", {}, now=1)
    hasty = open_reader(database.settings, timeout_s=1)
    with hasty.begin() as connection, pytest.raises(BadFilter, match="statement timeout"):
        matching_resources(connection, "pg_sleep(20) IS NULL")
    hasty.dispose()
