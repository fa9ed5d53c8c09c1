"""The programs that check a node, with checks that really run."""

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

import oar

PROGRAM = Path(oar.__file__).parent / "node" / "oarnodecheck.py"


class Node:
    """A node's folders and programs."""

    def __init__(self, folder: Path) -> None:
        self.checks, self.home, self.bin = folder / "check.d", folder / "home", folder / "bin"
        for one in (self.checks, self.home, self.home / "checklogs", self.bin):
            one.mkdir()
        for name in ("oarnodecheckrun", "oarnodecheckquery", "oarnodechecklist"):
            shutil.copy(PROGRAM, self.bin / name)
            (self.bin / name).chmod(0o755)

    def call(self, name: str) -> "subprocess.CompletedProcess[str]":
        places = ["--checks", str(self.checks), "--home", str(self.home)]
        return subprocess.run(
            [str(self.bin / name), *places], capture_output=True, text=True, check=False, timeout=60
        )

    def check(self, name: str, script: str, mode: int = 0o755) -> None:
        path = self.checks / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(mode)

    @property
    def logs(self) -> list[str]:
        return sorted(path.name for path in (self.home / "checklogs").iterdir())


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


def test_a_node_without_faults_is_healthy(node: Node) -> None:
    node.check("disk", "true")
    assert node.call("oarnodecheckrun").returncode == 0
    assert node.call("oarnodecheckquery").returncode == 0
    assert node.call("oarnodechecklist").stdout == f"Checklogs list in {node.home}/checklogs:\n  <empty>\n"


def test_a_fault_that_a_check_writes_down_is_kept_and_listed(node: Node) -> None:
    node.check("disk", 'echo "disk is full" > "$CHECKLOGFILE"')
    assert node.call("oarnodecheckrun").returncode == 0
    (log,) = node.logs
    assert log.startswith("disk.20")
    assert (node.home / "checklogs" / log).read_text() == "disk is full\n"
    assert node.call("oarnodechecklist").stdout.endswith(f":\n  {log}\n")
    assert node.call("oarnodecheckquery").returncode == 2


def test_each_executable_is_run_and_nothing_else(node: Node) -> None:
    for name, mode in (("one", 0o755), ("two", 0o755), ("readme", 0o644), (".hidden", 0o755)):
        node.check(name, 'touch "$CHECKLOGFILE"', mode)
    node.call("oarnodecheckrun")
    assert [log.partition(".")[0] for log in node.logs] == ["one", "two"]


def test_a_check_that_cannot_be_run_is_a_fault(node: Node) -> None:
    (node.checks / "broken").write_text("#!/nowhere/sh\n")
    (node.checks / "broken").chmod(0o755)
    node.call("oarnodecheckrun")
    assert [log.partition(".")[0] for log in node.logs] == ["broken"]


def test_a_job_on_the_node_is_not_disturbed(node: Node) -> None:
    node.check("disk", 'touch "$CHECKLOGFILE"')
    (node.home / "alice_12.env").touch()
    assert node.call("oarnodecheckrun").returncode == 0
    assert node.logs == []
    assert not (node.home / "oarnodecheckrun.lastrun").exists()


def test_a_question_has_the_checks_run_once_an_hour(node: Node) -> None:
    node.check("disk", f'echo run >> "{node.home}/runs"')
    if os.geteuid() != 0:  # then it is sudo's business to run them
        assert node.call("oarnodecheckquery").returncode == 1
        return
    for _ in range(2):
        assert node.call("oarnodecheckquery").returncode == 0
    assert (node.home / "runs").read_text() == "run\n"
    long_ago = time.time() - 3700
    os.utime(node.home / "oarnodecheckrun.lastrun", (long_ago, long_ago))
    node.call("oarnodecheckquery")
    assert (node.home / "runs").read_text() == "run\nrun\n"


@pytest.mark.parametrize("missing", ["check.d", "home/checklogs"])
def test_a_folder_that_is_missing_is_told(node: Node, missing: str) -> None:
    (node.home.parent / missing).rmdir()
    done = node.call("oarnodecheckrun")
    assert done.returncode == 1
    assert done.stderr == f"oarnodecheckrun: {node.home.parent / missing} is no folder\n"


def test_an_option_that_is_none_is_told(node: Node) -> None:
    done = subprocess.run([node.bin / "oarnodechecklist", "-x"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (
        1,
        "oarnodechecklist: -x: give --checks FOLDER or --home FOLDER\n",
    )
