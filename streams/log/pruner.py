"""Deletes idempotency keys that no client will send again.

The store keeps the keys of reports and saga commands for ever. The pruner deletes the others a week
after they were bound, by the platform's clock, which also gives the log its times.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

from streams import waits

KEEP = timedelta(days=7)
EVERY_S = 3_600.0


class Prunable(Protocol):
    """What pruning needs of `adapters.log.recorder.Recorder`."""

    async def prune(self, before: datetime, /) -> int: ...


class Pruner:
    def __init__(self, recorder: Prunable, clock: Callable[[], datetime]) -> None:
        self._recorder, self._clock = recorder, clock
        self.forgotten = 0

    async def once(self) -> int:
        """Delete the keys bound more than `KEEP` ago; return how many.

        Raises:
            Unavailable: the log cannot be reached; some keys may have been deleted.
        """
        count = await self._recorder.prune(self._clock() - KEEP)
        self.forgotten += count
        return count

    async def run(self, stop: asyncio.Event, *, every_s: float = EVERY_S) -> None:
        """Once at the start, then every `every_s` until `stop`; raises as `once` does."""
        while not stop.is_set():
            await self.once()
            await waits.pause(stop, every_s)
