"""The writing half of the Postgres recorder: one round trip a batch, on one of two connections.

    batch -> plan -> log.append_batch -----------------------------> Written
                          | a lost race, a known message
                          v
             under the writers' lock: true heads and messages -> plan -> append -> Written
                          ^                                       `--> Known, WrongVersion
                          | the connection was lost: connect again, same bytes

The second way holds the lock while it reads, so its decision is final: a batch cannot lose a race
twice. After a lost answer, the stored message id and head hash show whether the first attempt was
committed.
"""

import asyncio
import itertools
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from psycopg import AsyncConnection
from psycopg.errors import UniqueViolation
from psycopg.pq import TransactionStatus

from adapters.log.append_plan import Key, Plan, chunks, plan
from adapters.log.recorder import (
    LANES,
    Known,
    Message,
    Result,
    Sealed,
    Write,
    Written,
    WrongVersion,
)
from adapters.log.turns import Turns
from adapters.postgres.link.arrays import Bools, Bytes, Ints, Moment, Packed, Texts
from adapters.postgres.link.connections import Row, reply_within
from adapters.postgres.link.lane import Lane
from adapters.postgres.link.statement import Statement
from adapters.postgres.versions import ensure

FLOORS_MAX = 100_000  # streams whose version is remembered: about 15 MB

APPEND = f"select log.append_batch({', '.join(['%s'] * 19)})"
_APPEND = Statement(
    APPEND,
    Texts, Ints, Texts, Bytes, Bytes, Ints, Ints, Texts, Bytes, Bools,
    Texts, Ints, Texts, Bytes, Bools, Texts, Ints, Bools, Moment,
)  # fmt: skip
HEADS = """
    select asked.stream, head.version, head.hash
    from unnest(%s) as asked(stream) cross join lateral (
        select e.version, e.hash from log.events e where e.stream = asked.stream
        order by e.version desc limit 1) as head
"""
MESSAGES = """
    select m.stream, m.message_id, m.request_hash, m.version, m.position, m.hash
    from unnest(%s, %s) as asked(stream, message_id)
    join log.messages m on m.stream = asked.stream and m.message_id = asked.message_id
"""


