"""Forgets idempotency keys that nobody will send again.

What must be known for ever (reports, saga commands) is kept by the store whatever its age; the
rest is forgotten a week after it was bound, by the platform's clock, which is the one that the
log's own times come from.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

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
        """Forget what was bound more than `KEEP` ago; how many.

        Raises:
            Unavailable: the log cannot be reached; some may have been forgotten.
        """
        count = await self._recorder.prune(self._clock() - KEEP)
        self.forgotten += count
        return count

    async def run(self, stop: asyncio.Event, *, every_s: float = EVERY_S) -> None:
        """Once at the start, then every `every_s` until `stop`; raises as `once` does."""
        while not stop.is_set():
            await self.once()
            try:
                async with asyncio.timeout(every_s):
                    await stop.wait()
            except TimeoutError:
                continue
