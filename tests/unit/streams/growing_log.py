"""A log of given events that grows, can be waited for, and counts what it is asked."""

import asyncio
import contextlib
from collections.abc import Sequence

from domain.shared.envelope import Envelope
from tests.unit.projections.view_log import ListLog


class GrowingLog(ListLog):
    def __init__(self, envelopes: Sequence[Envelope] = ()) -> None:
        super().__init__(envelopes)
        self.reads = 0
        self.broken: Exception | None = None
        self._grown = asyncio.Event()

    def append(self, *envelopes: Envelope) -> None:
        self.envelopes += envelopes
        self._grown.set()

    async def after(
        self, position: int, /, *, limit: int, until: int | None = None
    ) -> Sequence[Envelope]:
        self.reads += 1
        if self.broken is not None:
            raise self.broken
        return await super().after(position, limit=limit, until=until)

    async def wait(self, position: int, /, *, timeout_s: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while await self.last() <= position:
                    self._grown.clear()
                    await self._grown.wait()
        return await self.last() > position
