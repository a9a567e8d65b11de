"""The sagas' store in Postgres: states, outbox and checkpoints, moved together.

    sagas.save: checkpoints by compare-and-set; states; answered out, owed in; all or nothing

One statement a page (`migrations/views/0001_sagas.sql`). All rows derive from the log, so commits
do not wait for the disk: a crash of the server loses states and checkpoint together, and the same
page is read again.
"""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Self

import msgspec
import psycopg
from psycopg import AsyncConnection

from adapters.postgres import versions as schema_versions
from adapters.postgres.link.kept import KeptConnection
from sagas.engine.ports import Due, Expelled, Kept, KeptRows, Owed, SagaKey, Saved

RESET_LOCK = 7308332154838212457
_OPTIONS = "-c synchronous_commit=off -c timezone=UTC -c application_name=sagas -c jit=off"

_SAVE = "select sagas.save(%s, %s::json, %s::json, %s::json, %s::text[])"
_EXPELLED = "TM001"
_LOAD = """
    select s.saga, s.id, s.body, s.due_at, s.ended from sagas.state s
    join json_to_recordset(%s::json) as k (saga text collate "C", id text collate "C")
        on s.saga = k.saga and s.id = k.id
"""
_CHECK = "select sagas.check_fence(%s, %s)"
_ACKNOWLEDGE = "delete from sagas.outbox where message_id = any(%s)"
_OWED = """
    select message_id, saga, saga_id, position, index, command, body, causation_id,
        correlation_id, effective_at
    from sagas.outbox order by position, saga, index limit %s
"""
_STANDS = "select saga, position, version from sagas.checkpoint where partition = %s"
_PLACES = "select saga, partition, position, version from sagas.checkpoint order by 1, 2"
_EVERY = "select saga, id, body, due_at, ended from sagas.state"
_ALL = 2**62
_DUE = """
    select due_at, saga, id from sagas.state
    where due_at <= %s and saga = any(%s) and (due_at, saga, id) > (%s::timestamptz, %s, %s)
    order by due_at, saga, id limit %s
"""
_UNFINISHED = """
    select saga, id, body, due_at, ended from sagas.state
    where saga = %s and (not ended or due_at >= %s) order by id
"""


