"""The relay of a filled log, against a bare transactional producer of the same pages.

Ours is the real path: rows are read from Postgres in batches, each event's home is read from its
bytes, pages are cut and encoded, and a batch goes out as one transaction with its watermarks and
the relay's position. The peer is confluent-kafka alone: the very pages, encoded beforehand and
held in memory, in as many transactions of the same pages, and nothing else. Both send to the same
broker (TIDEMARK_TEST_KAFKA says which), each run into topics of its own.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from confluent_kafka import Producer

from adapters.kafka_page import Page, cut
from adapters.kafka_publisher import Publisher, producer_settings
from adapters.kafka_topics import ensure_topics
from adapters.kafka_url import Bus
from streams.relay import BATCH_EVENTS_MAX, Relay
from tests.bench.harness import in_turn, report, row
from tests.bench.rig import WriteSide, account, client, complete, deposit, say, server
from tests.contract.kafka_broker import broker

ACCOUNTS, DEPOSITS = 500, 100_000
ROUNDS = 5


class Side:
    """A filled log, a broker, and a new generation of topics for every run."""

    def __init__(self, write: WriteSide, address: str) -> None:
        self.write, self.address, self.generation = write, address, 0
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
        return Bus.parse(f"kafka://{self.address}?generation={self.generation or 1}")

    async def topics(self) -> Bus:
        self.generation += 1
        bus = self._bus()
        await asyncio.to_thread(ensure_topics, bus)
        return bus

    async def ours(self) -> float:
        """Events a second."""
        bus = await self.topics()
        outlet = Publisher(bus, "bench")
        relay = Relay(self.write.log, outlet, partitions=bus.partitions)
        await relay.prepare()
        started = time.perf_counter()
        events = await relay.catch_up()
        seconds = time.perf_counter() - started
        await outlet.close()
        if events != self.events:
            raise RuntimeError(f"relayed {events} events of {self.events}")
        return events / seconds

    async def bare(self) -> float:
        bus = await self.topics()
        return self.events / await asyncio.to_thread(_send, bus, self.batches)

    async def reading(self) -> float:
        """The log read and nothing done with it."""
        started, position = time.perf_counter(), 0
        while stored := await self.write.log.stored(position, limit=BATCH_EVENTS_MAX):
            position = stored[-1].position
        return self.events / (time.perf_counter() - started)


def _send(bus: Bus, batches: Sequence[Sequence[Page]]) -> float:
    """Seconds that the peer takes."""
    producer = Producer(producer_settings(bus))
    producer.init_transactions(30)
    started = time.perf_counter()
    for batch in batches:
        producer.begin_transaction()
        for page in batch:
            producer.produce(
                bus.log_topic, page.value, partition=page.partition, headers=list(page.headers)
            )
        producer.commit_transaction(30)
    return time.perf_counter() - started


def run() -> dict[str, Any]:
    return complete(_run())


async def _run() -> dict[str, Any]:
    with server() as postgres, broker() as kafka:
        write = await WriteSide.open(postgres)
        try:
            side = Side(write, kafka.address)
            say(f"filling the log with {DEPOSITS:,} events")
            await side.fill()
            sides: dict[str, Callable[[], Awaitable[float]]] = {
                "ours": side.ours,
                "bare": side.bare,
                "reading": side.reading,
            }
            found = await in_turn(ROUNDS, sides, say)
        finally:
            await write.close()
    size = side.bytes / side.events
    return report(
        "relay",
        ROUNDS,
        [
            row(
                "relay",
                found["ours"],
                found["bare"],
                peer_name="bare confluent-kafka, the same pages",
                goal=0.5,
            ),
            row("reading the log alone", found["reading"]),
        ],
        notes=f"{side.events:,} events of {size:.0f} bytes each, pages of up to 256, "
        f"{len(side.batches)} transactions of up to {BATCH_EVENTS_MAX:,} events, "
        f"{'Apache Kafka' if kafka.real else 'the development broker (in memory)'}. The peer's "
        "pages are encoded beforehand and in memory: its rate is that of bytes through a socket, "
        "where ours also reads rows and cuts pages in one Python thread.",
    )
