"""An empty log on a used server: hides earlier events, and gives streams a prefix.

The contract suite asserts on whole logs from their beginning; a real server has one log, and one
that was used before.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import uuid4

from msgspec.structs import replace

from adapters.eventstoredb.clock import BEGIN, Place
from adapters.eventstoredb.recorder import EsdbRecorder
from adapters.log.evidence import SnapshotRow
from adapters.log.recorder import Message, Result, Stored, StreamRead, Write
from adapters.memory.recorder import MemoryRecorder


class Window:
    """`adapters.log.recorder.Recorder` over the end of a log."""

    def __init__(self, inner: EsdbRecorder, begin: int) -> None:
        self._inner, self._begin = inner, begin
        self._prefix = f"{uuid4().hex[:8]}."

    @classmethod
    async def open(cls, url: str) -> "Window":
        inner = await EsdbRecorder.connect(url, MemoryRecorder())
        begin, _ = await inner.last()
        inner._clock._marks[1:] = [Place(begin, BEGIN)] if begin else []
        inner._clock._recent.clear()
        inner._stamped = BEGIN
        return cls(inner, begin)

    async def append(self, batch: Sequence[Write], /, *, clock: datetime) -> Sequence[Result]:
        ours = [replace(w, stream=self._prefix + w.stream if w.stream else "") for w in batch]
        return await self._inner.append(ours, clock=clock)

    async def read(
        self, streams: Sequence[str], /, *, domain_hash: str = ""
    ) -> Mapping[str, StreamRead]:
        found = await self._inner.read(self._long(streams), domain_hash=domain_hash)
        return {
            self._short(s): replace(
                r, snapshot=r.snapshot and r.snapshot._replace(stream=self._short(s))
            )
            for s, r in found.items()
        }

    async def after(
        self, position: int, /, *, limit: int, until: int | None = None
    ) -> Sequence[Stored]:
        start = max(position, self._begin)
        return self._stored(await self._inner.after(start, limit=limit, until=until))

    async def select(
        self, stream: str, /, *, after_version: int = 0, limit: int | None = None
    ) -> Sequence[Stored]:
        [ours] = self._long([stream])
        found = await self._inner.select(ours, after_version=after_version, limit=limit)
        return self._stored(found)

    async def last(self) -> tuple[int, datetime | None]:
        position, clock = await self._inner.last()
        return (position, clock) if position > self._begin else (0, None)

    async def position_at(self, known_at: datetime, /) -> int:
        position = await self._inner.position_at(known_at)
        return position if position > self._begin else 0

    async def heads(self, streams: Sequence[str], /) -> Mapping[str, tuple[int, bytes]]:
        found = await self._inner.heads(self._long(streams))
        return {self._short(s): head for s, head in found.items()}

    async def messages(
        self, keys: Sequence[tuple[str, str]], /
    ) -> Mapping[tuple[str, str], Message]:
        found = await self._inner.messages([(self._prefix + s, m) for s, m in keys])
        return {(self._short(s), m): message for (s, m), message in found.items()}

    async def prune(self, before: datetime, /) -> int:
        return await self._inner.prune(before)

    async def save_snapshots(self, rows: Sequence[SnapshotRow], /) -> None:
        await self._inner.save_snapshots([r._replace(stream=self._prefix + r.stream) for r in rows])

    async def drop_snapshots(self) -> None:
        await self._inner.drop_snapshots()

    async def wait(self, position: int, /, *, timeout_s: float) -> bool:
        return await self._inner.wait(max(position, self._begin), timeout_s=timeout_s)

    async def close(self) -> None:
        await self._inner.close()

    def _long(self, streams: Sequence[str]) -> list[str]:
        return [self._prefix + stream for stream in streams]

    def _short(self, stream: str) -> str:
        return stream.removeprefix(self._prefix)

    def _stored(self, found: Sequence[Stored]) -> list[Stored]:
        return [s._replace(stream=self._short(s.stream)) for s in found]
