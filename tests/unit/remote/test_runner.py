"""Local commands of a call: bounded in time and output, and gone when the call is."""

import asyncio
import json
import sys
import time
from pathlib import Path

import pytest

from oar.remote.runner import Answer, NodeProgram, SshRemote, TaktukRemote, open_remote, run_local
from oar.settings import NodeSettings

LIMIT = 1000


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def gone(pid: int) -> bool:
    for _ in range(100):
        if not alive(pid):
            return True
        await asyncio.sleep(0.02)
    return False


def test_output_errors_and_status_come_back() -> None:
    ended = asyncio.run(run_local(["sh", "-c", "cat; echo bad >&2; exit 3"], b"in", 10, LIMIT))
    assert (ended.status, ended.output, ended.errors, ended.timed_out) == (3, "in", "bad\n", False)


def test_output_beyond_the_limit_is_read_and_dropped() -> None:
    ended = asyncio.run(run_local([sys.executable, "-c", "print('x' * 500_000)"], b"", 20, LIMIT))
    assert (ended.status, len(ended.output)) == (0, LIMIT)


def test_a_command_that_leaves_its_input_unread_still_answers() -> None:
    ended = asyncio.run(run_local(["sh", "-c", "exec <&-; exit 4"], b"x" * 1_000_000, 10, LIMIT))
    assert ended.status == 4


def test_a_command_that_does_not_exist_is_an_answer() -> None:
    ended = asyncio.run(run_local(["/nonexistent/ssh"], b"", 10, LIMIT))
    assert ended.status is None
    assert ended.errors == "cannot run /nonexistent/ssh: No such file or directory"


def test_time_out_kills_the_whole_session(tmp_path: Path) -> None:
    async def scene() -> None:
        # A second process group, as TakTuk gives each of its connections.
        code = (
            "import os, pathlib, time\n"
            "if os.fork() == 0:\n"
            "    os.setpgid(0, 0)\n"
            f"    pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(os.getpid()))\n"
            "time.sleep(60)"
        )
        begin = time.monotonic()
        ended = await run_local([sys.executable, "-c", code], b"", 1.0, LIMIT)
        assert (ended.status, ended.timed_out) == (None, True)
        assert time.monotonic() - begin < 10
        assert await gone(int((tmp_path / "pid").read_text()))

    asyncio.run(scene())


def test_cancellation_kills_the_command(tmp_path: Path) -> None:
    async def scene() -> None:
        task = asyncio.create_task(
            run_local(["sh", "-c", f"echo $$ > {tmp_path}/pid; exec sleep 60"], b"", 60, LIMIT)
        )
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await gone(int((tmp_path / "pid").read_text()))

    asyncio.run(scene())


def test_a_program_is_sent_before_its_data() -> None:
    sent = NodeProgram("print(1)", "init", {"a": "é"}).to_stdin()
    source, _, data = sent.partition(b"\n__END__\n")
    assert (source, json.loads(data)) == (b"print(1)", {"a": "é"})


def fake_ssh(tmp_path: Path, script: str) -> tuple[str, ...]:
    """Make a program that is called as ssh is: -x -T <node> <command>."""
    path = tmp_path / "ssh"
    path.write_text(f"#!/bin/sh\nnode=$3\n{script}\n")
    path.chmod(0o755)
    return (str(path),)


def test_ssh_answers_come_in_the_order_of_the_nodes(tmp_path: Path) -> None:
    remote = SshRemote(fake_ssh(tmp_path, 'cat > /dev/null; [ $node = n1 ] && sleep 0.3; echo "$node"'))
    answers = asyncio.run(remote.run(["n1", "n2"], NodeProgram("", "init", {}), 10))
    assert [(answer.node, answer.output) for answer in answers] == [("n1", "n1\n"), ("n2", "n2\n")]


def test_ssh_runs_a_bounded_number_at_once(tmp_path: Path) -> None:
    script = f"cat > /dev/null; echo + >> {tmp_path}/log; sleep 0.1; echo - >> {tmp_path}/log"
    remote = SshRemote(fake_ssh(tmp_path, script), at_once=2)
    asyncio.run(remote.run([f"n{i}" for i in range(6)], NodeProgram("", "init", {}), 10))
    level, highest = 0, 0
    for sign in (tmp_path / "log").read_text().split():
        level += 1 if sign == "+" else -1
        highest = max(highest, level)
    assert highest <= 2


def test_a_name_that_is_no_machine_reaches_no_command(tmp_path: Path) -> None:
    remote = SshRemote(fake_ssh(tmp_path, f"touch {tmp_path}/called"))
    answer = asyncio.run(remote.run_command("-oProxyCommand=id", ["true"]))
    assert answer == Answer("-oProxyCommand=id", None, "", '"-oProxyCommand=id" is not a name of a machine')
    assert not (tmp_path / "called").exists()


def test_taktuk_is_left_out_while_the_nodes_are_few(tmp_path: Path) -> None:
    by_ssh = SshRemote(fake_ssh(tmp_path, "cat > /dev/null; exit 7"))
    remote = TaktukRemote(("/nonexistent/taktuk",), by_ssh, from_nodes=3)
    answers = asyncio.run(remote.run(["n1", "n2"], NodeProgram("", "init", {}), 10))
    assert [answer.status for answer in answers] == [7, 7]


def test_a_taktuk_that_cannot_start_makes_every_node_bad() -> None:
    remote = TaktukRemote(("/nonexistent/taktuk",), SshRemote(("ssh",)))
    answers = asyncio.run(remote.run(["n1", "n2"], NodeProgram("", "init", {}), 10))
    assert not any(answer.good for answer in answers)
    assert answers[0].errors == "cannot run /nonexistent/taktuk: No such file or directory"


def test_taktuk_is_used_when_it_is_configured() -> None:
    assert isinstance(open_remote(NodeSettings(taktuk=("taktuk",))), TaktukRemote)


def test_ssh_is_used_otherwise() -> None:
    assert isinstance(open_remote(NodeSettings()), SshRemote)
