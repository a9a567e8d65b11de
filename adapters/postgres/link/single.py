"""One asynchronous Postgres connection for rare statements, opened again when it is lost.

For occasional statements on a small table: leases, marks. They run one at a time. The log, the
views and the sagas have connections of their own kind; `steady` has the blocking counterpart.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

import psycopg
from psycopg import AsyncConnection

from adapters.log.recorder import Unavailable
from adapters.postgres import versions as schema_versions

CONNECT_S = 10


class Single:
    """Opens when it is first needed.

    Args:
        what: what the connection is for, as error texts name it.
        name: the connection's application name on the server.
        schema: to be made, or checked, before the first statement.
    """

    def __init__(
        self, url: str, what: str, *, name: str, schema: Literal["log", "views"] | None = None
    ) -> None:
        self._url, self._what, self._name = url, what, name
        self._schema: Literal["log", "views"] | None = schema
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
                if self._schema:
                    await schema_versions.ensure(self._connection, self._url, self._schema)
                    self._schema = None
                yield self._connection
            except psycopg.OperationalError as e:
                await self.close()
                raise Unavailable(f"{self._what}: {str(e).strip()}") from e

    async def close(self) -> None:
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    async def _open(self) -> AsyncConnection[Any]:
        return await AsyncConnection.connect(
            self._url,
            autocommit=True,
            connect_timeout=CONNECT_S,
            options=f"-c application_name={self._name}",
        )
