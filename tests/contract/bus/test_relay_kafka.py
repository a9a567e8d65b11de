"""The relay's contract on Kafka, and cases of Kafka alone: topics, transactions, dead brokers."""

import asyncio
import itertools
import json
import time
from collections.abc import Callable, Iterator

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from adapters.bus.outlet import BusMismatch, BusUnavailable, Fenced, Outlet
from adapters.bus.url import Bus
from adapters.kafka.client import REPLY_S
from adapters.kafka.position import last_relayed
from adapters.kafka.publisher import Publisher
from adapters.kafka.topics import ensure_topics
from streams.log.relay import Relay
from tests.contract.bus.kafka_broker import Broker
from tests.contract.bus.kafka_reader import read, records
from tests.contract.bus.relay_suite import PARTITIONS, Killed, RelaySuite, dies, settled
from tests.unit.adapters.relay_world import HeldLog, Reader, Record, events

_numbers = itertools.count(1)


@pytest.fixture
def bus(kafka: Broker) -> Bus:
    """A bus with its own topics for each test."""
    return Bus.parse(f"kafka://{kafka.address}?prefix=t{next(_numbers)}&partitions={PARTITIONS}")


class TestOnKafka(RelaySuite):
    @pytest.fixture(autouse=True)
    def _bus(self, bus: Bus) -> Iterator[None]:
        self.bus, self.opened = bus, list[Publisher]()
        yield
        for publisher in self.opened:
            publisher._thread.shutdown(wait=False)

    def outlet(self, name: str, moment: Callable[[str], None] | None = None) -> Outlet:
        self.opened.append(Publisher(self.bus, name, moment=moment))
        return self.opened[-1]

    def records(self) -> list[Record]:
        return records(self.bus)


@pytest.mark.parametrize("at", ["fencing", "fenced", "claimed"])
async def test_killed_while_it_takes_over_it_leaves_neither_gap_nor_duplicate(
    bus: Bus, at: str
) -> None:
    log = HeldLog(events(200))
    with pytest.raises(Killed):
        await relay(log, bus, "r1", moment=dies("committing", 2)).catch_up()
    with pytest.raises(Killed):
        await relay(log, bus, "r2", moment=dies(at, 1)).catch_up()
    await relay(log, bus, "r3").catch_up()
    found = await on(bus, log)
    assert found.has(log.held) and found.gaps == found.repeated == 0


@pytest.mark.parametrize("at", ["begun", "produced", "committing"])
async def test_replaced_in_the_middle_of_a_batch_it_says_by_whom(bus: Bus, at: str) -> None:
    second = Publisher(bus, "second")

    def replaced(moment: str) -> None:
        if moment == at:
            second._open()  # in the first one's thread, which waits for it

    with pytest.raises(Fenced, match="relay second-"):
        await relay(HeldLog(events(100)), bus, "first", moment=replaced).catch_up()
    await second.close()


async def test_an_aborted_batch_is_there_and_only_the_uncommitted_read_it(bus: Bus) -> None:
    log = HeldLog(events(60))
    with pytest.raises(Killed):
        await relay(log, bus, "r1", moment=dies("committing", 1)).catch_up()
    await relay(log, bus, "r2").catch_up()
    assert (await on(bus, log)).has(log.held)
    dirty = records(bus, isolation="read_uncommitted")
    clean = records(bus)
    assert sum(r.value is not None for r in dirty) == 2 * PARTITIONS
    assert sum(r.value is not None for r in clean) == PARTITIONS


async def test_the_position_on_kafka_names_the_relay_and_how_far_it_came(bus: Bus) -> None:
    log = HeldLog(events(100))
    ensure_topics(bus)
    assert last_relayed(bus) is None
    await relay(log, bus, "r1").catch_up()
    result = last_relayed(bus)
    assert result is not None
    assert (result.position, result.at) == (300, log.held[-1].committed_at)
    assert result.relay.startswith("r1-")


async def test_the_position_is_found_behind_any_number_of_aborted_batches(bus: Bus) -> None:
    log = HeldLog(events(200))
    await relay(log, bus, "r0").catch_up()
    log.add(events(10, after=600))
    for n in range(40):
        with pytest.raises(Killed):
            outlet = Publisher(bus, f"r{n}", moment=dies("fenced", 1))
            await outlet.open()
    assert await relay(log, bus, "last").catch_up() == 10
    assert (await on(bus, log)).has(log.held)


async def test_topics_are_made_with_their_partitions_and_kept(bus: Bus) -> None:
    ensure_topics(bus)
    ensure_topics(bus)
    found = AdminClient({"bootstrap.servers": bus.servers}).list_topics(timeout=10).topics
    counts = {name: len(t.partitions) for name, t in found.items() if name.startswith(bus.prefix)}
    assert counts == {
        bus.log_topic: PARTITIONS,
        bus.position_topic: 1,
        bus.dead_topic: 1,
        bus.schemas_topic: 1,
    }


async def test_a_topic_that_a_wiped_broker_made_by_itself_is_made_again_with_a_batch_begun_in_it(
    bus: Bus,
) -> None:
    admin = AdminClient({"bootstrap.servers": bus.servers})
    admin.create_topics([NewTopic(bus.log_topic, 1, 1)])[bus.log_topic].result(10)
    producer = Producer({"bootstrap.servers": bus.servers, "transactional.id": f"{bus.prefix}-x"})
    producer.init_transactions(10)
    producer.begin_transaction()
    producer.produce(bus.log_topic, b"begun", partition=0)
    producer.flush(10)
    producer.abort_transaction(10)
    log = HeldLog(events(100))
    await relay(log, bus, "r1").catch_up()
    assert (await on(bus, log)).has(log.held)


