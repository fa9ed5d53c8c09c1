import asyncio

from oar.almighty.job_queues import ActionKind, JobAction
from oar.almighty.launch_pool import LaunchPool


def test_an_action_that_hangs_holds_back_others_only_for_a_while():
    async def scene() -> list[int]:
        begun: list[int] = []

        async def perform(action: JobAction) -> None:
            begun.append(action.job_id)
            if action.job_id == 1:
                await asyncio.Event().wait()

        pool = LaunchPool(1, perform, slow_after_s=0.01)
        for job_id in (1, 2, 3):
            pool.add(JobAction(job_id, ActionKind.LAUNCH))
        await asyncio.sleep(0.2)
        await pool.close(0)
        return begun

    assert asyncio.run(scene()) == [1, 2, 3]


def test_an_action_that_fails_makes_room():
    async def scene() -> list[int]:
        begun: list[int] = []

        async def perform(action: JobAction) -> None:
            begun.append(action.job_id)
            raise ValueError

        pool = LaunchPool(1, perform)
        for job_id in (1, 2):
            pool.add(JobAction(job_id, ActionKind.LAUNCH))
        await asyncio.sleep(0.05)
        await pool.close(0)
        return begun

    assert asyncio.run(scene()) == [1, 2]
