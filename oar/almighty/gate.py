"""Bounds what goes on at once, without letting the slow hold up the quick."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class PatientGate:
    """Has ``places`` places; who stays longer than ``patience_s`` gives its place up and goes on without.

    At most ``most`` are inside, with and without a place. Use it from one event loop.
    """

    def __init__(self, places: int, most: int, patience_s: float) -> None:
        self._places = asyncio.Semaphore(places)
        self._most = asyncio.Semaphore(most)
        self._patience_s = patience_s

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Wait for a place and hold it."""
        async with self._most:
            await self._places.acquire()
            is_held = True

            def give_up() -> None:
                nonlocal is_held
                is_held = False
                self._places.release()

            patience = asyncio.get_running_loop().call_later(self._patience_s, give_up)
            try:
                yield
            finally:
                patience.cancel()
                if is_held:
                    self._places.release()
