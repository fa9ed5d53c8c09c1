"""oarnodesetting on a real database, through its command line."""

from pathlib import Path
from threading import Timer

import pytest
from sqlalchemy import select, update

from oar.cli.oarnodesetting import oarnodesetting
from oar.core.states import JobState
from oar.db.properties import add_property
from oar.db.resources import load_resources
from oar.db.tables_jobs import JobRow
from oar.db.tables_resources import ResourceLogRow, ResourceRow
from tests.integration.commands.terminal import BOB, Terminal
from tests.integration.life.build import add_job, add_node


@pytest.fixture
def cluster(terminal: Terminal) -> Terminal:
    """Two nodes of two resources, and a property for memory."""
    with terminal.database.engine.begin() as connection:
        add_property(connection, "mem", text=False)
        add_node(connection, "node1", 2)
        add_node(connection, "node2", 2)
    return terminal


def column(terminal: Terminal, name: str) -> list[object]:
    with terminal.database.engine.connect() as connection:
        resources = load_resources(connection, "resource_id")
        return [resource.properties[name] for resource in resources]


def test_a_resource_is_added_to_a_node_with_its_properties(cluster: Terminal) -> None:
    assert (
        cluster.output(oarnodesetting, "-a", "-h", "node3", "-p", "mem=64") == "New resource added:  node3\n"
    )
    assert column(cluster, "mem")[-1] == 64
    assert column(cluster, "state")[-1] == "Alive"


def test_a_resource_can_be_added_in_another_state(cluster: Terminal) -> None:
    cluster.output(oarnodesetting, "-a", "-h", "node3", "-s", "Absent")
    assert column(cluster, "state")[-1] == "Absent"


def test_every_host_gets_the_properties_that_are_added_with_it(cluster: Terminal) -> None:
    cluster.output(oarnodesetting, "-a", "-h", "a", "-h", "b", "-p", "mem=8")
    assert column(cluster, "mem")[-2:] == [8, 8]


def test_a_property_is_set_on_all_resources_of_a_node_and_the_changes_are_counted(cluster: Terminal) -> None:
    said = "Set property mem to '64'... {} resource(s) updated.\n"
    assert cluster.output(oarnodesetting, "-h", "node1", "-p", "mem=64") == said.format(2)
    assert cluster.output(oarnodesetting, "-h", "node1", "-h", "node2", "-p", "mem=64") == said.format(2)
    assert column(cluster, "mem") == [64, 64, 64, 64]


def test_a_property_is_taken_away(cluster: Terminal) -> None:
    cluster.output(oarnodesetting, "-r", "1", "-p", "mem=64")
    said = cluster.output(oarnodesetting, "-r", "1", "-p", "mem!")
    assert said == "Unset property mem... 1 resource(s) updated.\n"
    assert column(cluster, "mem")[0] is None


def test_a_state_is_asked_for_by_ids(cluster: Terminal) -> None:
    said = cluster.run(oarnodesetting, "-r", "2", "-r", "1", "-s", "Absent", "-n").stdout
    assert said == "(1,2) --> Absent\n"
    assert column(cluster, "next_state") == ["Absent", "Absent", "UnChanged", "UnChanged"]


def test_a_state_is_asked_for_by_node(cluster: Terminal) -> None:
    result = cluster.run(oarnodesetting, "-h", "node2", "-s", "Suspected")
    assert result.stdout == "node2 --> Suspected\n"
    assert (
        result.stderr
        == "oarnodesetting: the server does not answer; it will change the states when it runs\n"
    )


def test_a_condition_chooses_resources(cluster: Terminal) -> None:
    cluster.output(oarnodesetting, "--sql", "network_address = 'node2'", "-p", "mem=1")
    assert column(cluster, "mem") == [None, None, 1, 1]


def test_a_file_names_nodes(cluster: Terminal, tmp_path: Path) -> None:
    (tmp_path / "nodes").write_text("node2\n\n")
    cluster.output(oarnodesetting, "-f", str(tmp_path / "nodes"), "-p", "mem=1")
    assert column(cluster, "mem") == [None, None, 1, 1]


def test_drain_is_a_property(cluster: Terminal) -> None:
    cluster.output(oarnodesetting, "-r", "1", "-d", "on")
    assert column(cluster, "drain") == ["YES", "NO", "NO", "NO"]


def maintenance_logs(terminal: Terminal) -> list[tuple[int, bool]]:
    row = ResourceLogRow
    with terminal.database.engine.connect() as connection:
        query = select(row.resource_id, row.date_stop).where(row.attribute == "maintenance")
        return [(resource, stop == 0) for resource, stop in connection.execute(query)]


def test_maintenance_keeps_a_resource_from_being_woken_and_ends_as_it_began(cluster: Terminal) -> None:
    result = cluster.run(oarnodesetting, "-r", "1", "-m", "on", "-n")
    assert result.stdout == 'Maintenance mode set to "ON" on resource 1\n'
    assert (column(cluster, "available_upto")[0], column(cluster, "next_state")[0]) == (0, "Absent")
    assert maintenance_logs(cluster) == [(1, True)]
    cluster.run(oarnodesetting, "-r", "1", "-m", "on", "-n")
    assert maintenance_logs(cluster) == [(1, True)]
    result = cluster.run(oarnodesetting, "-r", "1", "-m", "off")
    assert result.stdout == 'Maintenance mode set to "OFF" on resource 1\n'
    assert (column(cluster, "available_upto")[0], column(cluster, "next_state")[0]) == (2147483647, "Alive")
    assert maintenance_logs(cluster) == [(1, False)]


