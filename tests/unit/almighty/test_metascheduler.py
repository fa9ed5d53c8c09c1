import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import zmq.asyncio

from oar.almighty.metascheduler import (
    ForeignMetaScheduler,
    KaoWorker,
    RoundFailed,
    RoundResult,
    open_metascheduler,
)

ANSWERING = """
import json, os, sys, time, zmq
socket = zmq.Context().socket(zmq.PAIR)
socket.connect(sys.argv[1])
while True:
    number = json.loads(socket.recv())["round"]
    {body}
    answer = {{"launch": [number, os.getpid()], "killed": True, "again": True, "error": error}}
    answer["round"] = number
    socket.send(json.dumps(answer).encode())
"""


def kao(context: zmq.asyncio.Context, body: str, timeout_s: float = 10.0) -> KaoWorker:
    return KaoWorker(context, (sys.executable, "-c", ANSWERING.format(body=body)), timeout_s)


def play(scene: Callable[[zmq.asyncio.Context], Awaitable[None]]) -> None:
    async def run() -> None:
        context = zmq.asyncio.Context()
        try:
            await scene(context)
        finally:
            context.destroy(linger=0)

    asyncio.run(run())


def test_kao_serves_many_rounds_in_one_process():
    async def scene(context: zmq.asyncio.Context) -> None:
        worker = kao(context, "error = None")
        first, second = await worker.run_round(), await worker.run_round()
        await worker.close()
        assert (first.launch[0], second.launch[0]) == (1, 2)
        assert first.launch[1] == second.launch[1]
        assert first.killed
        assert first.again

    play(scene)


def test_a_kao_that_dies_during_a_round_fails_it_at_once_and_is_started_again():
    async def scene(context: zmq.asyncio.Context) -> None:
        worker = kao(context, "error = None if number > 1 else os._exit(3)")
        with pytest.raises(RoundFailed, match="exit code 3"):
            await worker.run_round()
        result = await worker.run_round()
        await worker.close()
        assert result.launch[0] == 2

    play(scene)


def test_a_kao_killed_between_rounds_is_started_again():
    async def scene(context: zmq.asyncio.Context) -> None:
        worker = kao(context, "error = None")
        first = await worker.run_round()
        os.kill(first.launch[1], signal.SIGKILL)
        await asyncio.sleep(0.2)
        second = await worker.run_round()
        await worker.close()
        assert second.launch[1] != first.launch[1]

    play(scene)


def test_a_kao_that_never_answers_is_ended():
    async def scene(context: zmq.asyncio.Context) -> None:
        worker = kao(context, "error = time.sleep(60)", timeout_s=1.0)
        with pytest.raises(RoundFailed, match="did not answer"):
            await worker.run_round()

    play(scene)


def test_the_error_of_a_round_is_told():
    async def scene(context: zmq.asyncio.Context) -> None:
        worker = kao(context, "error = 'no database'")
        with pytest.raises(RoundFailed, match="no database"):
            await worker.run_round()
        await worker.close()

    play(scene)


@pytest.mark.parametrize(
    ("code", "result"),
    [(0, RoundResult()), (1, RoundResult(again=True)), (2, RoundResult(killed=True))],
)
def test_a_foreign_metascheduler_speaks_by_its_exit_code(code: int, result: RoundResult):
    foreign = ForeignMetaScheduler(("sh", "-c", f"exit {code}"))
    assert asyncio.run(foreign.run_round()) == result


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (("sh", "-c", "exit 7"), "exit code 7"),
        (("sh", "-c", "kill -9 $$"), "signal 9"),
        (("/nowhere/meta_sched",), "META_SCHED_CMD"),
    ],
)
def test_a_foreign_metascheduler_that_fails_only_fails_its_round(command: tuple[str, ...], told: str):
    with pytest.raises(RoundFailed, match=told):
        asyncio.run(ForeignMetaScheduler(command).run_round())


def test_a_foreign_metascheduler_that_hangs_is_killed_with_its_children(tmp_path: Path):
    mark = tmp_path / "mark"
    foreign = ForeignMetaScheduler(("sh", "-c", f"(sleep 1.5; touch {mark}) & wait"), timeout_s=0.3)

    async def scene() -> None:
        with pytest.raises(RoundFailed, match="did not end"):
            await foreign.run_round()
        await asyncio.sleep(1.5)

    asyncio.run(scene())
    assert not mark.exists()


@pytest.mark.parametrize(
    ("command", "kind"), [(("kao",), KaoWorker), (("/usr/lib/oar/oar_meta_sched",), ForeignMetaScheduler)]
)
def test_the_word_kao_means_our_own_scheduler(command: tuple[str, ...], kind: type):
    async def scene(context: zmq.asyncio.Context) -> None:
        assert isinstance(open_metascheduler(command, context), kind)

    play(scene)
