"""oar-resources on a real database, through its command line."""

import json
from pathlib import Path

import pytest
from click.testing import Result
from sqlalchemy import func, select

from oar.cli.oar_resources import oar_resources
from oar.cli.oarnodes import oarnodes
from oar.cli.oarnodesetting import oarnodesetting
from oar.cli.oarproperty import oarproperty
from oar.db.tables_resources import ResourceLogRow, ResourceRow
from tests.integration.commands.terminal import ADMIN, BOB, Terminal

CLUSTER = """
[[nodes]]
name = "node[1-2]"
cpus = 1
cores = 2
properties = { mem = 64, rack = "a" }

[[nodes]]
name = "gpu1"
cores = 2
gpus = 2
properties = { mem = 128, rack = "b" }
"""


def apply(
    terminal: Terminal, folder: Path, text: str, *words: str, answer: str | None = None, caller=ADMIN
) -> Result:
    file = folder / "cluster.toml"
    file.write_text(text)
    return terminal.run(oar_resources, "apply", str(file), *words, stdin=answer, caller=caller)


def count(terminal: Terminal) -> int:
    with terminal.database.engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(ResourceRow)).scalar_one()


def test_a_file_makes_properties_and_resources(terminal: Terminal, tmp_path: Path) -> None:
    result = apply(terminal, tmp_path, CLUSTER, "--yes")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "+ gpu1: 2 resources (" in result.stdout
    assert terminal.output(oarproperty, "-l").split() == [
        "host",
        "cpu",
        "core",
        "gpu",
        "gpudevice",
        "mem",
        "rack",
    ]
    resources = json.loads(terminal.output(oarnodes, "-J"))
    levels = ("network_address", "host", "cpu", "core", "cpuset", "gpu", "gpudevice", "mem", "rack", "state")
    assert [[one[name] for name in levels] for one in resources.values()] == [
        ["node1", "node1", 1, 1, "0", None, None, 64, "a", "Alive"],
        ["node1", "node1", 1, 2, "1", None, None, 64, "a", "Alive"],
        ["node2", "node2", 2, 3, "0", None, None, 64, "a", "Alive"],
        ["node2", "node2", 2, 4, "1", None, None, 64, "a", "Alive"],
        ["gpu1", "gpu1", 3, 5, "0", 1, "0", 128, "b", "Alive"],
        ["gpu1", "gpu1", 3, 6, "1", 2, "1", 128, "b", "Alive"],
    ]


def test_applying_it_again_says_that_there_is_nothing_to_change(terminal: Terminal, tmp_path: Path) -> None:
    apply(terminal, tmp_path, CLUSTER, "--yes")
    result = apply(terminal, tmp_path, CLUSTER)
    assert (result.exit_code, result.stdout) == (0, "nothing to change\n")


def test_the_history_of_the_resources_begins(terminal: Terminal, tmp_path: Path) -> None:
    apply(terminal, tmp_path, CLUSTER, "--yes")
    row = ResourceLogRow
    with terminal.database.engine.connect() as connection:
        query = select(row.attribute, row.value).where(row.resource_id == 1, row.date_stop == 0)
        logged = {log.attribute: log.value for log in connection.execute(query)}
    assert logged["state"] == "Alive"
    assert (logged["mem"], logged["rack"], logged["gpu"]) == ("64", "a", "<unset>")


def test_a_property_that_changed_is_shown_and_written(terminal: Terminal, tmp_path: Path) -> None:
    apply(terminal, tmp_path, CLUSTER, "--yes")
    result = apply(terminal, tmp_path, CLUSTER.replace("mem = 64", "mem = 96"), "--yes")
    assert result.stdout.splitlines() == [
        "~ node1: mem 64 -> 96 (resources 1-2)",
        "~ node2: mem 64 -> 96 (resources 3-4)",
    ]
    assert json.loads(terminal.output(oarnodes, "-J", "node1"))["1"]["mem"] == 96


@pytest.mark.parametrize(("answer", "code", "resources"), [("n\n", 1, 0), ("", 130, 0), ("y\n", 0, 6)])
def test_nothing_is_written_before_the_answer_is_yes(
    terminal: Terminal, tmp_path: Path, answer: str, code: int, resources: int
) -> None:
    result = apply(terminal, tmp_path, CLUSTER, answer=answer)
    assert "Write this?" in result.stderr
    assert (result.exit_code, count(terminal)) == (code, resources)


def test_a_dry_run_shows_and_writes_nothing(terminal: Terminal, tmp_path: Path) -> None:
    result = apply(terminal, tmp_path, CLUSTER, "--dry-run")
    assert result.stdout.count("\n+ ") > 3
    assert (result.exit_code, count(terminal)) == (0, 0)
    assert terminal.output(oarproperty, "-l") == ""


def test_nodes_that_left_the_file_become_dead_only_when_asked(terminal: Terminal, tmp_path: Path) -> None:
    apply(terminal, tmp_path, CLUSTER, "--yes")
    fewer = CLUSTER.replace("[1-2]", "1")
    kept = apply(terminal, tmp_path, fewer, "--yes")
    assert kept.stdout == "  node2: resources 3-4 not in the file (--remove: Dead)\nnothing to change\n"
    removed = apply(terminal, tmp_path, fewer, "--yes", "--remove")
    assert removed.stdout == "- node2: resources 3-4 to be Dead\n"
    resources = json.loads(terminal.output(oarnodes, "-J", "node2"))
    assert [one["next_state"] for one in resources.values()] == ["Dead", "Dead"]
    assert apply(terminal, tmp_path, fewer, "--yes", "--remove").stdout == "nothing to change\n"


def test_resources_made_by_hand_are_completed(terminal: Terminal, tmp_path: Path) -> None:
    terminal.output(oarnodesetting, "-a", "-h", "node1")
    apply(terminal, tmp_path, CLUSTER, "--yes")
    assert count(terminal) == 6
    assert apply(terminal, tmp_path, CLUSTER).stdout == "nothing to change\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[nodes]]\nname = 'a'\ncore = 2", "cluster.toml: nodes #1: core: unknown key; the keys are"),
        ("nodes = ", "cluster.toml: not TOML"),
        ("[[nodes]]\nname = 'a'\nproperties = { drain = 'x' }", "drain: expected true or false"),
        ("[[nodes]]\nname = 'a'\nproperties = { available_upto = 'x' }", "holds numbers"),
        ("[[nodes]]\nname = 'a'\nproperties = { walltime = 3 }", "walltime"),
    ],
)
def test_a_bad_file_is_told_in_one_line_and_writes_nothing(
    terminal: Terminal, tmp_path: Path, text: str, said: str
) -> None:
    result = apply(terminal, tmp_path, text, "--yes")
    assert result.exit_code != 0
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
    assert (count(terminal), terminal.output(oarproperty, "-l")) == (0, "")


def test_a_file_that_is_not_there_is_told_in_one_line(terminal: Terminal) -> None:
    result = terminal.run(oar_resources, "apply", "/nonexistent")
    assert result.exit_code == 12
    assert "'/nonexistent' cannot be read: No such file" in result.stderr


def test_only_administrators_apply(terminal: Terminal, tmp_path: Path) -> None:
    assert apply(terminal, tmp_path, CLUSTER, "--yes", caller=BOB).exit_code == 8


def test_many_nodes_are_written_at_once(terminal: Terminal, tmp_path: Path) -> None:
    text = '[[nodes]]\nname = "n[0001-1000]"\ncpus = 2\ncores = 2'
    assert apply(terminal, tmp_path, text, "--yes").exit_code == 0
    assert count(terminal) == 4000
