"""Catching up: all views from nothing over a log, in memory and through Postgres.

The goal is 90 us of this process's CPU time an event. Where the rows go to Postgres, the limit
is measured in the same round: psycopg's COPY of the very rows that the fold had saved, page by
page, into tables of the same columns without keys and indexes. The first fold in several processes
is compared with the same fold in one.
"""

import json
import subprocess
import sys
from bisect import bisect_right
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import psycopg
from msgspec import structs

from adapters.log.event_log import RecorderLog
from adapters.memory.sink import MemorySink
from adapters.operations.fold_apart import fold_apart, processes
from adapters.postgres.views.sink import PostgresSink
from adapters.postgres.views.tables import columns
from adapters.settings import Settings
from adapters.wiring.platform import Platform, open_platform
from adapters.wiring.views import FOLD
from domain.shared.envelope import Envelope
from projections.catalogue import VIEWS
from projections.engine.runner import PAGE, Runner
from projections.ports import Change, Log, Sink
from tests.bench.harness import ROOT, Row, bound, in_turn, report, row
from tests.bench.processor import Meter, Spent, ourselves, postgres
from tests.bench.rig import WriteSide, complete, say, server
from tests.bench.trading import Trading

ROUNDS = 3
ACCOUNTS, SEED = 60, 1
FIRST, LAST = "2021-01-04", "2021-03-31"
TRADES, BATCH = 20_000, 500
GOAL_US = 90.0
TIDEMARK = Path(sys.executable).parent / "tidemark"
OURS, POSTGRES = "this process", "Postgres"
COPY = "psycopg COPY of the same rows"


def run() -> dict[str, Any]:
    with TemporaryDirectory(prefix="tidemark-bench-") as folder:
        data_dir = Path(folder) / "data"
        say(f"a log: {FIRST} to {LAST}, {ACCOUNTS} accounts")
        _simulate(data_dir)
        return complete(_run(data_dir))


def _simulate(data_dir: Path) -> None:
    days = ["--from", FIRST, "--to", LAST, "--accounts", str(ACCOUNTS), "--seed", str(SEED)]
    words = [str(TIDEMARK), "simulate", *days, "--data-dir", str(data_dir), "--json"]
    json.loads(subprocess.run(words, check=True, cwd=ROOT, capture_output=True).stdout)


async def _run(data_dir: Path) -> dict[str, Any]:
    settings = Settings(data_dir=data_dir)
    async with await open_platform(settings, verb="bench", exclusive=False) as platform:
        log, url = platform.log, platform.database_url
        simulated = CatchUp(log, url, data_dir)
        await simulated.read()
        with server() as one:
            side = await WriteSide.open(one)
            try:
                say("a second log: trades and settlements")
                await _fill(side)
                trades = CatchUp(side.log, side.url, one.folder)
                await trades.read()
                sides = _sides(simulated, FirstFold(platform), trades)
                found = await in_turn(ROUNDS, sides, say)
            finally:
                await side.close()
    notes = _notes(simulated, trades)
    return report("catch-up", ROUNDS, _rows(found, simulated, trades), notes=notes)


async def _fill(side: WriteSide) -> None:
    trading = Trading()
    await trading.open(side)
    while await side.log.last() < TRADES:
        await side.dispatcher.submit_many([trading.take() for _ in range(BATCH)])


def _sides(
    simulated: "CatchUp", first: "FirstFold", trades: "CatchUp"
) -> dict[str, Callable[[], Awaitable[Spent]]]:
    return {
        "open": simulated.opened,
        "memory": simulated.memory,
        "postgres": simulated.postgres,
        "copy": simulated.copy,
        "trades, memory": trades.memory,
        "trades, postgres": trades.postgres,
        "one": first.one,
        "apart": first.apart,
    }


class Pages:
    """A log of decoded events in memory, so that only the work after it is measured."""

    def __init__(self, events: Sequence[Envelope]) -> None:
        self.events = events
        self._positions = [event.position for event in events]

    async def after(
        self, position: int, /, *, limit: int, until: int | None = None
    ) -> Sequence[Envelope]:
        first = bisect_right(self._positions, position)
        return self.events[first : first + limit]

    async def last(self) -> int:
        return self._positions[-1]


class Saved(NamedTuple):
    """What one page of the fold has written to one table."""

    table: str
    rows: Sequence[tuple[Any, ...]]


class CatchUp:
    """All views over one log, opened beforehand."""

    def __init__(self, log: RecorderLog, url: str, folder: Path) -> None:
        self._stored, self._url = log, url
        self._meter = Meter({OURS: ourselves, POSTGRES: postgres(folder / "postgres")})
        self._log = Pages([])
        self._saved: list[list[Saved]] = []
        self.written = 0  # rows

    @property
    def events(self) -> int:
        return len(self._log.events)

    async def read(self) -> None:
        self._log = Pages(await self._opened())

    async def opened(self) -> Spent:
        """Read the log and decode every event: every fold needs this; the goal excludes it."""
        return await self._meter.spent(self._opened)

    async def memory(self) -> Spent:
        sink = MemorySink()
        await sink.prepare(VIEWS)
        return await self._meter.spent(lambda: fold(self._log, sink))

    async def postgres(self) -> Spent:
        async with fresh(self._url) as sink:
            return await self._meter.spent(lambda: fold(self._log, sink))

    async def copy(self) -> Spent:
        """The rows of every save of a fold, by COPY, in a transaction a page."""
        if not self._saved:
            self._saved = await self._recorded()
            self.written = sum(len(one.rows) for page in self._saved for one in page)
        async with await psycopg.AsyncConnection.connect(self._url) as connection:
            await connection.execute("drop schema if exists bench_copy cascade")
            await connection.execute("create schema bench_copy")
            for view in VIEWS:
                body = ", ".join(f"{c.name} {c.type}" for c in columns(view.ROW))
                await connection.execute(f"create table bench_copy.{view.NAME} ({body})".encode())
            await connection.commit()
            return await self._meter.spent(lambda: self._copied(connection))

    async def _opened(self) -> list[Envelope]:
        log, events = self._stored, list[Envelope]()
        log.forget()
        while page := await log.after(events[-1].position if events else 0, limit=PAGE):
            events += page
        log.forget()
        return events

    async def _recorded(self) -> list[list[Saved]]:
        sink, pages = MemorySink(), list[list[Saved]]()
        await sink.prepare(VIEWS)
        runner = Runner(self._log, sink, VIEWS)
        while (step := await runner.step()).events:
            pages.append([_saved(change) for change in step.changes])
        return pages

    async def _copied(self, connection: psycopg.AsyncConnection[Any]) -> None:
        for page in self._saved:
            async with connection.transaction(), connection.cursor() as cursor:
                for table, rows in page:
                    statement = f"copy bench_copy.{table} from stdin"
                    async with cursor.copy(statement.encode()) as copy:
                        for values in rows:
                            await copy.write_row(values)


