"""Which views stand before an event that they cannot fold, for everybody to see.

    views.stuck (view, partition) -> the event and what is wrong with it

A worker writes a row when a view of its partition gets stuck and takes it away when the view has
got past the event. Whoever deletes the row (`requeue`) makes the worker try again.
"""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg import AsyncConnection

from adapters.recorder import Unavailable
from projections.runner import Stuck

CONNECT_S = 10
_DDL = """
    select pg_advisory_xact_lock(hashtext('views.stuck'));
    create schema if not exists views;
    create table if not exists views.stuck (
        view text collate "C" not null, partition integer not null, position bigint not null,
        stream text not null, version bigint not null, error text not null,
        primary key (view, partition))
"""
_MARK = """
    insert into views.stuck as s (view, partition, position, stream, version, error)
    values (%s, %s, %s, %s, %s, %s) on conflict (view, partition) do update
    set position = excluded.position, stream = excluded.stream, version = excluded.version,
        error = excluded.error
    where (s.position, s.error) is distinct from (excluded.position, excluded.error)
"""
_ALL = """
    select view, partition, stream, version, position, error from views.stuck
    order by view, partition
"""
_REQUEUE = "delete from views.stuck where %s or view = any(%s) returning view, partition"


class StuckViews:
    """One connection, opened again if it was lost; one statement at a time."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: AsyncConnection[Any] | None = None
        self._lock = asyncio.Lock()
        self._made = False

    async def mark(self, partition: int, stuck: Stuck) -> bool:
        """Whether it is news: not marked at this event with this error before.

        Raises:
            Unavailable: the server cannot be reached.
        """
        s = stuck
        row = (s.view, partition, s.position, s.stream, s.version, _storable(s.error))
        async with self._connected() as connection:
            return (await connection.execute(_MARK, row)).rowcount > 0

    async def clear(self, partition: int, view: str) -> None:
        """The view of this partition is past its event."""
        async with self._connected() as connection:
            await connection.execute(
                "delete from views.stuck where view = %s and partition = %s", (view, partition)
            )

    async def all(self) -> dict[tuple[str, int], Stuck]:
        """By view and partition."""
        async with self._connected() as connection:
            found = await (await connection.execute(_ALL)).fetchall()
        return {
            (view, partition): Stuck(
                view=view, stream=stream, version=version, position=position, error=error
            )
            for view, partition, stream, version, position, error in found
        }

    async def requeue(self, views: Collection[str] | None = None) -> list[tuple[str, int]]:
        """Have the named views (None: all) try again; those that were stuck."""
        async with self._connected() as connection:
            cursor = await connection.execute(_REQUEUE, (views is None, list(views or ())))
            return [(view, partition) for view, partition in await cursor.fetchall()]

    async def close(self) -> None:
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[AsyncConnection[Any]]:
        async with self._lock:
            try:
                if self._connection is None or self._connection.closed:
                    self._connection = await self._open()
                if not self._made:
                    async with self._connection.transaction():
                        await self._connection.execute(_DDL, prepare=False)
                    self._made = True
                yield self._connection
            except psycopg.OperationalError as e:
                if self._connection is not None:
                    await self._connection.close()
                raise Unavailable(f"read models: {str(e).strip()}") from e

    async def _open(self) -> AsyncConnection[Any]:
        return await AsyncConnection.connect(
            self._url,
            autocommit=True,
            connect_timeout=CONNECT_S,
            options="-c application_name=stuck",
        )


def _storable(text: str) -> str:
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")[:2_000]
