"""The loader: tails the log and carries facts into the warehouse, each exactly once in effect.

    cut (after, until] --> rows --> one insert a table under the token "table:after-until"

A range is written down before its rows are. What starts again repeats the last range that was
cut: the same events, the same blocks, the same tokens, so a table drops what it already has; all
ranges before it were whole. Behind the tokens (a finite memory) stands the key: a row that is
there twice is one row of the view. Positions may have gaps: a range is what was read between two.

Only one loader is meant to run; two would do the same work twice, to the same result.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Protocol

import pyarrow as pa

from adapters.event_log import unframe
from adapters.recorder import Stored
from adapters.warehouse import Warehouse, WarehouseUnavailable
from adapters.warehouse_tables import RANGES, arrow, prepare
from domain.envelope import Envelope
from projections.facts import FACTS, Fact, event_fact, facts

EVENTS_MAX = 5_000  # a range; with its postings 10 to 25 thousand rows
FLUSH_S = 1.0  # a tail flushes no more often: each flush is a part a table
WAIT_S = 5.0
RETRY_S = 2.0

_log = logging.getLogger(__name__)


class StoredLog(Protocol):
    """What the loader needs of `adapters.event_log.RecorderLog`."""

    async def stored(
        self, position: int, /, *, limit: int, until: int | None = None
    ) -> Sequence[Stored]: ...

    def open(self, stored: Stored, /) -> Envelope: ...

    async def wait(self, position: int, /, *, timeout_s: float) -> bool: ...


class Loader:
    def __init__(self, log: StoredLog, warehouse: Warehouse) -> None:
        self._log, self._warehouse = log, warehouse
        self._loading = asyncio.Lock()
        self._position: int | None = None

    @property
    def position(self) -> int:
        """The last position that is in the warehouse whole; 0 before the first load."""
        return self._position or 0

    async def load_until(self, position: int) -> int:
        """Load up to and including a log position; returns the position of the last event loaded.

        Raises:
            WarehouseUnavailable, Unreadable
        """
        while await self._load(until=position):
            pass
        return self.position

    async def run(self) -> None:
        """Tail the log for ever; an unavailable warehouse is tried again, the log waits."""
        while True:
            try:
                loaded = await self._load()
            except WarehouseUnavailable as error:
                _log.warning("warehouse: %s; trying again", error)
                await asyncio.sleep(RETRY_S)
                continue
            if loaded < EVENTS_MAX:
                await asyncio.sleep(FLUSH_S)
            if not loaded:
                await self._log.wait(self.position, timeout_s=WAIT_S)

    async def _load(self, until: int | None = None) -> int:
        """Load one range; how many events it had."""
        async with self._loading:
            if self._position is None:
                self._position = await self._resume()
            if until is not None and until <= self._position:
                return 0
            stored = await self._log.stored(self._position, limit=EVENTS_MAX, until=until)
            if stored:
                await self._load_range(self._position, stored)
                self._position = stored[-1].position
            return len(stored)

    async def _resume(self) -> int:
        """Create what is missing, finish what was cut, and say where the next range starts."""
        await prepare(self._warehouse)
        last = f"SELECT after, until, events FROM {RANGES} ORDER BY until DESC LIMIT 1"
        for after, until, events in (await self._warehouse.query(last)).rows:
            stored = await self._log.stored(after, limit=events, until=until)
            await self._insert(after, stored)
            return int(until)
        return 0

    async def _load_range(self, after: int, stored: Sequence[Stored]) -> None:
        cut = {"after": after, "until": stored[-1].position, "events": len(stored)}
        row = pa.table({name: pa.array([value], pa.uint64()) for name, value in cut.items()})
        await self._warehouse.insert_arrow(RANGES, row, token=_token(RANGES, after, stored))
        await self._insert(after, stored)

    async def _insert(self, after: int, stored: Sequence[Stored]) -> None:
        tables = await asyncio.to_thread(self._tables, stored)
        inserts = [
            self._warehouse.insert_arrow(f"{name}_raw", rows, token=_token(name, after, stored))
            for name, rows in tables.items()
        ]
        await asyncio.gather(*inserts)

    def _tables(self, stored: Sequence[Stored]) -> dict[str, pa.Table]:
        rows: dict[type[Fact], list[Fact]] = {fact: [] for fact in FACTS}
        for event in stored:
            arrived = self._log.open(event)
            metadata, payload = unframe(event.state)
            first = event_fact(arrived, metadata, payload)
            rows[type(first)].append(first)
            for fact in facts(arrived):
                rows[type(fact)].append(fact)
        return {fact.TABLE: arrow(fact, found) for fact, found in rows.items() if found}


def _token(table: str, after: int, stored: Sequence[Stored]) -> str:
    return f"{table}:{after}-{stored[-1].position}"
