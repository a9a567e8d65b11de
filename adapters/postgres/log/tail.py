"""Learn from the database that the log has grown: LISTEN on a connection of its own.

Notifications may be lost with their connection, so the newest position is also read after every
LISTEN and every `POLL_S`: a waiter may be late by that much, but is never stuck.

Most notifications of a process that appends are of its own appends, and it knows those positions.
After such a one it looks at the next at the earliest `GATHER_S` later, and then at all of them.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg

from adapters.log.recorder import Unavailable
from adapters.log.waiting import POLL_S, Tail
from adapters.postgres.link.connections import open_connection

CHANNEL = "tidemark_log"
GATHER_S = 0.01


class PostgresTail(Tail):
    """`adapters.log.waiting.Tail`, fed by LISTEN."""

    def __init__(self, url: str, last: Callable[[], Awaitable[int]]) -> None:
        super().__init__(last)
        self._url = url

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
                while await self._hear(connection):
                    pass

    async def _hear(self, connection: "psycopg.AsyncConnection[Any]") -> bool:
        """Wait for notifications, and take all that have come; False if none came in `POLL_S`."""
        heard = news = False
        async for notice in connection.notifies(timeout=POLL_S, stop_after=1):
            position = int(notice.payload)
            heard, news = True, news or position > self._position
            self.advance(position)
        if heard and not news:
            await asyncio.sleep(GATHER_S)
        return heard
