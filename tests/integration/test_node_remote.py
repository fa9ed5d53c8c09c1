"""Nodes reached through real sshd by ssh and by TakTuk: good, dead and silent ones."""

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from oar.remote.runner import Answer, NodeProgram, Remote, SshRemote, TaktukRemote
from tests.integration.node_kit import Lab, open_lab
from tests.unit.remote.test_argv import HOSTILE

pytestmark = pytest.mark.integration

PROGRAM = NodeProgram(
    "import os, sys, json\n"
    "data = json.loads(DATA)\n"
    "print(os.environ['OAR_NODE'], os.environ['TAKTUK_HOSTNAME'], sys.argv[1], data['word'])\n"
    "sys.stderr.write('a warning\\n')\n"
    "sys.exit(data['status'].get(os.environ['OAR_NODE'], 0))\n",
    "init",
    {"word": "it's $HOME", "status": {"node2": 5}},
)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with open_lab(tmp_path_factory.mktemp("lab")) as lab:
        yield lab


@pytest.fixture(params=["ssh", "taktuk"])
def remote(lab: Lab, request: pytest.FixtureRequest) -> Remote:
    by_ssh = SshRemote(lab.ssh)
    return by_ssh if request.param == "ssh" else TaktukRemote(("taktuk", "-t", "20", "-s"), by_ssh)


def run(remote: Remote, nodes: list[str], timeout_s: float = 20) -> dict[str, Answer]:
    return {answer.node: answer for answer in asyncio.run(remote.run(nodes, PROGRAM, timeout_s))}


def test_each_node_answers_for_itself(remote: Remote) -> None:
    answers = run(remote, ["node2", "node1"])
    assert list(answers) == ["node2", "node1"]
    assert {name: answer.status for name, answer in answers.items()} == {"node1": 0, "node2": 5}
    assert answers["node1"].output.strip() == "node1 node1 init it's $HOME"
    assert answers["node2"].errors.strip() == "a warning"


def test_a_dead_node_and_a_strange_name_are_answers_beside_good_ones(remote: Remote) -> None:
    answers = run(remote, ["node1", "dead", "-oProxyCommand=id", "node2"])
    assert [answer.good for answer in answers.values()] == [True, False, False, False]
    assert "Connection refused" in answers["dead"].errors
    assert "not a name" in answers["-oProxyCommand=id"].errors


def test_a_silent_node_is_timed_out_and_takes_nobody_along(remote: Remote) -> None:
    begin = time.monotonic()
    answers = run(remote, ["node1", "silent"], timeout_s=5)
    assert time.monotonic() - begin < 8
    assert answers["node1"].good
    assert (answers["silent"].good, answers["silent"].timed_out) == (False, True)


HANGS_IN_THE_TREE = NodeProgram(
    "import json, os, pathlib, signal, time\n"
    "stopped = pathlib.Path(json.loads(DATA)['flag'])\n"
    "if os.environ.get('TAKTUK_RANK') == '1':\n"
    "    above, pids = os.getppid(), []\n"
    "    while 'sshd' not in (stat := pathlib.Path(f'/proc/{above}/stat').read_text()):\n"
    "        os.kill(above, signal.SIGSTOP)\n"
    "        pids.append(above)\n"
    "        above = int(stat.rpartition(')')[2].split()[1])\n"
    "    stopped.with_suffix('.new').write_text(' '.join(map(str, pids)))\n"
    "    stopped.with_suffix('.new').rename(stopped)\n"
    "while not stopped.exists():\n"
    "    time.sleep(0.01)\n"
    "print(os.environ['OAR_NODE'], 'TAKTUK_RANK' in os.environ)\n",
    "init",
    {},
)
"""The first node that TakTuk has reached stops in the middle, and the one behind it answers only then."""


def test_nodes_behind_one_that_hangs_are_asked_by_ssh(lab: Lab, tmp_path: Path) -> None:
    a_chain = ("taktuk", "-t", "20", "-s", "-d", "1")
    program = replace(HANGS_IN_THE_TREE, data={"flag": str(tmp_path / "stopped")})
    remote = TaktukRemote(a_chain, SshRemote(lab.ssh))
    answers = asyncio.run(remote.run(["node1", "node2"], program, 6))
    for pid in (tmp_path / "stopped").read_text().split():
        os.kill(int(pid), signal.SIGKILL)
    assert [answer.output.strip() for answer in answers] == ["node1 False", "node2 False"]
    assert all(answer.good for answer in answers)


def test_hostile_words_arrive_as_they_were(lab: Lab) -> None:
    argv = ["printf", "%s\\0", *HOSTILE]
    answer = asyncio.run(SshRemote(lab.ssh).run_command("node1", argv, timeout_s=20))
    assert answer.output.split("\0")[:-1] == HOSTILE


def test_a_command_reads_what_it_is_sent(lab: Lab) -> None:
    answer = asyncio.run(SshRemote(lab.ssh).run_command("node1", ["cat"], b"hello", 20))
    assert (answer.status, answer.output) == (0, "hello")