def test_maintenance_that_never_began_changes_no_availability_when_it_ends(cluster: Terminal) -> None:
    cluster.run(oarnodesetting, "-r", "1", "-m", "off")
    assert column(cluster, "available_upto")[0] == 2147483647


def test_without_jobs_there_is_nothing_to_wait_for(cluster: Terminal) -> None:
    result = cluster.run(oarnodesetting, "-r", "1", "-s", "Dead")
    assert result.stdout == "(1) --> Dead\nCheck jobs to delete on resource 1:\nCheck done\n"
    assert result.exit_code == 0


def test_who_does_not_want_to_wait_does_not(cluster: Terminal) -> None:
    with cluster.database.engine.begin() as connection:
        add_job(connection, JobState.RUNNING, resources=[1])
    assert cluster.run(oarnodesetting, "-r", "1", "-s", "Dead", "-n").exit_code == 0


def test_the_end_of_the_jobs_is_waited_for_and_told(cluster: Terminal) -> None:
    with cluster.database.engine.begin() as connection:
        job = add_job(connection, JobState.RUNNING, resources=[1])

    def end_job() -> None:
        with cluster.database.engine.begin() as connection:
            connection.execute(update(JobRow).where(JobRow.job_id == job).values(state=JobState.ERROR))

    server = Timer(0.5, end_job)
    server.start()
    result = cluster.run(oarnodesetting, "-r", "1", "-s", "Dead")
    server.join()
    assert result.exit_code == 0
    assert result.stdout.splitlines()[1:] == [
        "Check jobs to delete on resource 1:",
        f"\t{job} Deleted",
        "Check done",
    ]


def test_the_greatest_value_of_a_property_is_printed(cluster: Terminal) -> None:
    assert cluster.output(oarnodesetting, "--last-property-value", "mem") == ""
    cluster.output(oarnodesetting, "-r", "1", "-p", "mem=9")
    cluster.output(oarnodesetting, "-r", "2", "-p", "mem=10")
    assert cluster.output(oarnodesetting, "--last-property-value", "mem") == "10\n"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["-r", "1"], 1, "give --add, --state"),
        (["-a", "-r", "1"], 1, "--add makes new resources"),
        (["-r", "1", "-s", "Broken"], 1, "Invalid value for '-s'"),
        (["-r", "9", "-r", "1", "-s", "Alive"], 3, "--resource: there is no resource 9"),
        (["-h", "node9", "-s", "Alive"], 4, "--hostname: there is no node node9"),
        (["-s", "Alive"], 4, "--hostname: there is no node"),
        (["-r", "1", "-p", "state=Dead"], 8, "--property: state belongs to OAR"),
        (["-r", "1", "-p", "colour=red"], 9, "there is no such property"),
        (["-r", "1", "-p", "mem=lots"], 9, "'lots' cannot be its value"),
        (["-r", "1", "-p", "mem=1", "-p", "drain=perhaps"], 9, "'perhaps' cannot be its value"),
        (["-a", "-h", "n", "-p", "mem=lots"], 9, "'lots' cannot be its value"),
        (["-a", "-h", "-oProxyCommand=x"], 9, '--hostname: "-oProxyCommand=x" is not a name of a machine'),
        (["-r", "1", "-p", "network_address=a b"], 9, '--property: "a b" is not a name of a machine'),
        (["--sql", "", "-s", "Alive"], 1, "--sql: the condition is empty"),
        (["-r", "1", "-p", "mem"], 10, "'mem' is not NAME=VALUE"),
        (["--sql", "resource_id > 99", "-s", "Alive"], 12, "no resource meets"),
        (["--sql", "colour = 1", "-s", "Alive"], 1, "bad condition"),
        (["-f", "/nonexistent", "-s", "Alive"], 13, "--file: '/nonexistent' cannot be read"),
        (["--last-property-value", "colour"], 9, "there is no such property"),
    ],
)
def test_bad_input_is_told_in_one_line_with_the_code_of_oar_2_and_changes_nothing(
    cluster: Terminal, words: list[str], code: int, said: str
) -> None:
    with cluster.database.engine.connect() as connection:
        before = connection.execute(select(*ResourceRow.__table__.columns)).all()
    result = cluster.run(oarnodesetting, *words)
    assert (result.exit_code, result.stdout) == (code, "")
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
    with cluster.database.engine.connect() as connection:
        assert connection.execute(select(*ResourceRow.__table__.columns)).all() == before
    assert column(cluster, "mem") == [None] * 4


def test_only_administrators_change_resources(cluster: Terminal) -> None:
    result = cluster.run(oarnodesetting, "-r", "1", "-p", "mem=1", caller=BOB)
    assert (result.exit_code, result.stderr) == (8, "oarnodesetting: you must be oar or root\n")
