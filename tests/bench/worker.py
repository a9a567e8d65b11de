"""The Faust worker against a bare aiokafka loop over the same pages; and how soon rows are visible.

Both sides read the same topic, read committed, and decode every event. The first ratio shows the
cost of Faust: the same work in its agent. The cost of folding is only reported, since a loop that
only decodes is no peer for it: rows and checkpoints go to Postgres, a transaction a take.
"""

import asyncio
import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import psycopg
from aiokafka import AIOKafkaConsumer, TopicPartition

from adapters.bus.page import decode
from adapters.bus.records import Record
from adapters.bus.url import Bus
from adapters.kafka.embedded import EmbeddedKafka
from adapters.kafka.pages import FaustPages
from adapters.kafka.publisher import Publisher
from adapters.postgres.views.read_models import ReadModels
from adapters.postgres.views.sink import PostgresSink
from adapters.postgres.views.stuck_views import StuckViews
from commands.handler import Done
from projections.catalogue import VIEWS
from projections.holdings import positions
from projections.ports import View
from streams.log.relay import Relay
from streams.views.inline import InlineRunner
from streams.views.view_worker import ViewWorker
from tests.bench.harness import Row, in_turn, quantile, report, row
from tests.bench.rig import Run, Server, WriteSide, complete, say, server
from tests.bench.trading import Trading

ROUNDS = 2
FOLLOWS_S = 0.5  # within which a started worker makes a row visible
EVENTS = 12_000
BATCH = 500  # commands at a time while the log is filled
PACE, PACED_S = 200, 4.0  # commands a second, for how long
WORKER = "import sys; from api.cli import main; sys.exit(main())"
PATIENCE_S = 60.0


class Topics(NamedTuple):
    """The same log on the bus, in one partition and in four."""

    one: Bus
    four: Bus


def run() -> dict[str, Any]:
    with server() as postgres, EmbeddedKafka(postgres.folder / "kafka") as kafka:
        rows = complete(_run(postgres, kafka.start()))
    return report(
        "worker", ROUNDS, rows,
        notes=f"{EVENTS:,} events of trades; the broker is the development one, with everything "
        "on one machine. Visible: from a command's answer until the checkpoint of `positions` has "
        f"passed it, at {PACE} commands/s. Inline folds run in the process of the commands; the "
        "worker is a separate process that reads from the relay's bus.",
    )  # fmt: skip


async def _run(postgres: Server, broker: str) -> list[Row]:
    side = await WriteSide.open(postgres)
    try:
        trading = Trading()
        say("filling the log")
        await trading.open(side)
        await _fill(side, trading)
        topics = Topics(_bus(broker, 1), _bus(broker, 4))
        for bus in topics:
            await _relayed(side, bus)
        last = await side.log.last()
        found = await in_turn(ROUNDS, _sides(side, topics, last), say)
        visible = {
            "inline": await _inline(side, trading),
            "kafka": await _kafka(postgres, side, trading, topics.four),
        }
    finally:
        await side.close()
    return _rows(found, visible)


def _bus(broker: str, partitions: int) -> Bus:
    return Bus.parse(f"kafka://{broker}?prefix=bench{partitions}&partitions={partitions}")


async def _fill(side: WriteSide, trading: Trading) -> None:
    while await side.log.last() < EVENTS:
        requests = [trading.take() for _ in range(BATCH)]
        for outcome in await side.dispatcher.submit_many(requests):
            assert isinstance(outcome, Done), outcome


async def _relayed(side: WriteSide, bus: Bus) -> None:
    outlet = Publisher(bus, "bench")
    await Relay(side.log, outlet, partitions=bus.partitions).catch_up()
    await outlet.close()


