"""The topics of the bus: made before anything is sent, with a partition count that is explicit.

    {prefix}.log.{generation}     pages, `partitions` of them, a week
    {prefix}.relay.{generation}   the relay's position; 1, compacted
    {prefix}.dead.{generation}    dead letters; 1, kept for ever
    {prefix}.schemas              JSON Schemas; 1, compacted

The partition count decides where a home's events are, so it never changes within a generation.
"""

import time

from confluent_kafka import Consumer, KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from adapters.bus import BusMismatch, BusUnavailable
from adapters.kafka_client import REPLY_S, client, ends, reason
from adapters.kafka_url import Bus

RETENTION_MS = 7 * 24 * 3600 * 1000
MESSAGE_BYTES_MAX = 16 << 20  # one event may be as large as a bulk body
_COMPACTED = {"cleanup.policy": "compact"}
_KEPT = {"cleanup.policy": "delete", "retention.ms": "-1"}


def ensure_topics(bus: Bus, *, timeout_s: float = REPLY_S) -> None:
    """Make the topics that are missing, and look at those that are there. Blocks.

    A log topic with another partition count is made anew if nothing was ever in it: many brokers
    make a topic of their own accord when a client merely asks for it, as after they were wiped.

    Raises:
        BusUnavailable: Kafka cannot be reached, or refuses to make one.
        BusMismatch: the log topic has another partition count, and records.
    """
    admin = AdminClient(client(bus))
    try:
        found = _partitions(admin, timeout_s)
        if _another_count(bus, found) and _is_empty(bus, found[bus.log_topic]):
            _delete(admin, bus.log_topic, timeout_s)
            del found[bus.log_topic]
        missing = [topic for topic in _wanted(bus) if topic.topic not in found]
        if missing:
            _make(admin, missing, timeout_s)
            found = _partitions(admin, timeout_s)
    except KafkaException as e:
        raise BusUnavailable(f"{bus.servers}: {reason(e)}") from e
    if _another_count(bus, found):
        raise BusMismatch(
            f"topic {bus.log_topic} has {found[bus.log_topic]} partitions, not {bus.partitions}: "
            f"a new generation is needed (generation={bus.generation + 1})"
        )


def _wanted(bus: Bus) -> list[NewTopic]:
    large = {"max.message.bytes": str(MESSAGE_BYTES_MAX)}
    log = {"cleanup.policy": "delete", "retention.ms": str(RETENTION_MS)} | large
    return [
        NewTopic(bus.log_topic, bus.partitions, bus.replication, config=log),
        NewTopic(bus.position_topic, 1, bus.replication, config=_COMPACTED),
        NewTopic(bus.dead_topic, 1, bus.replication, config=_KEPT | large),
        NewTopic(bus.schemas_topic, 1, bus.replication, config=_COMPACTED),
    ]


def _partitions(admin: AdminClient, timeout_s: float) -> dict[str, int]:
    return {
        name: len(topic.partitions)
        for name, topic in admin.list_topics(timeout=timeout_s).topics.items()
        if topic.error is None
    }


def _make(admin: AdminClient, topics: list[NewTopic], timeout_s: float) -> None:
    for future in admin.create_topics(topics, operation_timeout=timeout_s).values():
        try:
            future.result(timeout_s)
        except KafkaException as e:
            if e.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:  # somebody else was quicker
                raise


def _delete(admin: AdminClient, topic: str, timeout_s: float) -> None:
    """Delete, and wait until it is gone everywhere."""
    admin.delete_topics([topic], operation_timeout=timeout_s)[topic].result(timeout_s)
    deadline = time.monotonic() + timeout_s
    while topic in _partitions(admin, timeout_s) and time.monotonic() < deadline:
        time.sleep(0.05)


def _another_count(bus: Bus, found: dict[str, int]) -> bool:
    return found.get(bus.log_topic, bus.partitions) != bus.partitions


def _is_empty(bus: Bus, partitions: int) -> bool:
    """Whether no record was ever written to the log topic, committed or not."""
    consumer = Consumer(client(bus) | {"group.id": bus.transactional_id})
    try:
        return all(ends(consumer, bus.log_topic, n)[1] == 0 for n in range(partitions))
    finally:
        consumer.close()
