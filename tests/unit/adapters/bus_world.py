"""A log as it arrives over the bus: real events and pages, with faults on the way."""

from collections.abc import Mapping, Sequence

from adapters.bus.page import cut
from adapters.bus.records import Record
from adapters.log.event_log import RecorderLog
from adapters.log.recorder import Sealed, Stored, Write
from adapters.memory.recorder import MemoryRecorder
from adapters.memory.sink import MemorySink
from commands.handler import Done
from domain.client.commands import OnboardClient
from domain.client.events import Kind
from projections.engine.runner import Runner, Stuck
from projections.ports import Checksum, View
from tests.unit.adapters.platform import WriteSide
from tests.unit.projections.view_log import ListLog


class BusWorld:
    """Commands in, records out."""

    def __init__(self, partitions: int = 4) -> None:
        self.side, self.partitions = WriteSide(), partitions
        self.relayed = self.clients = 0

    @property
    def log(self) -> RecorderLog:
        return self.side.log

    async def grow(self, events: int) -> None:
        """Append `events` more events, each with another home."""
        for _ in range(events):
            self.clients += 1
            who = OnboardClient(
                client_id=f"C{self.clients}", kind=Kind.INDIVIDUAL, legal_name="Ada", country="US"
            )
            assert isinstance(await self.side.do(who), Done)

    async def relay(self, *, until: int | None = None) -> list[Record]:
        """The records of the next batch."""
        stored = await self.log.stored(self.relayed, limit=10_000, until=until)
        records = records_of(stored, self.partitions, relayed=self.relayed)
        self.relayed = stored[-1].position if stored else self.relayed
        return records

    async def spoil(self, position: int) -> None:
        """Make the event at a position unreadable, as damage on the disk would."""
        self.side.log.recorder = await _spoiled(self.side.recorder, position)


def records_of(stored: Sequence[Stored], partitions: int, *, relayed: int) -> list[Record]:
    pages = cut(stored, partitions, relayed=relayed)
    return [Record(page.partition, page.span, page.value) for page in pages]


async def _spoiled(recorder: MemoryRecorder, position: int) -> MemoryRecorder:
    """A copy in which one event has an unknown name."""
    copy = MemoryRecorder()
    for row in await recorder.after(0, limit=10_000):
        state = row.state
        if row.position == position:
            state = state.replace(b'"name":"', b'"name":"un')
        sealed = Sealed(row.name, state, row.hash)
        write = Write(
            stream=row.stream, expected=row.version - 1, events=[sealed], message_id="",
            request_hash=b"",
        )  # fmt: skip
        await copy.append([write], clock=row.committed_at)
    return copy


class MemoryMarks:
    """`adapters.postgres.views.stuck_views.StuckViews` in a dictionary."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, int], Stuck] = {}

    async def mark(self, partition: int, stuck: Stuck, /) -> bool:
        news = self.rows.get((stuck.view, partition)) != stuck
        self.rows[stuck.view, partition] = stuck
        return news

    async def clear(self, partition: int, view: str, /) -> None:
        self.rows.pop((view, partition), None)

    async def all(self) -> Mapping[tuple[str, int], Stuck]:
        return dict(self.rows)


class MemoryTables:
    """The checkpoints of a memory sink's views, by partition."""

    def __init__(self, whole: MemorySink, views: Sequence[View]) -> None:
        self._whole, self._views = whole, [view.NAME for view in views]

    async def checkpoints(self) -> Mapping[str, Mapping[int, int]]:
        of = self._whole.partitions
        at = [await self._whole.part(p, of).positions(self._views) for p in range(of)]
        return {view: {p: stands[view] for p, stands in enumerate(at)} for view in self._views}


class ClosableSink(MemorySink):
    """A memory sink that a worker may close."""

    @classmethod
    def of(cls, whole: MemorySink, partition: int, partitions: int) -> "ClosableSink":
        return cls(partition=partition, partitions=partitions, of=whole._kept)

    async def close(self) -> None:
        """There is nothing to close."""


async def inline(log: RecorderLog, views: Sequence[View]) -> list[Checksum]:
    """The checksums after one fold of the whole log."""
    sink = MemorySink()
    await sink.prepare(views)
    events = [log.open(stored) for stored in await log.stored(0, limit=100_000)]
    runner = Runner(ListLog(events), sink, views)
    while (await runner.step()).events:
        continue
    assert not runner.stuck
    return [await sink.checksum(view) for view in views]
