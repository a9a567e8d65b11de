"""The records of a partition up to its end: what ends them, and what is an error."""

from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from adapters.bus.outlet import BusUnavailable
from adapters.kafka.client import REPLY_S, records

END = KafkaError(KafkaError._PARTITION_EOF)


class Record:
    def __init__(self, value: bytes = b"", error: KafkaError | None = None) -> None:
        self._value, self._error = value, error

    def value(self) -> bytes:
        return self._value

    def error(self) -> KafkaError | None:
        return self._error


class Consumer:
    """Answers with what it was given, and then not at all."""

    def __init__(self, *answers: Record) -> None:
        self.left = list(answers)
        self.waited_s: list[float] = []

    def poll(self, timeout_s: float) -> Record | None:
        self.waited_s.append(timeout_s)
        return self.left.pop(0) if self.left else None


def values(consumer: Any) -> list[bytes | None]:
    return [message.value() for message in records(consumer, "topic")]


def test_they_end_at_the_end_of_the_partition() -> None:
    consumer = Consumer(Record(b"1"), Record(b"2"), Record(error=END), Record(b"later"))
    assert values(consumer) == [b"1", b"2"]
    assert len(consumer.left) == 1


def test_no_answer_in_time_is_unavailable_and_names_the_topic() -> None:
    consumer = Consumer(Record(b"1"))
    with pytest.raises(BusUnavailable, match="topic: no answer within"):
        values(consumer)
    assert consumer.waited_s == [REPLY_S, REPLY_S]


def test_an_error_of_the_broker_is_raised() -> None:
    broken = KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED)
    with pytest.raises(KafkaException) as raised:
        values(Consumer(Record(b"1"), Record(error=broken)))
    assert raised.value.args[0].code() == KafkaError.TOPIC_AUTHORIZATION_FAILED
