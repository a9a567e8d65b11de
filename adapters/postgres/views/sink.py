"""Views in Postgres: one schema, a table a view, and the checkpoints, moved together.

    begin; checkpoints by compare-and-set; every view's upserts and deletes; commit

The checkpoint rows are locked first, so a second runner waits for the first and is then expelled
with nothing written. Views derive from the log, so commits do not wait for the disk: a crash of
the server loses rows and checkpoints together, and the same events are folded again.
"""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self

import psycopg
from msgspec import json
from psycopg import AsyncConnection, AsyncCursor, IsolationLevel
from psycopg.pq import TransactionStatus

from adapters.postgres import versions as schema_versions
from adapters.postgres.link.kept import KeptConnection
from adapters.postgres.views.layout import lay_out, make_checkpoints, positions_of
from adapters.postgres.views.row_cache import ROWS_MAX, RowCache
from adapters.postgres.views.tables import CHECKPOINTS, Table
from projections.engine.checksum import Digest, key_of
from projections.ports import Change, Checksum, Expelled, Key, Relaid, Row, Unstorable, View

CHUNK = 5_000  # rows a statement
OPTIONS = "-c synchronous_commit=off -c timezone=UTC -c application_name=views"

_encode = json.Encoder().encode


class PostgresSink:
    """Implements `projections.ports.Sink`; one writing task at a time.

    Args:
        url: `postgresql://...`.
        schema: where the tables are; `rebuild` fills `views_next` beside `views`.
        partition, partitions: of the checkpoints; the inline runner drives the whole log as
            partition 0 of 1.
        cache_rows: rows kept in memory between batches.
    """

    def __init__(
        self,
        url: str,
        *,
        schema: str = "views",
        partition: int = 0,
        partitions: int = 1,
        cache_rows: int = ROWS_MAX,
    ) -> None:
        self.schema = schema
        self.url = url
        self.partitions = partitions
        self._partition = partition
        self._tables: dict[str, Table] = {}
        self._generations: dict[str, int] = {}
        self._cache = RowCache(cache_rows)
        self._kept = KeptConnection(
            url, "read models", OPTIONS, opened=self._opened,
            unavailable=(psycopg.OperationalError, psycopg.errors.InsufficientPrivilege),
        )  # fmt: skip

    @classmethod
    async def connect(
        cls, url: str, *, schema: str = "views", partition: int = 0, partitions: int = 1
    ) -> Self:
        """A sink whose server can be reached.

        Raises:
            Unavailable: the server cannot be reached.
        """
        sink = cls(url, schema=schema, partition=partition, partitions=partitions)
        async with sink._kept.connected():
            return sink

    async def prepare(self, views: Sequence[View], /, *, take: bool = True) -> None:
        """See `Sink.prepare`. Without `take`, keep the partitions of views that others run."""
        async with self._kept.connected() as connection:
            await schema_versions.ensure(connection, self.url, "views")
        async with self._kept.connected() as connection, connection.transaction():
            # One at a time: two processes that start together must not both make the tables.
            await connection.execute("select pg_advisory_xact_lock(hashtext(%s))", (self.schema,))
            await make_checkpoints(connection, self.schema)
            for view in sorted(views, key=lambda v: str(v.NAME)):  # as `save` locks their rows
                table = self.table(view)
                await lay_out(connection, table, view, partitions=self.partitions, take=take)
        self._cache.clear()

    async def positions(self, views: Collection[str], /) -> Mapping[str, int]:
        self._cache.clear()  # a caller that asks may have lost its place: cached rows may be stale
        sql = (
            f"select view, position, generation from {self.schema}.{CHECKPOINTS} "
            "where partition = %s and partitions = %s and view = any(%s)"
        )
        mine = (self._partition, self.partitions, list(views))
        async with self._kept.connected() as connection:
            cursor = await connection.execute(sql, mine)
            found = {view: (at, generation) for view, at, generation in await cursor.fetchall()}
        if gone := [view for view in views if view not in found]:
            raise Relaid(
                f"{', '.join(gone)}: not kept in {self.partitions} partition(s) any more; "
                "another process has taken them over"
            )
        self._generations |= {view: generation for view, (_, generation) in found.items()}
        # Another process may write rows before we save; then our checkpoint is not at 0 any more.
        self._cache.begin(view for view, (position, _) in found.items() if not position)
        return {view: found[view][0] for view in views}

    async def load(self, view: View, keys: Collection[Key], /) -> Mapping[Key, Row]:
        known, unknown = self._cache.split(view.NAME, keys)
        if not unknown:
            return known
        table = self.table(view)
        async with self._kept.connected() as connection:
            cursor = await connection.execute(table.select, table.keys(unknown), prepare=True)
            rows = [_row(view.ROW, values, table) for values in await cursor.fetchall()]
        take = key_of(view.ROW)
        read = {take(row): row for row in rows}
        self._cache.put(view.NAME, dict.fromkeys(unknown) | read)
        return known | read

    async def save(self, changes: Sequence[Change], /) -> None:
        try:
            async with self._kept.connected() as connection, _undone_if_not_whole(connection):
                # Two round trips only: at each of them, other tasks of this event loop go first.
                async with connection.pipeline():
                    await connection.execute("begin")
                    moved = await self._move_checkpoints(connection, changes)
                if moved.rowcount != len(changes):
                    raise Expelled(", ".join(c.view.NAME for c in changes))
                async with connection.pipeline():
                    for change in changes:
                        await self._write(connection, change)
                    await connection.execute("commit")
        except psycopg.DataError as e:
            raise Unstorable(str(e).strip()) from e
        except psycopg.IntegrityError as e:
            raise Unstorable(str(e).strip()) from e
        except BaseException:
            self._cache.clear()
            raise
        for change in changes:
            self._cache.put(change.view.NAME, change.rows)

    async def checksum(self, view: View, /) -> Checksum:
        (found,) = await self.checksums([view])
        return found

    async def checksums(self, views: Sequence[View], /) -> list[Checksum]:
        """The checksums of several views at one instant."""
        return [found for found, _ in await self.served(views)]

    async def served(self, views: Sequence[View], /) -> list[tuple[Checksum, list[int]]]:
        """The same, each with the positions of the view's partitions."""
        async with self.snapshot() as connection:
            return [
                (await self._checksum(connection, v), await positions_of(connection, self.table(v)))
                for v in views
            ]

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[AsyncConnection[Any]]:
        """A connection of its own that sees one instant of the database."""
        async with self.transaction(IsolationLevel.REPEATABLE_READ) as connection:
            yield connection

    @asynccontextmanager
    async def transaction(
        self, isolation: IsolationLevel = IsolationLevel.READ_COMMITTED
    ) -> AsyncIterator[AsyncConnection[Any]]:
        """A database transaction beside the sink's own, on a connection of its own."""
        connection = await self._kept.another()
        try:
            await connection.set_isolation_level(isolation)
            async with connection.transaction():
                yield connection
        finally:
            await connection.close()

    async def position(self, view: View) -> int:
        """The view's position: the lowest of its partitions'; 0 if there is none."""
        async with self._kept.connected() as connection:
            return await self._position(connection, view)

    async def discard(self, view: View) -> None:
        """Drop the view's table and its checkpoints."""
        async with self._kept.connected() as connection, connection.transaction():
            await make_checkpoints(connection, self.schema)
            await connection.execute(f"drop table if exists {self.table(view).name}")
            await connection.execute(
                f"delete from {self.schema}.{CHECKPOINTS} where view = %s", (view.NAME,)
            )
        self._cache.clear()

    async def scan(self, connection: AsyncConnection[Any], view: View) -> AsyncIterator[list[Row]]:
        """All rows in key order, in chunks; needs a transaction."""
        table = self.table(view)
        async with connection.cursor(f"scan_{view.NAME}") as cursor:
            await cursor.execute(table.scan)
            while values := await cursor.fetchmany(CHUNK):
                yield [_row(view.ROW, one, table) for one in values]

    def table(self, view: View) -> Table:
        if view.NAME not in self._tables:
            self._tables[view.NAME] = Table(self.schema, view)
        return self._tables[view.NAME]

    async def close(self) -> None:
        await self._kept.close()

    async def _move_checkpoints(
        self, connection: AsyncConnection[Any], changes: Sequence[Change]
    ) -> AsyncCursor[Any]:
        moves = [
            {
                "view": c.view.NAME,
                "before": c.before,
                "after": c.after,
                "generation": self._generations.get(c.view.NAME, 0),
            }
            for c in sorted(changes, key=lambda c: str(c.view.NAME))
        ]
        return await connection.execute(
            f"update {self.schema}.{CHECKPOINTS} c set position = m.after from "
            'json_to_recordset(%s::json) as m (view text collate "C", before bigint, '
            "after bigint, generation bigint) where c.view = m.view and c.partition = %s "
            "and c.partitions = %s "
            "and c.position = m.before and c.generation = m.generation",
            (_text(moves), self._partition, self.partitions),
            prepare=True,
        )

    async def _write(self, connection: AsyncConnection[Any], change: Change) -> None:
        table = self.table(change.view)
        kept = [row for row in change.rows.values() if row is not None]
        gone = [key for key, row in change.rows.items() if row is None]
        for i in range(0, len(kept), CHUNK):
            columns = table.rows(kept[i : i + CHUNK])
            await connection.execute(table.upsert, columns, prepare=True)
        for i in range(0, len(gone), CHUNK):
            await connection.execute(table.delete, table.keys(gone[i : i + CHUNK]), prepare=True)

    async def _opened(self, _: AsyncConnection[Any]) -> None:
        """Forget cached rows: commits that were not on the disk may be lost with the connection."""
        self._cache.clear()

    async def _checksum(self, connection: AsyncConnection[Any], view: View) -> Checksum:
        position, digest = await self._position(connection, view), Digest()
        async for rows in self.scan(connection, view):
            digest.add(rows)
        return Checksum(view=view.NAME, rows=digest.rows, hash=digest.hash, position=position)

    async def _position(self, connection: AsyncConnection[Any], view: View) -> int:
        cursor = await connection.execute(
            f"select min(position) from {self.schema}.{CHECKPOINTS} where view = %s", (view.NAME,)
        )
        found = await cursor.fetchone()
        return int(found[0]) if found and found[0] is not None else 0


@asynccontextmanager
async def _undone_if_not_whole(connection: AsyncConnection[Any]) -> AsyncIterator[None]:
    """Roll back a transaction that did not commit; close the connection if that fails."""
    try:
        yield
    except BaseException:
        if connection.info.transaction_status != TransactionStatus.IDLE:
            try:
                await connection.rollback()
            except psycopg.Error:
                await connection.close()
        raise


def _text(rows: Sequence[Any]) -> str:
    return _encode(rows).decode()


def _row(kind: type[Row], values: Sequence[Any], table: Table) -> Row:
    return kind(**{c.name: v for c, v in zip(table.columns, values, strict=True)})