class FirstFold:
    """The first fold of the simulated log: read, opened, folded, saved."""

    def __init__(self, platform: Platform) -> None:
        self._platform, self._url = platform, platform.database_url
        folder = platform.settings.data_dir / "postgres"
        self._meter = Meter({OURS: ourselves, POSTGRES: postgres(folder)})

    async def one(self) -> Spent:
        """In one process."""
        self._platform.log.forget()
        async with fresh(self._url) as sink:
            spent = await self._meter.spent(lambda: fold(self._platform.log, sink))
            await self._check(sink)
            return spent

    async def apart(self) -> Spent:
        """In several processes, including the time to start them."""
        log, data_dir = self._platform.log, self._platform.settings.data_dir
        last = await log.last()

        async def folded() -> None:
            assert last == await fold_apart(
                log, sink, VIEWS, child=FOLD, data_dir=data_dir, least=1
            )

        async with fresh(self._url) as sink:
            spent = await self._meter.spent(folded)
            await self._check(sink)
            return spent

    async def _check(self, sink: PostgresSink) -> None:
        assert await sink.checksums(VIEWS) == await self._platform.sink.checksums(VIEWS)


async def fold(log: Log, sink: Sink) -> None:
    """Fold all views from their checkpoints to the end of the log."""
    runner = Runner(log, sink, VIEWS)
    while (await runner.step()).events:
        pass
    assert not runner.stuck, runner.stuck


@asynccontextmanager
async def fresh(url: str) -> AsyncIterator[PostgresSink]:
    """Empty tables of the views, in a schema of their own."""
    sink = await PostgresSink.connect(url, schema="bench")
    try:
        for view in VIEWS:
            await sink.discard(view)
        await sink.prepare(VIEWS)
        yield sink
    finally:
        await sink.close()


def _saved(change: Change) -> Saved:
    rows = [structs.astuple(row) for row in change.rows.values() if row is not None]
    return Saved(change.view.NAME, rows)


def _rows(found: dict[str, list[Spent]], simulated: CatchUp, trades: CatchUp) -> list[Row]:
    def us(side: str, group: str) -> list[float]:
        events = (trades if side.startswith("trades") else simulated).events
        return [spent.cpu[group] / events * 1e6 for spent in found[side]]

    def rates(side: str) -> list[float]:
        return [simulated.events / spent.seconds for spent in found[side]]

    def goal(what: str, side: str) -> Row:
        return bound(f"CPU an event: {what}", median(us(side, OURS)), unit="us", goal=GOAL_US)

    written = [a - b for a, b in zip(us("postgres", OURS), us("memory", OURS), strict=True)]
    return [
        row("CPU an event: read and opened", us("open", OURS), unit="us"),
        goal("all views in memory", "memory"),
        goal("all views through Postgres", "postgres"),
        goal("all views in memory, trades alone", "trades, memory"),
        goal("all views through Postgres, trades alone", "trades, postgres"),
        row("CPU an event: the rows to Postgres", written, us("copy", OURS), peer_name=COPY,
            unit="us"),
        row("CPU an event: Postgres itself", us("postgres", POSTGRES), us("copy", POSTGRES),
            peer_name=COPY, unit="us"),
        row("the same, trades alone", us("trades, postgres", POSTGRES), unit="us"),
        row("catch-up, opened log", rates("postgres"), rates("copy"), peer_name=COPY),
        row("first fold, one process", rates("one")),
        row(f"first fold, {processes()} processes", rates("apart"), rates("one"),
            peer_name="one process"),
    ]  # fmt: skip


def _notes(simulated: CatchUp, trades: CatchUp) -> str:
    return (
        f"{simulated.events:,} simulated events ({FIRST} to {LAST}, {ACCOUNTS} accounts), "
        f"{len(VIEWS)} views, pages of {PAGE:,}; {simulated.written:,} rows are saved. Trades "
        f"alone: {trades.events:,} trades, settlements and deposits of 2,000 accounts in turn, "
        "of which nine in ten post. CPU is that of the folding process; the server's has its "
        "own line. The events are decoded beforehand, except in the lines 'first fold'. COPY "
        "writes the same rows into tables without keys and indexes, and never changes or deletes "
        "one. The first fold in processes includes their start (imports and "
        "connections). This log is too short to make up for it: `serve` and `rebuild` fold in "
        "processes from 50,000 events on."
    )
