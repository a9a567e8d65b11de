"""The event log on EventStoreDB: the recorder port over `esdbclient`.

Each stream of a batch commits by itself (the server commits nothing larger): all streams at once,
the writes of one stream in order. A position is a commit position: increasing, with gaps. A
database beside the server keeps what the server cannot: snapshots, digests of message ids, marks of
the log's clock. All of it derives from the log, so it may be lost (docs/adr/0015).
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime

from esdbclient.client import DEFAULT_EXCLUDE_FILTER

from adapters.eventstoredb.batch import Batches
from adapters.eventstoredb.clock import BEGIN, LogClock, Place
from adapters.eventstoredb.event import Arrived, arrived
from adapters.eventstoredb.identity import identify
from adapters.eventstoredb.keys import SNAPSHOT_NAME
from adapters.eventstoredb.link import Link
from adapters.eventstoredb.tail import EsdbTail
from adapters.log.append_plan import chunks
from adapters.log.domain_hash import DOMAIN_HASH
from adapters.log.evidence import Evidence, NoEvidence, SnapshotRow
from adapters.log.frame import NONE, payloads
from adapters.log.recorder import (
    AUDIT_PAGE,
    REPLY_S,
    RETRY_S,
    Message,
    Recorder,
    Result,
    Stored,
    StreamRead,
    Unavailable,
    Write,
    Written,
)
from commands.ports import Unreadable

READS_MAX = 16  # streams read at once


class EsdbRecorder:
    """`adapters.log.recorder.Recorder` on EventStoreDB. Made by `connect`.

    Args:
        beside: keeps snapshots and all else that derives from the log; closed with this recorder.
    """

    def __init__(self, link: Link, beside: Recorder) -> None:
        self._link, self._beside = link, beside
        self._clock = LogClock()
        self._batches = Batches(link, self.stream, self._kept_keys)
        self._tail = EsdbTail(link, self._last_position)
        self._stamped = BEGIN
        self._identified = False
        self._reading = asyncio.Semaphore(READS_MAX)

    @classmethod
    async def connect(
        cls, url: str, beside: Recorder, *, reply_s: float = REPLY_S, retry_s: float = RETRY_S
    ) -> "EsdbRecorder":
        """Open the log of this server or cluster.

        Args:
            url: `esdb://` or `esdb+discover://`, as esdbclient takes it.
            reply_s: how long one call may take before its connection counts as lost.
            retry_s: how long to try to replace a lost connection before `Unavailable`.

        Raises:
            Unavailable: no such server, or no access to it; one line.
        """
        link = Link(url, reply_s=reply_s, retry_s=retry_s)
        try:
            await link.open()
            made = cls(link, beside)
            made._identified = await identify(link, beside)
            await made._clock.load(beside)
        except BaseException:
            await link.close()
            raise
        return made

    async def append(self, batch: Sequence[Write], /, *, clock: datetime) -> Sequence[Result]:
        results: list[Result] = []
        broken: set[str] = set()
        self._stamped = now = max(clock, self._stamped, self._clock.newest.clock)
        for part in chunks(batch):
            done = await self._batches.append(part, now, broken)
            failed = zip(part, done, strict=True)
            broken.update(w.stream for w, r in failed if not isinstance(r, Written))
            results += done
        written = [r.position for r in results if isinstance(r, Written)]
        self._tail.advance(max(written, default=0))
        if not self._identified and any(written):
            with contextlib.suppress(Unavailable):  # the batch is written; the next append retries
                self._identified = await identify(self._link, self._beside)
        return results

    async def read(
        self, streams: Sequence[str], /, *, domain_hash: str = ""
    ) -> Mapping[str, StreamRead]:
        unique = list(dict.fromkeys(streams))
        kept = await self._beside.read(unique, domain_hash=domain_hash)
        snapshots = {s: kept[s].snapshot if s in kept else None for s in unique}
        reads = await asyncio.gather(*[self._read(s, snapshots[s]) for s in unique])
        return {s: r for s, r in zip(unique, reads, strict=True) if r is not None}

    async def after(
        self, position: int, /, *, limit: int, until: int | None = None
    ) -> Sequence[Stored]:
        found: list[Stored] = []
        place = self._clock.before(position)
        while len(found) < limit:
            behind = place.position >= position
            asked = limit - len(found) if behind else AUDIT_PAGE
            page = await self._page(place.position, asked, until)
            for event in page:
                place = Place(event.position, max(place.clock, event.at))
                self._clock.passed(place)
                if event.position > position and len(found) < limit:
                    found.append(event.stored(place.clock))
            if page:
                await self._passed(place)
            if len(page) < asked:
                break
        return found

    async def select(
        self, stream: str, /, *, after_version: int = 0, limit: int | None = None
    ) -> Sequence[Stored]:
        """See the port; `committed_at` is the writer's clock or, if later, the log's before it."""
        events = await self.stream(stream, after_version, limit)
        return [e.stored(max(e.at, self._clock.before(e.position).clock)) for e in events]

    async def last(self) -> tuple[int, datetime | None]:
        place = await self._last_place()
        return place.position, place.clock if place.position else None

    async def position_at(self, known_at: datetime, /) -> int:
        place = self._clock.at(known_at)
        while page := await self.after(place.position, limit=AUDIT_PAGE):
            for event in page:
                if event.committed_at > known_at:
                    return place.position
                place = Place(event.position, event.committed_at)
        return place.position

    async def heads(self, streams: Sequence[str], /) -> Mapping[str, tuple[int, bytes]]:
        unique = list(dict.fromkeys(streams))
        found = await asyncio.gather(*[self._head(s) for s in unique])
        return {e.stream: (e.version, e.hash) for e in found if e is not None}

    async def messages(
        self, keys: Sequence[tuple[str, str]], /
    ) -> Mapping[tuple[str, str], Message]:
        await self._batches.refresh(list({stream for stream, _ in keys}))
        return await self._batches.messages(list(dict.fromkeys(keys)))

    async def prune(self, before: datetime, /) -> int:
        """Forget old messages that changed nothing; the log keeps the others for ever."""
        return self._batches.prune(before)

    async def save_snapshots(self, rows: Sequence[SnapshotRow], /) -> None:
        keys = self._batches.keys.due({row.stream for row in rows})
        await self._beside.save_snapshots([*rows, *keys])

    async def drop_snapshots(self) -> None:
        await self._beside.drop_snapshots()

    async def wait(self, position: int, /, *, timeout_s: float) -> bool:
        return await self._tail.wait(position, timeout_s)

    @contextlib.asynccontextmanager
    async def evidence(self) -> AsyncIterator[Evidence]:
        """Evidence of snapshots only: message ids are in the events' own metadata."""
        async with self._beside.evidence() as beside:
            yield NoEvidence([row async for row in beside.snapshots(DOMAIN_HASH)])

    async def close(self) -> None:
        await self._tail.close()
        await self._batches.close()
        await self._link.close()
        await self._beside.close()

    async def stream(
        self, stream: str, after_version: int, limit: int | None = None
    ) -> list[Arrived]:
        """A stream's events after a version.

        Raises:
            Unreadable: the server has truncated the stream at its beginning.
        """
        found: list[Arrived] = []
        while limit is None or len(found) < limit:
            behind = after_version + len(found)
            asked = AUDIT_PAGE if limit is None else min(AUDIT_PAGE, limit - len(found))
            async with self._reading:
                events = await self._link.events(
                    stream_name=stream, stream_position=behind, limit=asked
                )
            if events and events[0].stream_position != behind:
                raise Unreadable(f"{stream}@{behind + 1}: the server has cut it off")
            found += [arrived(event) for event in events]
            if len(events) < asked:
                break
        return found

    async def _read(self, stream: str, snapshot: SnapshotRow | None) -> StreamRead | None:
        after = snapshot.version if snapshot else 0
        events = await self.stream(stream, after)
        self._batches.keys.learn(stream, events)
        if not events:
            return StreamRead(snapshot, after, snapshot.hash, NONE) if snapshot else None
        read = payloads([event.state for event in events])
        return StreamRead(snapshot, events[-1].version, events[-1].hash, read)

    async def _head(self, stream: str) -> Arrived | None:
        async with self._reading:
            events = await self._link.events(stream_name=stream, backwards=True, limit=1)
        return arrived(events[0]) if events else None

    async def _page(self, position: int, limit: int, until: int | None) -> list[Arrived]:
        """The next events of $all after a position; the server's answer includes the one at it."""
        events = await self._link.events(
            commit_position=position or None,
            limit=limit + 1 if position else limit,
            filter_exclude=DEFAULT_EXCLUDE_FILTER,
            until=until,
        )
        return [arrived(e) for e in events if (e.commit_position or 0) > position]

    async def _last_position(self) -> int:
        return (await self._last_place()).position

    async def _last_place(self) -> Place:
        """The end of the log; reads what comes before it, because its clock depends on that."""
        events = await self._link.events(
            backwards=True, limit=1, filter_exclude=DEFAULT_EXCLUDE_FILTER
        )
        end = events[0].commit_position or 0 if events else 0
        while (place := self._clock.before(end)).position < end:
            if not await self.after(place.position, limit=AUDIT_PAGE, until=end):
                break
        return place

    async def _passed(self, place: Place) -> None:
        """Remember how far the log was read; store the marks that became due."""
        self._clock.reached(place)
        if rows := self._clock.due():
            with contextlib.suppress(Unavailable):  # marks can be read from the log again
                await self._beside.save_snapshots(rows)

    async def _kept_keys(self, streams: Sequence[str]) -> Sequence[SnapshotRow]:
        kept = await self._beside.read(streams, domain_hash=SNAPSHOT_NAME)
        return [read.snapshot for read in kept.values() if read.snapshot]