def _sides(side: WriteSide, topics: Topics, last: int) -> dict[str, Callable[[], Awaitable[Run]]]:
    numbers = iter(range(1_000))
    one, four = topics

    def folding(bus: Bus, views: Sequence[View]) -> Callable[[], Awaitable[Run]]:
        return lambda: _folded(side, bus, views, f"w{next(numbers)}", last)

    return {
        "aiokafka": lambda: _aiokafka(side, four, last),
        "faust": lambda: _faust(side, four, f"g{next(numbers)}", last),
        "positions, 1": folding(one, [positions]),
        "positions, 4": folding(four, [positions]),
        "all views, 1": folding(one, VIEWS),
        "all views, 4": folding(four, VIEWS),
    }


async def _aiokafka(side: WriteSide, bus: Bus, last: int) -> Run:
    """The peer: poll, decode the page, open its events."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bus.servers, enable_auto_commit=False, isolation_level="read_committed"
    )
    await consumer.start()
    try:
        parts = [TopicPartition(bus.log_topic, p) for p in range(bus.partitions)]
        consumer.assign(parts)
        await consumer.seek_to_beginning(*parts)
        count, start = 0, time.perf_counter()
        while count < last:
            for messages in (await consumer.getmany(timeout_ms=1_000)).values():
                for message in messages:
                    count += _opened(side, message.value)
        return Run(count, time.perf_counter() - start, [])
    finally:
        await consumer.stop()


async def _faust(side: WriteSide, bus: Bus, group: str, last: int) -> Run:
    """The same in Faust's agent, timed from the first record until the last is decoded."""
    count, start, over = 0, 0.0, asyncio.Event()

    async def take(records: Sequence[Record]) -> None:
        nonlocal count, start
        start = start or time.perf_counter()
        count += sum(_opened(side, record.value) for record in records)
        if count >= last:
            over.set()

    async def moved(_: object) -> None:
        """Read all partitions that are ours."""

    pages = FaustPages(bus, group, take, moved)
    await pages.start()
    try:
        async with asyncio.timeout(PATIENCE_S):
            await over.wait()
        took = time.perf_counter() - start
    finally:
        await pages.stop()
    return Run(count, took, [])


def _opened(side: WriteSide, value: bytes | None) -> int:
    return len([side.log.open(stored) for stored in decode(value)]) if value else 0


async def _folded(side: WriteSide, bus: Bus, views: Sequence[View], schema: str, last: int) -> Run:
    """A worker from nothing over the topic, into tables of its own."""

    def sink(partition: int) -> PostgresSink:
        return PostgresSink(side.url, schema=schema, partition=partition, partitions=bus.partitions)

    first = sink(0)
    await first.prepare(views)
    await first.close()
    marks, tables = StuckViews(side.url), await ReadModels.connect(side.url, schema=schema)
    worker = ViewWorker(
        side.log, sink, views,
        partitions=bus.partitions, tables=tables, marks=marks, send_letter=_never,
    )  # fmt: skip
    start = 0.0

    async def take(records: Sequence[Record]) -> None:
        nonlocal start
        start = start or time.perf_counter()
        await worker.take(records)

    pages = FaustPages(bus, schema, take, worker.moved)
    await pages.start()
    try:
        async with asyncio.timeout(PATIENCE_S):
            while worker.events < last:  # counted when they are committed
                await asyncio.sleep(0.002)
        took = time.perf_counter() - start
    finally:
        await pages.stop()
        await worker.close()
        await tables.close()
        await marks.close()
    return Run(last, took, [])


async def _never(_: bytes, headers: dict[str, str]) -> None:
    raise AssertionError(f"a view is stuck: {headers}")


async def _inline(side: WriteSide, trading: Trading) -> list[float]:
    sink = await PostgresSink.connect(side.url)
    runner = InlineRunner(side.log, sink, VIEWS)
    await runner.catch_up()
    stop = asyncio.Event()
    task = asyncio.create_task(runner.run(stop))
    try:
        return await _paced(side, trading)
    finally:
        stop.set()
        runner.wake()
        await task
        await sink.close()


async def _kafka(postgres: Server, side: WriteSide, trading: Trading, bus: Bus) -> list[float]:
    outlet = Publisher(bus, "bench")
    relay = Relay(side.log, outlet, partitions=bus.partitions)
    stop = asyncio.Event()
    relaying = asyncio.create_task(relay.run(stop))
    try:
        async with _worker(postgres, bus):
            await _caught_up(side)
            await _followed(side, trading)
            return await _paced(side, trading)
    finally:
        stop.set()
        await relaying


