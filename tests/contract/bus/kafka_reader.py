"""Reads all committed records of a topic with a plain consumer."""

from typing import NamedTuple

from confluent_kafka import Consumer, KafkaError, TopicPartition

from adapters.bus.url import Bus
from tests.unit.adapters.relay_world import Record


class Read(NamedTuple):
    partition: int
    key: bytes | None
    value: bytes | None
    headers: dict[str, bytes]


def read(bus: Bus, topic: str, *, isolation: str = "read_committed") -> list[Read]:
    """Every record of the topic, each partition in its order; [] if there is no topic."""
    consumer = Consumer(
        {
            "bootstrap.servers": bus.servers,
            "group.id": "reader",
            "isolation.level": isolation,
            "enable.partition.eof": True,
            "enable.auto.commit": False,
        }
    )
    try:
        partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
        consumer.assign([TopicPartition(topic, n, 0) for n in partitions])
        found, ended = list[Read](), set[int]()
        while len(ended) < len(partitions):
            message = consumer.poll(10)
            assert message is not None, f"{topic}: no answer within 10 s"
            at = message.partition()
            assert at is not None
            if error := message.error():
                assert error.code() == KafkaError._PARTITION_EOF, error
                ended.add(at)
                continue
            headers = dict(message.headers() or [])
            found.append(Read(at, message.key(), message.value(), headers))
        return sorted(found, key=lambda r: r.partition)  # stable: offsets stay in order
    finally:
        consumer.close()


def records(bus: Bus, *, isolation: str = "read_committed") -> list[Record]:
    """The records of the log topic."""
    found = read(bus, bus.log_topic, isolation=isolation)
    return [Record(r.partition, r.headers, r.value) for r in found]
