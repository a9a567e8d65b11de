"""The tail in virtual time: notifications of own appends gather, those of others do not wait."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from types import SimpleNamespace
from typing import Any

from adapters.postgres.log.tail import GATHER_S, PostgresTail
from simulation.faults import virtual_time


class Wire:
    """A connection that gives the notifications that have come."""

    def __init__(self) -> None:
        self.come: asyncio.Queue[int] = asyncio.Queue()
        self.taken: list[float] = []  # when it was asked and had some

    async def notifies(self, *, timeout: float, stop_after: int) -> AsyncIterator[Any]:
        assert stop_after == 1
        try:
            async with asyncio.timeout(timeout):
                found = [await self.come.get()]
        except TimeoutError:
            return
        self.taken.append(now())
        while not self.come.empty():
            found.append(self.come.get_nowait())
        for position in found:
            yield SimpleNamespace(payload=str(position))


def now() -> float:
    return asyncio.get_running_loop().time()


def virtually(script: Callable[[PostgresTail, Wire], Awaitable[None]]) -> None:
    async def nothing() -> int:
        return 0

    async def run() -> None:
        wire = Wire()
        tail = PostgresTail("", nothing)

        async def hear() -> None:
            while await tail._hear(wire):  # type: ignore[arg-type]
                pass

        hearing = asyncio.create_task(hear())
        await script(tail, wire)
        hearing.cancel()
        await asyncio.gather(hearing, return_exceptions=True)

    virtual_time.run(run())


def test_notifications_of_own_appends_are_taken_together() -> None:
    async def script(tail: PostgresTail, wire: Wire) -> None:
        for position in range(1, 21):
            tail.advance(position)  # known from the append itself
            wire.come.put_nowait(position)
            await asyncio.sleep(GATHER_S / 10)
        assert len(wire.taken) <= 3
        assert wire.come.qsize() <= 10

    virtually(script)


def test_what_another_process_appends_is_known_at_once() -> None:
    async def script(tail: PostgresTail, wire: Wire) -> None:
        for position in range(1, 6):
            wire.come.put_nowait(position)
            await asyncio.sleep(GATHER_S / 100)
            assert await tail.wait(position - 1, 0)

    virtually(script)


def test_among_own_appends_it_is_known_within_the_bound() -> None:
    async def script(tail: PostgresTail, wire: Wire) -> None:
        tail.advance(1)
        wire.come.put_nowait(1)
        await asyncio.sleep(GATHER_S / 10)
        wire.come.put_nowait(2)
        waiter = asyncio.create_task(tail.wait(1, 5))
        started = now()
        assert await waiter
        assert now() - started <= GATHER_S

    virtually(script)
