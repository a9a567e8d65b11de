"""Wait for the log to grow past a position; a subclass learns of the growth from its store."""

import asyncio
import contextlib
import heapq
import itertools
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable

POLL_S = 1.0
GONE_MAX = 64  # waiters without a task are dropped when they are more than this, and than half


class Tail(ABC):
    """Knows the newest position and wakes the tasks that wait for the log to pass one."""

    def __init__(self, last: Callable[[], Awaitable[int]]) -> None:
        self._last = last
        self._position = 0
        self._numbers = itertools.count()
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._gone = 0  # of the waiting, those whose task waits no more: at most so many
        self._listener: asyncio.Task[None] | None = None

    def advance(self, position: int) -> None:
        """Note that the log reaches this position, and wake the tasks that waited for it."""
        if position <= self._position:
            return
        self._position = position
        while self._waiting and self._waiting[0][0] < position:
            waiter = heapq.heappop(self._waiting)[2]
            if not waiter.done():
                waiter.set_result(None)

    async def wait(self, position: int, timeout_s: float) -> bool:
        """Whether the log went past `position` within the time."""
        if self._position > position:
            return True
        if self._listener is None:
            self._listener = asyncio.create_task(self._listen(), name="log-tail")
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (position, next(self._numbers), waiter))
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await waiter
        finally:
            if waiter.cancelled():
                self._drop_gone()
        return self._position > position

    async def close(self) -> None:
        if self._listener is not None:
            self._listener.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._listener
            self._listener = None
        for _, _, waiter in self._waiting:
            waiter.cancel()
        self._waiting.clear()

    def _drop_gone(self) -> None:
        """Free the waiters whose time was up; the log may never reach the positions they name."""
        self._gone += 1
        if self._gone > max(GONE_MAX, len(self._waiting) // 2):
            self._waiting = [one for one in self._waiting if not one[2].done()]
            heapq.heapify(self._waiting)
            self._gone = 0

    @abstractmethod
    async def _listen(self) -> None:
        """Call `advance` whenever the log has grown, until cancelled."""
