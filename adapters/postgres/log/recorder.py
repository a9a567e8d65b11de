"""The event log on Postgres: the recorder port over the schema `log` (migrations/log).

Appends have two connections (append.py), reads a small pool of their own, so that they never queue
behind appends, and waiting has a connection that listens (tail.py).
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from functools import partial
from struct import unpack
from typing import Any, TypeVar

from psycopg import AsyncConnection, Error
from psycopg_pool import PoolTimeout

from adapters.host.retry import reconnecting
from adapters.log.evidence import SnapshotRow
from adapters.log.frame import NONE, UNKNOWN, Payloads
from adapters.log.recorder import (
    REPLY_S,
    RETRY_S,
    HeadLost,
    Message,
    Result,
    Stored,
    StreamRead,
    Write,
    Written,
)
from adapters.postgres.link import arrays as postgres_arrays
from adapters.postgres.link.arrays import Bytes, Ints, Text, Texts
from adapters.postgres.link.connections import (
    Row,
    connection_arguments,
    is_lost,
    pool,
    reply_within,
    unavailable,
)
from adapters.postgres.link.statement import Statement
from adapters.postgres.link.stream import StreamingConnection
from adapters.postgres.log.append import HEADS, MESSAGES, Appender
from adapters.postgres.log.evidence import PostgresEvidence, open_evidence
from adapters.postgres.log.tail import PostgresTail
from domain.shared.limits import INT64_MAX

READERS_MAX = 4
PRUNE_MAX = 50_000  # messages forgotten in one transaction
PIECE_MAX = 1_024  # rows of one answer: four times as many do not fit in the processor's cache
VERSION_MAX = 2**31 - 1

T = TypeVar("T")

_stored: Callable[[Row], Stored] = partial(tuple.__new__, Stored)  # `_make`, without Python code

AFTER = """
    select position, stream, version, name, state, hash, committed_at from log.events
    where position > %s and position <= %s order by position limit %s
"""
SELECT = """
    select position, stream, version, name, state, hash, committed_at from log.events
    where stream = %s and version > %s order by version limit %s
"""
READ = Statement(
    """
    select
        asked.stream, s.version, s.hash, s.state, e.version,
        (select hash from log.events h where h.stream = asked.stream and h.version = e.version),
        e.payloads, e.schemas
    from unnest(%s) as asked(stream)
    left join log.snapshots s on s.stream = asked.stream and s.domain_hash = %s
    cross join lateral (
        select
            max(version) as version,
            string_agg(
                substring(
                    state from payload_at + 1 for greatest(octet_length(state) - payload_at - 1, 0)
                ),
                ','::bytea order by version) as payloads,
            string_agg(int2send(schema), ''::bytea order by version) as schemas
        from log.events
        where events.stream = asked.stream and events.version > coalesce(s.version, 0)) as e
""",
    Texts,
    Text,
)
PRUNE = "select log.forget_messages(%s, %s)"
SAVE = """
    insert into log.snapshots (stream, domain_hash, version, hash, state)
    select * from unnest(%s, %s, %s, %s, %s)
    on conflict (stream, domain_hash) do update
        set version = excluded.version, hash = excluded.hash, state = excluded.state
        where snapshots.version < excluded.version
