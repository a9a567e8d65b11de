"""Whose statement runs next at the warehouse: one a caller, few in all, and nobody waits long."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from adapters.dispatch.rate_limit import caller_of

RUNNING_MAX = 2  # as the embedded owner has threads for them
WAITING_MAX = 16
WAITING_OF_ONE_MAX = 4
PATIENCE_S = 2.0  # that a statement waits for its turn


class Turned(Exception):
    """No turn in time; `own` where it is the caller's own statement that runs."""

    def __init__(self, *, own: bool) -> None:
        why = "another statement of this caller is running" if own else "too many are running"
        super().__init__(f"{why}; nothing was done, try again")
        self.own = own


class Line:
    """Turns are given in the order of asking; it lives on one event loop."""

    def __init__(self) -> None:
        self._running: set[str] = set()
        self._waiting: Counter[str] = Counter()
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def turn(self, address: str) -> AsyncIterator[None]:
        """Runs the body when it is this caller's turn.

        Raises:
            Turned: too many are waiting, or it did not come within PATIENCE_S.
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
            raise Turned(own=True)
        if self._waiting.total() >= WAITING_MAX:
            raise Turned(own=False)
        self._waiting[caller] += 1
        try:
            async with asyncio.timeout(PATIENCE_S), self._changed:
                await self._changed.wait_for(lambda: self._free(caller))
                self._running.add(caller)
        except TimeoutError as error:
            raise Turned(own=caller in self._running) from error
        finally:
            self._waiting[caller] -= 1
            if not self._waiting[caller]:
                del self._waiting[caller]

    def _free(self, caller: str) -> bool:
        return caller not in self._running and len(self._running) < RUNNING_MAX
