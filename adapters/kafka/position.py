"""How far which relay has sent the log: one record per batch, in a compacted topic.

The record is in the transaction of its batch, so the last committed one states what Kafka holds.
"""

import msgspec
from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from adapters.bus.outlet import BusUnavailable, Relayed
from adapters.bus.url import Bus
from adapters.kafka.client import client, ends, reason, records

BACK = 64  # offsets before the end that are read first: records and their commit markers


encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Relayed).decode


def last_relayed(bus: Bus) -> Relayed | None:
    """The position record of the last committed batch; None if there is none. Blocks.

    Raises:
        BusUnavailable
    """
    settings = client(bus) | {
        "group.id": bus.transactional_id,  # required, and never joined: partitions are assigned
        "isolation.level": "read_committed",
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "auto.offset.reset": "earliest",
    }
    consumer = Consumer(settings)
    try:
        topic = TopicPartition(bus.position_topic, 0)
        low, high = ends(consumer, bus.position_topic, 0)
        return _read(consumer, topic, max(low, high - BACK)) or _read(consumer, topic, low)
    except KafkaException as e:
        raise BusUnavailable(f"{bus.servers}: {reason(e)}") from e
    finally:
        consumer.close()


def _read(consumer: Consumer, topic: TopicPartition, start: int) -> Relayed | None:
    """The last record between an offset and the end of the topic."""
    consumer.assign([TopicPartition(topic.topic, topic.partition, start)])
    found: Relayed | None = None
    for message in records(consumer, topic.topic):
        found = _relayed(message)
    return found


def _relayed(message: Message) -> Relayed:
    try:
        return _decode(message.value() or b"")
    except msgspec.MsgspecError as e:
        raise BusUnavailable(
            f"{message.topic()}@{message.offset()}: not a record of a relay: {e}"
        ) from e
