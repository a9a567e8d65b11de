"""The topics of the bus, created with an explicit partition count before anything is sent.

    {prefix}.log.{generation}     pages; `partitions` partitions, kept for a week
    {prefix}.relay.{generation}   the relay's position; 1 partition, compacted
    {prefix}.dead.{generation}    dead letters; 1 partition, kept for ever
    {prefix}.schemas              JSON Schemas; 1 partition, compacted

The partition count decides where a home's events are, so it never changes within a generation.
"""

import time
from collections.abc import Callable

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # implicit exports
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
)
from confluent_kafka.cimpl import NewPartitions, NewTopic

from adapters.bus.outlet import BusMismatch, BusUnavailable
from adapters.bus.url import Bus
from adapters.kafka.client import REPLY_S, client, reason
from adapters.kafka.position import last_relayed

RETENTION_MS = 7 * 24 * 3600 * 1000
MESSAGE_BYTES_MAX = 16 << 20  # one event may be as large as a bulk body
_LARGE = {"max.message.bytes": str(MESSAGE_BYTES_MAX)}
_LOG = {"cleanup.policy": "delete", "retention.ms": str(RETENTION_MS)} | _LARGE
_COMPACTED = {"cleanup.policy": "compact"}
_KEPT = {"cleanup.policy": "delete", "retention.ms": "-1"}


def ensure_topics(bus: Bus) -> None:
    """Make the missing topics and check the partition count of the log topic. Blocks.

    Correct a wrong count if nothing was ever relayed. Many brokers create a topic when a client
    merely asks for it, for example after they were wiped; a relay that has not noticed yet may
    even have begun a batch in it. Widen a topic with too few partitions in place: if we deleted
    it, the next client to ask would make the broker create it again.

    Raises:
        BusUnavailable: Kafka gives no first answer within the bus's `wait_s`, or refuses.
        BusMismatch: the log topic has another partition count, and holds some of the log.
    """
    admin, timeout_s = AdminClient(client(bus)), REPLY_S
    try:
        found = _partitions(admin, float(bus.wait_s))
        if _another_count(bus, found) and _unused(bus, found):
            if found[bus.log_topic] < bus.partitions:
                _widen(admin, bus, timeout_s)
            else:
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
    return [
        NewTopic(bus.log_topic, bus.partitions, bus.replication, config=_LOG),
        NewTopic(bus.position_topic, 1, bus.replication, config=_COMPACTED),
        NewTopic(bus.dead_topic, 1, bus.replication, config=_KEPT | _LARGE),
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
            if e.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:  # another process made it
                raise


def _widen(admin: AdminClient, bus: Bus, timeout_s: float) -> None:
    """Give a log topic that a broker made by itself our partition count, then our settings."""
    wanted = NewPartitions(bus.log_topic, bus.partitions)
    try:
        admin.create_partitions([wanted])[bus.log_topic].result(timeout_s)
    except KafkaException as e:
        if e.args[0].code() != KafkaError.INVALID_PARTITIONS:  # another process widened it
            raise
    entries = [
        ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
        for name, value in _LOG.items()
    ]
    topic = ConfigResource(ConfigResource.Type.TOPIC, bus.log_topic, incremental_configs=entries)
    admin.incremental_alter_configs([topic])[topic].result(timeout_s)
    _until(lambda: not _another_count(bus, _partitions(admin, timeout_s)), timeout_s)


def _delete(admin: AdminClient, topic: str, timeout_s: float) -> None:
    """Delete a topic, and wait until the broker no longer lists it."""
    admin.delete_topics([topic], operation_timeout=timeout_s)[topic].result(timeout_s)
    _until(lambda: topic not in _partitions(admin, timeout_s), timeout_s)


def _until(holds: Callable[[], bool], timeout_s: float) -> None:
    """Topic changes become visible with a delay: poll until they are, or the time is up."""
    deadline = time.monotonic() + timeout_s
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.05)


def _another_count(bus: Bus, found: dict[str, int]) -> bool:
    return found.get(bus.log_topic, bus.partitions) != bus.partitions


def _unused(bus: Bus, found: dict[str, int]) -> bool:
    """Whether no batch was ever committed: each one commits its position too."""
    if bus.position_topic not in found:
        return True
    relayed = last_relayed(bus)
    return relayed is None or relayed.position == 0