async def test_another_partition_count_is_refused_and_a_new_generation_is_taken(bus: Bus) -> None:
    log = HeldLog(events(100))
    await relay(log, bus, "r1").catch_up()
    wider = Bus.parse(f"kafka://{bus.servers}?prefix={bus.prefix}&partitions=8")
    with pytest.raises(BusMismatch, match=r"has 4 partitions, not 8: .*generation=2"):
        await Publisher(wider, "r2").open()
    second = Bus.parse(f"kafka://{bus.servers}?prefix={bus.prefix}&partitions=8&generation=2")
    await relay(log, second, "r3").catch_up()
    assert (await on(second, log)).has(log.held)


async def test_a_broker_that_is_not_there_is_named_after_the_wait_of_the_url() -> None:
    nowhere, began = Bus.parse("kafka://127.0.0.1:9?wait=1"), time.monotonic()
    with pytest.raises(BusUnavailable, match=r"127\.0\.0\.1:9: "):
        ensure_topics(nowhere)
    assert time.monotonic() - began < REPLY_S / 2


async def test_a_relay_follows_through_a_broker_that_restarts(bus: Bus, kafka: Broker) -> None:
    log = HeldLog(events(300))
    stop = asyncio.Event()
    one = relay(log, bus, "r1")
    running = asyncio.create_task(one.run(stop))
    await reached(one, log)
    await asyncio.to_thread(kafka.restart)
    log.add(events(300, after=log.held[-1].position))
    await reached(one, log)
    stop.set()
    await running
    found = await on(bus, log)
    assert found.has(log.held) and found.gaps == 0


async def test_a_broker_killed_mid_way_loses_nothing_that_consumers_cannot_mend(
    bus: Bus, kafka: Broker
) -> None:
    log = HeldLog(events(300))
    stop = asyncio.Event()
    one = relay(log, bus, "r1")
    running = asyncio.create_task(one.run(stop))
    await reached(one, log)
    await asyncio.to_thread(kafka.kill)
    log.add(events(300, after=log.held[-1].position))
    await asyncio.to_thread(kafka.start)
    await reached(one, log)
    stop.set()
    await running
    found = await on(bus, log)
    assert found.has(log.held)
    if kafka.real:
        assert found.gaps == 0


async def test_a_wiped_kafka_is_fed_again_from_the_start(bus: Bus, kafka: Broker) -> None:
    log = HeldLog(events(300))
    stop = asyncio.Event()
    one = relay(log, bus, "r1")
    running = asyncio.create_task(one.run(stop))
    await reached(one, log)
    reader = await on(bus, log)
    assert reader.has(log.held)
    await asyncio.to_thread(kafka.wipe)
    log.add(events(50, after=log.held[-1].position))
    async with asyncio.timeout(90):
        while not (one.openings > 1 and one.position == log.held[-1].position):
            assert not running.done(), running.exception()
            await asyncio.sleep(0.05)
    stop.set()
    await running
    assert (await on(bus, log)).has(log.held)
    assert reader.take(records(bus)).has(log.held) and reader.gaps == 0


async def test_json_schemas_are_published_once_and_again_when_they_change(bus: Bus) -> None:
    first, second = {"a.done@1": b"{}"}, {"a.done@1": b"{}", "b.done@1": b'{"type":"object"}'}
    for name, schemas in (("r1", first), ("r2", first), ("r3", second)):
        outlet = Publisher(bus, name, schemas=schemas)
        await outlet.open()
        await outlet.close()
    found = [(r.key, json.loads(r.value or b"")) for r in read(bus, bus.schemas_topic)]
    assert found == [
        (b"a.done@1", {}),
        (b"a.done@1", {}),
        (b"b.done@1", {"type": "object"}),
    ]


async def test_one_of_two_running_relays_remains_and_nothing_is_doubled(bus: Bus) -> None:
    log = HeldLog(events(2_000))
    stop = asyncio.Event()
    pair = [relay(log, bus, "one"), relay(log, bus, "two")]
    tasks = [asyncio.create_task(r.run(stop)) for r in pair]
    for _ in range(20):
        await asyncio.sleep(0.05)
        log.add(events(50, after=log.held[-1].position))
    async with asyncio.timeout(60):
        while sum(t.done() for t in tasks) != 1:
            await asyncio.sleep(0.02)
        [left] = [r for r, t in zip(pair, tasks, strict=True) if not t.done()]
        await reached(left, log)
    stop.set()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(e) for e in ended if e is not None] == [Fenced]
    found = await on(bus, log)
    assert found.has(log.held) and found.gaps == found.repeated == 0


def relay(
    log: HeldLog, bus: Bus, name: str, *, moment: Callable[[str], None] | None = None
) -> Relay:
    outlet = Publisher(bus, name, moment=moment)
    return Relay(log, outlet, partitions=bus.partitions, idle_s=0.5)


async def on(bus: Bus, log: HeldLog) -> Reader:
    """A reader of the whole topic, once it has the whole log."""
    return await settled(lambda: records(bus), log.held, bus.partitions)


async def reached(one: Relay, log: HeldLog) -> None:
    """Wait until the relay has sent the whole log."""
    async with asyncio.timeout(90):
        while one.position != log.held[-1].position:
            await asyncio.sleep(0.02)
