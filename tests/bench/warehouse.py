"""Loading ClickHouse from the log, against ClickHouse copying the same rows within itself.

Ours is the loader as it runs after a rebuild: stored events out of Postgres, opened, folded into
facts, columns made of them, one insert a table and range, each under its token, over HTTP into
the process that owns the warehouse. The peer is `INSERT INTO copy SELECT * FROM raw`, table by
table, in the same engine into tables of the same columns: no row leaves the server.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

from adapters.clickhouse.owner import owner_of
from adapters.log.recorder import Stored
from adapters.warehouse.client import Warehouse
from adapters.warehouse.loader import EVENTS_MAX, Loader
from adapters.warehouse.tables import drop, prepare
from projections.facts import FACTS
from tests.bench.harness import Row, in_turn, report, row
from tests.bench.processor import Meter, Spent, ourselves, postgres
from tests.bench.rig import Server, WriteSide, complete, say, server
from tests.bench.trading import Trading

ACCOUNTS, STEPS = 2_000, 12
BATCH = 1_000
ROUNDS = 5
PEER = "INSERT SELECT of the same rows"
OURS, POSTGRES, WAREHOUSE = "this process", "Postgres", "the warehouse process"
ALONE = {
    "opened": "events read and opened",
    "folded": "events opened, columns made",
    "inserted": "columns inserted",
}
TABLES = tuple(fact.TABLE for fact in FACTS)


def run() -> dict[str, Any]:
    with server() as one:
        return complete(_run(one))


async def _run(server: Server) -> dict[str, Any]:
    side = await WriteSide.open(server)
    warehouse = Warehouse(f"chdb://{server.folder}/warehouse")
    try:
        say("filling the log")
        last = await _fill(side)
        await prepare(warehouse)
        meter = _meter(server)
        loader = _Timed(Loader(side.log, warehouse), warehouse, meter)
        await loader.load(last)
        pages = await _pages(side, last)
        found = await in_turn(
            ROUNDS,
            {
                "ours": lambda: loader.load(last),
                "server": lambda: _copy(warehouse, meter),
                "opened": lambda: _opened(side, last),
                "folded": lambda: loader.fold(pages),
                "inserted": lambda: loader.insert(pages),
            },
            say,
        )
        rows = sum([await _count(warehouse, name) for name in TABLES])
        events = await _count(warehouse, "events")
    finally:
        await warehouse.close()
        await side.close()
    return report("warehouse", ROUNDS, _rows(found, rows, events), notes=_notes(rows, events))


async def _fill(side: WriteSide) -> int:
    trading = Trading(ACCOUNTS)
    await trading.open(side)
    for _ in range(ACCOUNTS * STEPS // BATCH):
        await side.dispatcher.submit_many([trading.take() for _ in range(BATCH)])
    return await side.log.last()


def _meter(server: Server) -> Meter:
    owner = owner_of(server.folder / "warehouse")
    assert owner is not None
    groups = {OURS: ourselves, POSTGRES: postgres(server.folder / "postgres")}
    return Meter(groups | {WAREHOUSE: lambda: [owner.pid]})


class _Timed:
    def __init__(self, loader: Loader, warehouse: Warehouse, meter: Meter) -> None:
        self._loader, self._warehouse, self._meter = loader, warehouse, meter

    async def load(self, last: int) -> Spent:
        """The cost of loading everything into empty tables."""
        await drop(self._warehouse)
        await prepare(self._warehouse)
        self._loader.forget()
        return await self._meter.spent(lambda: self._loader.load_until(last))

    async def fold(self, pages: Sequence[Sequence[Stored]]) -> float:
        """Seconds to open all events and make columns of them: Python, one core."""
        start = time.perf_counter()
        for page in pages:
            self._loader.tables(page)
        return time.perf_counter() - start

    async def insert(self, pages: Sequence[Sequence[Stored]]) -> float:
        """Seconds to insert the same columns, made before, table by table."""
        made = [self._loader.tables(page) for page in pages]
        await drop(self._warehouse)
        await prepare(self._warehouse)
        start = time.perf_counter()
        for n, tables in enumerate(made):
            for name, rows in tables.items():
                await self._warehouse.insert_arrow(f"{name}_raw", rows, token=f"{name}-{n}")
        return time.perf_counter() - start


async def _copy(warehouse: Warehouse, meter: Meter) -> Spent:
    """The cost of copying all raw tables into empty tables like them."""
    for name in TABLES:
        await warehouse.command(f"DROP TABLE IF EXISTS {name}_copy SYNC")
        await warehouse.command(f"CREATE TABLE IF NOT EXISTS {name}_copy AS {name}_raw")

    async def copied() -> None:
        for name in TABLES:
            await warehouse.command(f"INSERT INTO {name}_copy SELECT * FROM {name}_raw")

    took = await meter.spent(copied)
    for name in TABLES:
        assert await _count(warehouse, f"{name}_copy") == await _count(warehouse, f"{name}_raw")
    return took


async def _opened(side: WriteSide, last: int) -> float:
    """Seconds to read and decode all events, which every loader in Python has to do."""
    start = time.perf_counter()
    for page in await _pages(side, last):
        for stored in page:
            side.log.open(stored)
    return time.perf_counter() - start


async def _pages(side: WriteSide, last: int) -> list[Sequence[Stored]]:
    """The log in the loader's ranges."""
    out: list[Sequence[Stored]] = []
    position = 0
    while position < last:
        out.append(await side.log.stored(position, limit=EVENTS_MAX))
        position = out[-1][-1].position
    return out


