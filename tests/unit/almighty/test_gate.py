import asyncio

from oar.almighty.gate import PatientGate

LONG_S = 60.0


async def enter(gate: PatientGate, inside: set[int], who: int, leave: asyncio.Event) -> None:
    async with gate.place():
        inside.add(who)
        await leave.wait()
    inside.discard(who)


async def after_a_moment(gate: PatientGate, count: int) -> int:
    """Let so many try to enter who never leave; say how many came in."""
    inside: set[int] = set()
    async with asyncio.TaskGroup() as group:
        leave = asyncio.Event()
        for who in range(count):
            group.create_task(enter(gate, inside, who, leave))
        await asyncio.sleep(0.05)
        found = len(inside)
        leave.set()
    return found


def test_no_more_enter_than_there_are_places():
    async def scene() -> int:
        return await after_a_moment(PatientGate(2, 10, LONG_S), 5)

    assert asyncio.run(scene()) == 2


def test_who_stays_long_makes_room_up_to_a_limit():
    async def scene() -> int:
        return await after_a_moment(PatientGate(1, 3, 0.001), 5)

    assert asyncio.run(scene()) == 3


def test_a_place_that_was_left_is_free_once():
    async def scene() -> int:
        gate = PatientGate(2, 10, LONG_S)
        await after_a_moment(gate, 5)
        return await after_a_moment(gate, 5)

    assert asyncio.run(scene()) == 2
