"""oarexec runs real commands, in cgroups where this machine allows it and by tracking processes."""

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from oar.remote.programs import READY_LINE, NodeSignal, clean_program, init_program, oarexec_program
from oar.remote.runner import SshRemote
from tests.integration.node_kit import KINDS, Node, Server, is_alive, open_lab, open_node, wait_for

pytestmark = pytest.mark.integration


@pytest.fixture(params=KINDS)
def node(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Node]:
    with open_node(tmp_path, request.param) as node:
        yield node


@pytest.fixture
def any_node(tmp_path: Path) -> Iterator[Node]:
    """A node for what does not depend on how processes are held."""
    with open_node(tmp_path, "tracking") as node:
        yield node


def test_a_command_runs_with_its_files_environment_and_status(node: Node) -> None:
    node.launch(
        node.job('echo out; echo err >&2; echo "$OAR_JOB_ID" > id; cat "$OAR_NODEFILE" > nodes; exit 3')
    )
    assert node.hears(node.report(0, 768))
    assert (node.text("out"), node.text("err"), node.text("nodes")) == ("out\n", "err\n", "node1\n")
    assert node.text("id") == f"{node.jobs[0].job_id}\n"


def test_the_ready_line_is_all_that_is_said(any_node: Node) -> None:
    job = any_node.job("echo out; sleep 30")
    started = any_node.start(job)
    assert (started.stdout.decode(), started.stderr) == (READY_LINE + "\n", b"")


def test_output_is_appended(any_node: Node) -> None:
    (any_node.home / "out").write_text("before\n")
    any_node.launch(any_node.job("echo after"))
    assert any_node.hears(any_node.report(0, 0))
    assert any_node.text("out") == "before\nafter\n"


def test_a_command_sees_signals_as_a_shell_would_give_them(any_node: Node) -> None:
    any_node.launch(any_node.job("grep -E '^Sig(Blk|Ign)' /proc/self/status | tr -d '\\t'"))
    assert any_node.hears(any_node.report(0, 0))
    assert any_node.text("out") == "SigBlk:0000000000000000\nSigIgn:0000000000000000\n"


def test_nobody_reads_the_command_or_the_challenge_off_a_command_line(any_node: Node) -> None:
    any_node.launch(any_node.job("tr '\\0' ' ' < /proc/$PPID/cmdline; sleep 0 # secret"))
    assert any_node.hears(any_node.report(0, 0))
    assert "OAREXEC_USER" in any_node.text("out")
    assert "secret" not in any_node.text("out")
    assert "4711" not in Path(f"/proc/{any_node.oarexec_pid(any_node.jobs[0])}/cmdline").read_text()


def test_a_kill_ends_the_command_and_says_so(node: Node) -> None:
    job = node.launch(node.job("echo $$ > pid; (trap '' TERM; sleep 300) & sleep 300"))
    assert wait_for(lambda: node.text("pid"))
    assert node.signal(job, NodeSignal.KILL) == 0
    assert node.hears(node.report(3))
    assert not is_alive(int(node.text("pid")))
    assert f"] Job {job.job_id} KILLED ##\n" in node.text("err")


def test_a_kill_straight_after_the_start_is_not_lost(any_node: Node) -> None:
    job = any_node.job("sleep 300")
    any_node.launch(job)
    assert any_node.signal(job, NodeSignal.KILL) == 0
    assert any_node.hears(any_node.report(3))


def test_a_checkpoint_sends_the_jobs_signal_to_the_command(any_node: Node) -> None:
    command = "trap 'echo saved; exit 0' USR2; echo > ready; while :; do sleep 0.05; done"
    job = any_node.launch(any_node.job(command))
    assert wait_for(lambda: any_node.text("ready"))
    assert any_node.signal(job, NodeSignal.CHECKPOINT) == 0
    assert any_node.hears(any_node.report(40, 0))
    assert any_node.text("out") == "saved\n"
    assert "CHECKPOINTED with signal 12 ##" in any_node.text("err")


