import pytest

from oar.core.cluster_difference import compare
from oar.core.cluster_file import BadClusterFile, read_cluster_file
from oar.core.job import Resource
from oar.core.states import UNCHANGED, NodeState

BUILT_IN = {"resource_id": False, "network_address": True, "cpuset": True, "deploy": True}


def wanted(text):
    return read_cluster_file(text, "cluster.toml")


def resource(
    number, node, cpuset, *, state=NodeState.ALIVE, kind="default", next_state=UNCHANGED, **properties
):
    return Resource(number, node, kind, state, next_state, 2147483647, {"cpuset": cpuset, **properties})


def applied(difference, present=(), text=BUILT_IN):
    """What the database holds once the difference is written."""
    resources = {one.resource_id: one for one in present}
    for change in difference.changes:
        old = resources[change.resource_id]
        resources[change.resource_id] = resource(
            old.resource_id, old.node, **{**old.properties, **change.after}
        )
    for number, new in enumerate(difference.additions, max(resources, default=0) + 1):
        resources[number] = resource(number, new.node, **new.values)
    kinds = {**text, **{new.name: new.text for new in difference.properties}}
    return list(resources.values()), kinds


def test_an_empty_database_gets_every_property_and_resource():
    difference = compare(wanted('[[nodes]]\nname = "n[1-2]"\ncores = 2'), [], BUILT_IN, "f")
    assert {(new.name, new.text) for new in difference.properties} == {
        ("host", True),
        ("cpu", False),
        ("core", False),
    }
    assert [(new.node, new.values["cpu"], new.values["core"]) for new in difference.additions] == [
        ("n1", 1, 1),
        ("n1", 1, 2),
        ("n2", 2, 3),
        ("n2", 2, 4),
    ]


def test_applying_the_same_file_again_changes_nothing():
    nodes = wanted(
        '[[nodes]]\nname = "n[1-2]"\ncpus = 2\ncores = 2\nthreads = 2\ngpus = 2\nproperties = {mem=4}'
    )
    present, kinds = applied(compare(nodes, [], BUILT_IN, "f"))
    again = compare(nodes, present, kinds, "f")
    assert not again.writes(remove=True)
    assert list(again.lines(remove=True)) == []


def test_a_node_put_before_the_others_does_not_renumber_them():
    before = wanted('[[nodes]]\nname = "n[1-2]"\ncores = 2')
    present, kinds = applied(compare(before, [], BUILT_IN, "f"))
    after = wanted('[[nodes]]\nname = "a"\n[[nodes]]\nname = "n[1-2]"\ncores = 2')
    difference = compare(after, present, kinds, "f")
    assert difference.changes == ()
    assert [(new.node, new.values["cpu"], new.values["core"]) for new in difference.additions] == [
        ("a", 3, 5)
    ]


def test_a_node_that_grows_keeps_its_numbers():
    present, kinds = applied(compare(wanted('[[nodes]]\nname = "n"\ncores = 1'), [], BUILT_IN, "f"))
    difference = compare(wanted('[[nodes]]\nname = "n"\ncores = 2'), present, kinds, "f")
    assert difference.changes == ()
    assert [(new.values["cpu"], new.values["core"]) for new in difference.additions] == [(1, 2)]


def test_two_cores_with_one_number_in_the_database_are_told_apart():
    present = [resource(1, "n", "0", host="n", cpu=1, core=1), resource(2, "n", "1", host="n", cpu=1, core=1)]
    kinds = {**BUILT_IN, "host": True, "cpu": False, "core": False}
    (change,) = compare(wanted('[[nodes]]\nname = "n"\ncores = 2'), present, kinds, "f").changes
    assert (change.resource_id, change.after) == (2, {"core": 2})


def test_resources_made_by_hand_get_what_they_lack():
    difference = compare(wanted('[[nodes]]\nname = "n"'), [resource(7, "n", "0")], BUILT_IN, "f")
    assert [(change.resource_id, change.after) for change in difference.changes] == [
        (7, {"host": "n", "cpu": 1, "core": 1})
    ]


