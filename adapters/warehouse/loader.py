"""The loader: tails the log and carries facts into the warehouse, each exactly once in effect.

    cut (after, until] --> rows --> one insert a table under the token "table:after-until"

The loader records a range before it inserts the rows. After a restart it repeats the last recorded
range: the same events, the same blocks, the same tokens, so a table drops what it already has; all
earlier ranges were complete. Tables remember a limited number of tokens. Beyond that the key
decides: a row stored twice is one row of the view. Positions may have gaps: a range holds what was
read between two positions.

Only one loader is meant to run; two would do the same work twice, to the same result.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import pyarrow as pa

from adapters.log.recorder import Stored
from adapters.warehouse.client import Warehouse, WarehouseError, WarehouseUnavailable
from adapters.warehouse.columns import Gathered
from adapters.warehouse.tables import RANGES, Checksums, checksums, drop, prepare
from domain.shared.envelope import Envelope
from projections.facts import facts
from projections.facts.base import about

EVENTS_MAX = 7_500  # 15 to 50 thousand rows; with 5,000 the warehouse used a sixth more CPU
FLUSH_S = 1.0  # shortest time between two flushes: each flush adds a part to each table
WAIT_S = 5.0
RETRY_S = 2.0

_log = logging.getLogger(__name__)


class StoredLog(Protocol):
    """What the loader needs of `adapters.log.event_log.RecorderLog`."""

    async def stored(
        self, position: int, /, *, limit: int, until: int | None = None
    ) -> Sequence[Stored]: ...

    def opened(self, stored: Stored, /) -> tuple[Envelope, bytes, bytes]: ...

    async def wait(self, position: int, /, *, timeout_s: float) -> bool: ...


class Range(NamedTuple):
    after: int
    until: int
    events: int
    tables: dict[str, pa.Table]

    def token(self, table: str) -> str:
        return f"{table}:{self.after}-{self.until}"


class Loader:
    def __init__(self, log: StoredLog, warehouse: Warehouse) -> None:
        self._log, self._warehouse = log, warehouse
        self._loading = asyncio.Lock()
        self._position: int | None = None
        self._moved_at = time.monotonic()  # or found nothing more to load
        self.fault: str | None = None  # why loading does not go on

    def still_s(self, position: int) -> float:
        """Seconds without progress although the log reaches `position`; 0 if that is loaded."""
        return 0.0 if self.position >= position else time.monotonic() - self._moved_at

    @property
    def position(self) -> int:
        """The last position that is loaded completely; 0 before the first load."""
        return self._position or 0

    async def load_until(self, position: int) -> int:
        """Load up to and including a log position; returns the position of the last event loaded.

        Raises:
            WarehouseUnavailable, Unreadable
        """
        await self._load(until=position)
        return self.position

    async def rebuild(self, position: int) -> tuple[Checksums, Checksums]:
        """Drop all facts and fold the log again; the tables' checksums before and after.

        Readers see the tables fill while it lasts.
        """
        await self.load_until(position)
        before = await checksums(self._warehouse, position)
        async with self._loading:
            await drop(self._warehouse)
            self.forget()
        await self.load_until(position)
        return before, await checksums(self._warehouse, position)

    def forget(self) -> None:
        """Read the warehouse's position again at the next load, because it was emptied."""
        self._position = None

    def tables(self, stored: Sequence[Stored]) -> dict[str, pa.Table]:
        """The columns of every fact that stored events give.

        Raises:
            Unreadable
        """
        gathered = Gathered()
        for event in stored:
            arrived, metadata, payload = self._log.opened(event)
            gathered.add(about(arrived), facts(arrived, metadata, payload))
        return gathered.tables()

    async def run(self) -> None:
        """Follow the log for ever; if the warehouse fails, try again: the log keeps the events."""
        while True:
            try:
                loaded = await self._load()
            except (WarehouseUnavailable, WarehouseError) as error:
                _log.warning("warehouse: %s; trying again", error)
                self.fault = str(error)
                await asyncio.sleep(RETRY_S)
                continue
            self.fault, self._moved_at = None, time.monotonic()
            await asyncio.sleep(FLUSH_S)
            if not loaded:
                await self._log.wait(self.position, timeout_s=WAIT_S)

    async def _load(self, until: int | None = None) -> int:
        """Load what the log has, reading the next range while one is written; returns the count."""
        async with self._loading:
            if self._position is None:
                self._position = await self._resume()
            ranges = 0
            ready = await self._read(self._position, until=until)
            while ready:
                ahead = asyncio.create_task(self._after(ready, until=until))
                try:
                    await self._cut(ready)
                    await self._insert(ready)
                except BaseException:
                    ahead.cancel()
                    raise
                self._position, self._moved_at = ready.until, time.monotonic()
                ranges += 1
                ready = await ahead
            return ranges

    async def _resume(self) -> int:
        """Create what is missing, repeat the last range, and return where the next one starts."""
        await prepare(self._warehouse)
        last = f"SELECT after, until, events FROM {RANGES} ORDER BY until DESC LIMIT 1"
        for after, until, events in (await self._warehouse.query(last)).rows:
            if again := await self._read(after, until=until, limit=events):
                await self._insert(again)
            return int(until)
        return 0

    async def _after(self, last: Range, *, until: int | None) -> Range | None:
        """The range after `last`; None if `last` was not full, because then the log had no more."""
        if last.events < EVENTS_MAX:
            return None
        return await self._read(last.until, until=until)

    async def _read(
        self, after: int, *, until: int | None, limit: int | None = None
    ) -> Range | None:
        if until is not None and until <= after:
            return None
        stored = await self._log.stored(after, limit=limit or EVENTS_MAX, until=until)
        if not stored:
            return None
        tables = await asyncio.to_thread(self.tables, stored)
        return Range(after, stored[-1].position, len(stored), tables)

    async def _cut(self, ready: Range) -> None:
        cut = {"after": ready.after, "until": ready.until, "events": ready.events}
        row = pa.table({name: pa.array([value], pa.uint64()) for name, value in cut.items()})
        await self._warehouse.insert_arrow(RANGES, row, token=ready.token(RANGES))

    async def _insert(self, ready: Range) -> None:
        inserts = [
            self._warehouse.insert_arrow(f"{name}_raw", rows, token=ready.token(name))
            for name, rows in ready.tables.items()
        ]
        await asyncio.gather(*inserts)