async def _count(warehouse: Warehouse, table: str) -> int:
    return int((await warehouse.query(f"SELECT count() FROM {table}")).rows[0][0])


def _rows(found: dict[str, list[Any]], rows: int, events: int) -> list[Row]:
    ours, theirs = found["ours"], found["server"]
    rates = [rows / s.seconds for s in theirs]
    return [
        row(
            "load from the log",
            [rows / s.seconds for s in ours],
            rates,
            peer_name=PEER,
            unit="rows/s",
            goal=0.35,
        ),
        row("the same in events", [events / s.seconds for s in ours]),
        *(
            row(
                f"alone: {what}",
                [rows / s for s in found[name]],
                rates,
                peer_name=PEER,
                unit="rows/s",
            )
            for name, what in ALONE.items()
        ),
        *_cpu(ours, theirs),
    ]


def _cpu(ours: Sequence[Spent], theirs: Sequence[Spent]) -> list[Row]:
    """CPU seconds of one load and of one copy, in all and by process."""

    def line(what: str, of: Callable[[Spent], float]) -> Row:
        mine, peer = [of(s) for s in ours], [of(s) for s in theirs]
        return row(what, mine, peer if statistics.median(peer) else None, peer_name=PEER, unit="s")

    whole = line("CPU of one load", lambda spent: spent.total)
    parts = [line(f"of it {name}", lambda spent, n=name: spent.cpu[n]) for name in ours[0].cpu]
    return [whole, *parts]


def _notes(rows: int, events: int) -> str:
    return (
        f"{events:,} events make {rows:,} rows in {len(TABLES)} tables; ranges of {EVENTS_MAX:,} "
        "events. Both sides write the same columns with the same codecs into the same engine. The "
        "lines 'alone' show the limit: one Python process opens events, posts them by the "
        "domain's own rules and makes columns of them on one core, while the copy reads "
        "existing columns and uses all cores. The lines of CPU show what bounds the whole: no load "
        "takes less than its CPU seconds over the number of cores, nor less than those of this "
        "process, which is one interpreter. The copy reads no log, opens no "
        "event, and writes one part for each table; ours writes one for each range, which the "
        "engine then merges."
    )
