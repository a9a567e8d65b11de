"""Told by the database that the log has grown: LISTEN on a connection of its own.

Notifications may be lost with their connection, so the newest position is also asked for after
every LISTEN and now and then; a waiter is late at most by that, never stuck.
"""

import asyncio
import contextlib
import heapq
import itertools
from collections.abc import Awaitable, Callable

import psycopg

from adapters.postgres_link import open_connection
from adapters.recorder import Unavailable

POLL_S = 1.0
CHANNEL = "tidemark_log"


class Tail:
    """Knows the newest position and wakes whoever waits to get past one."""

    def __init__(self, url: str, last: Callable[[], Awaitable[int]]) -> None:
        self._url = url
        self._last = last
        self._position = 0
        self._numbers = itertools.count()
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._listener: asyncio.Task[None] | None = None

    def advance(self, position: int) -> None:
        """The log is known to reach this position."""
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
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await waiter
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

    async def _listen(self) -> None:
        while True:
            with contextlib.suppress(psycopg.Error, OSError, Unavailable):
                await self._listen_once()
            await asyncio.sleep(POLL_S)

    async def _listen_once(self) -> None:
        async with await open_connection(self._url) as connection:
            await connection.execute(f"listen {CHANNEL}".encode())
            while True:
                self.advance(await self._last())
                async for notice in connection.notifies(timeout=POLL_S):
                    self.advance(int(notice.payload))