"""


class PostgresRecorder:
    """`adapters.log.recorder.Recorder` on a Postgres database. Made by `connect`."""

    def __init__(
        self, url: str, *, reply_s: float, retry_s: float, readers: int = READERS_MAX
    ) -> None:
        self._reply_s = reply_s
        self._retry_s = retry_s
        self._appender = Appender(url, reply_s=reply_s, retry_s=retry_s)
        self._url = url
        self._tail = PostgresTail(url, self._last_position)
        self._pool = pool(
            url, connection_arguments(url), connections=readers, patience_s=retry_s,
            kind=StreamingConnection, configure=_configure,
        )  # fmt: skip

    @classmethod
    async def connect(
        cls,
        url: str,
        *,
        reply_s: float = REPLY_S,
        retry_s: float = RETRY_S,
        readers: int = READERS_MAX,
    ) -> "PostgresRecorder":
        """Open the log in this database, making its schema if it is missing.

        Args:
            url: anything psycopg takes.
            reply_s: how long one statement may take before its connection counts as lost.
            retry_s: how long to try to replace a lost connection before `Unavailable`.
            readers: connections at most for reads; appending and waiting have three of their own.

        Raises:
            SchemaMismatch: the schema is of another build, or only its owner may make it.
            Unavailable: no such server or database, or no access to it; one line.
        """
        made = cls(url, reply_s=reply_s, retry_s=retry_s, readers=readers)
        await made._appender.open()
        await made._pool.open()
        return made

    async def append(self, batch: Sequence[Write], /, *, clock: datetime) -> Sequence[Result]:
        results = await self._appender.append(batch, clock)
        for result in reversed(results):  # the last write has the highest position
            if isinstance(result, Written) and result.position:
                self._tail.advance(result.position)
                break
        return results

    async def read(
        self, streams: Sequence[str], /, *, domain_hash: str = ""
    ) -> Mapping[str, StreamRead]:
        wanted, domain = Texts.of(list(dict.fromkeys(streams))), Text.of(domain_hash)
        rows = await self._persist(lambda connection: READ.rows(connection, wanted, domain))
        found = {row[0]: read for row in rows if (read := _stream_read(row, domain_hash))}
        self._appender.reached({s: r.version for s, r in found.items()})
        return found

    async def after(
        self, position: int, /, *, limit: int, until: int | None = None
    ) -> Sequence[Stored]:
        """Read in pieces; events committed meanwhile have higher positions, so none is missed."""
        last = INT64_MAX if until is None else until
        found: list[Stored] = []
        while (asked := min(limit - len(found), PIECE_MAX)) > 0:
            piece = await self._rows(AFTER, position, last, asked)
            found.extend(map(_stored, piece))
            if len(piece) < asked:
                break
            position = found[-1].position
        return found

    async def select(
        self, stream: str, /, *, after_version: int = 0, limit: int | None = None
    ) -> Sequence[Stored]:
        most = VERSION_MAX if limit is None else limit
        return [Stored._make(r) for r in await self._rows(SELECT, stream, after_version, most)]

    async def last(self) -> tuple[int, datetime | None]:
        rows = await self._rows("select position, committed_at from log.head")
        if len(rows) != 1:
            raise HeadLost(len(rows))
        position, committed_at = rows[0]
        return position, committed_at

    async def position_at(self, known_at: datetime, /) -> int:
        [(position,)] = await self._rows("select log.position_at(%s)", known_at)
        return int(position)

    async def heads(self, streams: Sequence[str], /) -> Mapping[str, tuple[int, bytes]]:
        rows = await self._rows(HEADS, Texts.of(list(dict.fromkeys(streams))))
        self._appender.reached({stream: version for stream, version, _ in rows})
        return {stream: (version, hash_) for stream, version, hash_ in rows}

    async def messages(
        self, keys: Sequence[tuple[str, str]], /
    ) -> Mapping[tuple[str, str], Message]:
        unique = list(dict.fromkeys(keys))
        rows = await self._rows(
            MESSAGES, Texts.of([k[0] for k in unique]), Texts.of([k[1] for k in unique])
        )
        return {(row[0], row[1]): Message._make(row[2:]) for row in rows}

    async def prune(self, before: datetime, /) -> int:
        total = 0
        while True:
            [(forgotten,)] = await self._rows(PRUNE, before, PRUNE_MAX)
            total += int(forgotten)
            if forgotten < PRUNE_MAX:
                return total

    async def save_snapshots(self, rows: Sequence[SnapshotRow], /) -> None:
        newest = {(r.stream, r.domain_hash): r for r in sorted(rows, key=lambda r: r.version)}
        kept = [newest[key] for key in sorted(newest)]  # one order for all: no deadlock
        await self._changed(
            SAVE,
            Texts.of([r.stream for r in kept]),
            Texts.of([r.domain_hash for r in kept]),
            Ints.of([r.version for r in kept]),
            Bytes.of([r.hash for r in kept]),
            Bytes.of([r.state for r in kept]),
        )

    async def drop_snapshots(self) -> None:
        await self._changed("truncate log.snapshots")

    async def wait(self, position: int, /, *, timeout_s: float) -> bool:
        return await self._tail.wait(position, timeout_s)

    def evidence(self) -> AbstractAsyncContextManager[PostgresEvidence]:
        return open_evidence(self._url)

    async def close(self) -> None:
        await self._tail.close()
        await self._pool.close()
        await self._appender.close()

    async def _last_position(self) -> int:
        return (await self.last())[0]

    async def _rows(self, query: str, *parameters: object) -> list[Row]:
        return (await self._execute(query, parameters, returns=True))[0]

    async def _changed(self, query: str, *parameters: object) -> int:
        return (await self._execute(query, parameters, returns=False))[1]

    async def _execute(
        self, query: str, parameters: Iterable[Any], *, returns: bool
    ) -> tuple[list[Row], int]:
        async def run(connection: AsyncConnection[Row]) -> tuple[list[Row], int]:
            cursor = connection.cursor(binary=True)
            await cursor.execute(query.encode(), tuple(parameters))
            return await cursor.fetchall() if returns else [], cursor.rowcount

        return await self._persist(run)

    async def _persist(self, work: Callable[[AsyncConnection[Row]], Awaitable[T]]) -> T:
        """Do work that may safely run twice; repeat it if the connection is lost."""
        retry = reconnecting(self._retry_s)
        while True:
            try:
                async with self._pool.connection() as connection:
                    with reply_within(connection, self._reply_s):
                        return await work(connection)
            except Error as e:
                lost = is_lost(e) and not isinstance(e, PoolTimeout)
                if not lost or retry.over:
                    raise unavailable(e) from e
            await asyncio.sleep(retry.next_s())


async def _configure(connection: AsyncConnection[Row]) -> None:
    postgres_arrays.register(connection)


def _stream_read(row: Row, domain_hash: str) -> StreamRead | None:
    """Convert a row of READ; None if the stream does not exist."""
    stream, kept_version, kept_hash, kept_state, version, head, payloads, schemas = row
    snapshot = None
    if kept_version is not None:
        snapshot = SnapshotRow(stream, kept_version, kept_hash, domain_hash, kept_state)
    if version is None:
        return snapshot and StreamRead(snapshot, kept_version, kept_hash, NONE)
    of_each = unpack(f"!{len(schemas) // 2}h", schemas)
    events = UNKNOWN if 0 in of_each else Payloads(b"[%b]" % payloads, of_each)
    return StreamRead(snapshot, version, head, events)
