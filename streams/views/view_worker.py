"""Folds the pages of the partitions that the group gave to this worker, by the views' runner.

    records --offer--> feed --step--> rows and checkpoint, one transaction --> acknowledged

Each partition has its own runner and connection. Its checkpoints move by compare-and-set, so a
worker that the group has expelled, and that does not know it yet, writes nothing. A failure is
retried with growing pauses; after the last, `GaveUp` ends the process and nothing is acknowledged.

A view that cannot fold an event stops before it. The worker marks it in the read models and sends
a dead letter; the other views go on. The view is retried when its mark is deleted, or by the next
owner of the partition. The worker reads the log itself when the bus is silent for a while although
the log has grown, and for partitions that no worker folds (`streams.views.orphans`).
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Protocol, TypeVar

from adapters.bus.outlet import BusUnavailable
from adapters.bus.page import MalformedPage, encode
from adapters.bus.partition_log import Broken, StoredLog
from adapters.bus.records import Record
from adapters.log.recorder import Unavailable
from projections.engine.runner import Runner, Stuck
from projections.ports import Expelled, Relaid, Sink, View
from streams import waits
from streams.reread_timer import RereadTimer
from streams.views.feed import SILENCE_S, PartitionFeed
from streams.views.orphans import Checkpoints, Orphans

PAGE = 4_000  # most events in one transaction
PAUSES_S = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 5.0, 5.0, 10.0)
TICK_S = 1.0

_log = logging.getLogger(__name__)


class GaveUp(Exception):
    """This process cannot go on; its supervisor starts another."""


class Marks(Protocol):
    """`adapters.postgres.views.stuck_views.StuckViews`."""

    async def mark(self, partition: int, stuck: Stuck, /) -> bool: ...

    async def clear(self, partition: int, view: str, /) -> None: ...

    async def all(self) -> Mapping[tuple[str, int], Stuck]: ...


class PartSink(Sink, Protocol):
    async def close(self) -> None: ...


T = TypeVar("T")
SendLetter = Callable[[bytes, dict[str, str]], Awaitable[None]]
OpenSink = Callable[[int], PartSink]


class ViewWorker:
    """All partitions of one process.

    Args:
        log: the stored events; the worker reads it when the bus lacks some.
        open_sink: opens the prepared view tables for one partition.
        views: the views to fold.
        partitions: number of partitions.
        tables: the position of every partition, whichever process folds it.
        marks: the store of the stuck views' marks.
        send_letter: publishes a dead letter.
    """

    def __init__(
        self,
        log: StoredLog,
        open_sink: OpenSink,
        views: Sequence[View],
        *,
        partitions: int,
        tables: Checkpoints,
        marks: Marks,
        send_letter: SendLetter,
    ) -> None:
        self.parts: dict[int, PartitionFold] = {}
        self.orphans = Orphans(tables, log, views, self._open_fold)
        self.records = self.events = 0
        self._log, self._open_sink, self._views = log, open_sink, tuple(views)
        self._partitions, self._marks, self._send_letter = partitions, marks, send_letter
        self._kicked = asyncio.Event()
        self._leaving: set[asyncio.Task[None]] = set()  # partitions that are closing

    @property
    def stuck(self) -> dict[int, list[Stuck]]:
        return {p: list(part.runner.stuck.values()) for p, part in self._all().items()}

    async def take(self, records: Sequence[Record]) -> None:
        """Fold the records, and return when their rows are committed.

        Raises:
            GaveUp, Relaid: this process cannot go on.
        """
        by_part: dict[int, list[Record]] = defaultdict(list)
        for record in records:
            by_part[record.partition].append(record)
        self.records += len(records)
        moved = [self._part(p).take(found) for p, found in by_part.items()]
        self.events += sum(await asyncio.gather(*moved))

    async def moved(self, partitions: Collection[int]) -> None:
        """After a rebalance: take these partitions, and close those that the group took away."""
        for partition in set(self.parts) - set(partitions):
            self._leaving.add(leaving := asyncio.create_task(self.parts.pop(partition).close()))
            leaving.add_done_callback(self._leaving.discard)
        for partition in sorted(partitions):
            self._part(partition)
        self._kicked.set()

    async def watch(self, stop: asyncio.Event) -> None:
        """Every `TICK_S`: fold what lags, retry stuck views, read the log if the bus is silent.

        Raises:
            GaveUp, Relaid: as `take`.
        """
        while not stop.is_set():
            for part in list(self.parts.values()):
                if self.parts.get(part.partition) is part:
                    await part.look()
            await self.orphans.look(self.parts)
            await waits.pause(self._kicked, TICK_S)
            self._kicked.clear()

    def positions(self) -> dict[str, int]:
        """By view, the lowest position in this process's partitions; empty if it has none."""
        found: dict[str, int] = {}
        for part in self._all().values():
            for view, position in part.positions.items():
                found[view] = min(position, found.get(view, position))
        return found

    async def close(self) -> None:
        await self.moved(())
        await asyncio.gather(*self._leaving)
        await self.orphans.close()

    def faults(self) -> list[str]:
        """The reason of each partition that does not advance."""
        found = sorted(self._all().items())
        return [f"partition {p}: {part.fault}" for p, part in found if part.fault]

    def _all(self) -> dict[int, "PartitionFold"]:
        return self.orphans.parts | self.parts

    def _part(self, partition: int) -> "PartitionFold":
        if partition not in self.parts:
            adopted = self.orphans.claim(partition)
            self.parts[partition] = adopted or self._open_fold(partition)
        return self.parts[partition]

    def _open_fold(self, partition: int) -> "PartitionFold":
        return PartitionFold(
            PartitionFeed(self._log, partition, self._partitions),
            self._open_sink(partition),
            self._views,
            partition=partition,
            log=self._log,
            marks=self._marks,
            send_letter=self._send_letter,
        )