class PostgresSagaStore:
    """Implements `sagas.engine.ports.SagaStore`; one runner at a time, others are expelled.

    Under a lease (`fence`), a runner is also expelled once another process has taken the lease.

    Args:
        url: `postgresql://...`.
        partition: of the checkpoints; the inline runner drives the whole log as partition 0.
    """

    def __init__(self, url: str, *, partition: int = 0) -> None:
        self._url, self._partition = url, partition
        self.fence: int | None = None  # of the lease that is held; None: there is no lease
        self._kept = KeptConnection(url, "the sagas' store", _OPTIONS)

    @classmethod
    async def connect(cls, url: str, *, partition: int = 0) -> Self:
        """Open the store; its tables are made if they are missing.

        Raises:
            Unavailable: the server cannot be reached.
        """
        store = cls(url, partition=partition)
        async with store._kept.connected() as connection:
            await schema_versions.ensure(connection, url, "views")
        return store

    async def positions(self, sagas: Mapping[str, int], /) -> Mapping[str, int]:
        async with self._kept.connected() as connection, connection.transaction():
            await connection.execute("select pg_advisory_xact_lock(%s)", (RESET_LOCK,))
            cursor = await connection.execute(_STANDS, (self._partition,))
            found = {saga: (at, version) for saga, at, version in await cursor.fetchall()}
            for saga, version in sagas.items():
                if saga not in found or found[saga][1] != version:
                    await self._reset(connection, saga, version)
                    found[saga] = (0, version)
        return {saga: found[saga][0] for saga in sagas}

    async def load(self, keys: Collection[SagaKey], /) -> Mapping[SagaKey, Kept]:
        if not keys:
            return {}
        asked = _json([{"saga": saga, "id": saga_id} for saga, saga_id in keys])
        async with self._kept.connected() as connection:
            cursor = await connection.execute(_LOAD, (asked,), prepare=True)
            return {(row[0], row[1]): _row_of(row) for row in await cursor.fetchall()}

    async def save(self, page: Saved, /) -> None:
        moves = [
            {"saga": saga, "before": before, "after": after}
            for saga, (before, after) in sorted(page.checkpoints.items())
        ]
        states, owed = _rows(page.states), _json(page.owed)
        arguments = (self._partition, _json(moves), states, owed, list(page.answered))
        try:
            async with self._fenced() as connection:
                await connection.execute(_SAVE, arguments, prepare=True)
        except psycopg.Error as e:
            if e.sqlstate == _EXPELLED:
                raise Expelled(", ".join(page.checkpoints)) from e
            raise

    async def owed(self, *, limit: int) -> Sequence[Owed]:
        async with self._kept.connected() as connection:
            cursor = await connection.execute(_OWED, (limit,), prepare=True)
            return [_owed(row) for row in await cursor.fetchall()]

    async def acknowledge(self, message_ids: Collection[str], /) -> None:
        if message_ids:
            try:
                async with self._fenced() as connection:
                    await connection.execute(_ACKNOWLEDGE, (list(message_ids),), prepare=True)
            except psycopg.Error as e:
                if e.sqlstate == _EXPELLED:
                    raise Expelled("another process holds the lease") from e
                raise

    async def due(
        self, sagas: Collection[str], now: datetime, *, limit: int, after: Due | None = None
    ) -> Sequence[Due]:
        at, saga, saga_id = after or ("-infinity", "", "")
        arguments = (now, list(sagas), at, saga, saga_id, limit)
        async with self._kept.connected() as connection:
            cursor = await connection.execute(_DUE, arguments)
            return [Due(*row) for row in await cursor.fetchall()]

    async def unfinished(self, saga: str, since: datetime, /) -> Mapping[str, Kept]:
        async with self._kept.connected() as connection:
            cursor = await connection.execute(_UNFINISHED, (saga, since))
            return {row[1]: _row_of(row) for row in await cursor.fetchall()}

    async def everything(self) -> KeptRows:
        """All rows at one instant, to compare them with the log.

        Raises:
            Unavailable: the server cannot be reached.
        """
        async with self._kept.connected() as connection, connection.transaction():
            await connection.execute("set transaction isolation level repeatable read, read only")
            cursor = await connection.execute(_PLACES)
            places = await cursor.fetchall()
            cursor = await connection.execute(_EVERY)
            states = {(row[0], row[1]): _row_of(row) for row in await cursor.fetchall()}
            cursor = await connection.execute(_OWED, (_ALL,))
            outbox = {row[0]: _owed(row) for row in await cursor.fetchall()}
        checkpoints = [(saga, at, v) for saga, part, at, v in places if part == self._partition]
        positions = {saga: at for saga, at, _ in checkpoints}
        versions = {saga: version for saga, _, version in checkpoints}
        others = [(saga, part) for saga, part, _, _ in places if part != self._partition]
        return KeptRows(positions, versions, states, outbox, others)

    async def reset(self, saga: str, /) -> None:
        async with self._kept.connected() as connection, connection.transaction():
            await self._reset(connection, saga, None)

    async def close(self) -> None:
        await self._kept.close()

    async def _reset(
        self, connection: AsyncConnection[Any], saga: str, version: int | None
    ) -> None:
        await connection.execute("delete from sagas.state where saga = %s", (saga,))
        await connection.execute("delete from sagas.outbox where saga = %s", (saga,))
        await connection.execute(
            "insert into sagas.checkpoint as c (saga, partition, position, version) "
            "values (%s, %s, 0, coalesce(%s, 0)) on conflict (saga, partition) "
            "do update set position = 0, version = coalesce(%s, c.version)",
            (saga, self._partition, version, version),
        )

    @asynccontextmanager
    async def _fenced(self) -> AsyncIterator[AsyncConnection[Any]]:
        """The connection; under a fence, in a transaction during which the lease cannot move."""
        async with self._kept.connected() as connection:
            if self.fence is None:
                yield connection
                return
            async with connection.transaction():
                await connection.execute(_CHECK, (self._partition, self.fence), prepare=True)
                yield connection


def _json(rows: Any) -> str:
    return msgspec.json.encode(rows).decode()


def _rows(states: Mapping[SagaKey, Kept]) -> str:
    return _json(
        [
            {
                "saga": saga,
                "id": saga_id,
                "body": row.body,
                "due_at": row.due_at,
                "ended": row.ended,
            }
            for (saga, saga_id), row in states.items()
        ]
    )


def _row_of(row: Sequence[Any]) -> Kept:
    _, _, body, due_at, ended = row
    return Kept(body=body, due_at=due_at, ended=ended)


def _owed(row: Sequence[Any]) -> Owed:
    names = Owed.__struct_fields__
    return Owed(**dict(zip(names, row, strict=True)))
