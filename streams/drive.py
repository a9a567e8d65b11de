"""What moves a platform: views, facts, sagas, timer and the street, step by step or in tasks.

serve:     run(stop)   one task each, told by the log
simulate:  drain()     in a fixed order, until nothing is owed by anyone
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

from adapters.warehouse_loader import Loader
from adapters.wiring import Platform
from commands.handler import Outcome
from commands.ports import Request
from projections.catalogue import VIEWS
from streams.inline import InlineRunner
from streams.sagas import SagaRunner, Send
from streams.street import Street
from streams.timer import Timer

ROUNDS_MAX = 100_000  # of one drain: beyond it two parties answer each other for ever


class NeverQuiet(Exception):
    """A drain did not end: some saga and some counterparty keep each other busy."""


class Drive:
    def __init__(self, platform: Platform, street: Callable[[Platform, Send], Street]) -> None:
        self.platform = platform
        self.views = InlineRunner(platform.log, platform.sink, VIEWS)
        self.loader = Loader(platform.log, platform.warehouse)
        self.sagas = SagaRunner(platform.log, platform.saga_store, self.send)
        self.timer = Timer(platform.saga_store, self.send)
        self.street = street(platform, self.send)

    async def send(self, requests: Sequence[Request]) -> Sequence[Outcome]:
        return await self.platform.dispatcher.submit_many(requests)

    async def drain(self) -> None:
        """Until no saga owes a command and no counterparty a report for this moment."""
        for _ in range(ROUNDS_MAX):
            moved = await self.sagas.drain()
            moved += await self.street.step()
            if not moved:
                return
        raise NeverQuiet(f"still busy after {ROUNDS_MAX} rounds")

    async def deadlines(self, now: datetime) -> None:
        """Pass every deadline up to `now`, and what follows from them."""
        while await self.timer.fire(now):
            await self.drain()

    async def views_to(self, position: int) -> None:
        await self.views.catch_up(position)

    async def facts_to(self, position: int) -> None:
        await self.loader.load_until(position)

    async def run(self, stop: asyncio.Event) -> None:
        """Drive everything in the background until `stop`."""
        tasks = [
            asyncio.create_task(self.views.run(stop), name="views"),
            asyncio.create_task(self.loader.run(), name="facts"),
            asyncio.create_task(self.sagas.run(stop, self._grown), name="sagas"),
            asyncio.create_task(self.timer.run(stop, self.platform.clock), name="timer"),
            asyncio.create_task(self.street.run(stop), name="street"),
        ]
        await stop.wait()
        tasks[1].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _grown(self, position: int) -> bool:
        return await self.platform.log.wait(position, timeout_s=1.0)
