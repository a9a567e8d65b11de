"""The relay of a filled log, against a bare transactional producer of the same pages.

Ours is the real path: rows are read from Postgres in batches, each event's home is read from its
bytes, pages are cut and encoded, and a batch goes out as one transaction with its watermarks and
the relay's position. The peer is confluent-kafka alone: the very pages, encoded beforehand and
held in memory, in as many transactions of the same pages, and nothing else. Both send to the same
broker (chosen by TIDEMARK_TEST_KAFKA), emptied before every run: the development broker rewrites
all its records to disk until the last ones are there too, so that a run would pay for the records
of earlier ones. The processor time by process is printed too, as it bounds the whole.
"""

import asyncio
import os
import statistics
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from confluent_kafka import Producer

from adapters.bus.page import Page, cut
from adapters.bus.url import Bus
from adapters.host.allocator import keep_freed
from adapters.kafka.publisher import Publisher, producer_settings
from adapters.kafka.topics import ensure_topics
from streams.log.relay import BATCH_EVENTS_MAX, Relay
from tests.bench import processor
from tests.bench.harness import Row, in_turn, report, row
from tests.bench.processor import Meter, Spent, ourselves
from tests.bench.rig import WriteSide, account, client, complete, deposit, say, server
from tests.contract.bus.kafka_broker import Broker, broker

ACCOUNTS, DEPOSITS = 500, 100_000
ROUNDS = 5
PEER = "bare confluent-kafka, the same pages"
OURS, POSTGRES, BROKER = "its own process", "Postgres", "the broker"


class Side:
    """A filled log, and a broker that is empty before every run."""

    def __init__(self, write: WriteSide, kafka: Broker, meter: Meter) -> None:
        self.write, self.kafka, self._meter = write, kafka, meter
        self.batches: list[list[Page]] = []
        self.events = self.bytes = 0

    async def fill(self) -> None:
        names = [f"A{n}" for n in range(ACCOUNTS)]
        await self.write.seed([*client("C1"), *(account(name) for name in names)], "open")
        deposits = [deposit(names[n % ACCOUNTS], n) for n in range(DEPOSITS)]
        await self.write.seed(deposits, "cash")
        await self._encode()

    async def _encode(self) -> None:
        position = 0
        while stored := await self.write.log.stored(position, limit=BATCH_EVENTS_MAX):
            pages = cut(stored, self._bus().partitions, relayed=position)
            self.batches.append([page for page in pages if page.value])
            position = stored[-1].position
            self.events += len(stored)
        self.bytes = sum(len(p.value or b"") for batch in self.batches for p in batch)

    def _bus(self) -> Bus:
        return Bus.parse(f"kafka://{self.kafka.address}")

    async def topics(self) -> Bus:
        await asyncio.to_thread(self.kafka.wipe)
        await asyncio.to_thread(ensure_topics, self._bus())
        return self._bus()

    async def ours(self) -> Spent:
        bus = await self.topics()
        outlet = Publisher(bus, "bench")
        relay = Relay(self.write.log, outlet, partitions=bus.partitions)
        await relay.prepare()
        done = await self._meter.spent(relay.catch_up)
        await outlet.close()
        if relay.events != self.events:
            raise RuntimeError(f"relayed {relay.events} events of {self.events}")
        return done

    async def bare(self) -> Spent:
        bus = await self.topics()
        producer = Producer(producer_settings(bus))
        producer.init_transactions(30)
        return await self._meter.spent(
            lambda: asyncio.to_thread(_send, producer, bus, self.batches)
        )

    async def reading(self) -> Spent:
        """Only read the log."""
        await self.topics()  # a broker that is still busy would take CPU time
        return await self._meter.spent(self._read)

    async def _read(self) -> None:
        position = 0
        while stored := await self.write.log.stored(position, limit=BATCH_EVENTS_MAX):
            position = stored[-1].position


def _send(producer: Producer, bus: Bus, batches: Sequence[Sequence[Page]]) -> None:
    for batch in batches:
        producer.begin_transaction()
        for page in batch:
            producer.produce(
                bus.log_topic, page.value, partition=page.partition, headers=list(page.headers)
            )
        producer.commit_transaction(30)


def run() -> dict[str, Any]:
    return complete(_run())


async def _run() -> dict[str, Any]:
    keep_freed()  # as the product does for its relay
    with server() as postgres, broker() as kafka:
        write = await WriteSide.open(postgres)
        groups = {OURS: ourselves, POSTGRES: processor.postgres(postgres.folder / "postgres")}
        try:
            side = Side(write, kafka, Meter(groups | {BROKER: lambda: [kafka.pid]}))
            say(f"filling the log with {DEPOSITS:,} events")
            await side.fill()
            sides: dict[str, Callable[[], Awaitable[Spent]]] = {
                "ours": side.ours,
                "bare": side.bare,
                "reading": side.reading,
            }
            found = await in_turn(ROUNDS, sides, say)
        finally:
            await write.close()
    return report(
        "relay", ROUNDS, _rows(found, side.events), notes=_notes(side, kafka, found["ours"])
    )


def _rows(found: Mapping[str, Sequence[Spent]], events: int) -> list[Row]:
    rates = {name: [events / one.seconds for one in runs] for name, runs in found.items()}

    def times(of: str, spent: Callable[[Spent], float]) -> Row:
        ours, bare = ([1e6 * spent(s) / events for s in found[side]] for side in ("ours", "bare"))
        what = f"processor time an event, {of}"
        return row(what, ours, bare if any(bare) else None, peer_name="the same", unit="us")

    return [
        row("relay", rates["ours"], rates["bare"], peer_name=PEER, goal=0.5),
        row("reading the log alone", rates["reading"]),
        *(times(name, lambda s, n=name: s.cpu[n]) for name in (OURS, POSTGRES, BROKER)),
        times("in all", lambda spent: spent.total),
    ]


def _notes(side: Side, kafka: Broker, ours: Sequence[Spent]) -> str:
    cores = os.cpu_count() or 1
    spent = statistics.median(one.total for one in ours)
    return (
        f"{side.events:,} events of {side.bytes / side.events:.0f} bytes each, pages of up to 256, "
        f"{len(side.batches)} transactions of up to {BATCH_EVENTS_MAX:,} events, "
        f"{'Apache Kafka' if kafka.real else 'the development broker (in memory)'}, empty before "
        "every run. The peer's pages are encoded beforehand and in memory: it only "
        "sends bytes through a socket, while ours also reads rows and cuts pages in Python. With "
        f"the processor time that ours takes, {cores} cores without any wait would relay "
        f"{cores * side.events / spent:,.0f} events/s."
    )