def test_resources_of_other_types_are_left_alone():
    difference = compare(
        wanted('[[nodes]]\nname = "n"'), [resource(7, "", "0", kind="licence")], BUILT_IN, "f"
    )
    assert difference.leftovers == ()


def test_a_changed_property_is_shown_once_for_the_resources_of_a_node():
    present, kinds = applied(
        compare(wanted('[[nodes]]\nname = "n"\ncores = 3\nproperties = {mem=32}'), [], BUILT_IN, "f")
    )
    difference = compare(
        wanted('[[nodes]]\nname = "n"\ncores = 3\nproperties = {mem=64}'), present, kinds, "f"
    )
    assert list(difference.lines(remove=False)) == ["~ n: mem 32 -> 64 (resources 1-3)"]


def test_new_things_are_shown_by_property_and_node():
    difference = compare(
        wanted('[[nodes]]\nname = "n"\ncores = 2\ngpus = 1\nproperties = {mem=64}'), [], BUILT_IN, "f"
    )
    assert list(difference.lines(remove=False)) == [
        "+ property host (text)",
        "+ property cpu (number)",
        "+ property core (number)",
        "+ property gpu (number)",
        "+ property gpudevice (text)",
        "+ property mem (number)",
        "+ n: 2 resources (host n, cpuset 0-1, cpu 1, core 1-2, gpu 1, gpudevice 0, mem 64)",
    ]


def test_a_node_that_left_the_file_stays_unless_it_is_to_be_removed():
    present, kinds = applied(compare(wanted('[[nodes]]\nname = "n[1-2]"'), [], BUILT_IN, "f"))
    difference = compare(wanted('[[nodes]]\nname = "n1"'), present, kinds, "f")
    assert list(difference.lines(remove=False)) == ["  n2: resource 2 not in the file (--remove: Dead)"]
    assert list(difference.lines(remove=True)) == ["- n2: resource 2 to be Dead"]
    assert (difference.writes(remove=False), difference.writes(remove=True)) == (False, True)


def test_a_removed_node_is_not_removed_twice():
    gone = resource(2, "n2", "0", next_state="Dead", host="n2", cpu=2, core=2)
    difference = compare(wanted('[[nodes]]\nname = "n1"'), [gone], BUILT_IN, "f")
    assert difference.leftovers == ()


def test_a_dead_node_that_is_listed_is_told_with_the_command_that_revives_it():
    gone = resource(1, "n", "0", state=NodeState.DEAD, host="n", cpu=1, core=1)
    kinds = {**BUILT_IN, "host": True, "cpu": False, "core": False}
    difference = compare(wanted('[[nodes]]\nname = "n"'), [gone], kinds, "f")
    assert not difference.writes(remove=True)
    assert list(difference.lines(remove=True)) == [
        "  n: has Dead resources; `oarnodesetting -h n -s Alive` brings them back"
    ]


def test_a_number_for_a_property_of_texts_is_written_as_text():
    nodes = wanted('[[nodes]]\nname = "n"\nproperties = {rack = 7}')
    difference = compare(nodes, [], {**BUILT_IN, "rack": True}, "f")
    assert difference.additions[0].values["rack"] == "7"


def test_a_text_for_a_property_of_numbers_is_refused():
    nodes = wanted('[[nodes]]\nname = "n"\nproperties = {mem = "big"}')
    with pytest.raises(BadClusterFile, match='found "big"'):
        compare(nodes, [], {**BUILT_IN, "mem": False}, "f")


def test_a_level_that_holds_text_in_the_database_is_refused():
    with pytest.raises(BadClusterFile, match="property core holds text"):
        compare(wanted('[[nodes]]\nname = "n"'), [], {**BUILT_IN, "core": True}, "f")