def test_a_user_signal_reaches_the_command(any_node: Node) -> None:
    command = "trap 'echo heard; exit 4' HUP; echo > ready; while :; do sleep 0.05; done"
    job = any_node.launch(any_node.job(command))
    assert wait_for(lambda: any_node.text("ready"))
    assert any_node.signal(job, NodeSignal.USER_SIGNAL, "SIGHUP") == 0
    assert any_node.hears(any_node.report(42, 1024))
    assert (any_node.text("out"), "SIGNALED with SIGHUP ##" in any_node.text("err")) == ("heard\n", True)


def test_an_interactive_job_lasts_until_its_session_ends(any_node: Node) -> None:
    job = any_node.launch(any_node.job("", mode="INTERACTIVE"))
    assert any_node.signal(job, NodeSignal.END_INTERACTIVE) == 0
    assert any_node.hears(any_node.report(34))


def test_a_launching_directory_that_is_not_there_is_10(any_node: Node) -> None:
    any_node.launch(any_node.job("true", launching_directory="/nonexistent"))
    assert any_node.hears(any_node.report(10))


def test_output_files_that_cannot_be_made_are_20(any_node: Node) -> None:
    any_node.launch(any_node.job("true", stdout_file="/nonexistent/out"))
    assert any_node.hears(any_node.report(20))


def test_an_unknown_user_is_told_before_the_job_is_ours(any_node: Node) -> None:
    job = any_node.job("true", user="nobody-of-this-name")
    started = any_node.start(job)
    assert (started.returncode, started.stdout) == (7, b"")
    assert "there is no user nobody-of-this-name" in started.stderr.decode()


def script(node: Node, name: str, text: str) -> str:
    path = node.home / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_prologue_and_epilogue_run_around_the_command_with_four_arguments(node: Node) -> None:
    log = node.home / "log"
    node.prologue = script(node, "prologue", f'echo prologue $# $1 $2 $4 >> {log}; cat "$3" >> {log}')
    node.epilogue = script(node, "epilogue", f'echo epilogue $# >> {log}; cat "$3" >> {log}')
    job = node.launch(node.job(f"echo job >> {log}"))
    assert node.hears(node.report(0, 0))
    expected = f"prologue 4 {job.job_id} {job.user} {job.walltime_s}\nnode1\njob\nepilogue 4\nnode1\n"
    assert log.read_text() == expected


def test_a_prologue_that_fails_keeps_the_command_from_starting(any_node: Node) -> None:
    any_node.prologue = script(any_node, "prologue", "exit 9")
    job = any_node.job("echo > started")
    assert any_node.init(job).returncode == 0
    assert any_node.start(job).returncode == 1
    assert not (any_node.home / "started").exists()


def test_a_prologue_that_lasts_too_long_fails_with_all_it_started(any_node: Node) -> None:
    any_node.prologue = script(any_node, "prologue", f"sleep 300 & echo $! > {any_node.home}/pid; wait")
    any_node.script_timeout_s = 1
    job = any_node.job("true")
    assert any_node.init(job).returncode == 0
    assert any_node.start(job).returncode == 1
    pid = int(any_node.text("pid"))
    assert wait_for(lambda: not is_alive(pid))


def test_an_epilogue_that_fails_is_told_beside_the_status(any_node: Node) -> None:
    any_node.epilogue = script(any_node, "epilogue", "exit 9")
    any_node.launch(any_node.job("exit 3"))
    assert any_node.hears(any_node.report(2, 768))


def test_a_job_that_runs_is_not_started_again(node: Node) -> None:
    job = node.launch(node.job("echo once >> runs; echo $$ > pid; sleep 300"))
    assert wait_for(lambda: node.text("pid"))
    again = node.start(job)
    assert (again.returncode, again.stdout.decode()) == (0, READY_LINE + "\n")
    assert node.signal(job, NodeSignal.KILL) == 0
    assert node.hears(node.report(3))
    assert node.text("runs") == "once\n"


def test_a_job_that_has_ended_is_reported_again_instead(any_node: Node) -> None:
    job = any_node.launch(any_node.job("echo once >> runs; exit 3"))
    assert any_node.hears(any_node.report(0, 768))
    os.kill(any_node.oarexec_pid(job), signal.SIGKILL)
    any_node.server.lines.clear()
    again = any_node.start(job)
    assert (again.returncode, again.stdout.decode()) == (0, READY_LINE + "\n")
    assert any_node.hears(any_node.report(0, 768))
    assert any_node.text("runs") == "once\n"


