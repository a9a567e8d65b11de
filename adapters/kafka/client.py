"""Settings and errors that every librdkafka client of the bus shares."""

import time
from collections.abc import Iterator
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from adapters.bus.outlet import BusUnavailable
from adapters.bus.url import Bus

REPLY_S = 30.0  # one request, all its retries included

UNSETTLED_S = 0.1  # between two requests about a topic that has no leader yet
_UNSETTLED = {
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._UNKNOWN_PARTITION,
    KafkaError._UNKNOWN_TOPIC,
}
_FENCED = {
    KafkaError._FENCED,
    KafkaError.PRODUCER_FENCED,
    KafkaError.INVALID_PRODUCER_EPOCH,
    KafkaError.INVALID_PRODUCER_ID_MAPPING,
    KafkaError.UNKNOWN_PRODUCER_ID,
}


def client(bus: Bus) -> dict[str, Any]:
    """Settings of a librdkafka client."""
    settings: dict[str, Any] = {
        "bootstrap.servers": bus.servers,
        # Keep librdkafka's log lines off stderr: errors it cannot recover from fail a call anyway.
        # The queue is never read: forwarding it to `logging` breaks a call that fails fatally.
        "log.queue": True,
        "log_level": 0,
        "socket.keepalive.enable": True,
        "reconnect.backoff.max.ms": 1_000,
    }
    if bus.tls:
        settings |= {"ssl.ca.location": bus.ca} if bus.ca else {}
        if bus.cert:
            settings |= {"ssl.certificate.location": bus.cert, "ssl.key.location": bus.key}
    if bus.user:
        settings |= {
            "sasl.mechanism": bus.mechanism,
            "sasl.username": bus.user,
            "sasl.password": bus.password,
        }
    settings["security.protocol"] = _protocol(bus)
    return settings


def fenced(error: KafkaException) -> bool:
    """Whether a newer producer took over our transactional id, or the broker forgot ours."""
    return error.args[0].code() in _FENCED


def reason(error: KafkaException) -> str:
    """One line for operators."""
    return str(error.args[0].str()).strip().splitlines()[0]


def ends(consumer: Consumer, topic: str, partition: int) -> tuple[int, int]:
    """First offset of a partition, and the one after its last. The topic may be brand-new.

    Raises:
        KafkaException: the partition has no leader after REPLY_S, or the broker reports an error.
    """
    deadline = time.monotonic() + REPLY_S
    while True:
        try:
            return consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=REPLY_S)
        except KafkaException as e:
            if e.args[0].code() not in _UNSETTLED or time.monotonic() > deadline:
                raise
        time.sleep(UNSETTLED_S)


def records(consumer: Consumer, topic: str) -> Iterator[Message]:
    """The records from where the consumer is to the end of its partition.

    Args:
        consumer: of one partition of `topic`, with `enable.partition.eof`.

    Raises:
        BusUnavailable: no answer within REPLY_S.
        KafkaException: the broker reports an error.
    """
    while True:
        message = consumer.poll(REPLY_S)
        if message is None:
            raise BusUnavailable(f"{topic}: no answer within {REPLY_S:g} s")
        error = message.error()
        if error is None:
            yield message
        elif error.code() == KafkaError._PARTITION_EOF:
            return
        else:
            raise KafkaException(error)


def _protocol(bus: Bus) -> str:
    carrier = "SSL" if bus.tls else "PLAINTEXT"
    return f"SASL_{carrier}" if bus.user else carrier