class PartitionFold:
    """One partition that this worker folds."""

    def __init__(
        self,
        feed: PartitionFeed,
        sink: PartSink,
        views: Sequence[View],
        *,
        partition: int,
        log: StoredLog,
        marks: Marks,
        send_letter: SendLetter,
    ) -> None:
        self.partition, self.feed = partition, feed
        self.positions: Mapping[str, int] = {}
        self._sink, self._views, self._log = sink, tuple(views), log
        self._marks, self._send_letter = marks, send_letter
        self.runner = Runner(feed, sink, views, pause=waits.breathe)
        self._marked: dict[str, Stuck] = {}  # this partition's marks, as last read or written
        self._letters: list[Stuck] = []  # dead letters not sent yet
        self.fault = ""  # the reason why the partition does not advance
        self._broken: Broken | None = None
        self._begun = False
        self._busy = asyncio.Lock()
        self._heard_at = waits.now()
        self._reread = RereadTimer()

    async def take(self, records: Sequence[Record]) -> int:
        """Fold the records; return how many of their events were new."""
        async with self._busy:
            await self._retry(self._begin)
            new, end = 0, self.feed.end
            for record in records:
                try:
                    new += self.feed.offer(record.span, record.value)
                except MalformedPage as e:  # the next record shows the gap, and the log fills it
                    _log.error("partition %s: %s", self.partition, e)
            if self.feed.end > end:  # repeated records do not count as news
                self._heard_at = waits.now()
            await self._retry(self._fold)
            return new

    async def look(self, *, now: bool = False) -> None:
        """Fold what lags. With `now`, ask the log for new events at once, not after `SILENCE_S`."""
        async with self._busy:
            await self._retry(self._begin)
            await self._retry(self._resume)
            if self._reread.due():
                self.runner.reread()
            if now or waits.now() - self._heard_at > SILENCE_S:
                last = await self._retry(self._log.last)
                if last > self.feed.end:
                    self.feed.jump(last)
            await self._retry(self._fold)

    async def close(self) -> None:
        async with self._busy:
            await self._sink.close()

    async def _begin(self) -> None:
        """Read positions and marks. The feed starts at the highest position of a view."""
        if self._begun:
            return
        self.positions = dict(await self.runner.positions())
        self.feed.jump(max(self.positions.values(), default=0))
        marks = await self._marks.all()
        names = {view.NAME for view in self._views}
        self._marked = {v: s for (v, p), s in marks.items() if p == self.partition and v in names}
        self._begun = True

    async def _fold(self) -> None:
        """Step until every view that can move has reached the feed's end."""
        while True:
            stuck, until = len(self.runner.stuck), self._until()
            try:
                step = await self.runner.step(limit=PAGE, until=until, complete=True)
            except Broken as e:
                self._broken = e
                continue
            self.positions = dict(await self.runner.positions())
            moving = [at for v, at in self.positions.items() if v not in self.runner.stuck]
            if not moving or min(moving) >= until:
                break
            if not step.changes and len(self.runner.stuck) == stuck:
                raise RuntimeError(
                    f"partition {self.partition}: no view moves, and none reports a reason"
                )
        if until < self.feed.end and self._broken is not None:
            self._stop_before(self._broken)
        self.feed.release(max(moving, default=self.feed.end))
        await self._update_marks()

    def _until(self) -> int:
        """The feed's end, or the position right before an unreadable event."""
        end = self.feed.end
        return end if self._broken is None else min(end, self._broken.stored.position - 1)

    def _stop_before(self, broken: Broken) -> None:
        event = broken.stored
        for view in [v for v in self.positions if v not in self.runner.stuck]:
            self.runner.stop(
                Stuck(
                    view=view,
                    stream=event.stream,
                    version=event.version,
                    position=event.position,
                    error=f"Unreadable: {broken}",
                )
            )

    async def _update_marks(self) -> None:
        """Update the marks: add views that got stuck, delete those of views past their event."""
        for view, stuck in self.runner.stuck.items():
            if self._marked.get(view) != stuck:
                if await self._marks.mark(self.partition, stuck):
                    self._report(stuck)
                self._marked[view] = stuck
        await self._send_letters()
        for view in [v for v in self._marked if v not in self.runner.stuck]:
            if self.positions[view] >= self._marked[view].position:
                await self._marks.clear(self.partition, view)
                del self._marked[view]

    def _report(self, stuck: Stuck) -> None:
        _log.error(
            "view %s is stuck at %s@%s (position %s): %s",
            stuck.view, stuck.stream, stuck.version, stuck.position, stuck.error,
        )  # fmt: skip
        self._letters.append(stuck)

    async def _send_letters(self) -> None:
        """Send the dead letters; if the bus is unavailable, the next fold tries again."""
        while self._letters:
            stuck = self._letters[0]
            event = await self._log.stored(stuck.position - 1, limit=1)
            headers = {
                "view": stuck.view,
                "partition": str(self.partition),
                "position": str(stuck.position),
                "error": stuck.error[:1_000],
            }
            try:
                await self._send_letter(encode(event), headers)
            except BusUnavailable as e:
                _log.warning("partition %s: cannot send a dead letter yet: %s", self.partition, e)
                return
            self._letters.pop(0)

    async def _resume(self) -> None:
        """Resume the views whose mark was deleted."""
        if not self.runner.stuck:
            return
        marks = await self._marks.all()
        for view in list(self.runner.stuck):
            if (view, self.partition) not in marks:
                self.runner.resume(view)
                self._marked.pop(view, None)
                self._broken = None

    async def _retry(self, work: Callable[[], Awaitable[T]]) -> T:
        """Run `work`; when it fails, retry it with growing pauses.

        Raises:
            GaveUp: every attempt failed.
            Relaid: the views are kept in another number of partitions now.
        """
        for pause_s in PAUSES_S:
            try:
                done = await work()
                self.fault = ""
                return done
            except Relaid:
                raise
            except (Unavailable, Expelled, OSError) as e:
                fault: Exception = e
            except Exception as e:
                _log.exception("partition %s", self.partition)
                fault = e
            if str(fault) != self.fault:
                _log.warning("partition %s waits: %s", self.partition, fault)
            self.fault = str(fault) or type(fault).__name__
            await asyncio.sleep(pause_s)
        raise GaveUp(f"partition {self.partition}: {self.fault}")
