"""The relay: sends the log to the bus in order, each event once, even across crashes.

    open: read the bus's position -> read behind it -> cut into pages -> send as one transaction
       ^                                `- nothing there: wait for the log; send watermarks
       `- the bus or the log is unavailable: pause, longer each time, and open again

The bus stores its position in the same transaction as the pages, so the relay keeps no state that
could be lost. While it sends one batch it reads the next; it holds no more than these two.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from datetime import datetime
from itertools import takewhile
from typing import NamedTuple, Protocol

from adapters.bus.outlet import BusMismatch, BusUnavailable, Outlet
from adapters.bus.page import MalformedPage, Page, cut, home_of
from adapters.host.retry import Retry
from adapters.log.recorder import Stored, Unavailable
from commands.ports import Unreadable
from streams import waits

BATCH_EVENTS_MIN, BATCH_EVENTS_MAX = 64, 4_096
BATCH_BYTES_MAX = 8 << 20  # of states, roughly: after a larger batch the next one is smaller
GATHER_S = 0.02  # waits for more events after the log has grown
IDLE_S = 10.0  # without events; then watermarks go out, for a fenced relay and consumers to notice
RETRY_MIN_S, RETRY_MAX_S = 0.1, 10.0

_log = logging.getLogger(__name__)


class Log(Protocol):
    """What the relay needs of `adapters.log.event_log.RecorderLog`."""

    async def stored(
        self, position: int, /, *, limit: int, until: int | None = None
    ) -> Sequence[Stored]: ...

    async def last(self) -> int: ...

    async def wait(self, position: int, /, *, timeout_s: float) -> bool: ...


class Batch(NamedTuple):
    pages: Sequence[Page]
    events: int
    relayed: int
    at: datetime | None


class Lag(NamedTuple):
    """How far the bus is behind the log."""

    events: int  # positions; an upper bound of events where the log is not dense
    seconds: float | None  # on the log's own clock; None: nothing was relayed yet


class Relay:
    """One relay of one generation.

    `run` and `catch_up` exclude each other; any task may read the figures.

    Args:
        partitions: of the log topic.
        idle_s: seconds without events after which watermarks are sent.
    """

    def __init__(
        self, log: Log, outlet: Outlet, *, partitions: int, idle_s: float = IDLE_S
    ) -> None:
        self.fault: str | None = None  # why it does not move
        self.position = 0  # up to here everything is on the bus
        self.at: datetime | None = None  # committed_at of that event
        self.batches = self.events = self.openings = 0
        self._log, self._outlet, self._partitions = log, outlet, partitions
        self._idle_s = idle_s
        self._limit = BATCH_EVENTS_MIN
        self._open = False
        self._sent_at = 0.0  # by the monotonic clock

    async def prepare(self) -> None:
        """Open the bus if it is not open, and read its position; raises as `catch_up` does."""
        if self._open:
            return
        found = await self._outlet.open()
        self.openings += 1
        last = await self._log.last()
        if found.position > last:
            raise BusMismatch(
                f"the bus holds events up to position {found.position}, and the log ends at "
                f"{last}: the bus belongs to another log, or the log was restored: "
                "use a new generation"
            )
        self.position, self.at = found.position, found.at
        self._open, self._sent_at = True, time.monotonic()

    async def catch_up(self, stop: asyncio.Event | None = None) -> int:
        """Relay what the log holds now, until `stop` at most; return how many events.

        Raises:
            BusUnavailable, Unavailable: nothing is lost; only `run` tries again.
            BusMismatch: the bus was fed from another log, or has other partitions.
            Fenced: another relay has taken over.
            Unreadable: an event's home cannot be read; all before it was sent.
        """
        before = self.events
        await self.prepare()
        ready = await self._read(self.position)
        while ready is not None:
            ahead = asyncio.create_task(self._read(ready.relayed))
            try:
                await self._send(ready)
                if stop is not None and stop.is_set():
                    break
                ready = await ahead
            finally:
                await waits.cancel(ahead)
        self.fault = None
        return self.events - before

    async def run(self, stop: asyncio.Event) -> None:
        """Follow the log until `stop`; then finish the current batch and close the bus.

        Raises:
            Fenced, BusMismatch: see `catch_up`; trying again would be wrong.
        """
        retry = Retry(RETRY_MIN_S, RETRY_MAX_S)
        try:
            while not stop.is_set():
                try:
                    await self._follow(stop)
                    retry.reset()
                except (BusUnavailable, Unavailable, Unreadable) as e:
                    self._failed(e)
                    await waits.pause(stop, retry.next_s())
        finally:
            await self._outlet.close()

    def lag(self, last: int, at: datetime | None) -> Lag:
        """The lag behind a log that ends at position `last`, committed at `at`."""
        if last <= self.position or at is None:
            return Lag(0, 0.0)
        return Lag(last - self.position, (at - self.at).total_seconds() if self.at else None)

    async def _follow(self, stop: asyncio.Event) -> None:
        """Relay what is there, then wait; after `idle_s` without events, send watermarks."""
        await self.catch_up(stop)
        left = self._sent_at + self._idle_s - time.monotonic()
        if left > 0:
            await waits.until(stop, self._more(left))
        elif not stop.is_set():
            marks = cut((), self._partitions, relayed=self.position)
            await self._send(Batch(marks, 0, self.position, self.at))

    async def _more(self, timeout_s: float) -> None:
        """Wait for the log and `GATHER_S` more, so that one transaction sends several events."""
        if await self._log.wait(self.position, timeout_s=timeout_s):
            await asyncio.sleep(GATHER_S)

    async def _read(self, position: int) -> Batch | None:
        """The batch behind a position; None: the log ends there."""
        stored = await self._log.stored(position, limit=self._limit)
        if not stored:
            return None
        size = sum(len(event.state) for event in stored)
        if size > BATCH_BYTES_MAX:
            self._limit = max(BATCH_EVENTS_MIN, self._limit * BATCH_BYTES_MAX // size)
        elif 2 * size <= BATCH_BYTES_MAX:
            self._limit = min(BATCH_EVENTS_MAX, 2 * self._limit)
        return await asyncio.to_thread(self._cut, stored, position)

    def _cut(self, stored: Sequence[Stored], position: int) -> Batch:
        """Cut pages up to the first unreadable event; raise if the batch begins with it."""
        try:
            pages = cut(stored, self._partitions, relayed=position)
        except MalformedPage as e:
            stored = list(takewhile(_readable, stored))
            if not stored:
                raise Unreadable(str(e)) from e
            pages = cut(stored, self._partitions, relayed=position)
        return Batch(pages, len(stored), stored[-1].position, stored[-1].committed_at)

    async def _send(self, batch: Batch) -> None:
        try:
            await self._outlet.send(batch.pages, batch.relayed, batch.at)
        except BaseException:
            self._open = False  # the outcome is unknown: `prepare` asks the bus
            raise
        self.position, self.at = batch.relayed, batch.at
        self.batches += 1
        self.events += batch.events
        self.fault = None
        self._sent_at = time.monotonic()

    def _failed(self, error: Exception) -> None:
        fault = f"{type(error).__name__}: {error}"
        if fault != self.fault:
            _log.error("the relay has stopped: %s", fault)
        self.fault = fault


def _readable(stored: Stored) -> bool:
    try:
        home_of(stored)
    except MalformedPage:
        return False
    return True
