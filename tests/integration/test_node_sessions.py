"""Sessions with nodes that are kept, through real sshd: programs run, and whatever happens to a session."""

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from oar.remote.argv import STAYING_LOADER, loader_argv
from oar.remote.bundle import bundle
from oar.remote.kept import WORD, KeptRemote
from oar.remote.programs import LaunchData, clean_program, init_program, oarexec_program
from oar.remote.runner import Answer, NodeProgram, SshRemote
from oar.settings import NodeSettings, ServerSettings, Settings
from tests.integration.node_kit import CHALLENGE, USER, Lab, Server, is_alive, open_lab, wait_for

pytestmark = pytest.mark.integration

MARKED = NodeProgram("import sys; print('sent alone')", "init", {}, kept_as="job_resource_manager")
"""What says so when it is sent; a keeper has another program of that name, which finds its data bad."""
BAD_DATA = 2


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with open_lab(tmp_path_factory.mktemp("lab")) as lab:
        yield lab


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    server.open()
    yield server
    server.close()


def kept(lab: Lab, *, most: int = 8, idle_s: float = 60.0, quiet_s: float = 5.0) -> KeptRemote:
    return KeptRemote(SshRemote(lab.ssh), lab.ssh, most=most, idle_s=idle_s, quiet_s=quiet_s)


def play(remote: KeptRemote, scene: Callable[[], Awaitable[None]]) -> None:
    """Run a scene, and end the sessions in any case."""

    async def whole() -> None:
        try:
            await scene()
        finally:
            await remote.close()

    asyncio.run(whole())


def keepers(lab: Lab) -> list[int]:
    """List the keepers on the nodes of this test."""
    found = []
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            words = (folder / "cmdline").read_bytes().split(b"\0")
            is_keeper = words[-2:-1] == [WORD.encode()] and b"python" in words[0]
            if is_keeper and str(lab.directory).encode() in (folder / "environ").read_bytes():
                found.append(int(folder.name))
    return [pid for pid in found if is_alive(pid)]


def job(number: int, command: str, home: Path) -> LaunchData:
    rows = [{"resource_id": 1, "network_address": "node1", "type": "default", "cpuset": 0}]
    return LaunchData(
        job_id=2_000_000 + os.getpid() * 100 + number,
        user=USER,
        array_id=1,
        array_index=1,
        job_name=None,
        project="p",
        command=command,
        launching_directory=str(home),
        stdout_file="out",
        stderr_file="err",
        walltime_s=60,
        challenge=CHALLENGE,
        resources=rows,
    )


def settings(lab: Lab, server: Server) -> Settings:
    nodes = NodeSettings(runtime_directory=str(lab.directory), cpuset_path="")
    return Settings(nodes=nodes, server=ServerSettings(hostname="127.0.0.1", text_port=server.port))


async def ask(remote: KeptRemote, program: NodeProgram = MARKED, timeout_s: float = 20) -> Answer:
    (answer,) = await remote.run(["node1"], program, timeout_s)
    return answer


def was_kept(answer: Answer) -> bool:
    return answer.status == BAD_DATA and "bad data" in answer.errors


def test_a_job_is_prepared_run_and_cleaned_in_a_session(lab: Lab, server: Server, tmp_path: Path) -> None:
    remote, known = kept(lab), settings(lab, server)
    one = job(1, "echo $OAR_JOB_ID; tr '\\0' '\\n' < /proc/$PPID/environ | grep -c OAR_JOB_ID", tmp_path)

    async def scene() -> None:
        assert (await ask(remote, init_program(one, known))).good
        started = await ask(remote, oarexec_program(one, known))
        assert started.output == "oarexec is initialized and ready to do the job\n"
        assert await asyncio.to_thread(wait_for, lambda: server.lines)
        pid = int((lab.directory / "node1" / f"pid_of_oarexec_for_jobId_{one.job_id}").read_text())
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        assert words[:2] == [b"python3", f"OAREXEC_{one.job_id}".encode()]
        assert (await ask(remote, clean_program(one, known))).good
        assert not is_alive(pid)

    play(remote, scene)
    assert server.lines[0] == f"OAREXEC_{one.job_id}_0_256_{CHALLENGE}"
    assert (tmp_path / "out").read_text() == f"{one.job_id}\n0\n"


def test_many_programs_at_once_are_answered_each_by_itself(lab: Lab, server: Server, tmp_path: Path) -> None:
    remote, known = kept(lab), settings(lab, server)
    jobs = [job(10 + number, "true", tmp_path) for number in range(20)]

    async def scene() -> None:
        for program in (init_program, oarexec_program, clean_program):
            answers = await asyncio.gather(*(ask(remote, program(one, known)) for one in jobs))
            assert all(answer.good for answer in answers), answers
        assert len(keepers(lab)) == 2

    play(remote, scene)


def test_all_of_a_session_is_gone_when_it_is_closed(lab: Lab) -> None:
    remote = kept(lab)

    async def scene() -> None:
        assert was_kept(await ask(remote))
        assert keepers(lab)

    play(remote, scene)
    assert wait_for(lambda: not keepers(lab))


