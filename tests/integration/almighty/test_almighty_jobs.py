"""Jobs as the server leads them from toLaunch to their end, on a real database, with nodes passed in."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from sqlalchemy import select

from oar.core.messages import Hint
from oar.core.states import JobState, NodeState
from oar.db.kills import SERVER, KillAnswer, ask_kill
from oar.db.tables_jobs import JobRow, KillRow
from oar.db.tables_resources import ResourceRow
from oar.remote.runner import Answer
from tests.integration.almighty.server import (
    RunningServer,
    add_ready_job,
    events_of,
    report_line,
    running_server,
    server_settings,
    states_of,
)
from tests.integration.life.build import job_row
from tests.unit.almighty.fakes import FakeRemote

pytestmark = pytest.mark.integration

WHOLE_LIFE = ["toLaunch", "Launching", "Running", "Finishing", "Terminated"]


def play(database, remote: FakeRemote, scene: Callable[[RunningServer], Awaitable[None]]) -> None:
    """Run a scene on a server of its own."""

    async def run() -> None:
        async with running_server(database.engine, remote) as server:
            await scene(server)

    asyncio.run(run())


def node_states(database) -> dict[str, str]:
    with database.engine.begin() as connection:
        return dict(connection.execute(select(ResourceRow.network_address, ResourceRow.state)).all())


def kill(database, job_id: int) -> None:
    with database.engine.begin() as connection:
        now = job_row(connection, job_id).start_time
        assert ask_kill(connection, job_id, SERVER, now) is KillAnswer.ASKED


def life_of(database, job_id: int) -> list[str]:
    with database.engine.begin() as connection:
        return states_of(connection, job_id)


def row_of(database, job_id: int):
    with database.engine.begin() as connection:
        return job_row(connection, job_id)


def incidents_of(database, job_id: int) -> list[str]:
    with database.engine.begin() as connection:
        return events_of(connection, job_id)


def test_a_job_goes_from_tolaunch_to_terminated(database):
    job_id = add_ready_job(database.engine, nodes=("node2", "node1"))
    remote = FakeRemote()

    async def scene(server: RunningServer) -> None:
        await server.until_state(job_id, JobState.RUNNING)
        server.say(report_line(job_id, 0, 256))
        await server.until_state(job_id, JobState.TERMINATED)

    play(database, remote, scene)
    assert life_of(database, job_id) == WHOLE_LIFE
    assert row_of(database, job_id).exit_code == 256
    assert remote.calls == [
        ("init", job_id, ("node1", "node2")),
        ("start", job_id, ("node1",)),
        ("clean", job_id, ("node1", "node2")),
    ]


def test_the_end_of_a_job_gives_a_round(database):
    job_id = add_ready_job(database.engine, JobState.RUNNING)

    async def scene(server: RunningServer) -> None:
        await asyncio.sleep(0.3)
        before = server.metascheduler.rounds
        server.say(report_line(job_id))
        await server.until_state(job_id, JobState.TERMINATED)
        async with asyncio.timeout(1):
            while server.metascheduler.rounds == before:
                await asyncio.sleep(0.02)

    play(database, FakeRemote(), scene)


def test_a_report_that_overtakes_the_start_of_its_job_waits_for_it(database):
    job_id = add_ready_job(database.engine)
    remote = FakeRemote()

    async def scene(server: RunningServer) -> None:
        remote.on_start = lambda job: server.say(report_line(job))
        await server.until_state(job_id, JobState.TERMINATED)

    play(database, remote, scene)
    assert life_of(database, job_id) == WHOLE_LIFE


def test_the_same_report_again_changes_nothing(database):
    job_id = add_ready_job(database.engine, JobState.RUNNING)

    async def scene(server: RunningServer) -> None:
        for _ in range(5):
            server.say(report_line(job_id))
        await server.until_state(job_id, JobState.TERMINATED)
        server.say(report_line(job_id, 3, None))
        await asyncio.sleep(0.3)

    play(database, FakeRemote(), scene)
    assert life_of(database, job_id) == ["Running", "Finishing", "Terminated"]
    assert incidents_of(database, job_id) == ["SWITCH_INTO_TERMINATE_STATE"]


def test_a_command_that_could_not_be_run_is_explained_with_its_folder_and_node(database):
    job_id = add_ready_job(database.engine, JobState.RUNNING)

    async def scene(server: RunningServer) -> None:
        server.say(report_line(job_id, 10, None))
        await server.until_state(job_id, JobState.ERROR)

    play(database, FakeRemote(), scene)
    with database.engine.connect() as connection:
        message = connection.scalar(select(JobRow.message).where(JobRow.job_id == job_id))
        folder = connection.scalar(select(JobRow.launching_directory).where(JobRow.job_id == job_id))
    assert message == f"cannot enter the working directory {folder} on node1"


@pytest.mark.parametrize("status", [127, 65536, 10**15])
def test_a_report_with_a_status_that_no_command_has_ends_the_job_all_the_same(database, status: int):
    job_id = add_ready_job(database.engine, JobState.RUNNING)

    async def scene(server: RunningServer) -> None:
        server.say(report_line(job_id, 0, status))
        await server.until_state(job_id, JobState.TERMINATED)

    play(database, FakeRemote(), scene)


def test_a_node_that_still_reports_an_ended_job_is_cleaned(database):
    job_id = add_ready_job(database.engine, JobState.RUNNING)
    remote = FakeRemote(bad={("clean", "node1"): Answer("node1", None, timed_out=True)})

    async def scene(server: RunningServer) -> None:
        server.say(report_line(job_id))
        await server.until_state(job_id, JobState.TERMINATED)
        before = len(remote.calls)
        server.say(report_line(job_id, challenge="666"))
        await asyncio.sleep(0.2)
        assert len(remote.calls) == before
        remote.bad.clear()
        server.say(report_line(job_id))
        async with asyncio.timeout(5):
            while len(remote.calls) == before:
                await asyncio.sleep(0.02)

    play(database, remote, scene)
    assert remote.actions(job_id)[-1] == "clean"
    assert life_of(database, job_id) == ["Running", "Finishing", "Terminated"]


def test_a_report_with_a_wrong_challenge_is_an_incident_and_nothing_else(database):
    job_id = add_ready_job(database.engine, JobState.RUNNING)

    async def scene(server: RunningServer) -> None:
        for _ in range(5):
            server.say(report_line(job_id, challenge="666"))
        await server.until(lambda connection: bool(events_of(connection, job_id)))
        await asyncio.sleep(0.2)

    play(database, FakeRemote(), scene)
    assert incidents_of(database, job_id) == ["BIPBIP_CHALLENGE"]
    assert row_of(database, job_id).state == JobState.RUNNING


def test_a_node_that_cannot_be_prepared_is_suspected_and_the_job_ends(database):
    job_id = add_ready_job(database.engine, nodes=("node1", "node2"))
    remote = FakeRemote(bad={("init", "node2"): Answer("node2", 255, "", "no route to host")})

    async def scene(server: RunningServer) -> None:
        await server.until_state(job_id, JobState.ERROR)

    play(database, remote, scene)
    assert node_states(database) == {"node1": NodeState.ALIVE, "node2": NodeState.SUSPECTED}
    assert remote.calls[1:] == [("clean", job_id, ("node1",))]
    assert "CPUSET_ERROR" in incidents_of(database, job_id)
    message = "One or several nodes are not responding correctly: node2 (no route to host)"
    assert row_of(database, job_id).message == message


def test_an_oarexec_that_is_never_ready_ends_the_job_and_suspects_its_first_node(database):
    job_id = add_ready_job(database.engine, nodes=("node1", "node2"))
    remote = FakeRemote(bad={("start", "node1"): Answer("node1", None, timed_out=True)})

    async def scene(server: RunningServer) -> None:
        await server.until_state(job_id, JobState.ERROR)

    play(database, remote, scene)
    assert node_states(database) == {"node1": NodeState.SUSPECTED, "node2": NodeState.ALIVE}
    assert "LAUNCHING_OAREXEC_TIMEOUT" in incidents_of(database, job_id)
    assert "node1" in row_of(database, job_id).message


def test_a_node_that_cannot_be_cleaned_is_suspected_and_the_job_is_terminated(database):
    job_id = add_ready_job(database.engine, JobState.RUNNING)
    remote = FakeRemote(bad={("clean", "node1"): Answer("node1", 6)})

    async def scene(server: RunningServer) -> None:
        server.say(report_line(job_id))
        await server.until_state(job_id, JobState.TERMINATED)

    play(database, remote, scene)
    assert node_states(database) == {"node1": NodeState.SUSPECTED}


def test_a_noop_job_runs_without_its_nodes_and_a_kill_terminates_it(database):
    job_id = add_ready_job(database.engine, types=("noop",))
    remote = FakeRemote()

    async def scene(server: RunningServer) -> None:
        await server.until_state(job_id, JobState.RUNNING)
        await asyncio.to_thread(kill, database, job_id)
        await server.send(Hint.KILL_ASKED)
        await server.until_state(job_id, JobState.TERMINATED)

    play(database, remote, scene)
    assert remote.calls == []


@pytest.mark.parametrize("types", [("container",), ("container=box", "noop")])
def test_a_round_follows_when_a_container_runs_since_inner_jobs_wait_for_that(database, types):
    job_id = add_ready_job(database.engine, types=types)

    async def scene(server: RunningServer) -> None:
        await server.until_state(job_id, JobState.RUNNING)
        async with asyncio.timeout(10):
            while server.metascheduler.rounds < 2:
                await asyncio.sleep(0.02)

    play(database, FakeRemote(), scene)


def test_a_waiting_job_that_is_killed_never_reaches_a_node(database):
    job_id = add_ready_job(database.engine, JobState.WAITING)
    remote = FakeRemote()
    kill(database, job_id)

    async def scene(server: RunningServer) -> None:
        await server.until_state(job_id, JobState.ERROR)

    play(database, remote, scene)
    assert remote.calls == []


def test_a_running_job_that_is_killed_gets_the_signal_and_ends_when_it_reports(database):
    job_id = add_ready_job(database.engine, JobState.RUNNING)
    remote = FakeRemote()

    async def scene(server: RunningServer) -> None:
        await asyncio.to_thread(kill, database, job_id)
        await server.send(Hint.KILL_ASKED)
        await server.until_called("signal TERM", job_id)
        server.say(report_line(job_id, 3, None))
        await server.until_state(job_id, JobState.ERROR)

    play(database, remote, scene)
    assert row_of(database, job_id).message == "Job killed on request"
    with database.engine.begin() as connection:
        assert connection.execute(select(KillRow.frag_state)).scalar_one() == "FRAGGED"


def test_a_job_killed_while_its_nodes_are_prepared_is_never_started(database):
    job_id = add_ready_job(database.engine)
    remote = FakeRemote()

    async def scene(server: RunningServer) -> None:
        gate = asyncio.Event()
        prepare = remote.run

        async def slow_run(nodes, program, timeout_s):
            answers = await prepare(nodes, program, timeout_s)
            if program.action == "init":
                await gate.wait()
            return answers

        remote.run = slow_run
        await server.until_called("init", job_id)
        await asyncio.to_thread(kill, database, job_id)
        gate.set()
        await server.until_state(job_id, JobState.ERROR)

    play(database, remote, scene)
    assert remote.actions(job_id) == ["init", "clean"]


def test_a_job_killed_while_oarexec_starts_is_signalled_as_soon_as_it_runs(database):
    job_id = add_ready_job(database.engine)
    remote = FakeRemote()

    async def scene(server: RunningServer) -> None:
        # The node says that it is ready only after the kill was asked for and carried out.
        remote.on_start = lambda job: kill(database, job)
        await server.until_called("signal TERM", job_id, within_s=0.9)

    play(database, remote, scene)
    assert "Running" in life_of(database, job_id)


def test_a_kill_is_signalled_again_until_the_pid_file_is_there(database):
    job_id = add_ready_job(database.engine, JobState.RUNNING)
    remote = FakeRemote(bad={("signal", "node1"): Answer("node1", 1)})

    async def scene(server: RunningServer) -> None:
        await asyncio.to_thread(kill, database, job_id)
        await server.send(Hint.KILL_ASKED)
        async with asyncio.timeout(0.9):
            while remote.actions(job_id).count("signal TERM") < 2:
                await asyncio.sleep(0.02)

    play(database, remote, scene)


def test_launches_that_fill_every_place_delay_neither_a_kill_nor_the_end_of_its_job(database):
    settings = server_settings(launches_at_once=3)
    for number in range(6):
        add_ready_job(database.engine, nodes=(f"silent{number}",))
    job_id = add_ready_job(database.engine, JobState.RUNNING, nodes=("node1",))
    remote = FakeRemote(silent={("init", f"silent{number}") for number in range(6)})

    async def scene() -> None:
        async with running_server(database.engine, remote, settings) as server:
            await server.until(lambda _: sum(call[0] == "init" for call in remote.calls) == 3)
            await asyncio.to_thread(kill, database, job_id)
            await server.send(Hint.KILL_ASKED)
            await server.until_called("signal TERM", job_id, within_s=1)
            server.say(report_line(job_id, 3, None))
            await server.until_state(job_id, JobState.ERROR, within_s=1)

    asyncio.run(scene())


def test_a_job_whose_oarexec_is_gone_is_reported_by_its_node_and_ends(database):
    job_id = add_ready_job(database.engine, JobState.RUNNING)
    remote = FakeRemote(bad={("signal", "node1"): Answer("node1", 1)})

    async def scene(server: RunningServer) -> None:
        # A server that has just started asks every running job for its report.
        await server.until_called("ask", job_id)
        server.say(report_line(job_id, 3, None))
        await server.until_state(job_id, JobState.ERROR)

    play(database, remote, scene)
    assert row_of(database, job_id).message == "Job lost: oarexec, or its node, died while the job ran"


def test_a_job_whose_oarexec_of_the_site_is_gone_is_ended_without_asking(database):
    job_id = add_ready_job(database.engine, JobState.RUNNING)
    remote = FakeRemote(bad={("signal", "node1"): Answer("node1", 1)})

    async def scene() -> None:
        settings = server_settings()
        settings = replace(settings, nodes=replace(settings.nodes, oarexec_file="/site/oarexec"))
        async with running_server(database.engine, remote, settings) as server:
            await server.until_state(job_id, JobState.ERROR)

    asyncio.run(scene())
    assert "ask" not in remote.actions(job_id)


def test_a_node_that_answers_is_cleaned_although_it_could_not_be_prepared(database):
    job_id = add_ready_job(database.engine)
    remote = FakeRemote(bad={("init", "node1"): Answer("node1", 5, "", "no group")})

    async def scene(server: RunningServer) -> None:
        await server.until_state(job_id, JobState.ERROR)

    play(database, remote, scene)
    assert remote.actions(job_id) == ["init", "clean"]


def test_a_job_that_does_not_obey_is_exterminated(database):
    job_id = add_ready_job(database.engine, JobState.RUNNING)
    remote = FakeRemote()
    kill(database, job_id)

    async def scene(server: RunningServer) -> None:
        await server.until_state(job_id, JobState.ERROR)

    play(database, remote, scene)
    assert remote.actions(job_id)[-1] == "clean"
    assert remote.actions(job_id).count("signal TERM") > 1
    assert "EXTERMINATE_JOB" in incidents_of(database, job_id)


def test_a_silent_node_delays_no_kill_on_another(database):
    stuck = [add_ready_job(database.engine, JobState.RUNNING, nodes=("silent",)) for _ in range(10)]
    job_id = add_ready_job(database.engine, JobState.RUNNING, nodes=("node1",))
    remote = FakeRemote(silent={("signal", "silent")})
    for one in (*stuck, job_id):
        kill(database, one)

    async def scene(server: RunningServer) -> None:
        await server.until_called("signal TERM", job_id, within_s=2)

    play(database, remote, scene)


def test_a_job_past_its_walltime_is_killed(database):
    job_id = add_ready_job(database.engine, JobState.RUNNING, walltime_s=60, start_time=1000)
    remote = FakeRemote()

    async def scene(server: RunningServer) -> None:
        await server.until_called("signal TERM", job_id)
        server.say(report_line(job_id, 3, None))
        await server.until_state(job_id, JobState.ERROR)

    play(database, remote, scene)
    assert "WALLTIME" in incidents_of(database, job_id)
    assert row_of(database, job_id).message == "Job killed: its walltime was over"


def test_a_resource_that_is_to_become_dead_loses_its_job(database):
    job_id = add_ready_job(database.engine, JobState.RUNNING)
    remote = FakeRemote()

    async def scene(server: RunningServer) -> None:
        await server.read(
            lambda c: c.execute(ResourceRow.__table__.update().values(next_state="Dead")) and None
        )
        await server.send(Hint.STATE_CHANGED)
        await server.until_called("signal TERM", job_id)

    play(database, remote, scene)
    assert node_states(database) == {"node1": NodeState.DEAD}


def test_the_server_script_before_the_job_can_refuse_it(database, tmp_path):
    script = tmp_path / "prologue"
    script.write_text("#!/bin/sh\nexit 3\n")
    script.chmod(0o755)
    job_id = add_ready_job(database.engine)
    remote = FakeRemote()

    async def scene() -> None:
        settings = server_settings()
        settings = replace(settings, nodes=replace(settings.nodes, server_prologue=str(script)))
        async with running_server(database.engine, remote, settings) as server:
            await server.until_state(job_id, JobState.ERROR)

    asyncio.run(scene())
    assert remote.actions(job_id) == ["init", "clean"]
    assert "SERVER_PROLOGUE_EXIT_CODE_ERROR" in incidents_of(database, job_id)
