"""The queue for the warehouse: one statement a caller, few in all, and a short wait."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from adapters.dispatch.rate_limit import caller_of

RUNNING_MAX = 2  # as ANALYSTS_MAX of the embedded warehouse
WAITING_MAX = 16
WAITING_OF_ONE_MAX = 4
PATIENCE_S = 2.0  # the longest wait of a statement for its turn


class NoTurn(Exception):
    """No turn in time; `own`: the reason is the caller's own statements."""

    def __init__(self, *, own: bool) -> None:
        why = "another statement of this caller is running" if own else "too many are running"
        super().__init__(f"{why}; nothing was done, try again")
        self.own = own


class Line:
    """Gives statements their turns; belongs to one event loop."""

    def __init__(self) -> None:
        self._running: set[str] = set()
        self._waiting: Counter[str] = Counter()
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def turn(self, address: str) -> AsyncIterator[None]:
        """Wait for this caller's turn, and hold it while the body runs.

        Raises:
            NoTurn: too many are waiting, or the turn did not come within PATIENCE_S.
        """
        caller = caller_of(address)
        await self._take(caller)
        try:
            yield
        finally:
            self._running.discard(caller)
            async with self._changed:
                self._changed.notify_all()

    async def _take(self, caller: str) -> None:
        if self._waiting[caller] >= WAITING_OF_ONE_MAX:
            raise NoTurn(own=True)
        if self._waiting.total() >= WAITING_MAX:
            raise NoTurn(own=False)
        self._waiting[caller] += 1
        try:
            async with asyncio.timeout(PATIENCE_S), self._changed:
                await self._changed.wait_for(lambda: self._free(caller))
                self._running.add(caller)
        except TimeoutError as error:
            raise NoTurn(own=caller in self._running) from error
        finally:
            self._waiting[caller] -= 1
            if not self._waiting[caller]:
                del self._waiting[caller]

    def _free(self, caller: str) -> bool:
        return caller not in self._running and len(self._running) < RUNNING_MAX