def test_a_job_whose_oarexec_was_killed_is_reported_as_killed(any_node: Node) -> None:
    job = any_node.launch(any_node.job("echo once >> runs; echo > up; sleep 300"))
    assert wait_for(lambda: any_node.text("up"))
    os.kill(any_node.oarexec_pid(job), signal.SIGKILL)
    assert any_node.start(job).returncode == 0
    assert any_node.hears(any_node.report(3))
    assert any_node.text("runs") == "once\n"


def test_a_job_that_left_nothing_on_its_node_is_reported_as_killed_where_it_may_not_start(
    any_node: Node,
) -> None:
    job = any_node.job("echo once >> runs")
    assert any_node.init(job).returncode == 0
    done = any_node.run(oarexec_program(job, any_node.settings, may_start=False))
    assert done.stdout.decode() == READY_LINE + "\n"
    assert any_node.hears(any_node.report(3))
    assert any_node.text("runs") == ""


def test_another_job_of_the_same_id_is_not_mistaken_for_it(any_node: Node) -> None:
    job = any_node.launch(any_node.job("exit 3"))
    assert any_node.hears(any_node.report(0, 768))
    os.kill(any_node.oarexec_pid(job), signal.SIGKILL)
    any_node.start(any_node.job("exit 4", job_id=job.job_id, challenge="815"))
    assert any_node.hears(f"OAREXEC_{job.job_id}_0_1024_815")


def test_the_report_waits_for_a_server_that_is_away_and_is_repeated_until_clean(any_node: Node) -> None:
    any_node.server.close()
    any_node.server = Server()
    job = any_node.launch(any_node.job("true"))
    assert wait_for(lambda: any_node.record(job)["code"] == 0)
    any_node.server.open()
    assert wait_for(lambda: len(any_node.server.lines) >= 2)
    oarexec = any_node.oarexec_pid(job)
    assert any_node.clean(job).returncode == 0
    assert not is_alive(oarexec)


def test_after_a_job_that_nobody_cleans_oarexec_leaves_when_it_was_heard(any_node: Node) -> None:
    job = any_node.launch(any_node.job("true", types={"cosystem": ""}))
    oarexec = any_node.oarexec_pid(job)

    def is_heard_and_gone() -> bool:
        any_node.signal(job, NodeSignal.REPORT_NOW)
        return not is_alive(oarexec)

    assert wait_for(is_heard_and_gone)
    assert any_node.report(0, 0) in any_node.server.lines


def test_the_report_is_repeated_at_once_when_asked(any_node: Node) -> None:
    job = any_node.launch(any_node.job("true"))
    assert any_node.hears(any_node.report(0, 0))
    any_node.server.lines.clear()
    begin = time.monotonic()
    assert any_node.signal(job, NodeSignal.REPORT_NOW) == 0
    assert any_node.hears(any_node.report(0, 0))
    assert time.monotonic() - begin < 1


def test_no_process_is_signalled_for_a_job_without_oarexec(any_node: Node) -> None:
    job = any_node.job("true")
    any_node.directory.mkdir()
    (any_node.directory / f"pid_of_oarexec_for_jobId_{job.job_id}").write_text(str(os.getpid()))
    assert any_node.signal(job, NodeSignal.KILL) == 1


def test_a_job_runs_through_ssh_which_is_free_while_it_does(any_node: Node, tmp_path: Path) -> None:
    folder = tmp_path / "lab"
    folder.mkdir()
    job = any_node.job("sleep 1; echo $OAR_NODE")

    async def scene() -> None:
        settings = any_node.settings
        for build, limit_s in ((init_program, 10), (oarexec_program, 0.9), (clean_program, 10)):
            begin = time.monotonic()
            answers = await remote.run(["node1"], build(job, settings), 10)
            assert [answer.status for answer in answers] == [0], answers
            if build is oarexec_program:
                assert not any_node.server.lines
                assert await asyncio.to_thread(any_node.hears, any_node.report(0, 0)), limit_s
            assert time.monotonic() - begin < 10

    with open_lab(folder) as lab:
        remote = SshRemote(lab.ssh)
        asyncio.run(scene())
        assert any_node.text("out") == "node1\n"
        assert not [path.name for path in (folder / "node1").iterdir() if str(job.job_id) in path.name]