@asynccontextmanager
async def _worker(postgres: Server, bus: Bus) -> AsyncIterator[None]:
    """`tidemark worker` as a process, on the benchmark's own engines."""
    url = f"kafka://{bus.servers}?prefix={bus.prefix}&partitions={bus.partitions}"
    env = os.environ | {"TIDEMARK_LOG": postgres.uri, "TIDEMARK_BUS": url}
    words = ["worker", "--views", "all", "--data-dir", str(postgres.folder)]
    process = subprocess.Popen([sys.executable, "-c", WORKER, *words], env=env)
    try:
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


async def _caught_up(side: WriteSide) -> None:
    async with _reader(side) as standing, asyncio.timeout(PATIENCE_S):
        while await standing() < await side.log.last():
            await asyncio.sleep(0.05)


async def _followed(side: WriteSide, trading: Trading) -> None:
    """Wait until the worker follows the log: its catching up at the start is not measured."""
    async with _reader(side) as standing, asyncio.timeout(PATIENCE_S):
        took = PATIENCE_S
        while took > FOLLOWS_S:
            outcome = await side.dispatcher.submit(trading.take())
            assert isinstance(outcome, Done)
            start = time.perf_counter()
            while await standing() < outcome.position:
                await asyncio.sleep(0.005)
            took = time.perf_counter() - start


@asynccontextmanager
async def _reader(side: WriteSide) -> AsyncIterator[Callable[[], Awaitable[int]]]:
    """Gives a function that returns the checkpoint of `positions`."""
    sql = "select min(position) from views.checkpoints where view = 'positions'"
    async with await psycopg.AsyncConnection.connect(side.url, autocommit=True) as connection:

        async def standing() -> int:
            found = await (await connection.execute(sql, prepare=True)).fetchone()
            return int(found[0]) if found and found[0] is not None else 0

        yield standing


async def _paced(side: WriteSide, trading: Trading) -> list[float]:
    """Seconds from each answer until its position is visible."""
    waiting: deque[tuple[int, float]] = deque()
    lags: list[float] = []
    start, sent = time.perf_counter(), 0
    async with _reader(side) as standing, asyncio.timeout(PATIENCE_S):
        while waiting or sent < PACE * PACED_S:
            if sent < min(PACE * PACED_S, (time.perf_counter() - start) * PACE):
                sent += 1
                outcome = await side.dispatcher.submit(trading.take())
                assert isinstance(outcome, Done)
                waiting.append((outcome.position, time.perf_counter()))
            at, now = await standing(), time.perf_counter()
            while waiting and waiting[0][0] <= at:
                lags.append(now - waiting.popleft()[1])
            await asyncio.sleep(0.0005)
    return lags


def _rows(found: dict[str, list[Run]], visible: dict[str, list[float]]) -> list[Row]:
    rates = {name: [run.rate for run in runs] for name, runs in found.items()}
    rows = [
        row("pages taken and opened in Faust's agent", rates["faust"], rates["aiokafka"],
            peer_name="bare aiokafka loop", goal=0.5),
        row("worker, positions, 4 partitions", rates["positions, 4"], rates["aiokafka"],
            peer_name="bare aiokafka loop, which stores nothing"),
        row("worker, positions, 4 partitions", rates["positions, 4"], rates["positions, 1"],
            peer_name="1 partition"),
        row("worker, all views, 4 partitions", rates["all views, 4"], rates["all views, 1"],
            peer_name="1 partition"),
    ]  # fmt: skip
    for q, name in ((0.5, "p50"), (0.99, "p99")):
        kafka, inline = quantile(visible["kafka"], q) * 1e3, quantile(visible["inline"], q) * 1e3
        rows.append(
            row(f"command to visible row, Kafka, {name}", [kafka], [inline],
                peer_name="inline", unit="ms")
        )  # fmt: skip
    return rows
