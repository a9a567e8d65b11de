"""One connection of the writing half, and what to do when it is lost.

An attempt that failed because its connection was lost may have succeeded on the server. It is
repeated on a new connection, gets `retried`, and has to find out by itself.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from psycopg import AsyncConnection, Error

from adapters.host.retry import reconnecting
from adapters.postgres.link.connections import Row, is_lost, open_connection, unavailable
from adapters.postgres.link.kept import Opened

T = TypeVar("T")
Attempt = Callable[[AsyncConnection[Row], bool], Awaitable[T]]


class Lane:
    """A connection that is replaced when it is lost.

    Args:
        retry_s: for how long to try to replace a lost connection.
        on_connect: called before every new connection, which may lead to another server.
        opened: called with every new connection before it is used.
    """

    def __init__(
        self, url: str, retry_s: float, on_connect: Callable[[], None], *, opened: Opened
    ) -> None:
        self._url = url
        self._retry_s = retry_s
        self._on_connect, self._opened = on_connect, opened
        self._connection: AsyncConnection[Row] | None = None

    async def persist(self, attempt: Attempt[T]) -> T:
        """Repeat an attempt, on a new connection, as long as it fails because of a lost one.

        Raises:
            Unavailable: no connection in time, or the database refused.
        """
        retry, retried = reconnecting(self._retry_s), False
        while True:
            try:
                return await attempt(await self._connected(), retried)
            except (Error, OSError) as e:
                await self.drop()
                again = isinstance(e, OSError) or is_lost(e)
                if not again or retry.over:
                    raise unavailable(e) from e
            except BaseException:
                await self.drop()
                raise
            retried = True
            await asyncio.sleep(retry.next_s())

    async def _connected(self) -> AsyncConnection[Row]:
        if self._connection is None:
            self._on_connect()
            connection = await open_connection(self._url)
            try:
                await self._opened(connection)
            except BaseException:
                await connection.close()
                raise
            self._connection = connection
        return self._connection

    async def drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()
