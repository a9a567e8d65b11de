"""The recorder port in memory: for tests, and for the simulator's crashes.

The `eventsourcing` library's in-memory recorder holds the events; its notification ids are the
positions. This class adds what the library lacks: chain hashes, the log's clock, messages and
snapshots. A recorder object that outlives a 'crashed' platform plays the part of its disk.
"""

import asyncio
import contextlib
from bisect import bisect_right
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime

from eventsourcing.persistence import StoredEvent
from eventsourcing.popo import POPOApplicationRecorder

from adapters.log.append_plan import chunks
from adapters.log.evidence import NoEvidence, SnapshotRow
from adapters.log.frame import payloads
from adapters.log.recorder import (
    Known,
    Message,
    Result,
    Stored,
    StreamRead,
    Write,
    Written,
    WrongVersion,
)


class MemoryRecorder:
    """`adapters.log.recorder.Recorder` without a disk; deterministic, one event loop."""

    def __init__(self) -> None:
        self._log = POPOApplicationRecorder()
        self._hashes: list[bytes] = []  # by position - 1, like `_committed`
        self._committed: list[datetime] = []
        self._positions: dict[str, list[int]] = defaultdict(list)  # by version - 1
        self._messages: dict[tuple[str, str], tuple[Message, bool, datetime]] = {}
        self._snapshots: dict[tuple[str, str], SnapshotRow] = {}
        self._grown = asyncio.Condition()

    async def append(self, batch: Sequence[Write], /, *, clock: datetime) -> Sequence[Result]:
        chunks(batch)  # raises if no store could keep the batch
        now = max(clock, self._committed[-1]) if self._committed else clock
        results: list[Result] = []
        broken: set[str] = set()
        for write in batch:
            result = self._write(write, now, broken)
            if not isinstance(result, Written):
                broken.add(write.stream)
            results.append(result)
        async with self._grown:
            self._grown.notify_all()
        return results

    async def read(
        self, streams: Sequence[str], /, *, domain_hash: str = ""
    ) -> Mapping[str, StreamRead]:
        found: dict[str, StreamRead] = {}
        for stream in streams:
            snapshot = self._snapshots.get((stream, domain_hash))
            events = await self.select(stream, after_version=snapshot.version if snapshot else 0)
            head = events[-1] if events else snapshot
            if head is not None:
                read = payloads([event.state for event in events])
                found[stream] = StreamRead(snapshot, head.version, head.hash, read)
        return found

    async def after(
        self, position: int, /, *, limit: int, until: int | None = None
    ) -> Sequence[Stored]:
        found = self._log.select_notifications(
            position, limit, stop=until, inclusive_of_start=False
        )
        return [self._stored(event, event.id) for event in found]

    async def select(
        self, stream: str, /, *, after_version: int = 0, limit: int | None = None
    ) -> Sequence[Stored]:
        positions = self._positions.get(stream, [])[after_version:]
        found = self._log.select_events(stream, gt=after_version, limit=limit)
        return [self._stored(e, p) for e, p in zip(found, positions, strict=False)]

    async def last(self) -> tuple[int, datetime | None]:
        return len(self._committed), self._committed[-1] if self._committed else None

    async def position_at(self, known_at: datetime, /) -> int:
        return bisect_right(self._committed, known_at)

    async def heads(self, streams: Sequence[str], /) -> Mapping[str, tuple[int, bytes]]:
        return {s: self._head(s) for s in streams if self._positions.get(s)}

    async def messages(
        self, keys: Sequence[tuple[str, str]], /
    ) -> Mapping[tuple[str, str], Message]:
        return {key: self._messages[key][0] for key in keys if key in self._messages}

    async def prune(self, before: datetime, /) -> int:
        old = [k for k, (_, keep, at) in self._messages.items() if not keep and at < before]
        for key in old:
            del self._messages[key]
        return len(old)

    async def save_snapshots(self, rows: Sequence[SnapshotRow], /) -> None:
        for row in rows:
            kept = self._snapshots.get((row.stream, row.domain_hash))
            if kept is None or kept.version < row.version:
                self._snapshots[row.stream, row.domain_hash] = row

    async def drop_snapshots(self) -> None:
        self._snapshots.clear()

    async def wait(self, position: int, /, *, timeout_s: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s), self._grown:
                await self._grown.wait_for(lambda: len(self._committed) > position)
        return len(self._committed) > position

    @contextlib.asynccontextmanager
    async def evidence(self) -> AsyncIterator[NoEvidence]:
        yield NoEvidence(list(self._snapshots.values()))

    async def close(self) -> None:
        """Keeps everything: this object is also the 'disk'."""

    def _write(self, write: Write, now: datetime, broken: set[str]) -> Result:
        key = (write.stream, write.message_id)
        if key in self._messages:
            return Known(self._messages[key][0])
        version, head = self._head(write.stream)
        if write.stream in broken or write.expected != version:
            return WrongVersion()
        positions = self._insert(write, now)
        if write.events:
            version, head = version + len(write.events), write.events[-1].hash
        position = positions[-1] if positions else 0
        if write.message_id:
            message = Message(write.request_hash, version, position, head)
            self._messages[key] = (message, write.keep, now)
        return Written(position)

    def _insert(self, write: Write, now: datetime) -> Sequence[int]:
        rows = [
            StoredEvent(write.stream, version, event.name, event.state)
            for version, event in enumerate(write.events, start=write.expected + 1)
        ]
        positions = (self._log.insert_events(rows) if rows else None) or ()
        self._positions[write.stream] += positions
        self._hashes += [event.hash for event in write.events]
        self._committed += [now] * len(rows)
        return positions

    def _head(self, stream: str) -> tuple[int, bytes]:
        positions = self._positions.get(stream)
        return (len(positions), self._hashes[positions[-1] - 1]) if positions else (0, b"")

    def _stored(self, event: StoredEvent, position: int) -> Stored:
        return Stored(
            position,
            str(event.originator_id),
            event.originator_version,
            event.topic,
            event.state,
            self._hashes[position - 1],
            self._committed[position - 1],
        )
