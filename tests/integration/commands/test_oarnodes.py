"""oarnodes on a real database, through its command line."""

import json

import pytest

from oar.cli.oarnodes import oarnodes
from oar.core.states import JobState
from oar.db.events import record
from tests.integration.commands.terminal import Terminal
from tests.integration.life.build import add_job, add_node

NOON = 1704110400


@pytest.fixture
def cluster(terminal: Terminal) -> Terminal:
    """Two nodes: one with two resources and a job on the first, one that sleeps."""
    with terminal.database.engine.begin() as connection:
        one, _two = add_node(connection, "node1", 2)
        add_node(connection, "node2", state="Absent")
        add_job(connection, JobState.RUNNING, resources=[one])
        record(connection, "PING_CHECKER_NODE_SUSPECTED", nodes=["node2"], description="no answer", now=NOON)
    return terminal


def test_each_resource_is_a_block_as_in_oar_2(cluster: Terminal) -> None:
    blocks = cluster.output(oarnodes).split("\n\n")
    assert blocks[0].splitlines()[:4] == [
        "network_address: node1",
        "resource_id: 1",
        "state: Alive",
        "jobs: 1",
    ]
    assert blocks[0].splitlines()[4].startswith("properties: available_upto=2147483647, besteffort=YES, ")
    assert blocks[2].splitlines()[:3] == [
        "network_address: node2",
        "resource_id: 3",
        "state: Absent (standby)",
    ]


def test_nothing_to_show_is_said(terminal: Terminal) -> None:
    assert terminal.output(oarnodes) == "/!\\ No nodes to display...\n"


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["-s"], "node1:\n    1: Alive\n    2: Alive\nnode2:\n    3: Absent (standby)\n"),
        (["-s", "node2"], "node2:\n    3: Absent (standby)\n"),
        (["-s", "-r", "3", "-r", "1"], "1: Alive\n3: Absent (standby)\n"),
        (["-s", "--sql", "state = 'Alive'"], "1: Alive\n2: Alive\n"),
        (["-l"], "node1\nnode2\n"),
        (["-e"], "2024-01-01 12:00:00|node2|0| PING_CHECKER_NODE_SUSPECTED: no answer\n"),
        (["-e", "2024-01-02"], ""),
        (["-e", "2023-12-31 23:00:00", "node1"], ""),
    ],
)
def test_a_short_view_shows_what_its_option_says(cluster: Terminal, words: list[str], shown: str) -> None:
    assert cluster.output(oarnodes, *words) == shown


def test_the_load_of_nodes_names_their_jobs(cluster: Terminal) -> None:
    load = json.loads(cluster.output(oarnodes, "-j", "-J"))
    assert load["node2"] == {}
    assert load["node1"]["1"]["resources_count"] == 1
    assert load["node1"]["1"]["resources_total"] == 2
    assert cluster.output(oarnodes, "-j").startswith("node1:\n    1:\n        assigned_resources: 1\n")


def test_the_structure_has_every_column_and_the_jobs(cluster: Terminal) -> None:
    resources = json.loads(cluster.output(oarnodes, "-J"))
    assert sorted(resources) == ["1", "2", "3"]
    assert resources["1"]["jobs"] == [1]
    assert resources["3"]["next_state"] == "UnChanged"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["node9"], "there is no node node9"),
        (["-r", "9"], "there is no resource 9"),
        (["--sql", "color = 'red'"], 'column "color" does not exist'),
        (["-r", "1", "node1"], "--resource and --sql go with --state only"),
        (["-s", "-l"], "exclude each other"),
        (["-e", "soon"], "--events: date 'soon'"),
    ],
)
def test_bad_input_is_told_in_one_line(cluster: Terminal, words: list[str], said: str) -> None:
    result = cluster.run(oarnodes, *words)
    assert result.exit_code == 1
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