class Appender:
    """Appends batches, `LANES` at a time.

    While the database commits one batch, the next can be packed and sent: it waits at the lock
    when the first is done. Calls that share a stream run in call order.

    Args:
        reply_s: how long the server may take over one statement.
        retry_s: for how long to try to replace a lost connection.
    """

    def __init__(self, url: str, *, reply_s: float, retry_s: float) -> None:
        self._reply_s = reply_s
        self._floors: dict[str, int] = {}
        opened = partial(ensure, url=url, part="log")
        self._lanes = [Lane(url, retry_s, self._floors.clear, opened=opened) for _ in range(LANES)]
        self._free = asyncio.LifoQueue[Lane]()  # last used first: often one lane is enough
        for lane in self._lanes:
            self._free.put_nowait(lane)
        self._turns = Turns()

    async def open(self) -> None:
        """Connect and make the schema, or raise Unavailable after bounded retries."""
        lane = await self._free.get()
        try:
            await lane.persist(_nothing)
        finally:
            self._free.put_nowait(lane)

    async def append(self, batch: Sequence[Write], clock: datetime) -> list[Result]:
        parts = chunks(batch)
        async with self._turns.of({write.stream for write in batch}):
            lane = await self._free.get()
            try:
                return await self._append_parts(lane, parts, clock)
            finally:
                self._free.put_nowait(lane)

    def reached(self, versions: Mapping[str, int]) -> None:
        """Remember that streams have reached these versions, which saves appends a check."""
        floors = self._floors
        for stream, version in versions.items():
            known = floors.pop(stream, 0)  # removed, so that it is put back as the youngest
            floors[stream] = version if version > known else known
        if len(floors) > FLOORS_MAX:  # many at once: a search for the first key walks removed ones
            for stream in list(itertools.islice(floors, FLOORS_MAX // 4)):
                del floors[stream]

    async def close(self) -> None:
        """Wait for the appends in flight, then disconnect."""
        for lane in [await self._free.get() for _ in self._lanes]:
            await lane.drop()
            self._free.put_nowait(lane)

    async def _append_parts(
        self, lane: Lane, parts: Sequence[Sequence[Write]], clock: datetime
    ) -> list[Result]:
        results: list[Result] = []
        broken: set[str] = set()
        for part in parts:
            done = await self._append_part(lane, part, clock, broken=frozenset(broken))
            if part is not parts[-1]:
                failed = zip(part, done, strict=True)
                broken.update(w.stream for w, r in failed if not isinstance(r, Written))
            results += done
        return results

    async def _append_part(
        self, lane: Lane, part: Sequence[Write], clock: datetime, *, broken: frozenset[str]
    ) -> list[Result]:
        async def attempt(connection: AsyncConnection[Row], retried: bool) -> list[Result]:
            base = None
            if not retried:
                made = plan(part, self._floors, broken)
                base = await self._send(connection, part, made, clock=clock)
            if base is None:
                async with connection.transaction():
                    made = await self._ask(connection, part, broken, retried=retried)
                    made.first.clear()  # just checked, under the lock
                    base = await self._send(connection, part, made, clock=clock)
            if base is None:
                raise UniqueViolation("another process writes to the log without its lock")
            results = self._positions(part, made, base)
            if made.rejected:
                results |= await self._reasons(connection, part, made.rejected)
            return list(map(results.__getitem__, range(len(part))))

        return await lane.persist(attempt)

    async def _send(
        self,
        connection: AsyncConnection[Row],
        part: Sequence[Write],
        made: Plan,
        *,
        clock: datetime,
    ) -> int | None:
        """The position before the first event, or None if another writer was faster."""
        if not made.send:
            return 0
        try:
            with reply_within(connection, self._reply_s):
                rows = await _APPEND.rows(connection, *_columns(part, made, self._floors, clock))
        except UniqueViolation:
            if connection.info.transaction_status != TransactionStatus.IDLE:
                raise
            return None
        base: int | None = rows[0][0]
        return base

    async def _ask(
        self,
        connection: AsyncConnection[Row],
        part: Sequence[Write],
        broken: frozenset[str],
        *,
        retried: bool,
    ) -> Plan:
        await self._rows(connection, "select log.take_turn()", ())
        streams = list({write.stream for write in part})
        heads = await self._rows(connection, HEADS, (Texts.of(streams),))
        known = await self._messages(connection, part)
        return plan(part, {r[0]: r[1] for r in heads}, broken, known=known, retried=retried)

    def _positions(self, part: Sequence[Write], made: Plan, base: int) -> dict[int, Result]:
        results: dict[int, Result] = {i: Written(m.position) for i, m in made.settled.items()}
        reached: dict[str, int] = {}
        for i in made.send:
            write = part[i]
            count = len(write.events)
            base += count
            results[i] = Written(base if count else 0)
            reached[write.stream] = write.expected + count
        self.reached(reached)
        return results

    async def _reasons(
        self, connection: AsyncConnection[Row], part: Sequence[Write], rejected: Sequence[int]
    ) -> dict[int, Result]:
        known = await self._messages(connection, [part[i] for i in rejected])
        found = {i: known.get((part[i].stream, part[i].message_id)) for i in rejected}
        return {i: Known(m) if m is not None else WrongVersion() for i, m in found.items()}

    async def _messages(
        self, connection: AsyncConnection[Row], writes: Sequence[Write]
    ) -> dict[Key, Message]:
        keys = Texts.of([w.stream for w in writes]), Texts.of([w.message_id for w in writes])
        rows = await self._rows(connection, MESSAGES, keys)
        return {(row[0], row[1]): Message._make(row[2:]) for row in rows}

    async def _rows(
        self, connection: AsyncConnection[Row], query: str, parameters: Sequence[Any]
    ) -> list[Row]:
        cursor = connection.cursor(binary=True)
        with reply_within(connection, self._reply_s):
            await cursor.execute(query.encode(), parameters)
            return await cursor.fetchall()


async def _nothing(_: AsyncConnection[Row], retried: bool) -> None:
    """An attempt that does nothing but connect."""


def _columns(
    part: Sequence[Write], made: Plan, floors: Mapping[str, int], clock: datetime
) -> tuple[Packed, ...]:
    """The arguments of log.append_batch."""
    streams: list[str] = []
    versions: list[int] = []
    events: list[Sealed] = []
    ids: list[str] = []
    requests: list[bytes] = []
    keeps: list[bool] = []
    empty: list[Write] = []
    for i in made.send:
        write = part[i]
        if not write.events:
            empty.append(write)
            continue
        version = write.expected
        for event in write.events:
            version += 1
            streams.append(write.stream)
            versions.append(version)
            events.append(event)
            ids.append("")
            requests.append(b"")
            keeps.append(write.keep)
        ids[-1] = write.message_id
        requests[-1] = write.request_hash
    return (
        Texts.of(streams), Ints.of(versions), Texts.of([e.name for e in events]),
        Bytes.of([e.state for e in events]), Bytes.of([e.hash for e in events]),
        Ints.of([e.schema for e in events]), Ints.of([e.payload_at for e in events]),
        Texts.of(ids), Bytes.of(requests), Bools.of(keeps),
        *_without_events(empty), *_checked(part, made.first, floors), Moment.of(clock),
    )  # fmt: skip


def _without_events(empty: Sequence[Write]) -> tuple[Packed, ...]:
    if not empty:
        return _NONE_EMPTY
    return (
        Texts.of([w.stream for w in empty]), Ints.of([w.expected for w in empty]),
        Texts.of([w.message_id for w in empty]), Bytes.of([w.request_hash for w in empty]),
        Bools.of([w.keep for w in empty]),
    )  # fmt: skip


def _checked(
    part: Sequence[Write], first: Sequence[int], floors: Mapping[str, int]
) -> tuple[Packed, ...]:
    """The streams whose version the database has to check.

    The unique index detects no gap before the expected version, and no newer events if the write
    has none itself. A stream known to have reached the version (it was read or written here
    before) can have no gap.
    """
    asked = [
        write
        for write in [part[i] for i in first]
        if not write.events or write.expected > floors.get(write.stream, 0)
    ]
    if not asked:
        return _NONE_CHECKED
    return (
        Texts.of([w.stream for w in asked]), Ints.of([w.expected for w in asked]),
        Bools.of([not w.events for w in asked]),
    )  # fmt: skip


_NONE_EMPTY = (Texts.of([]), Ints.of([]), Texts.of([]), Bytes.of([]), Bools.of([]))
_NONE_CHECKED = (Texts.of([]), Ints.of([]), Bools.of([]))