def test_a_session_without_work_ends(lab: Lab) -> None:
    remote = kept(lab, idle_s=0.1)

    async def scene() -> None:
        assert was_kept(await ask(remote))
        assert await asyncio.to_thread(wait_for, lambda: not keepers(lab))
        assert was_kept(await ask(remote)), "a new one begins when it is needed"

    play(remote, scene)


def test_a_killed_keeper_is_replaced_and_its_program_run(lab: Lab) -> None:
    remote = kept(lab)

    async def scene() -> None:
        assert was_kept(await ask(remote))
        (first,) = keepers(lab)
        os.kill(first, signal.SIGKILL)
        assert was_kept(await ask(remote)), "whether the loss is known by now or not"
        assert first not in keepers(lab)

    play(remote, scene)


def test_a_keeper_that_hangs_costs_nothing_but_time(lab: Lab) -> None:
    remote = kept(lab, quiet_s=0.1)

    async def scene() -> None:
        assert was_kept(await ask(remote))
        (first,) = keepers(lab)
        os.kill(first, signal.SIGSTOP)
        assert was_kept(await ask(remote)), "a new one has begun"
        os.kill(first, signal.SIGCONT)
        assert await asyncio.to_thread(wait_for, lambda: not is_alive(first))

    play(remote, scene)


def test_lines_found_with_the_end_of_the_input_are_not_obeyed(
    lab: Lab, server: Server, tmp_path: Path
) -> None:
    """A keeper that hung wakes up when its programs were sent in the other way long ago."""
    one = job(40, "echo twice >> ran", tmp_path)
    data = json.dumps(oarexec_program(one, settings(lab, server)).data)

    async def scene() -> None:
        source = bundle("keeper").encode()
        process = await asyncio.create_subprocess_exec(
            *loader_argv("TEST", loader=STAYING_LOADER),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=dict(os.environ, OAR_RUNDIR=str(tmp_path)),
        )
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"%d\n%b" % (len(source), source))
        assert await process.stdout.readline() == b"{}\n"
        process.send_signal(signal.SIGSTOP)
        process.stdin.write(f"1 oarexec OAREXEC_{one.job_id} {data}\n".encode())
        process.stdin.close()
        await process.stdin.wait_closed()
        process.send_signal(signal.SIGCONT)
        assert await process.wait() == 0
        assert await process.stdout.read() == b""

    asyncio.run(scene())
    assert not list(tmp_path.iterdir())


def test_a_program_that_takes_too_long_is_timed_out_and_others_go_on(lab: Lab, server: Server) -> None:
    remote, known = kept(lab), settings(lab, server)
    prologue = lab.directory / "slow"
    prologue.write_text("#!/bin/sh\nexec sleep 3\n")
    prologue.chmod(0o755)
    slow = oarexec_program(job(50, "true", lab.directory), known)
    slow = NodeProgram(slow.source, slow.action, {**slow.data, "prologue": str(prologue)}, kept_as="oarexec")

    async def scene() -> None:
        begun = asyncio.get_running_loop().time()
        answer = await ask(remote, slow, timeout_s=1)
        assert (answer.good, answer.timed_out) == (False, True)
        assert asyncio.get_running_loop().time() - begun < 10
        assert was_kept(await ask(remote))

    play(remote, scene)


def test_a_node_that_cannot_be_reached_is_the_answer_it_always_was(lab: Lab) -> None:
    remote = kept(lab)

    async def scene() -> None:
        (answer,) = await remote.run(["dead"], MARKED, 20)
        assert (answer.status, "Connection refused" in answer.errors) == (255, True)

    play(remote, scene)


def test_a_silent_node_takes_no_longer_than_it_may(lab: Lab) -> None:
    remote = kept(lab)

    async def scene() -> None:
        begun = asyncio.get_running_loop().time()
        answers = await remote.run(["silent", "node1"], MARKED, 2)
        assert asyncio.get_running_loop().time() - begun < 8
        assert (answers[0].timed_out, was_kept(answers[1])) == (True, True)

    play(remote, scene)


def test_a_program_of_the_site_is_sent_alone(lab: Lab) -> None:
    remote = kept(lab)

    async def scene() -> None:
        assert (await ask(remote, NodeProgram("print('of the site')", "init", {}))).output == "of the site\n"
        assert not keepers(lab)

    play(remote, scene)


def test_where_no_more_sessions_are_wanted_programs_are_sent_alone(lab: Lab) -> None:
    remote = kept(lab, most=0)

    async def scene() -> None:
        assert (await ask(remote)).output == "sent alone\n"

    play(remote, scene)


def test_the_session_that_rested_longest_makes_room(lab: Lab) -> None:
    remote = kept(lab, most=1)

    async def scene() -> None:
        for node in ("node1", "node2", "node1"):
            (answer,) = await remote.run([node], MARKED, 20)
            assert was_kept(answer)
        assert await asyncio.to_thread(wait_for, lambda: len(keepers(lab)) == 1)

    play(remote, scene)
