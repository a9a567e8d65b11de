"""The evidence of a log in Postgres: one repeatable-read transaction over all of schema `log`.

It uses a connection of its own, whose planner may sort and join freely: the settings of the log's
other connections force the use of an index, and these queries have none.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import psycopg
from psycopg import AsyncConnection, IsolationLevel

from adapters.log.evidence import Bound, Columns, Head, SnapshotRow
from adapters.log.recorder import AUDIT_PAGE
from adapters.postgres.link.connections import connect_async, unavailable

_OPTIONS = "-c timezone=UTC -c jit=off -c application_name=tidemark\\ audit"
_COLUMNS = (
    "select position, schema, payload_at from log.events "
    "where position between %s and %s order by position"
)
_MESSAGE = "m.stream, m.message_id, m.request_hash, m.version, m.position, m.hash, m.keep, bound_at"
_BOUND = f"select {_MESSAGE} from log.messages m where position > 0 order by position"
_STRAY = f"""
    select {_MESSAGE} from log.messages m
    left join log.events e on e.stream = m.stream and e.version = m.version
    where m.position <= 0 and (m.position < 0 or m.hash is distinct from
        case when m.version = 0 then ''::bytea else e.hash end)
    limit 100
"""
_UNREACHABLE = (
    "select stream, version, position from log.events where position < 1 order by 3 limit 100"
)
_SNAPSHOTS = "select stream, version, hash, domain_hash, state from log.snapshots"


class PostgresEvidence:
    """Implements `adapters.log.evidence.Evidence`; made by `open_evidence`."""

    exact, remembers = True, True

    def __init__(
        self,
        connection: AsyncConnection[Any],
        *,
        head: Head | None,
        head_rows: int,
        end: int,
        oldest: datetime | None,
    ) -> None:
        self._connection = connection
        self.end: int | None = end
        self.head: Head | None = head
        self.head_rows = head_rows
        self.oldest = oldest

    async def columns(self, first: int, last: int, /) -> Sequence[Columns]:
        cursor = self._connection.cursor(binary=True)
        await cursor.execute(_COLUMNS, (first, last))
        return [Columns._make(row) for row in await cursor.fetchall()]

    async def bound(self) -> AsyncIterator[Bound]:
        async for row in self._stream("bound", _BOUND):
            yield Bound._make(row)

    async def stray(self) -> Sequence[Bound]:
        cursor = self._connection.cursor(binary=True)
        await cursor.execute(_STRAY.encode())
        return [Bound._make(row) for row in await cursor.fetchall()]

    async def unreachable(self) -> Sequence[tuple[str, int, int]]:
        cursor = self._connection.cursor(binary=True)
        await cursor.execute(_UNREACHABLE)
        return [(stream, version, at) for stream, version, at in await cursor.fetchall()]

    async def snapshots(self, domain_hash: str, /) -> AsyncIterator[SnapshotRow]:
        async for row in self._stream(
            "snapshots", f"{_SNAPSHOTS} where domain_hash = %s", domain_hash
        ):
            yield SnapshotRow._make(row)

    async def _stream(self, name: str, sql: str, *values: object) -> AsyncIterator[Any]:
        async with self._connection.cursor(name, binary=True) as cursor:
            cursor.itersize = AUDIT_PAGE
            await cursor.execute(sql.encode(), values)
            async for row in cursor:
                yield row


@asynccontextmanager
async def open_evidence(url: str) -> AsyncIterator[PostgresEvidence]:
    """The store as it is now, for as long as the context lasts.

    Raises:
        Unavailable: the server cannot be reached, or the role may not read the tables.
    """
    try:
        connection = await connect_async(url, _OPTIONS)
        async with connection:
            await connection.set_isolation_level(IsolationLevel.REPEATABLE_READ)
            await connection.set_read_only(True)
            async with connection.transaction():
                yield await _begin(connection)
    except psycopg.Error as e:
        raise unavailable(e) from e


async def _begin(connection: AsyncConnection[Any]) -> PostgresEvidence:
    """Read the head and the end of the log; the first query fixes the transaction's instant."""
    cursor = await connection.execute(
        "select (select coalesce(max(position), 0) from log.events), "
        "(select min(bound_at) from log.messages where not keep)"
    )
    end, oldest = await cursor.fetchone() or (0, None)
    cursor = await connection.execute("select position, committed_at from log.head")
    heads = [Head(position, committed_at) for position, committed_at in await cursor.fetchall()]
    return PostgresEvidence(
        connection,
        head=heads[0] if len(heads) == 1 else None,
        head_rows=len(heads),
        end=end,
        oldest=oldest,
    )
