"""Serves events from bus records in memory, and from the log where records are missing.

    bus --record--> PartitionFeed --after--> the views' runner, one a partition
    bus --record--> MergedFeed    --after--> the sagas' runner: all partitions in position order

A feed holds one gapless run of its partition, start < position <= end. A record that continues
the run moves the end. A record behind a gap begins a new run; events before that are read from the
log when a reader needs them. So a lost, doubled or re-ordered record costs time and nothing else.
"""

import heapq
from bisect import bisect_right
from collections.abc import Sequence
from operator import attrgetter

from adapters.bus.page import Span, behind, decode
from adapters.bus.partition_log import PartitionLog, StoredLog
from adapters.log.recorder import Stored
from commands.ports import Unreadable
from domain.shared.envelope import Envelope

SILENCE_S = 5.0  # of the bus, after which a reader asks the log itself

_position = attrgetter("position")


class PartitionFeed:
    """Implements `projections.ports.Log` over the records of one partition."""

    def __init__(self, log: StoredLog, partition: int, partitions: int) -> None:
        self._log = log
        self._rest = PartitionLog(log, partition, partitions)
        self.start = self.end = 0
        self._positions: list[int] = []
        self._events: list[Envelope] = []

    def offer(self, span: Span, value: bytes | None) -> int:
        """Take a record; return how many events were new.

        The feed drops a page with an event that cannot be opened: the log serves it and names the
        event.

        Raises:
            MalformedPage: the value is no page; nothing was taken, the next record shows the gap.
        """
        if span.end <= self.end:
            return 0
        page = behind(decode(value), max(self.end, span.prev)) if value else ()
        if span.prev > self.end:
            self.jump(span.prev)
        opened = self._opened(page)
        if opened is None:
            self.jump(span.end)
        else:
            self._positions += [e.position for e in opened]
            self._events += opened
        self.end = span.end
        return len(page)

    def jump(self, to: int) -> None:
        """Begin an empty run at `to`, or at a later end: the log serves all events up to there."""
        self._positions, self._events = [], []
        self.start = self.end = max(to, self.end)

    @property
    def waiting(self) -> int:
        """How many events are held."""
        return len(self._events)

    def release(self, position: int) -> None:
        """Forget the events up to `position`: every reader has passed them."""
        cut = bisect_right(self._positions, position)
        del self._positions[:cut], self._events[:cut]
        self.start = min(max(self.start, position), self.end)

    async def after(
        self, position: int, /, *, limit: int, until: int | None = None
    ) -> Sequence[Envelope]:
        """The next `limit` events up to `until` (and the end); fewer only if there are no more.

        Raises:
            Broken: one of them cannot be opened.
        """
        until = self.end if until is None else min(until, self.end)
        found: list[Envelope] = []
        if position < self.start:
            found += await self._rest.after(position, limit=limit, until=min(until, self.start))
        if len(found) < limit:
            found += self.events_between(max(position, self.start), until)[: limit - len(found)]
        return found

    def events_between(self, position: int, until: int) -> Sequence[Envelope]:
        """The events in memory with position < their position <= until."""
        first = bisect_right(self._positions, position)
        return self._events[first : bisect_right(self._positions, until)]

    async def last(self) -> int:
        return self.end

    def _opened(self, page: Sequence[Stored]) -> list[Envelope] | None:
        try:
            return [self._log.open(stored) for stored in page]
        except Unreadable:
            return None


class MergedFeed:
    """All partitions in position order, up to where every one of them has been relayed.

    Implements `projections.ports.Log`.
    """

    def __init__(self, log: StoredLog, partitions: int) -> None:
        self._log = log
        self._parts = [PartitionFeed(log, p, partitions) for p in range(partitions)]

    def offer(self, partition: int, span: Span, value: bytes | None) -> int:
        """Take a record; return how many events were new.

        Raises:
            MalformedPage: as `PartitionFeed.offer`.
        """
        return self._parts[partition].offer(span, value)

    @property
    def end(self) -> int:
        """The lowest end of all partitions."""
        return min(part.end for part in self._parts)

    @property
    def waiting(self) -> int:
        """How many events are held."""
        return sum(part.waiting for part in self._parts)

    def release(self, position: int) -> None:
        for part in self._parts:
            part.release(position)

    async def reach(self) -> None:
        """Extend every partition to the log's present end, whatever the bus has brought."""
        last = await self._log.last()
        for part in self._parts:
            if part.end < last:
                part.jump(last)

    async def after(
        self, position: int, /, *, limit: int, until: int | None = None
    ) -> Sequence[Envelope]:
        """The next events, up to `limit`; none only at the lowest end of all partitions."""
        end = self.end if until is None else min(until, self.end)
        start = min(max(part.start for part in self._parts), end)
        if position < start:  # the log may return a short page before its end: add nothing to it
            found = await self._log.after(position, limit=limit, until=start)
            if found:
                return found
        runs = [part.events_between(max(position, start), end) for part in self._parts]
        return list(heapq.merge(*runs, key=_position))[:limit]

    async def last(self) -> int:
        return self.end
