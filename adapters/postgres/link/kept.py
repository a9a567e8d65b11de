"""One asynchronous Postgres connection that is kept, and opened again when it is lost.

For the read models, the sagas, leases and marks: one task at a time uses it. `blocking` has the
counterpart for threads, and `connections.pool` is for many readers at once.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg import AsyncConnection

from adapters.log.recorder import Unavailable
from adapters.postgres.link.connections import connect_async

Opened = Callable[[AsyncConnection[Any]], Awaitable[None]]


async def _nothing(_: AsyncConnection[Any]) -> None:
    pass


class KeptConnection:
    """Opens when it is first needed.

    Args:
        what: what the connection is for, as error texts name it.
        options: server settings; the URL's own come last and win.
        opened: called with each new connection before it is used.
        unavailable: errors of a statement after which the store counts as unavailable.
    """

    def __init__(
        self,
        url: str,
        what: str,
        options: str,
        *,
        opened: Opened = _nothing,
        unavailable: tuple[type[psycopg.Error], ...] = (psycopg.OperationalError,),
    ) -> None:
        self._url, self._what, self._options = url, what, options
        self._opened, self._unavailable = opened, unavailable
        self._connection: AsyncConnection[Any] | None = None
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[AsyncConnection[Any]]:
        """The connection, for this task alone.

        Raises:
            Unavailable: the server cannot be reached, or the connection was lost meanwhile.
        """
        async with self._turn:
            try:
                if self._connection is None or self._connection.closed:
                    self._connection = await self._open()
                yield self._connection
            except self._unavailable as e:
                await self.close()
                raise self._as_unavailable(e) from e

    async def another(self) -> AsyncConnection[Any]:
        """A second connection of this kind; its caller closes it.

        Raises:
            Unavailable: the server cannot be reached.
        """
        try:
            return await connect_async(self._url, self._options)
        except self._unavailable as e:
            raise self._as_unavailable(e) from e

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _open(self) -> AsyncConnection[Any]:
        connection = await connect_async(self._url, self._options)
        try:
            await self._opened(connection)
        except BaseException:
            await connection.close()
            raise
        return connection

    def _as_unavailable(self, error: psycopg.Error) -> Unavailable:
        return Unavailable(f"{self._what}: {str(error).strip()}")
